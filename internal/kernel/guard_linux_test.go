package kernel

import (
	"os"
	"syscall"
	"testing"
)

// TestAtTheEdge runs the tests of all kernels with every slice at the end, and then
// at the start, of the memory that may be touched: a kernel that reads outside its
// arguments dies here.
func TestAtTheEdge(t *testing.T) {
	const rooms, size = 160, 1 << 18
	page := os.Getpagesize()
	mapped, err := syscall.Mmap(-1, 0, rooms*(size+page)+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip("no memory to protect:", err)
	}
	defer syscall.Munmap(mapped)
	for i := range rooms + 1 {
		at := i * (size + page)
		if err := syscall.Mprotect(mapped[at:at+page], syscall.PROT_NONE); err != nil {
			t.Skip("cannot protect memory:", err)
		}
	}
	defer func() { edge = nil }()
	for side, name := range []string{"end", "start"} {
		next := 0
		// Rooms are used again; no test holds as many slices at a time.
		edge = func(n int) []byte {
			if n > size {
				return nil
			}
			from := next*(size+page) + page
			next = (next + 1) % rooms
			if side == 0 {
				from += size - n
			}
			return mapped[from : from+n : from+n]
		}
		t.Run(name, func(t *testing.T) {
			t.Run("Float16", TestFloat16Lengths)
			t.Run("TopK", TestTopK)
			t.Run("Sets", TestPathsAgree)
			t.Run("Bins", TestBins)
			t.Run("Missing", TestMissing)
			t.Run("Enter", TestEnter)
			t.Run("Same", TestSame)
			t.Run("Pass", TestPass)
			t.Run("Settle", TestSettle)
			t.Run("Compact", TestCompact)
			t.Run("Evaluate", TestEvaluate)
			t.Run("Correct", TestCorrect)
			t.Run("Cells", TestCells)
			t.Run("Histograms", TestHistograms)
			t.Run("Prefix2", TestPrefix2)
			t.Run("SetPair", TestSetPair)
			t.Run("Judge", TestJudge)
			t.Run("Screen", TestScreen)
		})
	}
}
