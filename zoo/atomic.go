package zoo

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// tempPrefix begins the name of every file that is still being written.
const tempPrefix = ".tmp-"

// A newFile is a file under a temporary name in the folder of its final name. It
// appears under the final name at once and whole, or never.
//
// It remembers its first error, because some of the writers put on top of it lose
// errors, and hashes what is written.
type newFile struct {
	f    *os.File
	path string // final name
	hash hash.Hash
	size int64
	err  error

	renamed bool
}

func createFile(path string) (*newFile, error) {
	var r [8]byte
	rand.Read(r[:])
	temp := filepath.Join(filepath.Dir(path), tempPrefix+hex.EncodeToString(r[:]))
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, fmt.Errorf("zoo: %w", err)
	}
	return &newFile{f: f, path: path, hash: sha256.New()}, nil
}

// Write writes p. The error names the final file.
func (n *newFile) Write(p []byte) (int, error) {
	if n.err != nil {
		return 0, n.err
	}
	k, err := n.f.Write(p)
	n.hash.Write(p[:k])
	n.size += int64(k)
	if err != nil {
		n.fail(err)
	}
	return k, n.err
}

// Seek tells the position, which is all that writers of a file from its beginning to
// its end need.
func (n *newFile) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.ErrUnsupported
	}
	return n.size, nil
}

// fail keeps the first error, under the name the user knows.
func (n *newFile) fail(err error) {
	if n.err != nil {
		return
	}
	var p *os.PathError
	if errors.As(err, &p) {
		err = &os.PathError{Op: p.Op, Path: n.path, Err: p.Err}
	}
	n.err = fmt.Errorf("zoo: %w", err)
}

// sum returns the SHA-256 of what was written, in hexadecimal.
func (n *newFile) sum() string { return hex.EncodeToString(n.hash.Sum(nil)) }

// sync makes the content durable and closes the file, still under its temporary
// name.
func (n *newFile) sync() error {
	if n.err == nil {
		if err := n.f.Sync(); err != nil {
			n.fail(err)
		}
	}
	return n.close()
}

// close closes the file without making it durable. It is enough for a derived file
// with a checksum in it.
func (n *newFile) close() error {
	if err := n.f.Close(); err != nil {
		n.fail(err)
	}
	return n.err
}

// rename gives the closed file its final name. The folder still has to be synced.
func (n *newFile) rename() error {
	if n.err != nil {
		return n.err
	}
	if err := os.Rename(n.f.Name(), n.path); err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	n.renamed = true
	return nil
}

// discard removes the file unless it has been renamed. It is safe to call at any
// time and more than once.
func (n *newFile) discard() {
	n.f.Close()
	if !n.renamed {
		os.Remove(n.f.Name())
	}
}

// writeFile writes data to path, atomically and durably.
func writeFile(path string, data []byte) error {
	n, err := createFile(path)
	if err != nil {
		return err
	}
	defer n.discard()
	n.Write(data)
	if err := n.sync(); err != nil {
		return err
	}
	if err := n.rename(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the renames and removals in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !os.IsPermission(err) {
		return fmt.Errorf("zoo: sync %s: %w", dir, err)
	}
	return nil
}

// makeDirs makes folders, with their parents, and what has changed in the folders
// that hold them durable.
func makeDirs(dirs ...string) error {
	holders := map[string]bool{}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return fmt.Errorf("zoo: %w", err)
		}
		holders[filepath.Dir(dir)] = true
	}
	for dir := range holders {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func isTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }
