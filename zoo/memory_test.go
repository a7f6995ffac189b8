package zoo

import (
	"io"
	"os"
	"runtime"
	"slices"
	"testing"
)

// TestMemory writes, verifies and indexes a large archive and watches the heap: it
// holds pages, not the archive.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a large archive")
	}
	const n, classes, limit = 40_000, 1000, 48 << 20 // 80 MB of float16
	rows := randomRows(1, 100, classes)
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak := uint64(0)
	watch := func() {
		runtime.ReadMemStats(&now)
		peak = max(peak, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
	}

	z := newZoo(t, classes, n)
	w := write(t, z)
	m, err := w.NewModel(Model{Name: "m"})
	if err != nil {
		t.Fatal(err)
	}
	for range n / 100 {
		writeRows(t, m, "search", rows)
		watch()
	}
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	watch()
	r, err := z.Predictions("m", "search")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for buf := make([]uint16, 100*classes); ; watch() {
		_, err := r.ReadRows(buf)
		if err == io.EOF {
			break
		}
		if err != nil || !slices.Equal(buf, rows) {
			t.Fatalf("rows differ: %v", err)
		}
	}
	os.Remove(z.indexPath("search", "m"))
	openIndexOf(t, z, "search", "m")
	watch()
	t.Logf("at most %d MB", peak>>20)
	if peak > limit {
		t.Errorf("the heap grew by %d MB", peak>>20)
	}
}
