package dataset

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/internal/regular"
)

const (
	cifarSide  = 32
	cifarPlane = cifarSide * cifarSide
)

// cifar is a binary batch of CIFAR-10 (label, image) or CIFAR-100 (coarse label,
// fine label, image); an image is three planes.
type cifar struct {
	file   *os.File
	labels int // label bytes a record
}

func openCIFAR(path string) (_ *Set, err error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	src := &cifar{f, 1}
	set := &Set{source: src, Classes: 10}
	if info.Size()%src.record() != 0 {
		src.labels, set.Classes = 2, 100
	}
	if info.Size()%src.record() != 0 {
		return nil, fmt.Errorf("%d bytes are not a whole number of CIFAR-10 or CIFAR-100 records", info.Size())
	}
	var label [2]byte
	for i := range info.Size() / src.record() {
		if _, err := f.ReadAt(label[:src.labels], i*src.record()); err != nil {
			return nil, err
		}
		l := label[src.labels-1]
		if int(l) >= set.Classes {
			return nil, fmt.Errorf("record %d: label %d of %d classes", i, l, set.Classes)
		}
		set.Labels = append(set.Labels, uint16(l))
		set.IDs = append(set.IDs, fmt.Sprintf("%s#%d", filepath.Base(f.Name()), i))
	}
	return set, nil
}

func (c *cifar) record() int64 { return int64(c.labels + 3*cifarPlane) }

func (c *cifar) image(i int, r *Reader) (imaging.RGB, error) {
	r.buf = slices.Grow(r.buf[:0], 6*cifarPlane)[:6*cifarPlane]
	planes, pix := r.buf[:3*cifarPlane], r.buf[3*cifarPlane:]
	if _, err := c.file.ReadAt(planes, int64(i)*c.record()+int64(c.labels)); err != nil {
		return imaging.RGB{}, err
	}
	for p := range cifarPlane {
		pix[p*3], pix[p*3+1], pix[p*3+2] = planes[p], planes[cifarPlane+p], planes[2*cifarPlane+p]
	}
	return imaging.RGB{Width: cifarSide, Height: cifarSide, Pix: pix}, nil
}

func (c *cifar) weigh(io.Writer, int) {}

func (c *cifar) close() error { return c.file.Close() }
