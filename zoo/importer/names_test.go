package importer

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/zoo"
)

var animals = []string{"cat", "dog", "fox"}

// Labels, answers and columns that are named are matched by the names of the classes.
func TestNames(t *testing.T) {
	t.Parallel()
	named := OpenOptions{ClassNames: animals}
	outputs := csvModels.with("b.csv", []byte("fox,filename,cat,label,dog\n0.5,z,0.25,fox,0.25\n0,x,1,cat,0\n0,y,0,dog,1\n"))
	z, _ := mustImport(t, t.TempDir(), mustOpen(t, "csv", named, outputs.write(t)), "all")
	if got, want := readZooRows(t, z, "b", "all"), readZooRows(t, z, "a", "all"); !slices.Equal(got, want) {
		t.Errorf("got %04x, want %04x", got, want)
	}
	answers := files{
		"models.csv": []byte("name,gflops\nm,1\n"),
		"labels.csv": []byte("sample,label\nx,cat\ny,dog\n"),
		"m.csv":      []byte("sample,answer\ny,fox\nx,cat\n"),
	}
	z, _ = mustImport(t, t.TempDir(), mustOpen(t, "csv", named, answers.write(t)), "all")
	if got, _ := readZooAnswers(t, z, "m", "all"); !slices.Equal(got, []uint16{0, 2}) || z.Classes() != 3 {
		t.Errorf("answers %v of %d classes", got, z.Classes())
	}
	texts := npyFile("<U3", "(3,)", []uint32{'c', 'a', 't', 'f', 'o', 'x', 'd', 'o', 'g'})
	three := files{"labels.npy": texts, "models.csv": []byte("name,gflops\na,1\n"), "a.npy": floats("(3, 3)", 1, 0, 0, 0, 0, 1, 0, 1, 0)}
	z, _ = mustImport(t, t.TempDir(), mustOpen(t, "npy", named, three.write(t)), "all")
	if got := readZooLabels(t, z, "all"); !slices.Equal(got, []uint16{0, 2, 1}) {
		t.Errorf("labels %v", got)
	}
	for _, c := range []struct {
		name, format string
		opt          OpenOptions
		files        files
		says         []string
	}{
		{"no names", "csv", OpenOptions{}, answers, []string{"labels.csv", `"cat", "dog"`, "--class-names"}},
		{"label of no class", "csv", named, answers.with("labels.csv", []byte("sample,label\nx,cat\ny,wolf\n")), []string{"labels.csv", "1 labels", `"wolf"`, "cat, dog, fox"}},
		{"answer of no class", "csv", named, answers.with("m.csv", []byte("sample,answer\ny,wolf\nx,cat\n")), []string{"m.csv", `"wolf"`}},
		{"number of no class", "csv", named, answers.with("m.csv", []byte("sample,answer\ny,3\nx,0\n")), []string{"m.csv", "answer 3", "3 classes"}},
		{"numbers against names", "csv", named, answers.with("labels.csv", []byte("sample,label,label_name\nx,0,cat\ny,1,fox\n")), []string{"labels.csv: line 3: label 1", `"dog"`, `"fox"`}},
		{"a subset of columns", "csv", named, outputs.with("b.csv", []byte("fox,filename,cat\n0.5,z,0.5\n")), []string{"b.csv", "2 of the 3 classes", "dog"}},
		{"columns without names", "csv", OpenOptions{}, outputs, []string{"b.csv", "--class-names"}},
		{"two classes of a name", "csv", OpenOptions{ClassNames: []string{"cat", "crane", "crane"}}, answers.with("labels.csv", []byte("sample,label\nx,cat\ny,crane\n")), []string{`"crane"`, "numbers"}},
		{"map to no class", "npy", OpenOptions{ClassNames: animals, MapClasses: "m"}, three.with("m", []byte("output,class\n0,wolf\n")), []string{"m: line 2", `"wolf"`}},
		{"map twice", "npy", OpenOptions{MapClasses: "m"}, three.with("m", []byte("output,class\n0,1\n0,2\n")), []string{"m: line 3", "line 2"}},
		{"map of outputs that are not there", "npy", OpenOptions{ClassNames: animals, MapClasses: "m"}, three.with("m", []byte("output,class\n0,cat\n7,dog\n")), []string{"a.npy has 3 outputs", "output 7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := c.files.write(t)
			if c.opt.MapClasses != "" {
				c.opt.MapClasses = filepath.Join(dir, c.opt.MapClasses)
			}
			_, err := tryImport(t, c.format, c.opt, dir)
			wantSays(t, err, c.says...)
		})
	}
	// The names of a zoo do not change places.
	dir := filepath.Join(t.TempDir(), "zoo")
	for _, c := range []struct {
		names []string
		says  string
	}{{animals, ""}, {animals, ""}, {[]string{"fox", "dog", "cat"}, "fox is class 2 of the zoo and 0 here"}, {[]string{"Katze", "Hund", "Fuchs"}, ""}} {
		s := mustOpen(t, "npy", OpenOptions{ClassNames: c.names}, three.with("labels.npy", labels(0, 2, 1)).write(t))
		_, err := Import(t.Context(), dir, s, Options{Splits: []Cut{{Split: "all"}}, ClassNames: c.names})
		if c.says == "" && err == nil {
			continue
		}
		wantSays(t, err, c.says)
	}
	if z, err := zoo.Open(dir); err != nil || z.ClassNames()[0] != "Katze" {
		t.Errorf("%v", err)
	}
}

