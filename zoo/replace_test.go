package zoo

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

const replaceRows = 400

// replaceOnce puts generation g of the model "net" in the place of the one before.
func replaceOnce(w *Writer, g int) error {
	m, err := w.ReplaceModel(Model{Name: "net", Columns: map[string]string{"gflops": strconv.Itoa(g)}})
	if err != nil {
		return err
	}
	defer m.Abort()
	for row := range slices.Chunk(randomRows(uint64(g), replaceRows, jobClasses), jobClasses) {
		if err := m.WriteRow("search", row); err != nil {
			return err
		}
	}
	return m.Commit()
}

// generation checks that "net" is whole and returns which one it is.
func generation(t *testing.T, dir string) int {
	t.Helper()
	z, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	m, err := z.Model("net")
	if err != nil {
		t.Fatal(err)
	}
	g, err := strconv.Atoi(m.Columns["gflops"])
	if err != nil {
		t.Fatal(err)
	}
	want := randomRows(uint64(g), replaceRows, jobClasses)
	if !slices.Equal(readAll(t, z, "net", "search"), want) {
		t.Fatalf("generation %d: rows of another one", g)
	}
	if !sameLists(openIndexOf(t, z, "search", "net").Lists("net"), BuildLists(want, jobClasses)) {
		t.Fatalf("generation %d: lists of another one", g)
	}
	return g
}

func TestReplaceModel(t *testing.T) {
	t.Parallel()
	z := newZoo(t, jobClasses, replaceRows)
	w := write(t, z)
	if err := w.AddSplit("test", randomLabels(10, jobClasses), nil); err != nil {
		t.Fatal(err)
	}
	addModel(t, w, "other", "search", randomRows(99, replaceRows, jobClasses))
	for g := 1; g <= 4; g++ {
		if err := replaceOnce(w, g); err != nil {
			t.Fatal(err)
		}
		if got := generation(t, z.Dir()); got != g {
			t.Errorf("generation %d instead of %d", got, g)
		}
	}
	// An unfinished replacement leaves everything as it was.
	before := z.Fingerprint()
	m, err := w.ReplaceModel(Model{Name: "net"})
	if err != nil {
		t.Fatal(err)
	}
	writeRows(t, m, "search", randomRows(5, replaceRows/2, jobClasses))
	if m.Commit() == nil {
		t.Error("half a model was committed")
	}
	if z.Fingerprint() != before || generation(t, z.Dir()) != 4 {
		t.Error("an unfinished replacement changed the zoo")
	}
	// The new one need not have the old one's splits.
	if m, err = w.ReplaceModel(Model{Name: "net", Columns: map[string]string{"gflops": "1"}}); err != nil {
		t.Fatal(err)
	}
	writeRows(t, m, "test", randomRows(6, 10, jobClasses))
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	expectFiles(t, z, "lock", "zoo.json", "splits/search.parquet", "splits/test.parquet", "models/{net}.json", "models/{other}.json",
		"archive/search/{other}.parquet", "index/search/{other}.index.arrow", "archive/test/{net}.parquet", "index/test/{net}.index.arrow")

	// A model that is an index alone keeps it until the new one is there.
	lists := BuildLists(randomRows(7, replaceRows, jobClasses), jobClasses)
	if err := w.AddIndexOnly(Model{Name: "simulated"}, map[string]Lists{"search": lists}); err != nil {
		t.Fatal(err)
	}
	if m, err = w.ReplaceModel(Model{Name: "simulated"}); err != nil {
		t.Fatal(err)
	}
	writeRows(t, m, "search", randomRows(8, replaceRows, jobClasses))
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	m.Abort()
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if m, err = w.ReplaceModel(Model{Name: "simulated"}); err != nil {
		t.Fatal(err)
	}
	full := randomRows(8, replaceRows, jobClasses)
	writeRows(t, m, "search", full)
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	if !sameLists(openIndexOf(t, z, "search", "simulated").Lists("simulated"), BuildLists(full, jobClasses)) {
		t.Error("lists of the replaced model")
	}
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// replaceVariable makes the test program replace a model for ever.
const replaceVariable = "ENCAS_ZOO_TEST_REPLACE"

func replaceForEver(dir string) error {
	z, err := Open(dir)
	if err != nil {
		return err
	}
	w, err := z.Write()
	if err != nil {
		return err
	}
	m, err := z.Model("net")
	if err != nil {
		return err
	}
	g, err := strconv.Atoi(m.Columns["gflops"])
	if err != nil {
		return err
	}
	for {
		g++
		if err := replaceOnce(w, g); err != nil {
			return err
		}
	}
}

// TestKillReplace kills a process that replaces a model again and again: after every
// kill there is one whole model, the old one or the new one.
func TestKillReplace(t *testing.T) {
	kills := 30
	if testing.Short() {
		kills = 5
	}
	z := newZoo(t, jobClasses, replaceRows)
	w := write(t, z)
	if err := replaceOnce(w, 1); err != nil {
		t.Fatal(err)
	}
	w.Close()
	last := 1
	for range kills {
		c := child("", fmt.Sprint(replaceVariable, "=", z.Dir()))
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Float64() * float64(150*time.Millisecond)))
		c.Process.Kill()
		if err := c.Wait(); err == nil || c.ProcessState.Exited() {
			t.Fatalf("the writer ended by itself: %v", err)
		}
		g := generation(t, z.Dir())
		if g < last {
			t.Fatalf("generation %d after %d", g, last)
		}
		last = g
	}
	t.Logf("%d replacements", last)
	again, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, again).Close()
	m, _ := again.Model("net")
	archive := "archive/search/{net}.parquet"
	if m.Splits["search"].Second {
		archive = "archive/search/{net}.2.parquet"
	}
	expectFiles(t, again, "lock", "zoo.json", "splits/search.parquet", "models/{net}.json", archive, "index/search/{net}.index.arrow")
}
