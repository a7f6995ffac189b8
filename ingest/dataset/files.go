package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
)

// maxFile is the largest image file that is read.
const maxFile = 1 << 30

// files is a source of one file an image.
type files struct {
	root  string
	names []string // slash-separated, relative to root
	sizes []int64
}

func (f *files) image(i int, r *Reader) (imaging.RGB, error) {
	file, err := os.Open(filepath.Join(f.root, filepath.FromSlash(f.names[i])))
	if err != nil {
		return imaging.RGB{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return imaging.RGB{}, err
	}
	if info.Size() > maxFile {
		return imaging.RGB{}, fmt.Errorf("the file has %d bytes, at most %d are read", info.Size(), maxFile)
	}
	r.buf = slices.Grow(r.buf[:0], int(info.Size()))[:info.Size()]
	if _, err := io.ReadFull(file, r.buf); err != nil {
		return imaging.RGB{}, err
	}
	return r.decoder.Decode(r.buf)
}

// add adds an image to the source and to the set that it is of.
func (f *files) add(set *Set, name string) error {
	info, err := os.Stat(filepath.Join(f.root, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	f.names, f.sizes = append(f.names, name), append(f.sizes, info.Size())
	set.IDs = append(set.IDs, name)
	return nil
}

func (f *files) weigh(w io.Writer, i int) { fmt.Fprintf(w, "%d\n", f.sizes[i]) }

func (f *files) close() error { return nil }

// isImage recognises images by name. The formats that torchvision would
// read and this program does not are an error: leaving them out would change the
// data set.
func isImage(name string) (bool, error) {
	if strings.HasPrefix(filepath.Base(name), ".") {
		return false, nil
	}
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case ".jpg", ".jpeg", ".png", ".webp":
		return true, nil
	case ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".gif":
		return false, fmt.Errorf("%s: %s images are not read; convert them to PNG", name, ext)
	}
	return false, nil
}

// openClassFolders reads a folder of one folder a class. Classes are numbered in the
// order of their names, as torchvision does, unless all names are the numbers 0 to
// n-1 (ImageNetV2), which then are the classes.
func openClassFolders(root string) (*Set, error) {
	entries, err := os.ReadDir(root) // sorted by name
	if err != nil {
		return nil, err
	}
	var classes []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		info, err := os.Stat(filepath.Join(root, e.Name()))
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			classes = append(classes, e.Name())
		}
	}
	if len(classes) == 0 {
		return nil, errors.New("it has no class folders, no val.txt or labels.csv, no .parquet and no CIFAR files; if its images have no labels, name it with --unlabelled instead of --data")
	}
	if len(classes) > MaxLabel+1 {
		return nil, fmt.Errorf("%d class folders, at most %d are read", len(classes), MaxLabel+1)
	}
	numbers := sortNumbers(classes)
	src := &files{root: root}
	set := &Set{Classes: len(classes), source: src}
	if !numbers {
		set.ClassNames = readable(classes)
	}
	for label, class := range classes {
		before := len(set.IDs)
		if err := src.addFolder(set, class); err != nil {
			return nil, err
		}
		set.Labels = append(set.Labels, slices.Repeat([]uint16{uint16(label)}, len(set.IDs)-before)...)
	}
	return set, nil
}

// addFolder adds the images in a folder below the root and in those below it, in the order
// of their names.
func (f *files) addFolder(set *Set, folder string) error {
	// The folder may be a link; WalkDir follows one only with a slash behind.
	return filepath.WalkDir(filepath.Join(f.root, folder)+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(f.root, path)
		if err != nil {
			return err
		}
		if ok, err := isImage(rel); !ok {
			return err
		}
		return f.add(set, filepath.ToSlash(rel))
	})
}

// openImages reads a folder of images without labels, folders in it included.
func openImages(root string) (*Set, error) {
	src := &files{root: root}
	set := &Set{source: src}
	return set, src.addFolder(set, "")
}

// readable returns names of classes as a zoo takes them: invalid UTF-8 is
// replaced; nil if a name is missing or too long.
func readable(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		if name == "" || len(name) > 1024 {
			return nil
		}
		out[i] = strings.ToValidUTF8(name, "\ufffd")
	}
	return out
}

// sortNumbers puts names that are exactly the numbers 0 to n-1 in numerical order,
// and reports whether they are.
func sortNumbers(names []string) bool {
	byNumber := make([]string, len(names))
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil || n < 0 || n >= len(names) || byNumber[n] != "" {
			return false
		}
		byNumber[n] = name
	}
	copy(names, byNumber)
	return true
}

// labelFiles are the names of label files, in the order they are looked for.
var labelFiles = []string{"val.txt", "labels.txt", "labels.csv"}

// openLabelFile reads a folder of images with a label file: lines of "file label"
// (.txt), or a CSV file whose first two columns are file and label, with or without
// a header. Files may be in folders below root.
func openLabelFile(root, name string) (*Set, error) {
	f, err := os.Open(filepath.Join(root, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src := &files{root: root}
	set := &Set{source: src}
	add := func(line int, file, label string) error {
		n, err := strconv.ParseInt(strings.TrimSpace(label), 10, 64)
		if err != nil {
			return fmt.Errorf("%s line %d: label %q is not a number", name, line, label)
		}
		class, err := checkLabel(n)
		if err != nil {
			return fmt.Errorf("%s line %d: %w", name, line, err)
		}
		file = strings.TrimPrefix(filepath.ToSlash(file), "./")
		if !filepath.IsLocal(filepath.FromSlash(file)) {
			return fmt.Errorf("%s line %d: %q is not in the folder", name, line, file)
		}
		if err := src.add(set, file); err != nil {
			return fmt.Errorf("%s line %d: %w", name, line, err)
		}
		set.Labels = append(set.Labels, class)
		return nil
	}
	if filepath.Ext(name) == ".csv" {
		r := csv.NewReader(f)
		r.FieldsPerRecord = -1
		r.TrimLeadingSpace = true
		for {
			row, err := r.Read()
			if err == io.EOF {
				return set, nil
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			line, _ := r.FieldPos(0)
			if len(row) < 2 {
				return nil, fmt.Errorf("%s line %d: a file and a label are needed", name, line)
			}
			if _, err := strconv.Atoi(row[1]); err != nil && line == 1 {
				continue // the header
			}
			if err := add(line, row[0], row[1]); err != nil {
				return nil, err
			}
		}
	}
	lines := bufio.NewScanner(f)
	for line := 1; lines.Scan(); line++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		i := strings.LastIndexAny(text, " \t")
		if i < 0 {
			return nil, fmt.Errorf("%s line %d: a file and a label are needed", name, line)
		}
		if err := add(line, strings.TrimSpace(text[:i]), text[i+1:]); err != nil {
			return nil, err
		}
	}
	return set, lines.Err()
}
