package importer

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A layoutCase is one that testdata/layouts.py wrote.
type layoutCase struct {
	Name, Format, Path string
	Options            OpenOptions
	IDs                []string
	Labels             []uint16
	Probs              [][]float32
	Answers            []uint16
	Error, Note        string
	Tolerance          float32
}

// What pandas, polars, pyarrow, NumPy, scikit-learn, safetensors and datasets write is
// imported with the values that they had, or refused with what to do.
func TestLayouts(t *testing.T) {
	t.Parallel()
	python := os.Getenv("ENCAS_PYTHON")
	if python == "" {
		python = "python3"
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "testdata/layouts.py", dir).CombinedOutput(); err != nil {
		if os.Getenv("ENCAS_PYTHON") == "" {
			t.Skipf("needs python3 with pandas, polars and pyarrow (or their interpreter in ENCAS_PYTHON): %v", err)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []layoutCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, c.test)
	}
	t.Logf("%d cases", len(cases))
}

func (c layoutCase) test(t *testing.T) {
	if c.Options.MapClasses != "" {
		c.Options.MapClasses = filepath.Join(c.Path, c.Options.MapClasses)
	}
	dir := filepath.Join(t.TempDir(), "zoo")
	s, err := Open(c.Format, []string{c.Path}, c.Options)
	if err == nil {
		defer s.Close()
		_, err = Import(t.Context(), dir, s, Options{Splits: []Cut{{Split: "all"}}, Threads: 1})
	}
	if c.Error != "" {
		wantSays(t, err, c.Error)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(s.Notes(), "\n"); !strings.Contains(notes, c.Note) {
		t.Errorf("the notes do not say %q: %s", c.Note, notes)
	}
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	labels, ids, err := z.Labels("all")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(labels, c.Labels) {
		t.Errorf("labels %v, want %v", labels, c.Labels)
	}
	if c.IDs != nil && !slices.Equal(ids, c.IDs) {
		t.Errorf("ids %v, want %v", ids, c.IDs)
	}
	for _, m := range z.Models() {
		if m.Answers != (c.Answers != nil) {
			t.Fatalf("%s gives answers only: %v", m.Name, m.Answers)
		}
		if m.Answers {
			if got, _ := readZooAnswers(t, z, m.Name, "all"); !slices.Equal(got, c.Answers) {
				t.Errorf("%s: answers %v, want %v", m.Name, got, c.Answers)
			}
			continue
		}
		bits := readZooRows(t, z, m.Name, "all")
		got := make([]float32, len(bits))
		kernel.F16ToF32(got, bits)
		for i, row := range c.Probs {
			for class, want := range row {
				if v := got[i*z.Classes()+class]; v-want > c.Tolerance || want-v > c.Tolerance {
					t.Fatalf("%s: sample %d, class %d: %v, want %v", m.Name, i, class, v, want)
				}
			}
		}
	}
}
