// Package atomicfile writes files that appear whole or not at all: under a temporary
// name in their folder, synced, then renamed, and the folder synced. Errors name the
// final file.
package atomicfile

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/process"
)

// temporary begins the name of every file that is still being written. The rest is random
// and says which process writes it.
const temporary = ".tmp-"

// IsTemporary reports whether name is that of a file that is being written, or was
// when its writer was killed.
func IsTemporary(name string) bool { return strings.HasPrefix(name, temporary) }

// RandomName returns 16 hexadecimal digits that no other call returns.
func RandomName() string {
	var r [8]byte
	rand.Read(r[:])
	return hex.EncodeToString(r[:])
}

// owner tells processes that see each other's numbers from all others.
var owner = sync.OnceValue(func() string {
	p := process.This()
	h := sha256.Sum256(fmt.Appendf(nil, "%q", []string{p.Machine, p.Space, p.Host}))
	return hex.EncodeToString(h[:8])
})

// ownerSuffix ends the names of this process's temporary files.
func ownerSuffix() string { return fmt.Sprintf("-%s-%d", owner(), os.Getpid()) }

// ended reports whether the process that wrote a temporary file is known to have ended.
func ended(name string) bool {
	parts := strings.Split(name, "-")
	if len(parts) != 4 || parts[2] != owner() {
		return false
	}
	pid, err := strconv.Atoi(parts[3])
	return err == nil && !process.Exists(pid)
}

// abandonedAfter is how old a temporary file is before nobody is taken to write it.
const abandonedAfter = time.Hour

// RemoveAbandoned removes the temporary files in a folder that writers left which were
// killed: those of processes that have ended, and old ones. Another process may be writing
// the others.
func RemoveAbandoned(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !IsTemporary(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil || !ended(e.Name()) && time.Since(info.ModTime()) < abandonedAfter {
			continue // another process removed it, or is at it
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// A File is a file that does not have its final name yet. It remembers its first
// error, because some of the writers on top of it lose errors, and hashes what is
// written.
type File struct {
	f       *os.File
	path    string
	hash    hash.Hash
	size    int64
	err     error
	renamed bool
	linked  bool
}

// temporaryPath returns a new name for a file that will be called path.
func temporaryPath(path string) string {
	return filepath.Join(filepath.Dir(path), temporary+RandomName()+ownerSuffix())
}

// Create begins a file that will be called path, with the permissions that the umask
// leaves.
func Create(path string) (*File, error) {
	f, err := os.OpenFile(temporaryPath(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, named(err, path)
	}
	return &File{f: f, path: path, hash: sha256.New()}, nil
}

// Take begins a file that will be called path and has the content of the open file source:
// as another name of that file if the system gives it one, and else as a copy. Either way
// all of it is read, and hashed.
func Take(ctx context.Context, source *os.File, path string) (*File, error) {
	f, err := link(source, path)
	if err != nil { // another file system, or one without such names
		if f, err = Create(path); err != nil {
			return nil, err
		}
	}
	buf := make([]byte, 1<<20)
	for at := int64(0); err == nil; {
		if ctx.Err() != nil {
			f.Discard()
			return nil, context.Cause(ctx)
		}
		var n int
		n, err = source.ReadAt(buf, at)
		at += int64(n)
		if _, failed := f.Write(buf[:n]); failed != nil {
			err = failed
		}
	}
	if err != io.EOF {
		f.Discard()
		return nil, err
	}
	return f, nil
}

// link begins a file that will be called path as another name of the open file source.
func link(source *os.File, path string) (*File, error) {
	target, err := filepath.EvalSymlinks(source.Name())
	if err != nil {
		return nil, err
	}
	temp := temporaryPath(path)
	if err := os.Link(target, temp); err != nil {
		return nil, err
	}
	f, err := os.Open(temp)
	if err != nil {
		return nil, errors.Join(err, os.Remove(temp))
	}
	linked := &File{f: f, path: path, hash: sha256.New(), linked: true}
	is, err := f.Stat()
	want, errWant := source.Stat()
	if err = errors.Join(err, errWant); err == nil && !os.SameFile(is, want) {
		err = fmt.Errorf("%s was replaced", source.Name())
	}
	if err != nil {
		linked.Discard()
		return nil, err
	}
	return linked, nil
}

// Linked reports whether the file is another name of one that there was.
func (f *File) Linked() bool { return f.linked }

// named is err as an error of writing the final file.
func named(err error, path string) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	return &fs.PathError{Op: "write", Path: path, Err: err}
}

// Probe returns the error that WriteFile would have now, if any, for a file at path or, if it is
// "", nil. It leaves path as it is.
func Probe(path string) error {
	if path == "" {
		return nil
	}
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			return &fs.PathError{Op: "write", Path: path, Err: errors.New("it is a folder")}
		}
		if !info.Mode().IsRegular() {
			return nil // a device or a pipe
		}
	}
	f, err := Create(path)
	if err != nil {
		return err
	}
	f.Discard()
	return nil
}

// WriteFile writes data to path, with the permissions of the file that is there. It
// follows a link, and writes into what is no regular file, such as a device, instead of
// taking its place.
func WriteFile(path string, data []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return os.WriteFile(path, data, 0o666)
	}
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if info != nil {
		if err := f.f.Chmod(info.Mode().Perm()); err != nil {
			f.Fail(err)
		}
	}
	f.Write(data)
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Place()
}

