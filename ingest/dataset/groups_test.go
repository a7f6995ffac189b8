package dataset

import (
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// grouped is a set with the given images of each group and class.
func grouped(groups [][]int) *Set {
	s := &Set{source: &files{}}
	for g, counts := range groups {
		for class, n := range counts {
			for i := range n {
				s.IDs = append(s.IDs, fmt.Sprintf("%d-%d-%d.png", g, class, i))
				s.Labels = append(s.Labels, uint16(class))
				s.Groups = append(s.Groups, fmt.Sprintf("patient %d", g))
			}
		}
	}
	return s
}

// distance is how far shares are from their quotas, in images and in images of each class.
func distance(s *Set, shares []int, quota []float64, classes int) float64 {
	sum := 0.0
	for k, q := range quota {
		n, of, all := 0.0, make([]float64, classes), make([]float64, classes)
		for i, label := range s.Labels {
			all[label]++
			if shares[i] == k {
				n++
				of[label]++
			}
		}
		sum += float64(classes) * math.Pow(n-q*float64(s.Len()), 2) / (q * float64(s.Len()))
		for class := range classes {
			if all[class] > 0 {
				sum += math.Pow(of[class]-q*all[class], 2) / (q * all[class])
			}
		}
	}
	return sum
}

// TestSharesByGroup draws shares of groups of all sizes: no group is in two, the shares are
// as near to their quotas as trying everything comes, or nearly, and seeds matter.
func TestSharesByGroup(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	worse := 0
	const sets = 200
	for n := range sets {
		groups := make([][]int, 3+rng.IntN(6))
		classes := 1 + rng.IntN(3)
		for g := range groups {
			groups[g] = make([]int, classes)
			for class := range classes {
				groups[g][class] = rng.IntN(8)
			}
			groups[g][0]++
		}
		s := grouped(groups)
		quota := [][]float64{{0.5, 0.5}, {0.7, 0.3}, {0.3, 0.3, 0.4}}[n%3]
		shares := s.drawGroups(uint64(n), quota)
		of := map[string]int{}
		for i, group := range s.Groups {
			if k, ok := of[group]; ok && k != shares[i] {
				t.Fatalf("%v: group %s is in two shares", groups, group)
			}
			of[group] = shares[i]
		}
		// All ways to give the groups to shares.
		best := math.Inf(1)
		all := int(math.Pow(float64(len(quota)), float64(len(groups))))
		for way := range all {
			share := map[string]int{}
			for g := range groups {
				share[fmt.Sprintf("patient %d", g)] = way % len(quota)
				way /= len(quota)
			}
			tried := make([]int, s.Len())
			for i, group := range s.Groups {
				tried[i] = share[group]
			}
			best = min(best, distance(s, tried, quota, classes))
		}
		if got := distance(s, shares, quota, classes); got > best+1e-6 {
			worse++
			if got > 2*best+3*float64(classes) {
				t.Errorf("%v in %v: distance %.3g, the least is %.3g", groups, quota, got, best)
			}
		}
	}
	if worse > sets/5 {
		t.Errorf("%d of %d sets could be shared better", worse, sets)
	}

	// Many groups: exact sizes, and classes within an image.
	many := make([][]int, 400)
	for g := range many {
		many[g] = []int{1 + g%3, g % 2, 5 - g%5}
	}
	s := grouped(many)
	for _, fractions := range [][]float64{{0.5, 0.5}, {0.1, 0.6}, {1}} {
		seen := map[string]bool{}
		for k, f := range fractions {
			share, err := s.Share(7, fractions, k)
			if err != nil {
				t.Fatal(err)
			}
			mine := map[string]bool{}
			for _, group := range share.Groups {
				mine[group] = true
			}
			for group := range mine {
				if seen[group] {
					t.Errorf("%v: %s is in two shares", fractions, group)
				}
				seen[group] = true
			}
			counts, all := make([]float64, 3), make([]float64, 3)
			for _, label := range share.Labels {
				counts[label]++
			}
			for _, label := range s.Labels {
				all[label]++
			}
			for class := range counts {
				if math.Abs(counts[class]-f*all[class]) > 2 {
					t.Errorf("%v: share %d has %v images of class %d, which has %v", fractions, k, counts[class], class, all[class])
				}
			}
			if !strings.Contains(strings.Join(share.Notes, "\n"), fmt.Sprintf("the share of %v has %d of %d images, those of %d of 400 groups", f, share.Len(), s.Len(), len(mine))) {
				t.Errorf("%v: notes %q", fractions, share.Notes)
			}
			again, err := s.pick(s.Len(), func(i int) int { return s.Len() - 1 - i }).Share(7, fractions, k)
			if err != nil || !slices.Equal(slices.Sorted(slices.Values(again.IDs)), slices.Sorted(slices.Values(share.IDs))) {
				t.Errorf("%v: another order gives other shares (%v)", fractions, err)
			}
			if other, err := s.Share(8, fractions, k); err != nil || f < 1 && slices.Equal(other.IDs, share.IDs) {
				t.Errorf("%v: another seed gives the same share (%v)", fractions, err)
			}
		}
	}
	if _, err := grouped([][]int{{5}}).Share(1, []float64{0.5, 0.5}, 1); err == nil {
		t.Error("a share without a group: no error")
	}
}

// TestOpenGrouped reads groups from columns of label files and Parquet files, and from files
// of images and groups.
func TestOpenGrouped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, name := range []string{"csv/a.png", "csv/b.png", "csv/c.png", "folders/x/a.png", "folders/y/b.png", "folders/y/c.png", "twice/x/a.png", "twice/y/a.png", "bare/a.png", "text/a.png"} {
		f, err := os.Create(write(name, ""))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	write("csv/labels.csv", "file,label,Patient,ward\na.png,0,p1,\nb.png,1,p2,7\nc.png,1,p1,7\n")
	write("bare/labels.csv", "a.png,0,p1\n")
	write("text/labels.txt", "a.png 0\n")
	data := [][]byte{{1}, {2}, {3}}
	writeParquet(t, write("t/x.parquet", ""), data, []string{"a", "b", "a/b"}, []int64{3, 4, 3}, 2, "")
	writeParquet(t, write("s/x.parquet", ""), data, []string{"a", "b", "a/b"}, []string{"u", "v", "v"}, 2, "")
	for _, c := range []struct{ set, by, want string }{ // want begins with ! if it is an error
		{"csv", "patient", "p1 p2 p1"},
		{"csv", "ward", "!line 2: there is nothing in column ward"},
		{"csv", "doctor", "!line 1: there is no column doctor; the header has file, label, Patient, ward"},
		{"bare", "patient", "!no header"},
		{"text", "patient", "!there is no file patient, and the data have no columns"},
		{"folders", "patient", "!name a CSV file of images and groups, as in\nx/a.png,patient1"},
		{"folders", write("1.csv", "image,group\nx/a.png,1\ny/b.png, 2\ny/c.png,1\n"), "1 2 1"},
		{"folders", write("2.csv", "\ufeffa.png,1\nb.png,2\nc.png,1\nothers.png,5\n"), "1 2 1"},
		{"folders", write("3.csv", "a.png,1\n"), "!2 of 3 images have none: y/b.png, y/c.png"},
		{"folders", write("4.csv", "a.png,1\nb.png,2,3\n"), "!line 2"},
		{"folders", write("5.csv", "a.png,1\nx/a.png,2\n"), "!line 2: image x/a.png is in group 2, and in 1 on a line before"},
		{"folders", write("6.csv", "a.png,\n"), "!line 1: image a.png has no group"},
		{"twice", write("7.csv", "a.png,1\n"), "!line 1: several images are called a.png"},
		{"csv", write("8.csv", "a.png,1\nb.png,1\nc.png,2\n"), "1 1 2"},
		{"t", "label", "3 4 3"},
		{"s", "label", "u v v"},
		{"t", "patient", "!no column patient; it has image.bytes"},
	} {
		s, err := OpenGrouped(filepath.Join(dir, c.set), c.by)
		if wrong, ok := strings.CutPrefix(c.want, "!"); ok {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s by %s: %v, want %q", c.set, c.by, err, wrong)
			}
			continue
		}
		if err != nil || strings.Join(s.Groups, " ") != c.want {
			t.Errorf("%s by %s: %+v, %v, want %s", c.set, c.by, s, err, c.want)
			continue
		}
		s.Close()
	}
}
