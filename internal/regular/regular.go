// Package regular opens what is to be read: regular files and folders, and nothing else. To
// open a pipe waits for its writer, and what a device gives may never end; either may come from
// a list, an archive or a folder that somebody else made. What is in the place of a file is
// looked at before it is opened, since opening a device may do something, and again once it is
// open, since it may have been exchanged.
package regular

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrNotRegular is wrapped by the error of what is no regular file.
var ErrNotRegular = errors.New("it is not a regular file")

// Open opens a regular file, also behind a link.
func Open(path string) (*os.File, error) {
	return open(path, os.Stat, os.OpenFile)
}

// OpenIn opens a regular file of a folder, which no link leads out of. Errors name the file by
// its whole path.
func OpenIn(root *os.Root, name string) (*os.File, error) {
	f, err := open(name, root.Stat, root.OpenFile)
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		e.Path = root.Name() + "/" + name
	}
	return f, err
}

// Check returns the error that Open would have, for what another library opens.
func Check(path string) error {
	f, err := Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

func open(path string, stat func(string) (fs.FileInfo, error), openFile func(string, int, fs.FileMode) (*os.File, error)) (*os.File, error) {
	info, err := stat(path)
	if err != nil {
		if e := (*fs.PathError)(nil); errors.As(err, &e) {
			e.Op = "open"
		}
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	f, err := openFile(path, os.O_RDONLY|noWait, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = regular(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// regular returns an error unless a file is a regular one.
func regular(path string, info fs.FileInfo) error {
	kind := ""
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a pipe: write what it gives to a file first"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	default:
		kind = "a device"
	}
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("%w but %s", ErrNotRegular, kind)}
}

// Root opens a folder.
func Root(path string) (*os.Root, error) {
	if info, err := os.Stat(path); err == nil && !info.IsDir() { // os.OpenRoot waits for a pipe
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("it is not a folder")}
	}
	return os.OpenRoot(path)
}
