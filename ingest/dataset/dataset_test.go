package dataset

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

const images = "../../infer/imaging/testdata"

// write makes files of a data set: image files are copies of a PNG.
func write(t testing.TB, dir string, contents map[string]string) {
	t.Helper()
	png, err := os.ReadFile(filepath.Join(images, "rgba.png"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range contents {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		data := []byte(text)
		if text == "PNG" {
			data = png
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLayouts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		files   map[string]string
		ids     string
		labels  []uint16
		classes int
	}{
		{"class folders", map[string]string{"n02/b.png": "PNG", "n02/a.PNG": "PNG", "n01/c.png": "PNG", "n01/.hidden.png": "x", "n01/note.txt": "x", "top.png": "PNG"},
			"n01/c.png n02/a.PNG n02/b.png", []uint16{0, 1, 1}, 2},
		{"numbered folders", map[string]string{"0/a.png": "PNG", "2/a.png": "PNG", "10/a.png": "PNG", "1/a.png": "PNG", "3/a.png": "PNG", "4/a.png": "PNG", "5/a.png": "PNG", "6/a.png": "PNG", "7/a.png": "PNG", "8/a.png": "PNG", "9/a.png": "PNG"},
			"0/a.png 1/a.png 2/a.png 3/a.png 4/a.png 5/a.png 6/a.png 7/a.png 8/a.png 9/a.png 10/a.png", []uint16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 11},
		{"folders that are not all numbers", map[string]string{"0/a.png": "PNG", "2/a.png": "PNG", "10/a.png": "PNG"},
			"0/a.png 2/a.png 10/a.png", []uint16{0, 1, 2}, 3},
		{"folders by number, one of them empty", map[string]string{"0/a.png": "PNG", "2/a.png": "PNG", "1/note.txt": "x", ".git/a.png": "PNG"},
			"0/a.png 2/a.png", []uint16{0, 2}, 3},
		{"folders of numbers from 1", map[string]string{"1/a.png": "PNG", "2/a.png": "PNG", "10/a.png": "PNG", "3/a.png": "PNG"},
			"1/a.png 2/a.png 3/a.png 10/a.png", []uint16{0, 1, 2, 3}, 4},
		{"folders with a number and a name", map[string]string{"1/a.png": "PNG", "10/a.png": "PNG", "2/a.png": "PNG", "x/a.png": "PNG"},
			"1/a.png 10/a.png 2/a.png x/a.png", []uint16{0, 1, 2, 3}, 4},
		{"folders without images", map[string]string{"cat/a.png": "PNG", "dog/a.png": "PNG", "__MACOSX/cat/._a.png": "x", "birds/readme.txt": "x"},
			"cat/a.png dog/a.png", []uint16{0, 1}, 2},
		{"folders with hidden ones", map[string]string{"cat/a.png": "PNG", "dog/.ipynb_checkpoints/a.png": "PNG", "dog/b/.x/y/a.png": "PNG", "dog/b/a.png": "PNG"},
			"cat/a.png dog/b/a.png", []uint16{0, 1}, 2},
		{"folders beside names in labels.txt", map[string]string{"labels.txt": "dog\ncat\n", "cat/a.png": "PNG", "dog/a.png": "PNG"},
			"cat/a.png dog/a.png", []uint16{0, 1}, 2},
		{"folders beside a table of names", map[string]string{"labels.csv": "index,name\n0,cat\n1,dog\n", "cat/a.png": "PNG", "dog/a.png": "PNG"},
			"cat/a.png dog/a.png", []uint16{0, 1}, 2},
		{"folders beside an empty val.txt", map[string]string{"val.txt": "", "cat/a.png": "PNG", "dog/a.png": "PNG"},
			"cat/a.png dog/a.png", []uint16{0, 1}, 2},
		{"folders below class folders", map[string]string{"cat/x/b.png": "PNG", "cat/a.png": "PNG", "dog/a.png": "PNG"},
			"cat/a.png cat/x/b.png dog/a.png", []uint16{0, 0, 1}, 2},
		{"val.txt", map[string]string{"val.txt": "b c.png 7\n\n./a.png\t65534\n", "a.png": "PNG", "b c.png": "PNG"},
			"b c.png|a.png", []uint16{7, 65534}, 0},
		{"labels.csv", map[string]string{"labels.csv": "file,class,extra\nx/a.png,3,extra\n\"b,1.png\",0,\n", "x/a.png": "PNG", "b,1.png": "PNG"},
			"x/a.png|b,1.png", []uint16{3, 0}, 0},
		{"labels.csv without header", map[string]string{"labels.csv": "a.png,3\n", "a.png": "PNG"}, "a.png", []uint16{3}, 0},
		{"spaces behind labels", map[string]string{"labels.csv": "\ufeffa.png,3 \r\n\r\nb.png , 1\r\n", "a.png": "PNG", "b.png": "PNG"}, "a.png b.png", []uint16{3, 1}, 0},
		{"numbers as floats", map[string]string{"labels.csv": "a.png,10.0\nb.png,2.0\n", "a.png": "PNG", "b.png": "PNG"}, "a.png b.png", []uint16{10, 2}, 0},
		{"columns by their names", map[string]string{"labels.csv": ",Label,filename\n0,3,a.png\n1,4,b.png\n", "a.png": "PNG", "b.png": "PNG"}, "a.png b.png", []uint16{3, 4}, 0},
		{"names in labels.csv", map[string]string{"labels.csv": "a.png,dog\nb.png,cat\nc.png,dog\n", "a.png": "PNG", "b.png": "PNG", "c.png": "PNG"}, "a.png b.png c.png", []uint16{1, 0, 1}, 2},
		{"names with spaces", map[string]string{"val.txt": "\ufeffb c.png golden retriever\r\n\"a.png\" \"tabby cat\"\r\n", "a.png": "PNG", "b c.png": "PNG"}, "b c.png|a.png", []uint16{0, 1}, 2},
		{"Tiny ImageNet", map[string]string{"val_annotations.txt": "1.png\tn02\t0\t0\t62\t58\n0.png\tn01\t1\t2\t3\t4\n", "images/0.png": "PNG", "images/1.png": "PNG"}, "images/1.png images/0.png", []uint16{1, 0}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, c.files)
			s, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			sep := " "
			if strings.Contains(c.ids, "|") {
				sep = "|"
			}
			if got := strings.Join(s.IDs, sep); got != c.ids {
				t.Errorf("ids %s, want %s", got, c.ids)
			}
			if !slices.Equal(s.Labels, c.labels) || s.Classes != c.classes {
				t.Errorf("labels %v of %d classes, want %v of %d", s.Labels, s.Classes, c.labels, c.classes)
			}
			// Class folders name their classes, unless by mere numbers.
			if named := strings.Contains(c.name, "folders") && c.name != "numbered folders" && c.name != "folders by number, one of them empty" || strings.Contains(c.name, "names ") || c.name == "Tiny ImageNet"; named != (len(s.ClassNames) == s.Classes && s.Classes > 0) {
				t.Errorf("%d class names %q", len(s.ClassNames), s.ClassNames)
			}
			r := s.NewReader()
			defer r.Close()
			for i := range s.Len() {
				if img, err := r.Image(i); err != nil || img.Width != 61 || img.Height != 43 {
					t.Errorf("image %d: %v, %v", i, img.Width, err)
				}
			}
		})
	}
}

// Without labels all images count, wherever they are, and label files do not.
func TestUnlabelled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"b.png": "PNG", "a/z.png": "PNG", "a/x/c.png": "PNG", "labels.csv": "b.png,3\n", ".hidden.png": "x"})
	s, err := OpenUnlabelled(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := strings.Join(s.IDs, " "); got != "a/x/c.png a/z.png b.png" || s.Labels != nil || s.Classes != 0 {
		t.Errorf("ids %s, labels %v, %d classes", got, s.Labels, s.Classes)
	}
	two := s.Sample(2)
	if two.Len() != 2 || two.Labels != nil || two.Fingerprint() == s.Fingerprint() {
		t.Errorf("two of them: %v, labels %v", two.IDs, two.Labels)
	}
	r := two.NewReader()
	defer r.Close()
	if img, err := r.Image(1); err != nil || img.Width != 61 {
		t.Error(err)
	}
	if _, err := OpenUnlabelled(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no images") {
		t.Errorf("of an empty folder: %v", err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files map[string]string
		open  string
		want  string
	}{
		{"nothing", nil, "", "no class folders"},
		{"no labels", map[string]string{"a.png": "PNG"}, "", "--unlabelled"},
		{"absent", nil, "no/such", "no such file"},
		{"empty class folders", map[string]string{"a/readme": "x"}, "", "no images"},
		{"a format that is not read", map[string]string{"a/x.bmp": "x"}, "", "x.bmp"},
		{"label out of range", map[string]string{"val.txt": "a.png 65535\n", "a.png": "PNG"}, "", "val.txt line 1: label 65535"},
		{"negative label", map[string]string{"labels.csv": "file,label\na.png,-1\n", "a.png": "PNG"}, "", "labels.csv line 2: label -1"},
		{"missing first image", map[string]string{"labels.csv": "a,3\nb.png,2\n", "b.png": "PNG"}, "", `labels.csv line 1: there is no file "a"`},
		{"missing first image with a name", map[string]string{"labels.csv": "a.png,cat\nb.png,dog\n", "b.png": "PNG"}, "", `labels.csv line 1: there is no file "a.png"`},
		{"an index and no header", map[string]string{"labels.csv": "zero,a.png,cat\none,b.png,dog\n", "a.png": "PNG", "b.png": "PNG"}, "", "labels.csv line 1: 3 columns and no header"},
		{"an age and no header", map[string]string{"labels.csv": "a.png,2,1\nb.png,3,0\n", "a.png": "PNG", "b.png": "PNG"}, "", "labels.csv line 1: 3 columns and no header, so that nothing says which has the labels: add a first line with the names of the columns, two of them file and label"},
		{"one-hot rows and no header", map[string]string{"labels.csv": "\na.png,0,0,1\nb.png,1,0,0\n", "a.png": "PNG", "b.png": "PNG"}, "", "labels.csv line 2: 4 columns and no header, so that nothing says which has the labels: add a first line with the names of the columns, two of them file and label (of a column for each class make one with the number of the class)"},
		{"labels of two letter cases", map[string]string{"labels.csv": "file,label\na.png,ant\nb.png,Ant\nc.png,ant\n", "a.png": "PNG", "b.png": "PNG", "c.png": "PNG"}, "", `the labels "Ant" (labels.csv line 3) and "ant" (labels.csv line 2) differ in letter case only`},
		{"three unknown names", map[string]string{"labels.csv": "photo,age,kind\na.png,2,1\n", "a.png": "PNG"}, "", "labels.csv line 1: the header (photo,age,kind) does not say"},
		{"a stray comma", map[string]string{"labels.csv": "file,label\na.png,1\nb,c.png,2\n", "a.png": "PNG", "b,c.png": "PNG"}, "", "labels.csv line 3: 3 fields where 2 were expected"},
		{"one field", map[string]string{"labels.csv": "file,label\na.png\n", "a.png": "PNG"}, "", "labels.csv line 2: 1 field where 2 were expected"},
		{"a short row", map[string]string{"labels.csv": "index,label,file\n1,2,a.png\n2,3\n", "a.png": "PNG"}, "", "labels.csv line 3: 2 fields where 3 were expected"},
		{"a short first row", map[string]string{"labels.csv": "index,label,file\n2,3\n1,2,a.png\n", "a.png": "PNG"}, "", "labels.csv line 2: 2 fields where 3 were expected"},
		{"a stray quote", map[string]string{"labels.csv": "file,label\na.png,1\nb.png,\"2\nc.png,1", "a.png": "PNG"}, "", "labels.csv: "},
		{"an empty label", map[string]string{"labels.csv": "file,label\na.png, \n", "a.png": "PNG"}, "", `labels.csv line 2: there is no label for "a.png"`},
		{"a header that does not tell", map[string]string{"labels.csv": "id,file,kind\n1,a.png,cat\n", "a.png": "PNG"}, "", "labels.csv line 1: the header (id,file,kind)"},
		{"UTF-16", map[string]string{"labels.csv": "\xff\xfea\x00", "a.png": "PNG"}, "", "UTF-16"},
		{"a label that is not UTF-8", map[string]string{"labels.csv": "a.png,caf\xe9\n", "a.png": "PNG"}, "", "labels.csv line 1: the label"},
		{"a box that is not whole", map[string]string{"val_annotations.txt": "0.png\tn01\t1\t2\n", "images/0.png": "PNG"}, "", "val_annotations.txt line 1: 4 fields where 2, or 6"},
		{"a label file without its images", map[string]string{"val.txt": "a.png 1\n"}, "", `no line names a file of the folder: val.txt line 1: there is no file "a.png"`},
		{"missing image", map[string]string{"val.txt": "a.png 1\nb.png 2\n", "a.png": "PNG"}, "", "val.txt line 2"},
		{"image outside", map[string]string{"val.txt": "../a.png 1\n"}, "", "is not in the folder"},
		{"image twice", map[string]string{"val.txt": "a.png 1\na.png 1\n", "a.png": "PNG"}, "", "twice"},
		{"no label", map[string]string{"val.txt": "a.png\n", "a.png": "PNG"}, "", "line 1: 1 field where 2 were expected: a file and its label"},
		{"CIFAR cut short", map[string]string{"x.bin": "12345"}, "x.bin", "5 bytes"},
		{"not Parquet", map[string]string{"x.parquet": "hello"}, "x.parquet", "x.parquet"},
		{"two parts", map[string]string{"train-00000-of-00001.parquet": "x", "test-00000-of-00001.parquet": "x"}, "", "several parts"},
		{"a folder of parts", map[string]string{"train/cat/a.png": "PNG", "val/cat/a.png": "PNG"}, "", "its folders train, val are parts of a data set and no classes; name one of them, such as "},
		{"pattern", nil, "*.parquet", "no file matches"},
		{"a file of another kind", map[string]string{"x.tar": "x"}, "x.tar", "neither"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, c.files)
			s, err := Open(filepath.Join(dir, c.open))
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestVanished removes an image after the set was opened.
func TestVanished(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"a/x.png": "PNG", "a/y.png": "PNG", "a/z.png": "PNG"})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	os.Remove(filepath.Join(dir, "a/y.png"))
	os.WriteFile(filepath.Join(dir, "a/z.png"), []byte("\x89PNG\r\n\x1a\n"), 0o644)
	r := s.NewReader()
	defer r.Close()
	for i, want := range []string{"", "a/y.png", "a/z.png: the file is truncated"} {
		_, err := r.Image(i)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("image %d: error %v, want %q", i, err, want)
		}
	}
}

