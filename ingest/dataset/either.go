package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/regular"
)

// maxLine is the longest line of a list of images, in bytes.
const maxLine = 1 << 16

// OpenEither opens images that may have labels or not: what Open and OpenUnlabelled open,
// Parquet files without a label column, one image, a list of images with a path a line,
// or - for such a list on stdin. If there are no labels, or unlabelled is set, Labels is nil.
// Paths in a list are relative to the working directory.
func OpenEither(path string, unlabelled bool, stdin io.Reader) (*Set, error) {
	if path == "-" {
		return openWith(func(string) (*Set, error) { return readList(stdin) }, "-")
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		ext := strings.ToLower(filepath.Ext(path))
		if image, _ := isImage(path); image {
			return openWith(openImage, path)
		}
		if ext != ".parquet" && ext != ".bin" && !isIDX(path) {
			return openWith(openList, path)
		}
	}
	if !unlabelled {
		set, labelErr := Open(path)
		if labelErr == nil {
			return set, nil
		}
		if set, err = openWith(openBare, path); err != nil {
			return nil, labelErr
		}
		if !errors.Is(labelErr, errNoLabels) {
			set.note("taken without labels (%v)", labelErr)
		}
		return set, nil
	}
	return openWith(openBare, path)
}

// openBare opens a folder of images or Parquet files, and no labels.
func openBare(path string) (*Set, error) {
	info, err := os.Stat(path)
	names := []string{path}
	switch {
	case err != nil && strings.ContainsAny(path, "*?["):
		if names, err = filepath.Glob(path); err == nil && len(names) == 0 {
			err = errors.New("no file matches")
		}
	case err == nil && info.IsDir():
		names = parquetFiles(path)
		if len(names) == 0 {
			return openImages(path)
		}
	case err == nil && strings.ToLower(filepath.Ext(path)) == ".bin":
		set, err := openCIFAR(path)
		if err != nil {
			return nil, err
		}
		return set.Unlabelled(), nil
	case err == nil && isIDX(path):
		return openIDX(path, true)
	}
	if err != nil {
		return nil, err
	}
	return openTable(names, "", true)
}

// openImage opens one image.
func openImage(path string) (*Set, error) { return readList(strings.NewReader(path)) }

// openList opens a list of images.
func openList(path string) (*Set, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readList(f)
}

// readList reads paths of images, one a line.
func readList(r io.Reader) (*Set, error) {
	src := &files{}
	set := &Set{source: src}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		name := strings.TrimSuffix(lines.Text(), "\r")
		if n == 1 {
			name = strings.TrimPrefix(name, "\ufeff") // a byte order mark
		}
		if name == "" {
			continue
		}
		if ok, err := isImage(name); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		} else if !ok {
			return nil, fmt.Errorf("line %d: %.200q is not the name of a JPEG, PNG or WebP image: a list has the path of an image on each line", n, name)
		}
		size := int64(-1) // which reading it will explain
		if info, err := os.Stat(name); err == nil {
			size = info.Size()
		}
		src.add(set, name, size)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("a line has more than %d bytes: it is no list of images", maxLine)
	}
	return set, lines.Err()
}
