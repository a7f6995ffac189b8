package dataset

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/internal/regular"
)

// maxFile is the largest image file that is read.
const maxFile = 1 << 30

// files is a source of one file an image.
type files struct {
	root  string
	names []string // slash-separated and relative to root, or paths if that is ""
	sizes []int64
}

func (f *files) image(i int, r *Reader) (imaging.RGB, error) {
	path := f.names[i]
	if f.root != "" {
		path = filepath.Join(f.root, filepath.FromSlash(path))
	}
	file, err := regular.Open(path)
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

// add adds an image of so many bytes to the source and to the set that it is of.
func (f *files) add(set *Set, name string, size int64) {
	f.names, f.sizes = append(f.names, name), append(f.sizes, size)
	set.IDs = append(set.IDs, name)
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
