//go:build unix

package regular

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// atOnce fails the test if f waits.
func atOnce(t *testing.T, what string, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: it waits", what)
		return nil
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "regular") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	in := func(name string) string { return filepath.Join(dir, name) }
	os.WriteFile(in("file"), []byte("text"), 0o666)
	os.Symlink("file", in("link"))
	if err := syscall.Mkfifo(in("pipe"), 0o666); err != nil {
		t.Skip(err)
	}
	os.Symlink("pipe", in("link to pipe"))
	l, err := net.Listen("unix", in("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	root, err := Root(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"file", "link"} {
		for what, open := range map[string]func() (*os.File, error){
			"Open":   func() (*os.File, error) { return Open(in(name)) },
			"OpenIn": func() (*os.File, error) { return OpenIn(root, name) },
		} {
			f, err := open()
			if err != nil {
				t.Errorf("%s %s: %v", what, name, err)
				continue
			}
			if data, err := io.ReadAll(f); string(data) != "text" || err != nil {
				t.Errorf("%s %s: %q, %v", what, name, data, err)
			}
			f.Close()
		}
		if err := Check(in(name)); err != nil {
			t.Error(err)
		}
	}
	for name, says := range map[string]string{"pipe": "a pipe", "link to pipe": "a pipe", "socket": "a socket", ".": "a folder"} {
		for what, open := range map[string]func() error{
			"Open":   func() error { _, err := Open(in(name)); return err },
			"OpenIn": func() error { _, err := OpenIn(root, name); return err },
		} {
			err := atOnce(t, what+" "+name, open)
			if !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s %s: %v", what, name, err)
			}
		}
	}
	if _, err := Open("/dev/zero"); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a device: %v", err)
	}
	for _, name := range []string{"none", "none/none"} {
		if _, err := Open(in(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := atOnce(t, "Root", func() error { _, err := Root(in("pipe")); return err }); err == nil {
		t.Error("a pipe is a folder")
	}
}

// TestExchanged: what takes the place of a file after it was looked at is not waited for either.
func TestExchanged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	exchanged := func(path string) (fs.FileInfo, error) {
		os.WriteFile(path, nil, 0o666)
		info, err := os.Stat(path)
		os.Remove(path)
		if err := syscall.Mkfifo(path, 0o666); err != nil {
			t.Skip(err)
		}
		return info, err
	}
	err := atOnce(t, "open", func() error { _, err := open(path, exchanged, os.OpenFile); return err })
	if !errors.Is(err, ErrNotRegular) {
		t.Error(err)
	}
}