func TestCIFAR(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		labels  []byte
		classes int
	}{{[]byte{3}, 10}, {[]byte{9, 77}, 100}} {
		var data []byte
		for i := range 5 {
			data = append(data, c.labels...)
			for p := range 3 {
				data = append(data, bytes.Repeat([]byte{byte(i*10 + p)}, cifarPlane)...)
			}
		}
		path := filepath.Join(t.TempDir(), "test_batch.bin")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Open(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if s.Len() != 5 || s.Classes != c.classes || s.Labels[4] != uint16(c.labels[len(c.labels)-1]) || s.IDs[4] != "test_batch.bin#4" {
			t.Errorf("%d images of %d classes, label %d, id %s", s.Len(), s.Classes, s.Labels[4], s.IDs[4])
		}
		r := s.NewReader()
		defer r.Close()
		img, err := r.Image(3)
		if err != nil || img.Width != 32 || !bytes.Equal(img.Pix, bytes.Repeat([]byte{30, 31, 32}, cifarPlane)) {
			t.Errorf("image 3: %v %v", img.Pix[:6], err)
		}
	}
}

// writeParquet writes rows in groups of groupRows, as Hugging Face does. Labels are int64
// or string.
func writeParquet[L int64 | string](t testing.TB, path string, data [][]byte, names []string, labels []L, groupRows int, meta string, properties ...parquet.WriterProperty) {
	t.Helper()
	opt := parquet.Repetitions.Optional
	image, err := schema.NewGroupNode("image", opt, schema.FieldList{
		schema.NewByteArrayNode("bytes", opt, -1), schema.NewByteArrayNode("path", opt, -1)}, -1)
	if err != nil {
		t.Fatal(err)
	}
	var label schema.Node = schema.NewInt64Node("label", opt, -1)
	if _, ok := any(labels).([]string); ok {
		label = schema.NewByteArrayNode("label", opt, -1)
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, schema.FieldList{image, label}, -1)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := file.NewParquetWriter(f, root, file.WithWriterProps(parquet.NewWriterProperties(properties...)))
	w.AppendKeyValueMetadata("huggingface", meta)
	for i := 0; i < len(data); i += groupRows {
		j := min(i+groupRows, len(data))
		g := w.AppendRowGroup()
		byteColumn := func(n int, at func(int) []byte) {
			c, err := g.NextColumn()
			if err != nil {
				t.Fatal(err)
			}
			var values []parquet.ByteArray
			defs := make([]int16, n)
			for k := range n {
				if v := at(k); v != nil {
					values = append(values, v)
					defs[k] = 2
				} else {
					defs[k] = 1
				}
			}
			if _, err := c.(*file.ByteArrayColumnChunkWriter).WriteBatch(values, defs, nil); err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		byteColumn(j-i, func(k int) []byte { return data[i+k] })
		byteColumn(j-i, func(k int) []byte {
			if names == nil {
				return nil
			}
			return []byte(names[i+k])
		})
		c, err := g.NextColumn()
		if err != nil {
			t.Fatal(err)
		}
		defs := slices.Repeat([]int16{1}, j-i)
		switch c := c.(type) {
		case *file.Int64ColumnChunkWriter:
			_, err = c.WriteBatch(any(labels[i:j]).([]int64), defs, nil)
		case *file.ByteArrayColumnChunkWriter:
			var texts []parquet.ByteArray
			for _, text := range any(labels[i:j]).([]string) {
				texts = append(texts, []byte(text))
			}
			_, err = c.WriteBatch(texts, defs, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		g.Close()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestParquet(t *testing.T) {
	t.Parallel()
	names, _ := filepath.Glob(filepath.Join(images, "*.png"))
	var data [][]byte
	var paths []string
	var labels []int64
	for i := range 40 {
		b, err := os.ReadFile(names[i%len(names)])
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, b)
		paths = append(paths, fmt.Sprintf("val_%d.png", i))
		labels = append(labels, int64(i%7))
	}
	dir := t.TempDir()
	meta := `{"info": {"features": {"image": {"_type": "Image"}, "label": {"names": ["a","b","c","d","e","f","g","h"], "_type": "ClassLabel"}}}}`
	writeParquet(t, filepath.Join(dir, "validation-00000-of-00002.parquet"), data[:25], paths[:25], labels[:25], 4, meta)
	writeParquet(t, filepath.Join(dir, "validation-00001-of-00002.parquet"), data[25:], paths[25:], labels[25:], 7, meta)
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if strings.Join(s.ClassNames, "") != "abcdefgh" {
		t.Errorf("class names %q", s.ClassNames)
	}
	if s.Len() != 40 || s.Classes != 8 || s.IDs[26] != "val_26.png" || s.Labels[26] != 26%7 {
		t.Errorf("%d images of %d classes, id %s, label %d", s.Len(), s.Classes, s.IDs[26], s.Labels[26])
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			r := s.NewReader()
			defer r.Close()
			for i := w; i < s.Len(); i += 4 {
				img, err := r.Image(i)
				if err != nil {
					t.Error(err)
				}
				var direct Reader
				want, err := direct.decoder.Decode(data[i])
				if err != nil || !bytes.Equal(img.Pix, want.Pix) {
					t.Errorf("image %d is another one (%v)", i, err)
				}
			}
		})
	}
	wg.Wait()
	sub := s.Sample(3)
	if want := []string{"val_0.png", "val_13.png", "val_26.png"}; !slices.Equal(sub.IDs, want) {
		t.Errorf("a sample of 3: %v, want %v", sub.IDs, want)
	}
	if a, b := s.Fingerprint(), sub.Fingerprint(); a == b || s.Fingerprint() != a {
		t.Error("fingerprints do not tell sets apart")
	}

	one := filepath.Join(t.TempDir(), "x.parquet")
	writeParquet(t, one, [][]byte{data[0], nil}, nil, []int64{0, 1}, 2, "")
	if s, err = Open(one); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.IDs[1] != "x.parquet#1" || s.Classes != 0 {
		t.Errorf("id %s, %d classes", s.IDs[1], s.Classes)
	}
	r := s.NewReader()
	defer r.Close()
	if _, err := r.Image(0); err != nil {
		t.Errorf("an image beside one that is null: %v", err)
	}
	if _, err := r.Image(1); err == nil || !strings.Contains(err.Error(), "holds no image bytes") {
		t.Errorf("an image that is null: %v", err)
	}
	writeParquet(t, one, data[:1], nil, []int64{-1}, 2, "")
	if _, err := Open(one); err == nil || !strings.Contains(err.Error(), "row 0: label -1") {
		t.Errorf("label -1: %v", err)
	}
}

func TestParquetClasses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "train-00000-of-00002.parquet"), filepath.Join(dir, "train-00001-of-00002.parquet")
	image := [][]byte{{1}, {2}, {3}}
	meta := func(names string) string {
		return `{"info": {"features": {"label": {"names": [` + names + `], "_type": "ClassLabel"}}}}`
	}
	check := func(labels []uint16, names ...string) {
		t.Helper()
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if !slices.Equal(s.Labels, labels) || !slices.Equal(s.ClassNames, names) || s.Classes != len(names) || s.Len() != len(labels) {
			t.Errorf("labels %v of %q, want %v of %q", s.Labels, s.ClassNames, labels, names)
		}
	}
	refuse := func(want string) {
		t.Helper()
		s, err := Open(dir)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	writeParquet(t, a, image, nil, []string{"dog", "cat", "dog"}, 2, "")
	check([]uint16{1, 0, 1}, "cat", "dog")
	writeParquet(t, b, image, nil, []string{"ant", "ant", "cat"}, 2, "")
	check([]uint16{2, 1, 2, 0, 0, 1}, "ant", "cat", "dog")
	writeParquet(t, b, image, nil, []int64{1, 0, 1}, 2, "")
	refuse("texts in some of its files and of integers in others")
	writeParquet(t, a, image, nil, []string{"10", "2", "0"}, 2, "")
	os.Remove(b)
	check([]uint16{10, 2, 0})
	writeParquet(t, a, image, nil, []string{"cat", "", "dog"}, 2, "")
	refuse("#1: the label \"\" is empty")

	writeParquet(t, a, image, nil, []int64{1, 0, 1}, 2, meta(`"dog", "cat"`))
	check([]uint16{1, 0, 1}, "dog", "cat")
	writeParquet(t, b, image, nil, []int64{1, 0, 1}, 2, meta(`"cat", "dog"`))
	refuse("train-00001-of-00002.parquet: its metadata name the classes otherwise")
	os.Remove(b)
	writeParquet(t, a, image, nil, []int64{1, 2, 1}, 2, meta(`"cat", "dog"`))
	refuse("#1: label 2 of 2 classes")
}

// readAll opens a Parquet file and reads every image, within a time that only a
// reader that goes round in circles needs.
func readAll(t *testing.T, path string) (images int, err error) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var s *Set
		if s, err = Open(path); err != nil {
			return
		}
		defer s.Close()
		r := s.NewReader()
		defer r.Close()
		for i := range s.Len() {
			if _, bad := r.Image(i); bad != nil {
				err = bad
			} else {
				images++
			}
		}
	}()
	select {
	case <-done:
		return images, err
	case <-time.After(10 * time.Second):
		t.Fatal("reading does not end")
		return 0, nil
	}
}

