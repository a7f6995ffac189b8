package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/encas-zoo/encas-zoo/ingest/imaging"
)

const (
	// maxGroup is the largest row group, in bytes of images, that is read.
	maxGroup = 4 << 30
	// maxRows is the largest number of rows of a group.
	maxRows = 1 << 24
	// keptGroups are held in memory: workers run ahead of each other across the
	// border of two.
	keptGroups = 3
)

// table is a source of Parquet files as Hugging Face writes image data sets: a
// struct column image{bytes, path} and an integer column label.
type table struct {
	files  []*file.Reader
	groups []rowGroup // in the order of their images

	mu   sync.Mutex
	kept []*groupImages // most recently used last
}

// A rowGroup is images [first, first+rows) of the table.
type rowGroup struct {
	file, group, first, rows int
}

type groupImages struct {
	group int
	once  sync.Once
	data  [][]byte
	err   error
}

func openParquet(names []string) (set *Set, err error) {
	src := &table{}
	set = &Set{source: src}
	defer func() {
		if err != nil {
			src.close()
		}
	}()
	slices.Sort(names)
	paths := make([]string, 0)
	for i, name := range names {
		r, err := openFile(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		src.files = append(src.files, r)
		if err := src.readLabels(set, &paths, i, filepath.Base(name)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	// The stored paths are better names than row numbers, where they are names.
	if uniqueIDs(paths) == nil && !slices.Contains(paths, "") {
		set.IDs = paths
	}
	return set, nil
}

// openFile opens one file and reads its footer.
func openFile(name string) (r *file.Reader, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	defer guard(&err)
	return file.NewParquetReader(f)
}

// readLabels reads everything but the images of file i.
func (t *table) readLabels(set *Set, paths *[]string, i int, base string) error {
	r := t.files[i]
	label, err := column(r, "label", "labels", "fine_label")
	if err != nil {
		return err
	}
	if _, err := column(r, "image.bytes", "img.bytes"); err != nil {
		return err
	}
	path, pathErr := column(r, "image.path", "img.path")
	if names := classNames(r, label); len(names) > 0 {
		set.Classes, set.ClassNames = len(names), readable(names)
	}
	row := 0
	for g := range r.NumRowGroups() {
		if n := r.RowGroup(g).NumRows(); n < 0 || n > maxRows {
			return fmt.Errorf("row group %d has %d rows, at most %d are read", g, n, maxRows)
		}
		labels, err := integers(r, g, label)
		if err != nil {
			return err
		}
		rows := int(r.RowGroup(g).NumRows())
		if len(labels) != rows {
			return fmt.Errorf("row group %d has %d rows and %d labels", g, rows, len(labels))
		}
		names := make([][]byte, rows)
		if pathErr == nil {
			if names, err = byteArrays(r, g, path, true); err != nil {
				return err
			}
		}
		t.groups = append(t.groups, rowGroup{i, g, len(set.Labels), rows})
		for k, l := range labels {
			class, err := checkLabel(l)
			if err != nil {
				return fmt.Errorf("row %d: %w", row+k, err)
			}
			set.Labels = append(set.Labels, class)
			set.IDs = append(set.IDs, fmt.Sprintf("%s#%d", base, row+k))
			*paths = append(*paths, string(names[k]))
		}
		row += rows
	}
	return nil
}

// column finds the first of several leaf columns.
func column(r *file.Reader, names ...string) (int, error) {
	schema := r.MetaData().Schema
	for _, name := range names {
		if i := schema.ColumnIndexByName(name); i >= 0 {
			return i, nil
		}
	}
	var have []string
	for i := range schema.NumColumns() {
		have = append(have, schema.Column(i).Path())
	}
	return 0, fmt.Errorf("no column %s; it has %s", names[0], strings.Join(have, ", "))
}

// classNames returns the class names Hugging Face keeps beside the schema, or nil.
func classNames(r *file.Reader, label int) []string {
	text := r.MetaData().KeyValueMetadata().FindValue("huggingface")
	if text == nil {
		return nil
	}
	var meta struct {
		Info struct {
			Features map[string]json.RawMessage
		}
	}
	var class struct{ Names []string }
	if json.Unmarshal([]byte(*text), &meta) != nil ||
		json.Unmarshal(meta.Info.Features[r.MetaData().Schema.Column(label).Path()], &class) != nil {
		return nil
	}
	return class.Names
}

// integers reads a whole column chunk of integers without nulls.
func integers(r *file.Reader, group, col int) (out []int64, err error) {
	defer guard(&err)
	chunk, err := r.RowGroup(group).Column(col)
	if err != nil {
		return nil, err
	}
	rows := r.RowGroup(group).NumRows()
	buf, defs := make([]int64, 1024), make([]int16, 1024)
	buf32 := make([]int32, 1024)
	for int64(len(out)) < rows {
		var levels int64
		var n int
		switch c := chunk.(type) {
		case *file.Int64ColumnChunkReader:
			levels, n, err = c.ReadBatch(1024, buf, defs, nil)
		case *file.Int32ColumnChunkReader:
			levels, n, err = c.ReadBatch(1024, buf32, defs, nil)
			for i, v := range buf32[:n] {
				buf[i] = int64(v)
			}
		default:
			return nil, errors.New("the label column is not of integers")
		}
		if err != nil {
			return nil, err
		}
		if levels != int64(n) {
			return nil, fmt.Errorf("row group %d has rows without a label", group)
		}
		if n == 0 {
			return nil, fmt.Errorf("row group %d ends after %d of %d labels", group, len(out), rows)
		}
		out = append(out, buf[:n]...)
	}
	return out, nil
}

// byteArrays reads a whole column chunk of byte arrays. A null is nil, where nulls
// are allowed.
func byteArrays(r *file.Reader, group, col int, nulls bool) (out [][]byte, err error) {
	defer guard(&err)
	meta, err := r.MetaData().RowGroup(group).ColumnChunk(col)
	if err != nil {
		return nil, err
	}
	if n := meta.TotalUncompressedSize(); n < 0 || n > maxGroup {
		return nil, fmt.Errorf("row group %d: %d bytes, at most %d are read; write the file with smaller row groups", group, n, int64(maxGroup))
	}
	chunk, err := r.RowGroup(group).Column(col)
	if err != nil {
		return nil, err
	}
	c, ok := chunk.(*file.ByteArrayColumnChunkReader)
	if !ok {
		return nil, errors.New("the image column is not of byte arrays")
	}
	rows, full := r.RowGroup(group).NumRows(), c.Descriptor().MaxDefinitionLevel()
	buf, defs := make([]parquet.ByteArray, 64), make([]int16, 64)
	for int64(len(out)) < rows {
		levels, n, err := c.ReadBatch(64, buf, defs, nil)
		if err != nil {
			return nil, err
		}
		if levels == 0 {
			return nil, fmt.Errorf("row group %d ends after %d of %d rows", group, len(out), rows)
		}
		v := 0
		for i := range levels {
			switch {
			case full == 0 || defs[i] == full:
				out = append(out, slices.Clone(buf[v]))
				v++
			case nulls:
				out = append(out, nil)
			default:
				return nil, fmt.Errorf("row %d of row group %d holds no image bytes", len(out), group)
			}
		}
		if v != n {
			return nil, fmt.Errorf("row group %d: %d values for %d levels", group, n, v)
		}
	}
	return out, nil
}

// guard turns a panic of the Parquet reader over a damaged file into an error.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged Parquet file: %v", p)
	}
}

func (t *table) image(i int, r *Reader) (imaging.RGB, error) {
	g := sort.Search(len(t.groups), func(g int) bool { return t.groups[g].first > i }) - 1
	images := t.load(g)
	images.once.Do(func() {
		group := t.groups[g]
		col, err := column(t.files[group.file], "image.bytes", "img.bytes")
		if err == nil {
			images.data, err = byteArrays(t.files[group.file], group.group, col, false)
		}
		images.err = err
	})
	if images.err != nil {
		return imaging.RGB{}, images.err
	}
	return r.decoder.Decode(images.data[i-t.groups[g].first])
}

// load returns the kept images of group g, or an entry for its caller to fill.
func (t *table) load(g int) *groupImages {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.kept, func(k *groupImages) bool { return k.group == g })
	entry := &groupImages{group: g}
	if i >= 0 {
		entry = t.kept[i]
		t.kept = slices.Delete(t.kept, i, i+1)
	} else if len(t.kept) == keptGroups {
		t.kept = slices.Delete(t.kept, 0, 1)
	}
	t.kept = append(t.kept, entry)
	return entry
}

// weigh writes the size of the row group the image lies in: single sizes are not
// known without reading the images.
func (t *table) weigh(w io.Writer, i int) {
	g := sort.Search(len(t.groups), func(g int) bool { return t.groups[g].first > i }) - 1
	group := t.groups[g]
	fmt.Fprintf(w, "%d\n", t.files[group.file].MetaData().RowGroup(group.group).TotalByteSize())
}

func (t *table) close() error {
	var errs []error
	for _, f := range t.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
