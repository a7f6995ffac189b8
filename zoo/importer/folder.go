package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/regular"
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
	root, err := regular.Root(path)
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

// has reports whether the folder lists a file of that name, or a folder in it has it.
func (f *folder) has(file string) bool {
	if strings.Contains(file, "/") {
		info, err := f.root.Stat(file)
		return err == nil && info.Mode().IsRegular()
	}
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
	opened, err := regular.OpenIn(f.root, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, fmt.Errorf("%s does not exist, or is a link to a file that does not", f.name(file))
	case errors.Is(err, regular.ErrNotRegular):
		return nil, 0, err
	case err != nil:
		return nil, 0, fmt.Errorf("%s: %w; a link that leads out of the folder is not followed: copy the file, or name its own folder", f.name(file), err)
	}
	info, err := opened.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, opened.Close())
	}
	return opened, info.Size(), nil
}

// content identifies the predictions in files: by all of their bytes, so that a file that
// was corrected is another, whatever its size.
func (f *folder) content(format string, files ...string) (string, error) {
	h := sha256.New()
	total := int64(0)
	for _, file := range files {
		opened, size, err := f.open(file)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(h, opened)
		if err := errors.Join(err, opened.Close()); err != nil {
			return "", fmt.Errorf("%s: %w", f.name(file), err)
		}
		total += size
	}
	return fmt.Sprintf("%s %s, %d bytes, %s", format, files[0], total, hex.EncodeToString(h.Sum(nil)[:8])), nil
}

// openPlace opens a source that is a folder or a file, or a folder in place of a file. The
// folder is that of the file.
func openPlace(path string, h *held) (f *folder, file string, err error) {
	if savedDataset(path) {
		if filepath.Base(path) == "." || filepath.Base(path) == ".." {
			if path, err = filepath.Abs(path); err != nil {
				return nil, "", err
			}
		}
		f, err := openFolder(filepath.Dir(path), h)
		return f, filepath.Base(path), err
	}
	if info, err := os.Stat(path); err == nil && !info.IsDir() || errors.Is(err, fs.ErrNotExist) && filepath.Ext(path) != "" {
		dir, file := filepath.Split(filepath.Clean(path))
		f, err := openFolder(filepath.Clean(dir), h)
		return f, file, err
	}
	f, err = openFolder(path, h)
	return f, "", err
}

// shardPattern ends the name of a file that is one of several, such as
// test-00000-of-00003.
var shardPattern = regexp.MustCompile(`^(.+)-(\d{5})-of-(\d{5})$`)

// cutShard splits the name of a shard, without its extension; of is 0 for another file.
func cutShard(stem string) (name string, number, of int) {
	m := shardPattern.FindStringSubmatch(stem)
	if m == nil {
		return stem, 0, 0
	}
	number, _ = strconv.Atoi(m[2])
	of, _ = strconv.Atoi(m[3])
	return m[1], number, of
}

// shards returns the files that end in ext by their names, those that are shards of one in
// their order.
func (f *folder) shards(ext string) map[string][]string {
	files := map[string][]string{}
	for _, stem := range f.stems(ext) { // sorted
		name, _, _ := cutShard(stem)
		files[name] = append(files[name], stem+ext)
	}
	return files
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
