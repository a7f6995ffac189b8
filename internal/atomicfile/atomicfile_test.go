package atomicfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, other := filepath.Join(dir, "new"), filepath.Join(dir, "other")
	for _, text := range []string{"one", "", "another"} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != text {
			t.Errorf("%q, %v instead of %q", data, err, text)
		}
	}
	if err := os.WriteFile(other, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	got, _ := os.Stat(path)
	want, _ := os.Stat(other)
	if got.Mode() != want.Mode() {
		t.Errorf("permissions %v, the umask leaves %v", got.Mode(), want.Mode())
	}
	if names := list(t, dir); names != "new other" {
		t.Errorf("the folder has %s", names)
	}
}

// A link stays one, permissions stay, and what is no regular file is written to.
func TestWriteFileOverOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link := filepath.Join(dir, "secret"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	if err := WriteFile(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Lstat(link)
	target, _ := os.Lstat(path)
	if data, err := os.ReadFile(path); string(data) != "new" || info.Mode()&os.ModeSymlink == 0 || target.Mode().Perm() != 0o600 {
		t.Errorf("%q, %v: link %v, target %v", data, err, info.Mode(), target.Mode())
	}
	if err := WriteFile(os.DevNull, []byte("gone")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%s is %v, %v", os.DevNull, info.Mode(), err)
	}
}

// Errors name the final file and no temporary one, and leave nothing behind.
func TestErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "full"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{taken, filepath.Join(dir, "none", "file")} {
		err := WriteFile(path, []byte("text"))
		var named *fs.PathError
		if !errors.As(err, &named) || named.Path != path || strings.Contains(err.Error(), temporary) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if names := list(t, dir); names != "taken" {
		t.Errorf("the folder has %s", names)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("ab"))
	f.Write([]byte("c"))
	if at, err := f.Seek(0, 1); at != 3 || err != nil || f.Size() != 3 {
		t.Errorf("at %d of %d bytes: %v", at, f.Size(), err)
	}
	if f.SHA256() != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Error("hash", f.SHA256())
	}
	if names := list(t, dir); !IsTemporary(names) {
		t.Errorf("before it is placed the folder has %s", names)
	}
	if err := errors.Join(f.Sync(), f.Place()); err != nil || !f.Renamed() {
		t.Fatal(err)
	}
	f.Discard()
	if names := list(t, dir); names != "file" {
		t.Errorf("the folder has %s", names)
	}

	// The first error stays, and the file never appears.
	failed := errors.New("first")
	if f, err = Create(path + "2"); err != nil {
		t.Fatal(err)
	}
	f.Fail(failed)
	f.Fail(errors.New("second"))
	_, err = f.Write([]byte("x"))
	for _, err := range []error{err, f.Err(), f.Sync(), f.Rename(), f.Place()} {
		if !errors.Is(err, failed) {
			t.Errorf("error %v", err)
		}
	}
	f.Discard()
	if names := list(t, dir); names != "file" {
		t.Errorf("the folder has %s", names)
	}
}

func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// TestRemoveAbandoned: temporary files of processes that have ended go, and old ones; those
// of others stay.
func TestRemoveAbandoned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mine, err := Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, age time.Duration) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(-age)
		os.Chtimes(path, when, when)
		return name
	}
	gone := []string{put(".tmp-0123456789abcdef-"+owner()+"-1073741824", 0), put(".tmp-1", 2*time.Hour), put(".tmp-2-elsewhere-1073741824", 2*time.Hour)}
	stays := []string{put(".tmp-3", 0), put(".tmp-4-elsewhere-1073741824", 0), put("file.txt", 2*time.Hour), put(".tmp-5-"+owner()+"-x", 0)}
	if err := RemoveAbandoned(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range gone {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is there", name)
		}
	}
	for _, name := range stays {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if err := mine.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := mine.Place(); err != nil {
		t.Error(err)
	}
}

// What is taken over is another name of the source, which stays, or a copy.
func TestTake(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source, path := filepath.Join(dir, "source"), filepath.Join(dir, "taken")
	if err := os.WriteFile(source, []byte("abc"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, linked := range []bool{true, false} {
		in, err := os.Open(source)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if !linked { // the name is another file's now
			if err := errors.Join(os.Remove(source), os.WriteFile(source, []byte("other"), 0o666)); err != nil {
				t.Fatal(err)
			}
		}
		f, err := Take(t.Context(), in, path)
		if err != nil {
			t.Fatal(err)
		}
		if f.Linked() != linked || f.Size() != 3 || f.SHA256() != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
			t.Errorf("linked %v, %d bytes, %s", f.Linked(), f.Size(), f.SHA256())
		}
		if err := errors.Join(f.Sync(), f.Place()); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != "abc" {
			t.Errorf("%q, %v", data, err)
		}
	}
	in, _ := os.Open(source)
	defer in.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Take(ctx, in, path); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if names := list(t, dir); names != "source taken" {
		t.Errorf("the folder has %s", names)
	}
}
