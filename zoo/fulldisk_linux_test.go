package zoo

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFullFileSystem fills small file systems of memory, which takes root's rights.
func TestFullFileSystem(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	for kb := 64; ; kb += 160 {
		mount := t.TempDir()
		if err := unix.Mount("tmpfs", mount, "tmpfs", 0, fmt.Sprintf("size=%dk", kb)); err != nil {
			t.Skip("needs the right to mount:", err)
		}
		t.Cleanup(func() { unix.Unmount(mount, unix.MNT_DETACH) })
		dir := filepath.Join(mount, "zoo")
		out, err := child(dir).CombinedOutput()
		if err == nil {
			checkJob(t, dir, true)
			return
		}
		if !strings.Contains(string(out), dir+"/") || !strings.Contains(string(out), "no space left") {
			t.Errorf("the message for %d KB names no file: %s", kb, out)
		}
		if _, err := Open(dir); !errors.Is(err, fs.ErrNotExist) {
			checkJob(t, dir, false)
		}
		if err := unix.Mount("tmpfs", mount, "tmpfs", unix.MS_REMOUNT, "size=20m"); err != nil {
			t.Fatal(err)
		}
		if out, err := child(dir).CombinedOutput(); err != nil {
			t.Fatalf("with room again: %v: %s", err, out)
		}
		checkJob(t, dir, true)
	}
}