// smallParquet is a file of a few tiny images, some of them alike, so that there are
// dictionaries in it.
func smallParquet(t testing.TB) []byte {
	t.Helper()
	var data [][]byte
	var names []string
	for i := range 12 {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 2+i%3, 2))); err != nil {
			t.Fatal(err)
		}
		data = append(data, b.Bytes())
		names = append(names, fmt.Sprintf("%d.png", i))
	}
	path := filepath.Join(t.TempDir(), "x.parquet")
	writeParquet(t, path, data, names, make([]int64, 12), 5, "")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestDamagedParquet changes and cuts a file at many places. Each of the files is
// read, or is an error, soon.
func TestDamagedParquet(t *testing.T) {
	t.Parallel()
	content := smallParquet(t)
	path := filepath.Join(t.TempDir(), "x.parquet")
	read := func(data []byte) (int, error) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return readAll(t, path)
	}
	if n, err := read(content); n != 12 || err != nil {
		t.Fatalf("%d images, %v", n, err)
	}
	refused := 0
	step := 3
	if testing.Short() {
		step = 31
	}
	for i := 0; i < len(content); i += step {
		for _, change := range []byte{0x01, 0x80, 0xFF} {
			data := slices.Clone(content)
			data[i] ^= change
			if _, err := read(data); err != nil {
				refused++
			}
		}
		if _, err := read(content[:i]); err == nil {
			t.Errorf("the first %d of %d bytes are read", i, len(content))
		}
	}
	t.Logf("%d of %d changes refused", refused, (len(content)+step-1)/step*3)
}