// Heads with other classes give what their outputs sum to.
func TestMapClasses(t *testing.T) {
	t.Parallel()
	dir := files{
		"labels.npy": labels(0, 1),
		"models.csv": []byte("name,gflops\na,1\n"),
		// A background, and two outputs of class 1.
		"a.npy":   floats("(2, 4)", 0.5, 0.25, 0.125, 0.125, 0, 0.5, 0.25, 0.25),
		"map.csv": []byte("class,output\n0,1\n1,2\n1,3\n"),
	}.write(t)
	s := mustOpen(t, "npy", OpenOptions{MapClasses: filepath.Join(dir, "map.csv")}, dir)
	z, _ := mustImport(t, t.TempDir(), s, "all")
	if got, want := readZooRows(t, z, "a", "all"), []uint16{0x3800, 0x3800, 0x3800, 0x3800}; !slices.Equal(got, want) {
		t.Errorf("got %04x, want %04x", got, want)
	}
	if notes := s.Notes(); len(notes) != 1 {
		t.Errorf("notes %q", notes)
	}
	if err := os.WriteFile(filepath.Join(dir, "map.csv"), []byte("output,class\n0,0\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := tryImport(t, "npy", OpenOptions{MapClasses: filepath.Join(dir, "map.csv")}, dir)
	wantSays(t, err, "a.npy")
}

// The answers of several models may be one table, a row or a column for each.
func TestTablesOfAnswers(t *testing.T) {
	t.Parallel()
	list := []byte("name,gflops\na,1\nb,2\n")
	for name, table := range map[string]string{
		"long": "model,sample,label,answer,confidence\nb,y,dog,dog,0.5\na,x,cat,fox,0.25\na,y,dog,dog,1\nb,x,cat,cat,0.5\n",
		"wide": "sample,label,b,a,a_confidence,b_confidence\nx,cat,cat,fox,0.25,0.5\ny,dog,dog,dog,1,0.5\n",
	} {
		dir := files{"models.csv": list, "answers.csv": []byte(table)}.write(t)
		s := mustOpen(t, "csv", OpenOptions{ClassNames: animals}, filepath.Join(dir, "answers.csv"))
		z, _ := mustImport(t, t.TempDir(), s, "all")
		_, ids, err := z.Labels("all")
		if err != nil {
			t.Fatal(err)
		}
		x := slices.Index(ids, "x")
		for model, want := range map[string][4]uint16{"a": {2, 1, 0x3400, 0x3C00}, "b": {0, 1, 0x3800, 0x3800}} {
			answers, confidences := readZooAnswers(t, z, model, "all")
			if got := [4]uint16{answers[x], answers[1-x], confidences[x], confidences[1-x]}; got != want {
				t.Errorf("%s, %s: got %04x, want %04x", name, model, got, want)
			}
		}
	}
}
