package lock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "runs", "new")
	for range 2 {
		l, err := Folder(dir)
		if err != nil || l == nil {
			t.Fatal(l, err)
		}
		if _, err := Folder(dir); !errors.Is(err, ErrInUse) {
			t.Errorf("locked twice: %v", err)
		}
		l.Unlock()
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Folder(file); err == nil || errors.Is(err, ErrInUse) {
		t.Errorf("a file as a folder: %v", err)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(path, nil, 0o666); err != nil { // left by a process that was killed
		t.Fatal(err)
	}
	for range 2 {
		l, err := File(path)
		if err != nil || l == nil {
			t.Fatal(l, err)
		}
		if _, err := File(path); !errors.Is(err, ErrInUse) {
			t.Errorf("locked twice: %v", err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("who was refused removed it: %v", err)
		}
		l.Unlock()
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("left behind: %v", err)
		}
	}
	if _, err := File(filepath.Join(path, "in", "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in no folder: %v", err)
	}
	var none *Lock
	none.Unlock()
}
