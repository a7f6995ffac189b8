package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/internal/regular"
)

const (
	// What the names of the files of MNIST, Fashion-MNIST, KMNIST and EMNIST hold.
	idxImages, idxLabels = "images-idx3-ubyte", "labels-idx1-ubyte"

	maxIDX      = 1 << 30  // the most bytes of such a file, unpacked
	maxIDXRatio = 64       // how much smaller it may be packed; photographs are some five times
	anyIDX      = 16 << 20 // it may have so many however small it is: labels may be in order
)

// isIDX recognises a file of images of MNIST's form by its name.
func isIDX(path string) bool {
	name := strings.TrimSuffix(filepath.Base(path), ".gz")
	return strings.HasSuffix(name, idxImages)
}

// idx is a file of grey images of MNIST's form, in memory.
type idx struct {
	width, height int
	pixels        []byte // [n][height][width]
}

// openIDX opens such images and, unless bare, the labels in the file beside them that is
// called so. Labels are numbers, and the files do not say of how many classes.
func openIDX(path string, bare bool) (*Set, error) {
	shape, pixels, err := readIDX(path, 3)
	if err != nil {
		return nil, err
	}
	if shape[1]*shape[2] > imaging.MaxPixels {
		return nil, fmt.Errorf("its images are of %dx%d pixels, at most %d pixels are read", shape[2], shape[1], imaging.MaxPixels)
	}
	src := &idx{width: shape[2], height: shape[1], pixels: pixels}
	set := &Set{source: src}
	for i := range shape[0] {
		set.IDs = append(set.IDs, fmt.Sprintf("%s#%d", filepath.Base(path), i))
	}
	if bare {
		return set, nil
	}
	dir, name := filepath.Split(path)
	labels, err := findIDX(dir + strings.Replace(name, idxImages, idxLabels, 1))
	if err != nil {
		return nil, err
	}
	shape, numbers, err := readIDX(labels, 1)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", labels, err)
	}
	if shape[0] != set.Len() {
		return nil, fmt.Errorf("%s has %d labels for %d images", labels, shape[0], set.Len())
	}
	for _, l := range numbers {
		set.Labels = append(set.Labels, uint16(l))
	}
	return set, nil
}

// findIDX returns the path of a file that may be packed while the one beside it is not, or the
// other way round.
func findIDX(path string) (string, error) {
	bare := strings.TrimSuffix(path, ".gz")
	for _, p := range []string{path, bare, bare + ".gz"} {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			return p, nil
		}
	}
	return "", fmt.Errorf("there is no %s, the file of the labels", path)
}

// readIDX reads a file of unsigned bytes: two zeros, 8, the number of dimensions, each
// dimension as a big-endian uint32, then the numbers. It may be packed by gzip.
func readIDX(path string, dimensions int) (shape []int, data []byte, err error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, nil, errors.Unwrap(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	var r io.Reader = f
	limit := info.Size()
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, nil, err
		}
		limit = max(limit*maxIDXRatio, anyIDX)
	}
	header := make([]byte, 4+4*dimensions)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, nil, fmt.Errorf("it ends within its header: %w", err)
	}
	if !bytes.Equal(header[:4], []byte{0, 0, 8, byte(dimensions)}) {
		return nil, nil, fmt.Errorf("it does not begin as a file of bytes in %d dimensions does", dimensions)
	}
	size, most := int64(1), min(limit, maxIDX)
	for d := range dimensions {
		n := binary.BigEndian.Uint32(header[4+4*d:])
		if size *= int64(n); n > 0 && size > most {
			return nil, nil, fmt.Errorf("its header promises more than the %d bytes that a file of this size is taken to hold", most)
		}
		shape = append(shape, int(n))
	}
	if dimensions == 3 && size == 0 {
		return nil, nil, errors.New("it holds no pixels")
	}
	data, err = io.ReadAll(io.LimitReader(r, size+1))
	switch {
	case err != nil:
		return nil, nil, err
	case int64(len(data)) < size:
		return nil, nil, fmt.Errorf("it ends after %d of %d bytes", len(data), size)
	case int64(len(data)) > size:
		return nil, nil, fmt.Errorf("it goes on after the %d bytes that its header promises", size)
	}
	return shape, data, nil
}

// of returns the pixels of one image.
func (x *idx) of(i int) []byte {
	n := x.width * x.height
	return x.pixels[i*n : (i+1)*n]
}

func (x *idx) image(i int, r *Reader) (imaging.RGB, error) {
	r.buf = r.buf[:0]
	for _, grey := range x.of(i) {
		r.buf = append(r.buf, grey, grey, grey)
	}
	return imaging.RGB{Width: x.width, Height: x.height, Pix: r.buf}, nil
}

func (x *idx) weigh(w io.Writer, i int) { w.Write(x.of(i)) }

func (x *idx) close() error { return nil }
