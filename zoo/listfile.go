package zoo

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/cpu"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/internal/regular"
)

// A ListFile is the top-K lists of a model on a split, of which a part at a time is read: an
// [Index] has all of them in memory. It may be read from several goroutines.
type ListFile struct {
	model   string
	meta    indexMeta
	file    *os.File
	columns [5]int64 // where the columns that lists have begin
	lists   Lists    // instead of a file, if the folder cannot be written
}

// OpenLists opens the lists of a model on a split, which are compared with their checksum. What is
// missing, stale or damaged is built as by [Zoo.OpenIndex].
func (z *Zoo) OpenLists(ctx context.Context, model, split string) (*ListFile, error) {
	m, err := z.Model(model)
	if err != nil {
		return nil, err
	}
	s, err := z.Split(split)
	if err != nil {
		return nil, err
	}
	if _, ok := m.Splits[split]; !ok {
		return nil, fmt.Errorf("%w: model %q has no predictions on %q", ErrNoSplit, clip(model, 200), split)
	}
	l, err := z.openLists(ctx, m, s)
	if err == nil {
		return l, nil
	}
	if m.Splits[split].IndexOnly {
		return nil, z.orChanged(m, s, err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		z.note("%v: building it again", err)
	}
	return z.buildListFile(ctx, m, s)
}

// buildListFile builds the index of a model and opens it. If it cannot be written, the lists are
// kept in memory until the file is closed.
func (z *Zoo) buildListFile(ctx context.Context, m Model, s Split) (*ListFile, error) {
	labels, _, err := z.readSplit(s)
	if err != nil {
		return nil, err
	}
	lists, err := z.buildLists(ctx, m, s)
	if err != nil {
		return nil, err
	}
	folder := os.MkdirAll(filepath.Join(z.dir, "index", s.Name), 0o777)
	meta := z.indexMeta(m.Splits[s.Name], s)
	err = z.saveIndex(z.indexPath(s.Name, m.Name), lists, labels, meta)
	if err == nil {
		var l *ListFile
		if l, err = z.openLists(ctx, m, s); err == nil {
			return l, nil
		}
	}
	z.unwritten.Do(func() {
		z.note("the search index could not be written: what is missing of it is built each time it is needed: %v", cmp.Or(folder, err))
	})
	return &ListFile{model: m.Name, meta: meta, lists: lists}, nil
}

// openLists opens the index file of one model, or returns an error if there is no valid one, as
// loadIndex does.
func (z *Zoo) openLists(ctx context.Context, m Model, s Split) (*ListFile, error) {
	a, path := m.Splits[s.Name], z.indexPath(s.Name, m.Name)
	if a.IndexOnly {
		path = z.listsPath(s.Name, m.Name, a.Second)
	}
	f, err := regular.Open(path)
	if err != nil {
		return nil, fmt.Errorf("zoo: %w", err)
	}
	l := &ListFile{model: m.Name, meta: z.indexMeta(a, s), file: f}
	if a.IndexOnly {
		err = z.checkKept(ctx, f, a)
	}
	if err == nil {
		err = l.verify(path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

// largestFooter bounds the footer of an index file: it holds a schema of six columns.
const largestFooter = 1 << 20

// verify reads the metadata of the file at path, finds its columns and compares the checksum.
func (l *ListFile) verify(path string) error {
	err := l.findColumns()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		err = damage{err}
	}
	if err != nil {
		return fmt.Errorf("zoo: %s: %w", path, err)
	}
	return nil
}

// findColumns is verify without the words around an error.
func (l *ListFile) findColumns() error {
	if cpu.IsBigEndian {
		return fmt.Errorf("index files are read on little-endian machines only: %w", errors.ErrUnsupported)
	}
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	tail, err := l.footer(info.Size())
	if err != nil {
		return err
	}
	about, body, err := parseArrow(tail)
	if err != nil {
		return err
	}
	keys, values := l.meta.list()
	for i, k := range keys {
		if about[k] != values[i] {
			return errStale
		}
	}
	columns, sizes, ok := l.meta.columns(info.Size() - int64(len(tail)-len(body)))
	if !ok {
		return errors.New("it is damaged: it is too short")
	}
	copy(l.columns[:], columns[:])
	var sum uint32
	room := make([]byte, 1<<18)
	for i, at := range columns {
		for end := at + sizes[i]; at < end; {
			b := room[:min(int64(len(room)), end-at)]
			if _, err := l.file.ReadAt(b, at); err != nil {
				return fmt.Errorf("it is damaged: %w", ends(err))
			}
			sum, at = crc32.Update(sum, castagnoli, b), at+int64(len(b))
		}
	}
	return l.meta.checkSum(fmt.Sprintf("%08x", sum), about)
}

// footer returns the end of a file of the given size: its footer, and a little before it.
func (l *ListFile) footer(size int64) ([]byte, error) {
	end := int64(len(arrowMagic) + 4)
	if size < end {
		return nil, errors.New("it is damaged, or not an Arrow file")
	}
	length := make([]byte, 4)
	if _, err := l.file.ReadAt(length, size-end); err != nil {
		return nil, ends(err)
	}
	tail := make([]byte, min(size, largestFooter, end+int64(binary.LittleEndian.Uint32(length))))
	_, err := l.file.ReadAt(tail, size-int64(len(tail)))
	return tail, ends(err)
}

// ends is an error of reading a file that was cut short since it was opened.
func ends(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Samples returns the number of samples that there are lists of.
func (l *ListFile) Samples() int { return l.meta.samples }

// Read fills dst with the lists of as many samples as it holds, from a sample on. What it has read
// can be used without further checks.
func (l *ListFile) Read(dst *Lists, from int) error {
	n, k := dst.Len(), int64(dst.K)
	if l.file == nil {
		part := l.lists.Slice(from, from+n)
		copy(dst.Classes, part.Classes)
		copy(dst.Values, part.Values)
		copy(dst.Tail, part.Tail)
		copy(dst.TopClass, part.TopClass)
		copy(dst.TopValue, part.TopValue)
		return nil
	}
	at := int64(from)
	for _, column := range []struct {
		room  []byte
		place int64
	}{
		{bytesOf(dst.Classes), l.columns[0] + 2*k*at},
		{bytesOf(dst.Values), l.columns[1] + 2*k*at},
		{bytesOf(dst.Tail), l.columns[2] + 4*at},
		{bytesOf(dst.TopClass), l.columns[3] + 2*at},
		{bytesOf(dst.TopValue), l.columns[4] + 2*at},
	} {
		if _, err := l.file.ReadAt(column.room, column.place); err != nil {
			return fmt.Errorf("zoo: the search index of %q: %w", clip(l.model, 200), ends(err))
		}
	}
	if err := outputs.CheckLists(dst, n, l.meta.classes); err != nil {
		return fmt.Errorf("zoo: the search index of %q: it is damaged: %w", clip(l.model, 200), err)
	}
	return nil
}

// Close closes the file.
func (l *ListFile) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// NewLists returns empty lists of so many samples of the zoo's classes, for [ListFile.Read].
func (z *Zoo) NewLists(samples int) Lists { return outputs.NewLists(samples, z.classes) }
