package zoo

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// residentOf returns how many kilobytes of a mapped file are in the memory of the process.
func residentOf(t *testing.T, path string) int {
	t.Helper()
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer maps.Close()
	inside, resident := false, 0
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		switch text, isResident := strings.CutPrefix(lines.Text(), "Rss:"); {
		case strings.Contains(lines.Text(), "-") && strings.Contains(lines.Text(), " r"):
			inside = strings.HasSuffix(lines.Text(), path)
		case inside && isResident:
			kilobytes, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(text), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			resident += kilobytes
		}
	}
	return resident
}

// TestKeepSmall: what is dropped of a mapped index goes from memory, and is there when it is read.
func TestKeepSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(path, []byte(strings.Repeat("0123456789abcdef", 1<<16)), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	defer copied.Add(-copyLimit())
	copied.Add(copyLimit()) // there is no room for copies
	data, drop, unmap, err := mapFile(f, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	ix := &Index{models: map[string]openIndex{"m": {drop: drop, unmap: unmap}}}
	read := func() (sum int) {
		for _, b := range data {
			sum += int(b)
		}
		return sum
	}
	before := read()
	if got := residentOf(t, path); got < 1<<10 {
		t.Fatalf("%d of 1024 KB of a file that was read are in memory", got)
	}
	ix.rest = ix.keepSmall(-1)
	for end := time.Now().Add(10 * time.Second); residentOf(t, path) > 0; {
		if time.Now().After(end) {
			t.Fatalf("%d KB are still in memory", residentOf(t, path))
		}
		time.Sleep(residentCheck)
	}
	if after := read(); after != before {
		t.Errorf("%d is read instead of %d", after, before)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Madvise(data, unix.MADV_DONTNEED); err == nil {
		t.Error("still mapped")
	}
}
