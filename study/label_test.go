package study

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/front"
)

// The samples are those that choosing by the definition gives: all answers by running every
// cascade, and every sample weighed anew for each choice.
func TestLabel(t *testing.T) {
	t.Parallel()
	z := imported(t, "../zoo/importer/testdata/npy_f2", ImportOptions{Splits: []string{"search=0:4"}, Unlabelled: []string{"pool=4:12"}})
	checkLabels(t, z.Dir(), "search", "pool", 100)

	example, err := Open(t.Context(), Example, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	to := withoutLabels(t, example, "test")
	for _, budget := range []int{1, 7, 30} {
		checkLabels(t, to, "search", "test", budget)
	}
}

func checkLabels(t *testing.T, dir, search, split string, budget int) {
	t.Helper()
	z, err := Open(t.Context(), dir, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	o := Defaults()
	o.Split, o.Rule, o.MaxModels = search, "mean", 2
	f := searchedPairs(t, z, o)
	l, err := Label(t.Context(), z, split, f, budget, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if best := f.Models[front.BestWithin(f.Models, math.Inf(1))].Name; l.Model != best {
		t.Errorf("compared with %s instead of %s", l.Model, best)
	}
	outputs := outputsOf(t, z, split)
	answers := make([][]int, l.Split.Samples) // by sample, the model's last
	for i := range answers {
		for _, p := range f.Points {
			_, class := answerTo(p.Cascade, outputs, i)
			answers[i] = append(answers[i], class)
		}
		row := outputs[l.Model][i]
		answers[i] = append(answers[i], slices.Index(row, slices.Max(row)))
	}
	n := len(f.Points)
	var pairs [][2]int
	for i := range n {
		if i > 0 {
			pairs = append(pairs, [2]int{i - 1, i})
		}
		pairs = append(pairs, [2]int{i, n})
	}
	listed := make([]int, len(pairs))
	chosen := map[int]bool{}
	for k := range budget {
		best, bestWorth, bestDecides := -1, 0.0, 0
		for i, a := range answers {
			worth, decides := 0.0, 0
			for p, pair := range pairs {
				if a[pair[0]] != a[pair[1]] {
					worth += 1 / float64(1+listed[p])
					decides++
				}
			}
			if !chosen[i] && worth > bestWorth {
				best, bestWorth, bestDecides = i, worth, decides
			}
		}
		if best < 0 {
			if len(l.Samples) != k {
				t.Fatalf("%d samples, want %d", len(l.Samples), k)
			}
			break
		}
		chosen[best] = true
		for p, pair := range pairs {
			if answers[best][pair[0]] != answers[best][pair[1]] {
				listed[p]++
			}
		}
		got := l.Samples[k]
		if got.Row != best || got.Decides != bestDecides {
			t.Fatalf("choice %d of %d: %+v, want row %d, which decides %d", k, budget, got, best, bestDecides)
		}
		for _, c := range got.Answers {
			for i, class := range answers[best] {
				has := slices.Contains(c.Cascades, i) || i == n && c.Model
				if has != (class == c.Class) {
					t.Errorf("row %d: cascade %d answers %d, listed with %d: %v", best, i, class, c.Class, has)
				}
			}
		}
	}
	disputed := 0
	for _, a := range answers {
		if slices.ContainsFunc(pairs, func(p [2]int) bool { return a[p[0]] != a[p[1]] }) {
			disputed++
		}
	}
	if l.Disputed != disputed || len(l.Rivals) != len(pairs) {
		t.Errorf("%d disputed samples, want %d; %d rivals, want %d", l.Disputed, disputed, len(l.Rivals), len(pairs))
	}
	for p, pair := range pairs {
		differ := 0
		for _, a := range answers {
			if a[pair[0]] != a[pair[1]] {
				differ++
			}
		}
		if got := l.Rivals[p]; got.Differ != differ || got.Listed != listed[p] {
			t.Errorf("rivals %v: %+v, want %d that differ, %d listed", pair, got, differ, listed[p])
		}
	}
}

func TestLabelRefuses(t *testing.T) {
	t.Parallel()
	z := imported(t, "../zoo/importer/testdata/npy_f2", ImportOptions{Splits: []string{"search=0:6"}, Unlabelled: []string{"pool=6:12"}})
	f := searchedPairs(t, z, Defaults())
	for _, c := range []struct {
		split  string
		budget int
		front  *front.Front
		says   string
	}{
		{"search", 10, f, "its samples have labels"},
		{"none", 10, f, "no such split"},
		{"pool", 0, f, "budget 0"},
		{"pool", 10, &front.Front{}, "no cascades"},
	} {
		if _, err := Label(t.Context(), z, c.split, c.front, c.budget, Watch{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s, %d: %v, want %q", c.split, c.budget, err, c.says)
		}
	}
}
