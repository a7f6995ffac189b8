package importer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// csvModels are two models on the samples x, y and z whose rows are in different orders.
var csvModels = files{
	"models.csv": []byte("name,gflops\na,1\nb,2\n"),
	"a.csv":      []byte("filename,label,0,1,2\nx,0,1,0,0\ny,1,0,1,0\nz,2,0.25,0.25,0.5\n"),
	"b.csv":      []byte("1,filename,2,0,label\n0.25,z,0.5,0.25,2\n0,x,0,1,0\n1,y,0,0,1\n"),
}

// Rows are joined by the names of their samples, under any heading, and columns by their
// numbers.
func TestJoin(t *testing.T) {
	t.Parallel()
	rename := func(f files, to string) files {
		for _, file := range []string{"a.csv", "b.csv"} {
			f = f.with(file, []byte(strings.Replace(string(f[file]), "filename", to, 1)))
		}
		return f
	}
	for _, heading := range []string{"id", "IDs", "sample", "filename", "file", "path", "image", "name", "url", ""} {
		s := mustOpen(t, "csv", OpenOptions{}, rename(csvModels, heading).write(t))
		z, _ := mustImport(t, t.TempDir(), s, "all")
		if got, want := readZooRows(t, z, "b", "all"), readZooRows(t, z, "a", "all"); !slices.Equal(got, want) {
			t.Errorf("%q: got %04x, want %04x", heading, got, want)
		}
		if _, ids, err := z.Labels("all"); err != nil || !slices.Equal(ids, []string{"x", "y", "z"}) {
			t.Errorf("%q: ids %q, %v", heading, ids, err)
		}
		notes := strings.Join(s.Notes(), "\n")
		if want := `joined by the column "` + heading + `"`; heading != "" && !strings.Contains(notes, want) || !strings.Contains(notes, "b.csv") {
			t.Errorf("%q: notes %q", heading, notes)
		}
	}
	// A cut is of the joined samples.
	z, _ := mustImport(t, t.TempDir(), mustOpen(t, "csv", OpenOptions{}, csvModels.write(t)), "search=0:2", "test=2:")
	if got, want := readZooRows(t, z, "b", "test"), readZooRows(t, z, "a", "test"); !slices.Equal(got, want) {
		t.Errorf("got %04x, want %04x", got, want)
	}
}

// Models are added to the split of a zoo in its order.
func TestJoinZoo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustImport(t, dir, mustOpen(t, "csv", OpenOptions{}, csvModels.with("b.csv", nil).with("models.csv", []byte("name,gflops\na,1\n")).write(t)), "all")
	later := csvModels.with("a.csv", nil).with("models.csv", []byte("name,gflops\nb,1\n"))
	for range 2 {
		s := mustOpen(t, "csv", OpenOptions{}, later.write(t))
		z, _ := mustImport(t, dir, s, "all")
		if got, want := readZooRows(t, z, "b", "all"), readZooRows(t, z, "a", "all"); !slices.Equal(got, want) {
			t.Errorf("got %04x, want %04x", got, want)
		}
		if notes := s.Notes(); !slices.Contains(notes, "put in the order of the zoo's split all") {
			t.Errorf("notes %q", notes)
		}
	}
	for name, says := range map[string]string{"x,0,1,0,0\ny,1,0,1,0\n": "1 of the 3 samples of the zoo's split", "x,0,1,0,0\ny,1,0,1,0\nw,2,1,0,0\n": "1 of the 3 samples are not among the 3", "z,1,1,0,0\ny,1,0,1,0\nx,0,1,0,0\n": "1 of the 3 samples have other labels"} {
		f := later.with("b.csv", []byte("filename,label,0,1,2\n"+name))
		_, err := Import(t.Context(), dir, mustOpen(t, "csv", OpenOptions{}, f.with("models.csv", []byte("name,gflops\nc,1\n")).with("c.csv", f["b.csv"]).with("b.csv", nil).write(t)), Options{Splits: []Cut{{Split: "all"}}})
		wantSays(t, err, says)
	}
}

// Models on fewer samples are refused, or all have those that all have.
func TestInner(t *testing.T) {
	t.Parallel()
	some := csvModels.with("b.csv", []byte("filename,0,1,2\nz,0.25,0.25,0.5\nw,1,0,0\nx,1,0,0\n"))
	_, err := tryImport(t, "csv", OpenOptions{}, some.write(t))
	wantSays(t, err, "b.csv has 3 samples", "a.csv has 3", "lacks 1 (y)", "1 are not in", "(w)", "--inner")
	s := mustOpen(t, "csv", OpenOptions{Inner: true}, some.write(t))
	z, _ := mustImport(t, t.TempDir(), s, "all")
	labels, ids, err := z.Labels("all")
	if err != nil || !slices.Equal(labels, []uint16{0, 2}) || !slices.Equal(ids, []string{"x", "z"}) {
		t.Errorf("labels %v, ids %q, %v", labels, ids, err)
	}
	if got, want := readZooRows(t, z, "b", "all"), readZooRows(t, z, "a", "all"); !slices.Equal(got, want) {
		t.Errorf("got %04x, want %04x", got, want)
	}
	if notes := strings.Join(s.Notes(), "\n"); !strings.Contains(notes, "2 samples are in all files") {
		t.Errorf("notes %q", notes)
	}
	none := csvModels.with("b.csv", []byte("filename,0,1,2\nv,0.25,0.25,0.5\nw,1,0,0\n"))
	_, err = tryImport(t, "csv", OpenOptions{Inner: true}, none.write(t))
	wantSays(t, err, "no sample is in all files", `"x"`, "w")
}

