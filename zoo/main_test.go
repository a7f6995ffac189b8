package zoo

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// childVariable makes the test program a writer that its parent may kill or starve.
const childVariable = "ENCAS_ZOO_TEST_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := limitFileSize(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		if err := writeJob(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(mergeVariable); dir != "" {
		if err := mergeJob(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(replaceVariable); dir != "" {
		fmt.Fprintln(os.Stderr, replaceForEver(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child returns a command that does writeJob(dir) in a process of its own.
func child(dir string, env ...string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), childVariable+"="+dir), env...)
	return c
}

const (
	jobModels  = 5
	jobClasses = 40
	jobSearch  = 1500
	jobTest    = 300
)

func jobName(i int) string { return fmt.Sprint("model/", i) }

// writeJob makes a zoo of a few models, and goes on where an earlier call of it was
// interrupted, as an import does.
func writeJob(dir string) error {
	z, err := Open(dir)
	if err != nil {
		if z, err = Create(dir, jobClasses); err != nil {
			return err
		}
	}
	w, err := z.Write()
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.AddSplit("search", randomLabels(jobSearch, jobClasses), nil); err != nil {
		return err
	}
	if err := w.AddSplit("test", randomLabels(jobTest, jobClasses), nil); err != nil {
		return err
	}
	for i := range jobModels {
		if z.HasModel(jobName(i)) {
			continue
		}
		m, err := w.NewModel(Model{Name: jobName(i), Columns: map[string]string{"gflops": "1"}})
		if err != nil {
			return err
		}
		defer m.Abort()
		for split, n := range map[string]int{"search": jobSearch, "test": jobTest} {
			for row := range slices.Chunk(randomRows(uint64(i), n, jobClasses), jobClasses) {
				if err := m.WriteRow(split, row); err != nil {
					return err
				}
			}
		}
		if err := m.Commit(); err != nil {
			return err
		}
	}
	return w.Close()
}

// checkJob verifies a zoo of writeJob, which may be unfinished, against what was to
// be written. finished asks for all of it, and for no other files.
func checkJob(t *testing.T, dir string, finished bool) {
	t.Helper()
	z, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	said := notes(z)
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	files := []string{"lock", "zoo.json", "splits/search.parquet", "splits/test.parquet"}
	for i := range jobModels {
		name := jobName(i)
		if !z.HasModel(name) {
			if finished {
				t.Fatalf("%s is missing", name)
			}
			continue
		}
		files = append(files, "models/{"+name+"}.json")
		for split, n := range map[string]int{"search": jobSearch, "test": jobTest} {
			files = append(files, "archive/"+split+"/{"+name+"}.parquet", "index/"+split+"/{"+name+"}.index.arrow")
			want := randomRows(uint64(i), n, jobClasses)
			if !slices.Equal(readAll(t, z, name, split), want) {
				t.Fatalf("%s: rows differ", name)
			}
			ix := openIndexOf(t, z, split, name)
			if !sameLists(ix.Lists(name), BuildLists(want, jobClasses)) {
				t.Fatalf("%s: lists differ", name)
			}
		}
	}
	if len(*said) > 0 {
		t.Errorf("the zoo had to repair something: %q", *said)
	}
	if finished {
		expectFiles(t, z, files...)
	}
}
