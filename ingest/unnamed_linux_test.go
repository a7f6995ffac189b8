package ingest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUnnamed: the file of a spool has no name from the start, where the file system can do that.
func TestUnnamed(t *testing.T) {
	dir := t.TempDir()
	if fd, err := unix.Open(dir, unix.O_RDWR|unix.O_TMPFILE|unix.O_CLOEXEC, 0o600); err != nil {
		t.Skip("no files without names here: ", err)
	} else {
		unix.Close(fd)
	}
	f, err := unnamed(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Name() != dir {
		t.Errorf("it had the name %s", f.Name())
	}
	if _, err := f.WriteString("content"); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v in the folder, %v", entries, err)
	}
}