// Write adds p to the file. (Take writes to a linked one, too: it counts and hashes that.)
func (f *File) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := len(p), error(nil)
	if !f.linked { // it has its content
		n, err = f.f.Write(p)
	}
	f.hash.Write(p[:n])
	f.size += int64(n)
	if err != nil {
		f.Fail(err)
	}
	return n, f.err
}

// Seek returns the position. Writers that go from the beginning of a file to its end
// need no more.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.ErrUnsupported
	}
	return f.size, nil
}

// Fail records an error of a writer on top of the file, unless there is one already.
func (f *File) Fail(err error) {
	if f.err == nil {
		f.err = named(err, f.path)
	}
}

// Err returns the first error.
func (f *File) Err() error { return f.err }

// Path returns the final name.
func (f *File) Path() string { return f.path }

// Size returns the number of bytes written.
func (f *File) Size() int64 { return f.size }

// SHA256 returns the hash of what was written, in hexadecimal.
func (f *File) SHA256() string { return hex.EncodeToString(f.hash.Sum(nil)) }

// Sync makes the content durable and closes the file, still under its temporary name.
func (f *File) Sync() error {
	if f.err == nil {
		// Some systems sync only what may be written to.
		if err := f.f.Sync(); err != nil && !(f.linked && os.IsPermission(err)) {
			f.Fail(err)
		}
	}
	return f.Close()
}

// Close closes the file without making it durable. It is enough for a derived file
// with a checksum in it.
func (f *File) Close() error {
	if err := f.f.Close(); err != nil {
		f.Fail(err)
	}
	return f.err
}

// Rename gives the closed file its final name. The folder still has to be synced.
func (f *File) Rename() error {
	if f.err != nil {
		return f.err
	}
	if err := os.Rename(f.f.Name(), f.path); err != nil {
		return named(err, f.path)
	}
	f.renamed = true
	return nil
}

// Place gives the closed file its final name and syncs the folder.
func (f *File) Place() error {
	if err := f.Rename(); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(f.path))
}

// Renamed reports whether the file has its final name.
func (f *File) Renamed() bool { return f.renamed }

// Discard removes the file unless it has been renamed. It may be called at any time
// and more than once.
func (f *File) Discard() {
	f.f.Close()
	if !f.renamed {
		os.Remove(f.f.Name())
	}
}

// SyncDir makes the renames and removals in a folder durable, on systems that can.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !os.IsPermission(err) {
		return err
	}
	return nil
}

// MakeDirs makes folders, with their parents, and makes that durable.
func MakeDirs(dirs ...string) error {
	parents := map[string]bool{}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		parents[filepath.Dir(dir)] = true
	}
	for dir := range parents {
		if err := SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}
