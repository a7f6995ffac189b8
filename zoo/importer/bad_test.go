package importer

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// npyFile makes a .npy file of version 1.
func npyFile(descr, shape string, values any) []byte {
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape)
	b := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(head)))
	b, err := binary.Append(append(b, head...), binary.LittleEndian, values)
	if err != nil {
		panic(err)
	}
	return b
}

func floats(shape string, values ...float32) []byte { return npyFile("<f4", shape, values) }
func labels(values ...uint8) []byte {
	return npyFile("|u1", fmt.Sprintf("(%d,)", len(values)), values)
}

// files is the content of a folder, by name.
type files map[string][]byte

// with returns a copy in which the named file has other content; nil removes it.
func (f files) with(name string, content []byte) files {
	c := maps.Clone(f)
	if c[name] = content; content == nil {
		delete(c, name)
	}
	return c
}

// write writes the files into a new folder.
func (f files) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	f.writeTo(t, dir)
	return dir
}

// writeTo writes the files to a folder.
func (f files) writeTo(t *testing.T, dir string) {
	t.Helper()
	for name, content := range f {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// goodNPY is two models, three samples and two classes.
var goodNPY = files{
	"a.npy":      floats("(3, 2)", 1, 0, 0.5, 0.5, 0.25, 0.75),
	"b.npy":      floats("(3, 2)", 0, 1, 0.5, 0.5, 0.75, 0.25),
	"labels.npy": labels(0, 1, 1),
	"models.csv": []byte("name,gflops\na,1\nb,2\n"),
}

// tryImport imports into a new zoo and returns the zoo's folder and the error.
func tryImport(t *testing.T, format string, opt OpenOptions, paths ...string) (string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "zoo")
	s, err := Open(format, paths, opt)
	if err != nil {
		return dir, err
	}
	defer s.Close()
	_, err = Import(t.Context(), dir, s, Options{Splits: []Cut{{Split: "all"}}, Threads: 1})
	return dir, err
}

func wantSays(t *testing.T, err error, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("the error does not say %q: %v", s, err)
		}
	}
	if t.Failed() {
		return
	}
	t.Log(err) // go test -v shows all messages for reading
}

