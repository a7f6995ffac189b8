package importer

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/npy"
)

// Only files inside the source folder are opened, whatever names and links say.
func TestStaysInside(t *testing.T) {
	t.Parallel()
	outside := goodNPY.write(t)
	t.Run("link out", func(t *testing.T) {
		dir := goodNPY.with("b.npy", nil).write(t)
		if err := os.Symlink(filepath.Join(outside, "b.npy"), filepath.Join(dir, "b.npy")); err != nil {
			t.Skip(err)
		}
		_, err := tryImport(t, "npy", OpenOptions{}, dir)
		wantSays(t, err, "b.npy", "leads out of the folder")
	})
	t.Run("link inside", func(t *testing.T) {
		dir := goodNPY.with("b.npy", nil).write(t)
		if err := os.Symlink("a.npy", filepath.Join(dir, "b.npy")); err != nil {
			t.Skip(err)
		}
		if _, err := tryImport(t, "npy", OpenOptions{}, dir); err != nil {
			t.Error(err)
		}
	})
	t.Run("dangling link", func(t *testing.T) {
		dir := goodNPY.with("b.npy", nil).write(t)
		if err := os.Symlink("c.npy", filepath.Join(dir, "b.npy")); err != nil {
			t.Skip(err)
		}
		_, err := tryImport(t, "npy", OpenOptions{}, dir)
		wantSays(t, err, "b.npy", "link to a file that does not")
	})
	t.Run("the folder a link", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(outside, link); err != nil {
			t.Skip(err)
		}
		if _, err := tryImport(t, "npy", OpenOptions{}, link); err != nil {
			t.Error(err)
		}
	})
	t.Run("a folder in a file's place", func(t *testing.T) {
		dir := goodNPY.with("models.csv", nil).with("models.csv/x", []byte("x")).write(t)
		_, err := tryImport(t, "npy", OpenOptions{}, dir)
		wantSays(t, err, "models.csv")
	})
}

// Predictions in another order than the labels are let in, with a warning.
func TestGuessing(t *testing.T) {
	t.Parallel()
	const n = 400
	wrong, right := make([]float32, 2*n), make([]float32, 2*n)
	truth := make([]uint8, n)
	for i := range n {
		truth[i] = uint8(i % 2)
		right[2*i+i%2] = 1
		wrong[2*i+i/2%2] = 1 // correct on every second sample
	}
	f := goodNPY.with("a.npy", floats("(400, 2)", right...)).with("b.npy", floats("(400, 2)", wrong...)).with("labels.npy", labels(truth...))
	_, sum := mustImport(t, t.TempDir(), mustOpen(t, "npy", OpenOptions{}, f.write(t)), "all")
	if len(sum.Warnings) != 1 || !strings.Contains(sum.Warnings[0], "b.npy: correct on 200 of 400") {
		t.Errorf("warnings %q", sum.Warnings)
	}
}

// A file that is replaced after Open was checked is checked again.
func TestReplaced(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{
		"shorter": floats("(2, 2)", 1, 0, 0, 1),
		"longer":  floats("(4, 2)", 1, 0, 0, 1, 1, 0, 0, 1),
		"wider":   floats("(3, 3)", 1, 0, 0, 1, 0, 0, 1, 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			dir := goodNPY.write(t)
			s := mustOpen(t, "npy", OpenOptions{}, dir)
			if err := os.WriteFile(filepath.Join(dir, "b.npy"), content, 0o666); err != nil {
				t.Fatal(err)
			}
			_, err := Import(t.Context(), t.TempDir(), s, Options{Splits: []Cut{{Split: "all"}}})
			wantSays(t, err, "b.npy")
		})
	}
}

// failingSource gives more or fewer rows than it has samples.
func failingSource(rows int) *Source {
	return &Source{
		Classes: 2, Exact: true,
		Sets:   []Set{{File: "labels", Labels: make([]uint16, 3)}},
		Models: []Model{{Name: "m", File: "m.x", Content: func(int) (string, error) { return "x", nil }}},
		rows:   []func(int) (Rows, error){func(int) (Rows, error) { return &failingRows{rows}, nil }},
	}
}

type failingRows struct{ left int }

func (r *failingRows) Next(row []uint16) error {
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	row[0], row[1] = outputs.OneBits, 0
	return nil
}

func (r *failingRows) Close() error { return nil }

func TestRowCounts(t *testing.T) {
	t.Parallel()
	for rows, says := range map[int]string{0: "there are no rows", 2: "it has 2 rows instead of 3", 4: "more than 3 rows"} {
		_, err := Import(t.Context(), t.TempDir(), failingSource(rows), Options{Splits: []Cut{{Split: "all"}}})
		wantSays(t, err, "m.x", says)
	}
}

