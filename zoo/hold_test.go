package zoo

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/process"
)

// recordOf returns the record of the writer that has a zoo.
func recordOf(t *testing.T, z *Zoo) string {
	t.Helper()
	records, _ := filepath.Glob(filepath.Join(z.Dir(), "writer-*.json"))
	if len(records) != 1 {
		t.Fatalf("records: %v", records)
	}
	return records[0]
}

// TestLockDeleted: a writer is seen by another although its lock was deleted.
func TestLockDeleted(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 1)
	w := write(t, z)
	m, err := w.NewModel(Model{Name: "m"})
	if err != nil {
		t.Fatal(err)
	}
	writeRows(t, m, "search", []uint16{one, 0})
	os.Remove(filepath.Join(z.Dir(), "lock"))
	second, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	_, err = second.Write()
	if !errors.Is(err, ErrLocked) {
		t.Fatalf("a second writer: %v", err)
	}
	expectError(t, err, recordOf(t, z))
	if err := m.Commit(); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	w = write(t, z)
	defer w.Close()
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// TestTakenOver: a writer that was taken for dead changes nothing any more, and removes
// nothing of the other's.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 1)
	first := write(t, z)
	m, err := first.NewModel(Model{Name: "m"})
	if err != nil {
		t.Fatal(err)
	}
	writeRows(t, m, "search", []uint16{one, 0})

	// As a writer on another machine, whose locks are not seen, that was silent for long.
	record := recordOf(t, z)
	data, _ := json.Marshal(writerRecord{ID: process.ID{Host: "other", Machine: "other", PID: os.Getpid()}})
	os.WriteFile(record, data, 0o666)
	os.Remove(filepath.Join(z.Dir(), "lock"))
	second, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	_, err = second.Write()
	expectError(t, err, "process", "on other", "remove "+record)
	long := time.Now().Add(-2 * deadAfter)
	os.Chtimes(record, long, long)
	w := write(t, second)
	addModel(t, w, "m", "search", []uint16{0, one})

	if err := m.Commit(); !errors.Is(err, ErrLocked) {
		t.Errorf("a model of the first: %v", err)
	}
	for what, err := range map[string]error{
		"a split":     first.AddSplit("more", []uint16{0}, nil),
		"class names": first.SetClassNames([]string{"a", "b"}),
		"removal":     first.RemoveModel("m"),
		"a column":    first.SetColumns(map[string]map[string]string{"m": {"a": "b"}}),
	} {
		if !errors.Is(err, ErrLocked) {
			t.Errorf("%s: %v", what, err)
		}
	}
	first.Close()
	w.Close()
	if err := second.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func TestEnded(t *testing.T) {
	t.Parallel()
	me := writerRecord{process.This(), "1:2"}
	for _, c := range []struct {
		what   string
		change func(r *writerRecord)
		ended  bool
	}{
		{"this process", func(*writerRecord) {}, false}, // whose lock was not seen
		{"no process", func(r *writerRecord) { r.PID = 1 << 30 }, true},
		{"its number, used again", func(r *writerRecord) { r.Started += "1" }, true},
		{"another machine", func(r *writerRecord) { r.Machine, r.PID = "other", 1<<30 }, false},
		{"another container", func(r *writerRecord) { r.Space, r.PID = "pid:[1]", 1<<30 }, true},
		{"another container and file", func(r *writerRecord) { r.Space, r.Lock = "pid:[1]", "3:4" }, false},
		{"a lock without identity", func(r *writerRecord) { r.Space, r.Lock = "pid:[1]", "" }, false},
		{"a damaged record", func(r *writerRecord) { *r = writerRecord{} }, false},
	} {
		r := me
		if c.change(&r); r.ended(me) != c.ended {
			t.Errorf("%s: ended %v", c.what, !c.ended)
		}
	}
}
