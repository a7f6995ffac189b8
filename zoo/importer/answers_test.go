package importer

import (
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// An array with one integer a sample has answers, beside models with outputs or without.
func TestArraysOfAnswers(t *testing.T) {
	t.Parallel()
	list := []byte("name,gflops\na,1\nb,2\nc,3\n")
	answers := files{"labels.npy": labels(0, 1, 2), "models.csv": list, "a.npy": labels(0, 3, 2), "b.npy": labels(0, 1, 1), "c.npy": labels(1, 1, 1)}
	for name, c := range map[string]struct {
		files   files
		classes int
		exact   bool
	}{
		"answers": {answers, 4, false},
		"mixed":   {answers.with("b.npy", floats("(3, 5)", 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0)), 5, true},
	} {
		src := mustOpen(t, "npy", OpenOptions{}, c.files.write(t))
		if src.Exact != c.exact {
			t.Errorf("%s: the number of classes is exact: %v", name, src.Exact)
		}
		z, _ := mustImport(t, t.TempDir(), src, "all")
		if z.Classes() != c.classes {
			t.Errorf("%s: %d classes, want %d", name, z.Classes(), c.classes)
		}
		got, confidences := readZooAnswers(t, z, "a", "all")
		if !slices.Equal(got, []uint16{0, 3, 2}) || slices.Min(confidences) != outputs.OneBits {
			t.Errorf("%s: answers %v with %04x", name, got, confidences)
		}
		if b, err := z.Model("b"); err != nil || b.Answers != (name == "answers") {
			t.Errorf("%s: b gives answers only: %v, %v", name, b.Answers, err)
		}
	}
	bare := answers.with("labels.npy", nil)
	z := importUnlabelled(t, t.TempDir(), mustOpen(t, "npy", OpenOptions{Unlabelled: true}, bare.write(t)), nil, []string{"pool"})
	if s, err := z.Split("pool"); err != nil || s.Samples != 3 || z.Classes() != 4 {
		t.Errorf("without labels: %d classes, %+v, %v", z.Classes(), s, err)
	}
	_, err := Open("npy", []string{bare.with("b.npy", labels(0, 1)).write(t)}, OpenOptions{Unlabelled: true})
	wantSays(t, err, "b.npy has 2 answers", "a.npy has 3 rows")
	for name, c := range map[string]struct {
		files files
		says  []string
	}{
		"too few":   {answers.with("a.npy", labels(0, 1)), []string{"a.npy has 2 answers", "3 labels"}},
		"negative":  {answers.with("a.npy", npyFile("|i1", "(3,)", []int8{0, -1, 1})), []string{"a.npy: row 1", "-1"}},
		"too large": {answers.with("b.npy", floats("(3, 3)", 1, 0, 0, 0, 1, 0, 0, 0, 1)), []string{"a.npy has the answer 3", "b.npy has 3 classes"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tryImport(t, "npy", OpenOptions{}, c.files.write(t))
			wantSays(t, err, c.says...)
		})
	}
}