func TestBadNPY(t *testing.T) {
	t.Parallel()
	if _, err := tryImport(t, "npy", OpenOptions{}, goodNPY.write(t)); err != nil {
		t.Fatal(err)
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	big := npyFile("<f4", "(3, 2)", []float32{1, 0, 0.5, 0.5, 0.25, 0.75})
	for _, c := range []struct {
		name  string
		files files
		opt   OpenOptions
		says  []string
	}{
		{"a folder for each split", files{"search/models.csv": nil, "search/a.npy": goodNPY["a.npy"], "test/models.csv": goodNPY["models.csv"], "test/a.npy": goodNPY["a.npy"]}, OpenOptions{}, []string{"has no models.csv, but its folders search, test have one: import each by itself, as with --split search ", "/search"}},
		{"NaN", goodNPY.with("b.npy", floats("(3, 2)", 0, 1, 0.5, 0.5, 0.75, nan)), OpenOptions{}, []string{"b.npy: row 2", "class 1 is NaN"}},
		{"infinite", goodNPY.with("b.npy", floats("(3, 2)", 0, 1, inf, 0.5, 0.75, 0.25)), OpenOptions{}, []string{"b.npy: row 1", "class 0 is +Inf"}},
		{"negative", goodNPY.with("b.npy", floats("(3, 2)", 0, 1, 1.5, -0.5, 0.75, 0.25)), OpenOptions{}, []string{"b.npy: row 1", "class 0 is 1.5, above 1", "2 of the 3 rows"}},
		{"below 0", goodNPY.with("a.npy", floats("(3, 2)", -0.25, 1.25, 0.5, 0.5, 0.75, 0.25)), OpenOptions{}, []string{"a.npy: row 0", "class 0 is -0.25, below 0", "2 of the 3 rows"}},
		{"logits", goodNPY.with("a.npy", floats("(3, 2)", 2, 9, -3, 1, 0, 4)), OpenOptions{}, []string{"a.npy: row 0", "class 0 is 2, above 1", "from -3 to 9", "--logits"}},
		{"sum", goodNPY.with("b.npy", floats("(3, 2)", 0, 1, 0.5, 0.5, 0.75, 0.5)), OpenOptions{}, []string{"b.npy: row 2", "sum to 1.25, not 1", "2 of the 3 rows are probabilities"}},
		{"sum of nothing", goodNPY.with("b.npy", floats("(3, 2)", 0, 1, 0, 0, 0.75, 0.25)), OpenOptions{}, []string{"b.npy: row 1", "sum to 0, not 1"}},
		{"NaN logit", goodNPY.with("a.npy", floats("(3, 2)", 2, 9, 3, 1, 0, 4)).with("b.npy", floats("(3, 2)", 0, 1, 3, nan, 0.75, 0.25)), OpenOptions{Logits: true}, []string{"b.npy: row 1", "class 1 is NaN"}},
		{"infinite logit", goodNPY.with("a.npy", floats("(3, 2)", 2, 9, 3, 1, 0, 4)).with("b.npy", floats("(3, 2)", 0, 1, 3, -inf, 0.75, 0.25)), OpenOptions{Logits: true}, []string{"b.npy: row 1", "class 1 is -Inf"}},
		{"float16 NaN", goodNPY.with("b.npy", npyFile("<f2", "(3, 2)", []uint16{0x3C00, 0, 0x3800, 0x7E00, 0, 0})), OpenOptions{}, []string{"b.npy: row 1", "class 1 is NaN"}},
		{"float64 sum", goodNPY.with("b.npy", npyFile("<f8", "(3, 2)", []float64{1, 0, 0.5, 0.25, 0, 1})), OpenOptions{}, []string{"b.npy: row 1", "0.75"}},
		{"label too large", goodNPY.with("labels.npy", labels(0, 1, 7)), OpenOptions{}, []string{"labels.npy: row 2: label 7", "2 classes (0 to 1)"}},
		{"labels from 1", goodNPY.with("labels.npy", labels(1, 2, 1)), OpenOptions{}, []string{"labels.npy: row 1: label 2", "counted from 1"}},
		{"negative label", goodNPY.with("labels.npy", npyFile("<i8", "(3,)", []int64{0, -1, 1})), OpenOptions{}, []string{"labels.npy: row 1: label -1"}},
		{"fractional label", goodNPY.with("labels.npy", npyFile("<f4", "(3,)", []float32{0, 1, 0.5})), OpenOptions{}, []string{"labels.npy: row 2: label 0.5"}},
		{"one-hot labels", goodNPY.with("labels.npy", npyFile("<i8", "(3, 2)", make([]int64, 6))), OpenOptions{}, []string{"labels.npy", "shape [3 2]", "argmax(1)"}},
		{"text labels", goodNPY.with("labels.npy", npyFile("<U1", "(3,)", []uint32{'a', 'b', 'a'})), OpenOptions{}, []string{"labels.npy", `"a", "b"`, "--class-names"}},
		{"complex labels", goodNPY.with("labels.npy", npyFile("<c8", "(3,)", make([]complex64, 3))), OpenOptions{}, []string{"labels.npy", "astype('int64')"}},
		{"no labels", goodNPY.with("labels.npy", labels()), OpenOptions{}, []string{"labels.npy", "no labels"}},
		{"labels missing", goodNPY.with("labels.npy", nil), OpenOptions{}, []string{"labels.npy", "missing", "--unlabelled"}},
		{"labels needed", goodNPY.with("labels.npy", nil), OpenOptions{Unlabelled: true}, []string{"opened without labels"}},
		{"fewer labels", goodNPY.with("labels.npy", labels(0, 1)), OpenOptions{}, []string{"a.npy has 3 rows", "labels.npy has 2 labels"}},
		{"other N", goodNPY.with("b.npy", floats("(2, 2)", 0, 1, 1, 0)), OpenOptions{}, []string{"b.npy has 2 rows", "labels.npy has 3 labels"}},
		{"other C", goodNPY.with("b.npy", floats("(3, 3)", 1, 0, 0, 1, 0, 0, 1, 0, 0)), OpenOptions{}, []string{"b.npy has 3 classes", "a.npy has 2"}},
		{"one value of ten classes", goodNPY.with("a.npy", floats("(3, 3)", 1, 0, 0, 1, 0, 0, 1, 0, 0)).with("b.npy", floats("(3, 1)", 1, 1, 1)), OpenOptions{}, []string{"b.npy has 2 classes", "one value a sample", "a.npy has 3"}},
		{"one axis", goodNPY.with("b.npy", floats("(6,)", 1, 0, 1, 0, 1, 0)), OpenOptions{}, []string{"b.npy has 6 rows"}},
		{"transposed", goodNPY.with("b.npy", floats("(2, 3)", 1, 0, 1, 0, 1, 0)), OpenOptions{}, []string{"b.npy has 2 rows", "array.T"}},
		{"three axes", goodNPY.with("b.npy", floats("(3, 1, 2)", 1, 0, 1, 0, 1, 0)), OpenOptions{}, []string{"b.npy", "[samples, classes]", "squeeze"}},
		{"integers", goodNPY.with("b.npy", npyFile("|u1", "(3, 2)", make([]uint8, 6))), OpenOptions{}, []string{"b.npy", "uint8", "astype('float32')"}},
		{"truncated", goodNPY.with("b.npy", big[:len(big)-5]), OpenOptions{}, []string{"b.npy", "truncated", "row 2 of 3"}},
		{"not npy", goodNPY.with("b.npy", []byte("hello")), OpenOptions{}, []string{"b.npy", "header"}},
		{"ids too few", goodNPY.with("ids.npy", npyFile("<i8", "(2,)", []int64{5, 6})), OpenOptions{}, []string{"ids.npy has 2 ids", "3 labels"}},
		{"ids twice", goodNPY.with("ids.npy", npyFile("<i8", "(3,)", []int64{5, 6, 5})), OpenOptions{}, []string{"ids.npy: row 2", "row 0", `"5"`}},
		{"ids of floats", goodNPY.with("ids.npy", floats("(3,)", 1, 2, 3)), OpenOptions{}, []string{"ids.npy", "astype('str')"}},
		{"ids empty", goodNPY.with("ids.npy", npyFile("<U1", "(3,)", []uint32{'a', 0, 'c'})), OpenOptions{}, []string{"ids.npy: row 1", "empty"}},
		{"no models.csv", goodNPY.with("models.csv", nil), OpenOptions{}, []string{"models.csv is missing"}},
		{"model without a file", goodNPY.with("b.npy", nil), OpenOptions{}, []string{"models.csv names b", "has no b.npy"}},
		{"file without a model", goodNPY.with("c.npy", goodNPY["a.npy"]), OpenOptions{}, []string{"c.npy", "models.csv has no line for c"}},
		{"no models", files{"labels.npy": labels(0), "models.csv": []byte("name,gflops\na,1\n")}, OpenOptions{}, []string{"no models"}},
		{"name that is a path", goodNPY.with("models.csv", []byte("name,gflops\n../a,1\nb,2\n")), OpenOptions{}, []string{"names ../a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, err := tryImport(t, "npy", c.opt, c.files.write(t))
			wantSays(t, err, c.says...)
			z, err := zoo.Open(dir)
			if err != nil {
				return // the best case: there is no zoo
			}
			if err := z.Verify(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if z.HasModel("b") {
				t.Error("the bad model is in the zoo")
			}
		})
	}
}

func TestBadModels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		says       []string
	}{
		{"empty file", "", []string{"empty"}},
		{"empty list", "name,gflops\n", []string{"list is empty"}},
		{"duplicate names", "name,gflops\na,1\nb,2\na,3\n", []string{"lines 2 and 4", `"a"`}},
		{"no name column", "net,gflops\na,1\n", []string{`no column "name"`}},
		{"no cost", "name\na\n", []string{"no column of numbers", "gflops (or gmacs)", "price"}},
		{"no number", "name,family\na,vit\n", []string{"no column of numbers", "gflops (or gmacs)", "price"}},
		{"no price", "name,note,price\na,x,1\nb,y,\n", []string{"line 3", `"b"`, `"" in the column "price"`}},
		{"price of text", "name,price\na,free\nb,1\n", []string{"line 2", `"free" in the column "price"`}},
		{"price below 0", "name,price\na,1\nb,-1\n", []string{"line 3", `"-1" in the column "price"`}},
		{"price with its unit", "name,gflops,price\na,1,0.01\nb,2,$0.02\n", []string{"line 3", `"b"`, `"$0.02" in the column "price"`, "0.02"}},
		{"price with a comma", "name,price,latency_ms\na,\"0,03\",1\nb,1,2\n", []string{"line 2", `"0,03" in the column "price"`}},
		{"price that is no number", "name,gflops,Cost (USD)\na,1,nan\nb,2,1\n", []string{"line 2", `"nan" in the column "Cost (USD)"`}},
		{"price twice", "name,Price,price\na,1,2\n", []string{`"Price" and "price"`, "letter case"}},
		{"all free", "name,price\na,0\nb,0\n", []string{`"price" is 0 for every model`, "gflops"}},
		{"a column of the zoo's own", "name,precision\na,16\n", []string{"no column of numbers"}},
		{"empty name", "name,gflops\na,1\n,2\n", []string{"line 3"}},
		{"empty cost", "name,gflops\na,1\nb,\n", []string{"line 3", `"b"`, `""`}},
		{"cost 0", "name,gflops\na,0\n", []string{"line 2", "above 0"}},
		{"cost NaN", "name,gmacs\na,nan\n", []string{"line 2", "gmacs", "finite"}},
		{"cost infinite", "name,gmacs\na,1e999\n", []string{"line 2"}},
		{"cost with a unit", "name,gmacs\na,1.5G\n", []string{"line 2", "1.5G"}},
		{"semicolons", "name;gflops\na;1\n", []string{"semicolons"}},
		{"UTF-16", "\xFF\xFEn\x00a\x00", []string{"UTF-16"}},
		{"Latin-1", "name,gflops,note\na,1,caf\xE9\n", []string{"line 2", "UTF-8"}},
		{"columns twice", "name,gflops,name\na,1,b\n", []string{"columns 1 and 3"}},
		{"too few cells", "name,gflops\na\n", []string{"line 2"}},
		{"open quotation mark", "name,gflops\n\"a,1\nb,2\n", []string{`"`}},
		{"long line", "name,gflops\n\"" + strings.Repeat("x", 2*maxLine) + "\",1\n", []string{"line of more than"}},
		{"reserved column", "name,gflops,imported.search\na,1,x\n", []string{"imported.search"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := tryImport(t, "npy", OpenOptions{}, goodNPY.with("models.csv", []byte(c.text)).write(t))
			wantSays(t, err, append(c.says, "models.csv")...)
		})
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []Model
	}{
		{"plain", "name,gflops\na,1\n", []Model{{Name: "a", Columns: map[string]string{"gflops": "1"}}}},
		{"BOM, CRLF, quotes", "\xEF\xBB\xBFname,gflops,note\r\n\"a, b\",1,\"x \"\"y\"\"\"\r\n", []Model{{Name: "a, b", Columns: map[string]string{"gflops": "1", "note": `x "y"`}}}},
		{"gmacs", "gmacs,name\n0.5,a\n", []Model{{Name: "a", Columns: map[string]string{"gflops": "0.5"}}}},
		{"both", "name,gmacs,gflops\na,1,2\nb,3,\n", []Model{{Name: "a", Columns: map[string]string{"gflops": "2", "gmacs": "1"}}, {Name: "b", Columns: map[string]string{"gflops": "3"}}}},
		{"letter case, row numbers, model", ",Model,GFLOPs,params\n0,a,1,7\n", []Model{{Name: "a", Columns: map[string]string{"gflops": "1", "params": "7"}}}},
		{"price", "price,name\n0,a\n0.5,b\n", []Model{{Name: "a", Columns: map[string]string{"price": "0"}}, {Name: "b", Columns: map[string]string{"price": "0.5"}}}},
		{"price of some", "name,price,latency_ms\na,,3\nb,1,4\n", []Model{{Name: "a", Columns: map[string]string{"latency_ms": "3"}}, {Name: "b", Columns: map[string]string{"latency_ms": "4", "price": "1"}}}},
		{"empty cells", "name,gflops,note\na, 1 ,\n", []Model{{Name: "a", Columns: map[string]string{"gflops": "1"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseModels(strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, c.want, func(a, b Model) bool { return a.Name == b.Name && maps.Equal(a.Columns, b.Columns) }) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// A list of several folders is one import; names must differ, samples agree.
func TestSeveralFolders(t *testing.T) {
	t.Parallel()
	first := goodNPY.write(t)
	second := files{"c.npy": goodNPY["a.npy"], "models.csv": []byte("name,gflops\nc,3\n")}
	z, sum := mustImport(t, t.TempDir(), mustOpen(t, "npy", OpenOptions{}, first, second.write(t)), "all")
	if sum.Imported != 3 || len(z.Models()) != 3 {
		t.Errorf("summary %+v", sum)
	}
	for _, c := range []struct {
		name  string
		files files
		says  []string
	}{
		{"same name", files{"a.npy": goodNPY["a.npy"], "models.csv": []byte("name,gflops\na,3\n")}, []string{`called "a"`}},
		{"other labels", second.with("labels.npy", labels(0, 0, 1)), []string{"labels.npy: row 1: label 0", "has 1 there"}},
		{"fewer labels", second.with("labels.npy", labels(0, 1)), []string{"labels.npy has 2 labels", "has 3"}},
		{"other classes", second.with("c.npy", floats("(3, 3)", 1, 0, 0, 1, 0, 0, 1, 0, 0)), []string{"c.npy has 3 classes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, err := tryImport(t, "npy", OpenOptions{}, first, c.files.write(t))
			wantSays(t, err, c.says...)
			if _, err := os.Stat(dir); err == nil {
				t.Error("a zoo was made")
			}
		})
	}
}

func TestBadOpen(t *testing.T) {
	t.Parallel()
	dir := goodNPY.write(t)
	for _, c := range []struct {
		name, format string
		paths        []string
		opt          OpenOptions
		says         []string
	}{
		{"format", "hdf5", []string{dir}, OpenOptions{}, []string{"hdf5", "npy, npz, encas, parquet, arrow, csv"}},
		{"no paths", "npy", nil, OpenOptions{}, []string{"nothing to import"}},
		{"no such folder", "npy", []string{filepath.Join(dir, "x")}, OpenOptions{}, []string{"x"}},
		{"another file", "npy", []string{filepath.Join(dir, "models.csv")}, OpenOptions{}, []string{"models.csv is no file of arrays"}},
		{"classes", "npy", []string{dir}, OpenOptions{Classes: 10}, []string{"format csv only"}},
		{"too many classes", "csv", []string{dir}, OpenOptions{Classes: 100000}, []string{"100000"}},
		{"logits of answers", "csv", []string{"testdata/csv"}, OpenOptions{Logits: true}, []string{"--logits"}},
		{"npz that is not there", "npz", []string{filepath.Join(dir, "nosuch.npz")}, OpenOptions{}, []string{"nosuch.npz does not exist"}},
		{"encas, other folder", "encas", []string{filepath.Join("testdata", "npy_f2") + "/.."}, OpenOptions{}, []string{"output_distrs_"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Open(c.format, c.paths, c.opt)
			if err == nil {
				s.Close()
			}
			wantSays(t, err, c.says...)
		})
	}
}

// zipFile makes a .npz archive of named entries, in order.
func zipFile(t *testing.T, entries ...any) []byte { return zipOf(t, zip.Deflate, entries) }

// storedZip is zipFile without compression.
func storedZip(t *testing.T, entries ...any) []byte { return zipOf(t, zip.Store, entries) }

func zipOf(t *testing.T, method uint16, entries []any) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: entries[i].(string), Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(entries[i+1].([]byte)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBadNPZ(t *testing.T) {
	t.Parallel()
	list := []byte("name,gflops\na,1\nb,2\n")
	a, b, l := goodNPY["a.npy"], goodNPY["b.npy"], goodNPY["labels.npy"]
	good := zipFile(t, "a.npy", a, "b.npy", b, "labels.npy", l)
	damaged := bytes.Clone(zipFile(t, "a.npy", a, "labels.npy", l, "b.npy", b))
	// The last value of a, stored or deflated, is somewhere in the first third.
	i := bytes.Index(damaged, []byte("labels.npy"))
	damaged[i-60] ^= 0x10
	for _, c := range []struct {
		name    string
		content []byte
		list    []byte
		says    []string
	}{
		{"no archive", []byte("hello"), list, []string{"m.npz", "numpy.savez"}},
		{"cut short", good[:len(good)-30], list, []string{"m.npz", "cut short"}},
		{"damaged", damaged, list, []string{"m.npz", "a"}},
		{"no labels", zipFile(t, "a.npy", a, "b.npy", b), list, []string{"m.npz", "labels"}},
		{"names twice", zipFile(t, "a.npy", a, "b.npy", b, "a.npy", a, "labels.npy", l), list, []string{"two arrays", `"a"`}},
		{"no array", zipFile(t, "a.npy", a, "b.txt", b, "labels.npy", l), list, []string{"b.txt"}},
		{"model missing", zipFile(t, "a.npy", a, "labels.npy", l), list, []string{"names b", "has no b"}},
		{"model extra", good, []byte("name,gflops\na,1\n"), []string{"no line for b"}},
		{"truncated array", zipFile(t, "a.npy", a, "b.npy", b[:len(b)-6], "labels.npy", l), list, []string{"m.npz: b", "row 2 of 3"}},
		{"escaping name", zipFile(t, "../a.npy", a, "b.npy", b, "labels.npy", l), list, []string{"names a"}},
		{"no list", good, nil, []string{"models.csv is missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := files{"m.npz": c.content}.with("models.csv", c.list).write(t)
			_, err := tryImport(t, "npz", OpenOptions{}, filepath.Join(dir, "m.npz"))
			wantSays(t, err, c.says...)
		})
	}
	dir := files{"m.npz": good, "m.csv": list, "models.csv": []byte("broken")}.write(t)
	if _, err := tryImport(t, "npz", OpenOptions{}, filepath.Join(dir, "m.npz")); err != nil {
		t.Errorf("with a list of its own: %v", err)
	}
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBadENCAS(t *testing.T) {
	t.Parallel()
	a, b := gzipped(t, goodNPY["a.npy"]), gzipped(t, goodNPY["b.npy"])
	good := files{
		"labels_val.npy":               labels(0, 1, 1),
		"labels_x_test10.npy":          labels(1, 1, 1),
		"output_distrs_val/0.npy.gz":   a,
		"output_distrs_val/1.npy.gz":   b,
		"output_distrs_val/info.json":  []byte(`{"flops": [1000, 2000], "val": [60.5, 70]}`),
		"output_distrs_test/0.npy.gz":  a,
		"output_distrs_test/1.npy.gz":  b,
		"output_distrs_test/info.json": []byte(`{"flops": [1000, 2000]}`),
	}
	info := func(text string) files { return good.with("output_distrs_val/info.json", []byte(text)) }
	for _, c := range []struct {
		name  string
		files files
		says  []string
	}{
		{"no labels", good.with("labels_val.npy", nil), []string{`split "val"`, "labels_val.npy"}},
		{"labels disagree", good.with("labels_y_val5.npy", labels(0, 0, 1)), []string{"labels_y_val5.npy: row 1"}},
		{"no info", good.with("output_distrs_val/info.json", nil), []string{"info.json does not exist"}},
		{"info no JSON", info("{"), []string{"info.json"}},
		{"info NaN", info(`{"flops": [NaN, 1]}`), []string{"info.json"}},
		{"no flops", info(`{"val": [1, 2]}`), []string{`"flops"`}},
		{"flops not numbers", info(`{"flops": ["a", "b"]}`), []string{"flops"}},
		{"flops 0", info(`{"flops": [1, 0]}`), []string{"network 1", "above 0"}},
		{"names too few", info(`{"flops": [1000, 2000], "net_names": ["x"]}`), []string{"1 net_names"}},
		{"cfgs too few", info(`{"flops": [1000, 2000], "cfgs": [1]}`), []string{"1 cfgs"}},
		{"accuracies too few", info(`{"flops": [1000, 2000], "val": [1]}`), []string{"1 accuracies"}},
		{"other networks", info(`{"flops": [1000, 3000]}`), []string{"different networks", "number 1"}},
		{"fewer networks", info(`{"flops": [1000]}`), []string{"lists 1 networks", "lists 2"}},
		{"a file too few", good.with("output_distrs_val/1.npy.gz", nil), []string{"1.npy.gz does not exist"}},
		{"a file too many", good.with("output_distrs_val/2.npy.gz", a), []string{"holds 3 files"}},
		{"not compressed", good.with("output_distrs_val/1.npy.gz", goodNPY["a.npy"]), []string{"1.npy.gz", "gzip"}},
		{"cut short", good.with("output_distrs_test/1.npy.gz", b[:len(b)-20]), []string{"1.npy.gz"}},
		{"checksum", good.with("output_distrs_test/1.npy.gz", append(slices.Clone(b[:len(b)-8]), make([]byte, 8)...)), []string{"1.npy.gz", "after the last row", "checksum"}},
		{"other N", good.with("labels_val.npy", labels(0, 1)), []string{"0.npy.gz has 3 rows", "labels_val.npy has 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Open("encas", []string{c.files.write(t)}, OpenOptions{})
			if err == nil {
				_, err = Import(t.Context(), filepath.Join(t.TempDir(), "zoo"), s, Options{Threads: 1})
				s.Close()
			}
			wantSays(t, err, c.says...)
		})
	}
	t.Run("a split too few", func(t *testing.T) {
		one := good.with("output_distrs_test/info.json", nil).with("output_distrs_test/0.npy.gz", nil).with("output_distrs_test/1.npy.gz", nil)
		_, err := Open("encas", []string{"x=" + good.write(t), "y=" + one.write(t)}, OpenOptions{})
		wantSays(t, err, "has no output_distrs_test", "other runs have")
	})
}

func TestSupernetNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		runs []supernet
		want []string
	}{
		{[]supernet{{run: "/logs/alpha_sep/search_algo:mo-gomea!subset_selector:reference/0"}}, []string{"alpha_sep"}},
		{[]supernet{{run: "/logs/alpha/search_algo:x/0"}, {run: "/logs/ofa/search_algo:x/0"}}, []string{"alpha", "ofa"}},
		{[]supernet{{run: "/logs/a/x"}, {run: "/logs/b/x"}}, []string{"a", "b"}},
		{[]supernet{{run: "/logs/a/x"}, {run: "/logs/b/y"}}, []string{"x", "y"}},
		{[]supernet{{run: "/logs/a"}, {run: "/logs/a", variant: "_swa20"}}, []string{"a", "a_swa20"}},
		{[]supernet{{run: "/logs/a", name: "mine"}, {run: "/logs/b"}}, []string{"mine", "b"}},
		{[]supernet{{run: "/1/2"}}, nil},
		{[]supernet{{run: "/a/1"}, {run: "/a/2"}}, nil},
	} {
		l := encasLayout{}
		for i := range c.runs {
			l.nets = append(l.nets, &c.runs[i])
		}
		err := l.nameSupernets()
		if c.want == nil {
			wantSays(t, err, "alphanet=DIR")
			continue
		}
		if err != nil {
			t.Error(err)
		}
		for i, n := range l.nets {
			if n.name != c.want[i] {
				t.Errorf("%s is called %q, want %q", n.run, n.name, c.want[i])
			}
		}
	}
}

// The folders of single splits may be given one by one, and name their variant.
func TestENCASSplitFolders(t *testing.T) {
	t.Parallel()
	f := files{
		"run/output_distrs_val_swa20/0.npy.gz":   gzipped(t, goodNPY["a.npy"]),
		"run/output_distrs_val_swa20/info.json":  []byte(`{"flops": [1000]}`),
		"run/output_distrs_val_swa20/labels.npy": labels(0, 1, 1),
		"run/output_distrs_test/0.npy.gz":        nil, // not looked at
	}
	dir := f.write(t)
	z, _ := mustImport(t, t.TempDir(), mustOpen(t, "encas", OpenOptions{}, filepath.Join(dir, "run", "output_distrs_val_swa20")))
	if !z.HasModel("run_swa20/0") || len(z.Splits()) != 1 {
		t.Errorf("models %v", z.Models())
	}
}

func TestBadParquet(t *testing.T) {
	t.Parallel()
	read := func(path string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(path)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	list := []byte("name,gflops\nm,1\n")
	good := read("parquet_pandas_list/small.parquet")
	for _, c := range []struct {
		name    string
		content []byte
		says    []string
	}{
		{"lz4", read("parquet_bad/lz4.parquet"), []string{"LZ4", "zstd"}},
		{"delta encoding", read("parquet_bad/delta.parquet"), []string{`"label"`, "DELTA_BINARY_PACKED", "plain"}},
		{"row null", read("parquet_bad/null_row.parquet"), []string{"row 7", "missing"}},
		{"value null", read("parquet_bad/null_value.parquet"), []string{"row 7", "missing"}},
		{"row empty", read("parquet_bad/empty.parquet"), []string{"row 7", "missing"}},
		{"row short", read("parquet_bad/short.parquet"), []string{"row 7 has 4 values", "5"}},
		{"row long", read("parquet_bad/long.parquet"), []string{"row 7 has more than 5"}},
		{"value null, a column a class", read("parquet_bad/null_wide.parquet"), []string{"row 7", `"p3"`, "missing"}},
		{"columns from 1", read("parquet_bad/gap.parquet"), []string{"numbered from 1", "p5"}},
		{"two lists", read("parquet_bad/two.parquet"), []string{"several columns", `"probs"`}},
		{"label null", read("parquet_bad/null_label.parquet"), []string{"row 0", `"label"`, "missing"}},
		{"no labels", read("parquet_pyarrow_f2/small.parquet"), []string{"no labels", "--unlabelled"}},
		{"cut short", good[:len(good)/2], []string{"cut short"}},
		{"not Parquet", []byte("sample,label\n"), []string{"not a Parquet file"}},
		{"empty", nil, []string{"not a Parquet file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := files{"models.csv": list, "m.parquet": c.content}
			dir, err := tryImport(t, "parquet", OpenOptions{}, f.write(t))
			if c.name != "no labels" {
				c.says = append(c.says, "m.parquet")
			}
			wantSays(t, err, c.says...)
			if z, err := zoo.Open(dir); err == nil && z.HasModel("m") {
				t.Error("the bad model is in the zoo")
			}
		})
	}
	t.Run("no outputs", func(t *testing.T) {
		f := files{"models.csv": list, "m.parquet": read("parquet_pyarrow_f2/labels.parquet")}
		_, err := tryImport(t, "parquet", OpenOptions{}, f.write(t))
		wantSays(t, err, "holds no outputs", "id, label")
	})
}

func TestBadCSV(t *testing.T) {
	t.Parallel()
	good := files{
		"models.csv": []byte("name,gflops\nm,1\n"),
		"labels.csv": []byte("sample,label\nx,0\ny,1\nz,2\n"),
		"m.csv":      []byte("sample,label,confidence\nz,2,0.5\nx,1,0.25\ny,0,1\n"),
	}
	if _, err := tryImport(t, "csv", OpenOptions{}, good.write(t)); err != nil {
		t.Fatal(err)
	}
	answers := func(text string) files {
		return good.with("m.csv", []byte("sample,label,confidence\n"+text))
	}
	for _, c := range []struct {
		name  string
		files files
		opt   OpenOptions
		says  []string
	}{
		{"no labels", good.with("labels.csv", nil), OpenOptions{}, []string{"labels.csv", "missing", "--unlabelled"}},
		{"labels empty", good.with("labels.csv", []byte("sample,label\n")), OpenOptions{}, []string{"labels.csv", "no rows"}},
		{"labels without a column", good.with("labels.csv", []byte("sample,kind\nx,0\n")), OpenOptions{}, []string{"labels.csv", `no column "label"`}},
		{"sample twice in labels", good.with("labels.csv", []byte("sample,label\nx,0\nx,1\n")), OpenOptions{}, []string{"labels.csv: line 3", "line 2", `"x"`, `"sample"`}},
		{"label no number", good.with("labels.csv", []byte("sample,label\nx,cat\n")), OpenOptions{}, []string{"labels.csv", `"cat"`, "--class-names"}},
		{"label negative", good.with("labels.csv", []byte("sample,label\nx,-1\n")), OpenOptions{}, []string{"labels.csv: line 2", "label -1"}},
		{"sample unknown", answers("x,0,1\ny,0,1\nw,0,1\nz,0,1\n"), OpenOptions{}, []string{"m.csv has 4 samples", "1 are not in", "(w)", "--inner"}},
		{"sample missing", answers("x,0,1\nz,0,1\n"), OpenOptions{}, []string{"m.csv has 2 samples", "lacks 1 (y)"}},
		{"sample twice", answers("x,0,1\nx,0,1\n"), OpenOptions{}, []string{"m.csv: line 3", "line 2", `"x"`}},
		{"confidence above 1", answers("x,0,1.01\ny,0,1\nz,0,1\n"), OpenOptions{}, []string{"m.csv: line 2", "1.01", "between 0 and 1"}},
		{"confidence negative", answers("x,0,-0.5\ny,0,1\nz,0,1\n"), OpenOptions{}, []string{"m.csv: line 2", "-0.5"}},
		{"confidence NaN", answers("x,0,nan\ny,0,1\nz,0,1\n"), OpenOptions{}, []string{"m.csv: line 2", "NaN"}},
		{"confidence missing", answers("x,0,\ny,0,1\nz,0,1\n"), OpenOptions{}, []string{"m.csv: line 2", `"confidence" is empty`}},
		{"confidence misspelled", good.with("m.csv", []byte("sample,label,confidense\nx,0,1\ny,0,1\nz,0,1\n")), OpenOptions{}, []string{"m.csv", `no column "confidence"`}},
		{"cells missing", answers("x,0\n"), OpenOptions{}, []string{"m.csv", "line 2"}},
		{"class too large", answers("x,0,1\ny,5,1\nz,0,1\n"), OpenOptions{Classes: 3}, []string{"m.csv: line 3", "label 5", "3 classes"}},
		{"label too large", answers("x,0,1\ny,0,1\nz,0,1\n"), OpenOptions{Classes: 2}, []string{"labels.csv: row 2: label 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, err := tryImport(t, "csv", c.opt, c.files.write(t))
			wantSays(t, err, c.says...)
			if _, err := os.Stat(dir); err == nil {
				t.Error("a zoo was made")
			}
		})
	}
	// Answers go into a zoo that knows of more classes than were seen, not of fewer.
	z, err := zoo.Create(filepath.Join(t.TempDir(), "zoo"), 1000)
	if err != nil {
		t.Fatal(err)
	}
	mustImport(t, z.Dir(), mustOpen(t, "csv", OpenOptions{}, good.write(t)), "all")
	z, err = zoo.Create(filepath.Join(t.TempDir(), "zoo"), 2)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Import(t.Context(), z.Dir(), mustOpen(t, "csv", OpenOptions{}, good.write(t)), Options{Splits: []Cut{{Split: "all"}}})
	wantSays(t, err, "2 classes", "has 3")
}
