package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A folder is a source folder. Its files are opened below it only: neither a name
// nor a symbolic link leads out.
type folder struct {
	path  string // as the user gave it, for messages
	root  *os.Root
	files []string // names of what is not a folder, sorted
	dirs  []string // names of the folders in it, sorted
}

// openFolder opens a source folder, which h closes.
func openFolder(path string, h *held) (*folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		if info, statErr := os.Stat(path); statErr == nil && !info.IsDir() {
			return nil, fmt.Errorf("%s is a file: name the folder that holds it", path)
		}
		return nil, err
	}
	return newFolder(path, root, h)
}

// sub opens a folder in the folder.
func (f *folder) sub(dir string, h *held) (*folder, error) {
	root, err := f.root.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name(dir), err)
	}
	return newFolder(f.name(dir), root, h)
}

func newFolder(path string, root *os.Root, h *held) (*folder, error) {
	h.keep(root)
	f := &folder{path: path, root: root}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, e := range entries {
		if e.IsDir() {
			f.dirs = append(f.dirs, e.Name())
		} else {
			f.files = append(f.files, e.Name())
		}
	}
	return f, nil
}

// name returns the path of a file of the folder, for messages.
func (f *folder) name(file string) string { return filepath.Join(f.path, file) }

// has reports whether the folder lists a file of that name.
func (f *folder) has(file string) bool {
	_, ok := slices.BinarySearch(f.files, file)
	return ok
}

// stems returns the names of the files that end in ext, without it and without
// those in except, and hidden files.
func (f *folder) stems(ext string, except ...string) []string {
	var stems []string
	for _, file := range f.files {
		stem, ok := strings.CutSuffix(file, ext)
		if ok && stem != "" && stem[0] != '.' && !slices.Contains(except, stem) {
			stems = append(stems, stem)
		}
	}
	return stems
}

// open opens one of the folder's files and returns its size.
func (f *folder) open(file string) (*os.File, int64, error) {
	// Asked before opening, as opening a pipe would wait for its writer.
	info, err := f.root.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, fmt.Errorf("%s does not exist, or is a link to a file that does not", f.name(file))
	case err != nil:
		return nil, 0, fmt.Errorf("%s: %w; a link that leads out of the folder is not followed: copy the file, or name its own folder", f.name(file), err)
	case !info.Mode().IsRegular():
		return nil, 0, fmt.Errorf("%s is not a regular file", f.name(file))
	}
	opened, err := f.root.Open(file)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", f.name(file), err)
	}
	return opened, info.Size(), nil
}

// identity identifies the content of a file cheaply: its size and a hash over up to
// 16 blocks of 4 KiB spread evenly over it, the first and the last included. Two
// runs of the same model differ everywhere, so a file with other predictions is
// recognised without reading it whole.
func identity(r io.ReaderAt, size int64) (string, error) {
	const blocks, block = 16, 4096
	h := sha256.New()
	buf := make([]byte, block)
	step := max((size-block)/(blocks-1), block)
	for i := range int64(blocks) {
		at := i * step
		if i == blocks-1 {
			at = max(size-block, at)
		}
		if at >= size {
			break
		}
		n, err := r.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		h.Write(buf[:n])
	}
	return fmt.Sprintf("%d bytes, %s", size, hex.EncodeToString(h.Sum(nil)[:8])), nil
}

// content identifies a file's predictions.
func (f *folder) content(format, file string) (string, error) {
	opened, size, err := f.open(file)
	if err != nil {
		return "", err
	}
	defer opened.Close()
	id, err := identity(opened, size)
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.name(file), err)
	}
	return fmt.Sprintf("%s %s, %s", format, file, id), nil
}

// models reads the list of the models in models.csv, each of which has a file named
// after it with the format as its extension. Files in except hold something else.
func (f *folder) models(format string, except ...string) ([]Model, error) {
	models, err := f.list("models.csv", f.path, "."+format, f.stems("."+format, except...))
	for i := range models {
		m := &models[i]
		file := m.Name + "." + format
		content, err := f.content(format, file)
		if err != nil {
			return nil, err
		}
		m.File, m.Content = f.name(file), []string{content}
	}
	return models, err
}