// TestParquetBomb reads a file that is small only because its pages are empty space: each
// is of an allowed size, all of them together are not.
func TestParquetBomb(t *testing.T) {
	t.Parallel()
	var data [][]byte
	for i := range 24 {
		data = append(data, append(make([]byte, 1<<20), byte(i)))
	}
	path := filepath.Join(t.TempDir(), "x.parquet")
	writeParquet(t, path, data, nil, make([]int64, len(data)), len(data), "",
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithDictionaryDefault(false), parquet.WithDataPageSize(1000), parquet.WithBatchSize(1))
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := s.NewReader()
	defer r.Close()
	if _, err := r.Image(0); err == nil || !strings.Contains(err.Error(), "row group 0 unpacks to more than") {
		t.Errorf("error %v", err)
	}
}

// TestParquetManyRows reads a file that claims a million rows in a few kilobytes: run
// lengths take no room, what is kept of each row would.
func TestParquetManyRows(t *testing.T) {
	t.Parallel()
	rows := 5<<18 + 1
	path := filepath.Join(t.TempDir(), "x.parquet")
	writeParquet(t, path, slices.Repeat([][]byte{{1}}, rows), nil, make([]int64, rows), rows, "")
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "do not fit into the file") {
		t.Errorf("error %v", err)
	}
}

func FuzzParquet(f *testing.F) {
	content := smallParquet(f)
	f.Add(content)
	f.Add(content[:len(content)/2])
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "x.parquet")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		readAll(t, path)
	})
}

func FuzzLabelFile(f *testing.F) {
	f.Add([]byte("file,label\na.png,3\n"), true)
	f.Add([]byte("a.png 3\n\n./b.png\t4"), false)
	f.Add([]byte("\"a\nb\",1\n,\n"), true)
	f.Add([]byte("index,label,file\n1,cat,a.png\n2\n"), true)
	f.Add([]byte("a.png golden retriever\n\"b.png\" 3\n"), false)
	f.Fuzz(func(t *testing.T, data []byte, csv bool) {
		dir := t.TempDir()
		name := "val.txt"
		if csv {
			name = "labels.csv"
		}
		write(t, dir, map[string]string{"a.png": "PNG", "b.png": "PNG", name: string(data)})
		s, err := Open(dir)
		if err != nil {
			return
		}
		defer s.Close()
		if len(s.IDs) != s.Len() || s.Len() == 0 {
			t.Fatalf("%d ids, %d labels", len(s.IDs), s.Len())
		}
	})
}