// Samples that all files have are found by ids alone.
func TestInnerNeedsIDs(t *testing.T) {
	t.Parallel()
	const says = "--inner finds the samples that all files have by their ids, and these files have none"
	fewer := goodNPY.with("b.npy", floats("(2, 2)", 1, 0, 0, 1)).write(t)
	_, err := tryImport(t, "npy", OpenOptions{Inner: true}, fewer)
	wantSays(t, err, "b.npy has 2 rows, but", "labels.npy has 3 labels", says, "ids.npy")
	answers := goodNPY.with("b.npy", labels(0, 1)).write(t)
	_, err = tryImport(t, "npy", OpenOptions{Inner: true}, answers)
	wantSays(t, err, "b.npy has 2 answers", says)
	table := files{"models.csv": []byte("name,gflops\na,1\nb,2\n"), "a.csv": []byte("label,0,1\n0,1,0\n1,0,1\n"), "b.csv": []byte("0,1\n1,0\n")}
	_, err = tryImport(t, "csv", OpenOptions{Inner: true}, table.write(t))
	wantSays(t, err, "b.csv has 1 rows", says, "a column id to each table")
}

// What leaves a doubt about which row is which sample is refused.
func TestBadJoin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files files
		says  []string
	}{
		{"ids twice", csvModels.with("b.csv", []byte("filename,0,1,2\nz,0.25,0.25,0.5\nx,1,0,0\nx,1,0,0\n")), []string{"b.csv: line 4", "line 3", `"x"`, `"filename"`}},
		{"other labels", csvModels.with("b.csv", []byte("filename,label,0,1,2\nz,1,0.25,0.25,0.5\nx,0,1,0,0\ny,1,1,0,0\n")), []string{"b.csv: line 2: label 1", "a.csv has 2", `"z"`}},
		{"no ids in one, others in two orders", csvModels.with("c.csv", []byte("0,1,2\n1,0,0\n1,0,0\n1,0,0\n")).with("models.csv", []byte("name,gflops\na,1\nb,2\nc,3\n")), []string{"c.csv has no ids", "different orders"}},
		{"fewer rows without ids", csvModels.with("b.csv", []byte("0,1,2\n1,0,0\n")), []string{"b.csv has 1 rows and no ids", "3 samples"}},
		{"columns of two cases", csvModels.with("b.csv", []byte("filename,Label,label,0,1,2\nz,1,2,0.25,0.25,0.5\n")), []string{"b.csv", `"Label" and "label"`}},
		{"a comma too many", csvModels.with("a.csv", []byte("filename,label,0,1,2\nx,0,1,0,0\ny,1,0,1,0,\n")), []string{"a.csv: line 3 has 6 fields", "the first line has 5"}},
		{"two columns of a class", csvModels.with("a.csv", []byte("filename,label,p0,p1,p01\nx,0,1,0,0\n")), []string{"a.csv", `"p1" and "p01"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := tryImport(t, "csv", OpenOptions{}, c.files.write(t))
			wantSays(t, err, c.says...)
		})
	}
	// A file without ids is taken to be in the order of those that have them, if they have one.
	one := csvModels.with("b.csv", []byte("0,1,2\n1,0,0\n0,1,0\n0.25,0.25,0.5\n"))
	s := mustOpen(t, "csv", OpenOptions{}, one.write(t))
	if notes := strings.Join(s.Notes(), "\n"); !strings.Contains(notes, "no ids, so taken to be in the order of") {
		t.Errorf("notes %q", notes)
	}
}

// Folders of arrays are joined by their ids.
func TestJoinArrays(t *testing.T) {
	t.Parallel()
	ids := func(text string) []byte {
		var runes []uint32
		for _, r := range text {
			runes = append(runes, uint32(r))
		}
		return npyFile("<U1", "(3,)", runes)
	}
	first := goodNPY.with("b.npy", nil).with("models.csv", []byte("name,gflops\na,1\n")).with("ids.npy", ids("xyz")).write(t)
	later := files{
		"b.npy":      floats("(3, 2)", 0.25, 0.75, 1, 0, 0.5, 0.5),
		"ids.npy":    ids("zxy"),
		"models.csv": []byte("name,gflops\nb,1\n"),
	}
	z, _ := mustImport(t, t.TempDir(), mustOpen(t, "npy", OpenOptions{}, first, later.write(t)), "all")
	if got, want := readZooRows(t, z, "b", "all"), readZooRows(t, z, "a", "all"); !slices.Equal(got, want) {
		t.Errorf("got %04x, want %04x", got, want)
	}
	bare := files{"c.npy": later["b.npy"], "models.csv": []byte("name,gflops\nc,1\n")}
	_, err := tryImport(t, "npy", OpenOptions{}, first, later.write(t), bare.write(t))
	wantSays(t, err, "has no ids", "different orders", "ids.npy")
	_, err = tryImport(t, "npy", OpenOptions{}, first, later.with("labels.npy", labels(0, 0, 1)).write(t))
	wantSays(t, err, "row 0: label 0", "has 1 there", `"z"`)
}

// A column that only counts the rows is no name of samples where another one is.
func TestRowNumbersAreNoIDs(t *testing.T) {
	t.Parallel()
	numbered := files{
		"models.csv": []byte("name,gflops\na,1\nb,2\n"),
		"a.csv":      []byte("id,filename,label,0,1,2\n0,x,0,1,0,0\n1,y,1,0,1,0\n2,z,2,0.25,0.25,0.5\n"),
		"b.csv":      []byte("id,filename,label,0,1,2\n0,z,2,0.25,0.25,0.5\n1,x,0,1,0,0\n2,y,1,0,1,0\n"),
	}
	z, _ := mustImport(t, t.TempDir(), mustOpen(t, "csv", OpenOptions{}, numbered.write(t)), "all")
	if got, want := readZooRows(t, z, "b", "all"), readZooRows(t, z, "a", "all"); !slices.Equal(got, want) {
		t.Errorf("got %04x, want %04x", got, want)
	}
}

// A column of labels beside others that nobody understands is not taken for answers; and
// answers that are all correct are suspected.
func TestTruthIsNoAnswer(t *testing.T) {
	t.Parallel()
	labels := "id,label\n"
	unknown, perfect := "id,cat,dog,label,confidence\n", "id,label,confidence\n"
	for i := range 24 {
		labels += fmt.Sprintf("s%d,%d\n", i, i%2)
		unknown += fmt.Sprintf("s%d,0.75,0.25,%d,0.75\n", i, i%2)
		perfect += fmt.Sprintf("s%d,%d,0.75\n", i, i%2)
	}
	all := files{"models.csv": []byte("name,gflops\na,1\n"), "labels.csv": []byte(labels), "a.csv": []byte(unknown)}
	_, err := tryImport(t, "csv", OpenOptions{}, all.write(t))
	wantSays(t, err, "a.csv", `"label" may be the truth`, "cat, dog", "--class-names", "prediction")
	s := mustOpen(t, "csv", OpenOptions{}, all.with("a.csv", []byte(perfect)).write(t))
	_, summary := mustImport(t, t.TempDir(), s, "all")
	if warnings := strings.Join(summary.Warnings, "\n"); !strings.Contains(warnings, "correct on all 24 samples: are they the true labels?") {
		t.Errorf("warnings %q", warnings)
	}
}

// Samples that do not fit those of the zoo's split are told from them: by ids that one of
// them lacks, by other ids, by other labels.
func TestOtherSamples(t *testing.T) {
	t.Parallel()
	named := goodNPY.with("ids.npy", npyFile("<U1", "(3,)", []uint32{'x', 'y', 'z'}))
	for _, c := range []struct {
		name         string
		first, then  files
		split, again string
		says         []string
	}{
		{"no ids", named, goodNPY, "search", "search", []string{"labels.npy: its samples have no ids", `"x", "y", "z"`, "ids.npy"}},
		{"ids", goodNPY, named, "search", "search", []string{"ids.npy: its samples have ids", `"search" have none`, "leave the ids out"}},
		{"no ids of a range", named, goodNPY, "search=0:2", "search=0:2", []string{"labels.npy: its samples have no ids"}},
		{"other ids", named, named.with("ids.npy", npyFile("<U1", "(3,)", []uint32{'x', 'w', 'z'})), "search", "search", []string{"ids.npy: 1 of the 3 samples", `"w"`, "another split"}},
		{"more ids", named, named, "search=0:2", "search", []string{`ids.npy: 1 of the 3 samples are not among the 2`, `"z"`}},
		{"other labels", named, named.with("labels.npy", labels(0, 0, 0)), "search", "search", []string{"ids.npy: 2 of the 3 samples have other labels", "y is 1 there and 0 here"}},
	} {
		dir := t.TempDir()
		mustImport(t, dir, mustOpen(t, "npy", OpenOptions{}, c.first.write(t)), c.split)
		_, err := Import(t.Context(), dir, mustOpen(t, "npy", OpenOptions{}, c.then.with("models.csv", []byte("name,gflops\na,1\nb,2\n")).write(t)), Options{Splits: mustCut(t, c.again)})
		t.Run(c.name, func(t *testing.T) { wantSays(t, err, c.says...) })
	}
}
