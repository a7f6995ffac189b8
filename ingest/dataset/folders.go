package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxFolders is the number of folders that are looked into: links to folders can make a
// tree of few folders look like one without end.
const maxFolders = 1 << 18

// A tree finds the images in folders below root. Links are followed, wherever they lead.
// Hidden files and folders, and those of systems, are left out.
type tree struct {
	root    string
	inside  []fs.FileInfo // the folders from root to the one looked into
	left    int           // folders that may still be looked into
	skipped []string      // hidden folders, links to nothing
}

// systemFolders are what systems put beside data, thumbnails among it.
var systemFolders = []string{"lost+found", "__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information"}

// isHidden reports whether a name is that of a file or folder that is no data.
func isHidden(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains(systemFolders, name)
}

// A foundImage is an image file; a size below 0 is one that cannot be looked at, which
// reading it will explain.
type foundImage struct {
	name string // slash-separated, relative to the root
	size int64
}

// images returns the images in a folder below root and in those below it, in the order of
// their names.
func (t *tree) images(folder string) (found []foundImage, err error) {
	if t.left--; t.left < 0 {
		return nil, fmt.Errorf("%s: there are more than %d folders; is there a link that leads back?", folder, maxFolders)
	}
	dir := filepath.Join(t.root, filepath.FromSlash(folder))
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(t.inside, func(above fs.FileInfo) bool { return os.SameFile(above, info) }) {
		return nil, fmt.Errorf("%s is a folder that it is in itself, by a link on this path; remove the link", folder)
	}
	t.inside = append(t.inside, info)
	defer func() { t.inside = t.inside[:len(t.inside)-1] }()
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		hidden := isHidden(e.Name())
		if hidden && !e.IsDir() {
			continue
		}
		info, statErr := os.Stat(filepath.Join(dir, e.Name()))
		switch {
		case statErr == nil && info.IsDir() && hidden:
			t.skipped = append(t.skipped, name+" (hidden)")
			continue
		case statErr == nil && info.IsDir():
			below, err := t.images(name)
			if err != nil {
				return nil, err
			}
			found = append(found, below...)
			continue
		}
		ok, err := isImage(name)
		switch {
		case err != nil:
			return nil, err
		case ok && statErr == nil:
			found = append(found, foundImage{name, info.Size()})
		case ok:
			found = append(found, foundImage{name, -1})
		case errors.Is(statErr, fs.ErrNotExist):
			t.skipped = append(t.skipped, name+" (a link to nothing)")
		case statErr != nil:
			return nil, statErr
		}
	}
	return found, nil
}

// errNoLabels: a folder has nothing that labels could be read from.
var errNoLabels = errors.New("it has no class folders, no val.txt, labels.csv or val_annotations.txt, no .parquet and no CIFAR files; if its images have no labels, name it with --unlabelled instead of --data")

// classFolders are the folders right below a root.
type classFolders struct {
	names  []string // of those that hold images, sorted as text
	empty  []string // and of the others
	images map[string][]foundImage
	beside int // images beside the folders
}

// classFolders looks into the folders right below the root.
func (t *tree) classFolders() (f classFolders, err error) {
	info, err := os.Stat(t.root)
	if err != nil {
		return f, err
	}
	t.inside = []fs.FileInfo{info}
	entries, err := os.ReadDir(t.root) // sorted by name
	if err != nil {
		return f, err
	}
	f.images = map[string][]foundImage{}
	for _, e := range entries {
		name := e.Name()
		info, err := os.Stat(filepath.Join(t.root, name))
		hidden := isHidden(name)
		switch {
		case err != nil && hidden:
			continue
		case err != nil && errors.Is(err, fs.ErrNotExist):
			t.skipped = append(t.skipped, name+" (a link to nothing)")
			continue
		case err != nil:
			return f, err
		case !info.IsDir():
			if ok, _ := isImage(name); ok {
				f.beside++
			}
			continue
		case hidden:
			t.skipped = append(t.skipped, name+" (hidden)")
			continue
		}
		found, err := t.images(name)
		if err != nil {
			return f, err
		}
		if len(found) == 0 {
			f.empty = append(f.empty, name)
			continue
		}
		f.names, f.images[name] = append(f.names, name), found
	}
	return f, nil
}