// A file with other content is another one, wherever it differs and although its size is
// the same.
func TestContent(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte{7}, 1<<20)
	dir := files{"x": content}.write(t)
	var h held
	defer h.Close()
	f, err := openFolder(dir, &h)
	if err != nil {
		t.Fatal(err)
	}
	before, err := f.content("npy", "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 5000, 70000, 1<<20 - 1} {
		content[at] ^= 1
		if err := os.WriteFile(filepath.Join(dir, "x"), content, 0o666); err != nil {
			t.Fatal(err)
		}
		if after, err := f.content("npy", "x"); err != nil || after == before {
			t.Errorf("byte %d is not looked at: %v", at, err)
		}
		content[at] ^= 1
	}
}

// Any text is a list of models or an error, never a panic; what is accepted has a
// name and a cost.
func FuzzModels(f *testing.F) {
	f.Add([]byte("name,gflops\na,1\n"))
	f.Add([]byte("\xEF\xBB\xBFname,gmacs,note\r\n\"a, b\",1e3,\"x \"\"y\"\"\"\r\n"))
	f.Add([]byte(",model,GFLOPs,gmacs\n0,a,,2\n"))
	f.Add([]byte("name,gflops\n\"a"))
	f.Add([]byte("price,name,note\n0,a,1\n2,b,x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, err := parseModels(bytes.NewReader(text))
		if err != nil {
			return
		}
		if len(rows) == 0 {
			t.Fatal("an empty list")
		}
		for _, r := range rows {
			priced := false
			for column := range r.Columns {
				_, err := zoo.Model{Name: r.Name, Columns: r.Columns}.Cost(column)
				priced = priced || err == nil
			}
			if r.Name == "" || !priced {
				t.Fatalf("accepted %+v", r)
			}
		}
	})
}

// Any text is a table of answers or an error.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("sample,label,confidence\nx,1,0.5\n"))
	f.Add([]byte("confidence,extra,Sample,LABEL\n-0,,\"a\nb\",65534\n"))
	f.Add([]byte("sample,label,confidence\nx,-1,nan\n"))
	f.Add([]byte("label,sample\n1,x\n"))
	f.Add([]byte("id,label,0,1\nx,1,0.5,0.5\n"))
	f.Add([]byte("0.25,0.75\n1e-3,0.999\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, "m.csv"), text, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "models.csv"), []byte("name,gflops\nm,1\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := Open("csv", []string{dir}, OpenOptions{Unlabelled: true})
		if err != nil {
			return
		}
		defer s.Close()
		rows, err := s.Rows(0, 0)
		if err != nil {
			return
		}
		defer rows.Close()
		row := newRow(s.Models[0], s.Classes)
		for n := 0; ; n++ {
			if err := rows.Next(row); err != nil {
				return
			}
			if n >= s.Sets[0].Len() {
				t.Fatal("more rows than samples")
			}
			if s.Models[0].Answers && (int(row[0]) >= s.Classes || row[1] > outputs.OneBits) {
				t.Fatalf("answer %v", row)
			}
		}
	})
}

// Any file is a Parquet table or an error, never a panic.
func FuzzParquet(f *testing.F) {
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".parquet" && filepath.Base(path) != "large.parquet" {
			content, err := os.ReadFile(path)
			f.Add(content)
			return err
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, "m.parquet"), content, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "models.csv"), []byte("name,gflops\nm,1\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := Open("parquet", []string{dir}, OpenOptions{Logits: true})
		if err != nil {
			return
		}
		defer s.Close()
		rows, err := s.Rows(0, 0)
		if err != nil {
			return
		}
		defer rows.Close()
		row := make([]uint16, s.Classes)
		for n := 0; ; n++ {
			if err := rows.Next(row); err != nil {
				return
			}
			if n > len(s.Sets[0].Labels) {
				t.Fatal("more rows than labels")
			}
		}
	})
}

// Any info.json is read or refused.
func FuzzInfo(f *testing.F) {
	f.Add([]byte(`{"flops": [1000, 2000], "net_names": ["a", "b"], "val": [60.5, 70], "cfgs": [{"r": 1}, null]}`))
	f.Add([]byte(`{"flops": [1e999]}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, "info.json"), text, 0o666); err != nil {
			t.Fatal(err)
		}
		var h held
		defer h.Close()
		folder, err := openFolder(dir, &h)
		if err != nil {
			t.Fatal(err)
		}
		info, err := readInfo(folder, "val")
		if err == nil && (len(info.flops) == 0 || !(info.flops[0] > 0)) {
			t.Fatalf("accepted %s", text)
		}
	})
}

// A pipe is refused, as opening it would wait for ever.
func TestNotRegular(t *testing.T) {
	t.Parallel()
	var h held
	defer h.Close()
	f, err := openFolder(os.TempDir(), &h)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = f.open(".")
	wantSays(t, err, "not a regular file")
	if errors.Is(err, npy.ErrFormat) {
		t.Error("read as an array")
	}
}