// openClassFolders reads a folder of one folder a class; folders without images are no
// classes. Classes are numbered in the order of their names, as torchvision does, unless
// all of these are numbers: then in the order of the numbers. If they are exactly 0 to n-1
// (ImageNetV2), they are the classes, and no names.
func openClassFolders(root string) (*Set, error) {
	t := &tree{root: root, left: maxFolders}
	f, err := t.classFolders()
	switch {
	case err != nil:
		return nil, err
	case len(f.names)+len(f.empty) == 0:
		return nil, errNoLabels
	case len(f.names) > MaxLabel+1:
		return nil, fmt.Errorf("%d class folders, at most %d are read", len(f.names), MaxLabel+1)
	case partsOnly(f.names):
		return nil, fmt.Errorf("its folders %s are parts of a data set and no classes; name one of them, such as %s", few(f.names), filepath.Join(root, f.names[len(f.names)-1]))
	}
	// A number keeps its class, whether or not there are images of it.
	if all := slices.Concat(f.names, f.empty); sortNumbers(all) && inOrder(all) {
		f.names, f.empty = all, nil
	}
	sortNumbers(f.names)
	src := &files{root: root}
	set := &Set{source: src, Classes: len(f.names)}
	if !inOrder(f.names) {
		set.ClassNames = readable(f.names)
	}
	for label, name := range f.names {
		for _, image := range f.images[name] {
			src.add(set, image.name, image.size)
			set.Labels = append(set.Labels, uint16(label))
		}
	}
	for _, name := range f.empty {
		t.skipped = append(t.skipped, name+" (holds no image)")
	}
	set.noteSkipped(t.skipped)
	if f.beside > 0 {
		set.note("images beside the class folders are not read: %d", f.beside)
	}
	return set, nil
}

// parts are what the parts of a data set are called.
var parts = []string{"train", "training", "val", "valid", "validation", "test", "testing", "eval", "dev"}

// partsOnly reports whether folders are the parts of a data set.
func partsOnly(folders []string) bool {
	return len(folders) > 0 && !slices.ContainsFunc(folders, func(name string) bool { return !slices.Contains(parts, strings.ToLower(name)) })
}

// openImages reads a folder of images without labels, folders in it included.
func openImages(root string) (*Set, error) {
	t := &tree{root: root, left: maxFolders}
	images, err := t.images("")
	if err != nil {
		return nil, err
	}
	src := &files{root: root}
	set := &Set{source: src}
	for _, image := range images {
		src.add(set, image.name, image.size)
	}
	set.noteSkipped(t.skipped)
	return set, nil
}

// noteSkipped notes what is no part of the set.
func (s *Set) noteSkipped(names []string) {
	if len(names) > 0 {
		s.note("skipped: %s", few(names))
	}
}

// few lists the first of some texts and says how many there are.
func few(texts []string) string {
	const most = 5
	if len(texts) <= most {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("%s, ... (%d in all)", strings.Join(texts[:most], ", "), len(texts))
}

// Numbers returns the numbers that names are, if all of them are different whole numbers
// without a sign.
func Numbers(names []string) (numbers []int, ok bool) {
	seen := map[int]bool{}
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil || seen[n] || strings.Trim(name, "0123456789") != "" {
			return nil, false
		}
		seen[n] = true
		numbers = append(numbers, n)
	}
	return numbers, true
}

// sortNumbers puts names that are numbers in the order of the numbers, and reports whether
// they are.
func sortNumbers(names []string) bool {
	if _, ok := Numbers(names); !ok {
		return false
	}
	slices.SortFunc(names, func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return cmp.Compare(x, y)
	})
	return true
}

// inOrder reports whether names are exactly the numbers 0 to n-1.
func inOrder(names []string) bool {
	numbers, ok := Numbers(names)
	for i, n := range numbers {
		ok = ok && i == n
	}
	return ok
}

// readable returns names of classes as a zoo takes them: invalid UTF-8 is
// replaced; nil if a name is missing or too long.
func readable(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		if name == "" || len(name) > maxName {
			return nil
		}
		out[i] = strings.ToValidUTF8(name, "\ufffd")
	}
	return out
}
