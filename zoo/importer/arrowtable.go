package importer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	arrays "github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"github.com/encas-zoo/encas-zoo/internal/parquet"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// openArrow opens what openParquet opens, as Arrow files: streams, as the library datasets
// writes them, and files. In place of a file there may be a folder of its save_to_disk.
func openArrow(paths []string, _ OpenOptions, s *Source) error {
	return s.openTables(paths, tableFormat{"arrow", func(f *folder, file string) (table, error) { return openArrowTable(f, file) }})
}

// The files of a folder that datasets' save_to_disk wrote.
const (
	datasetInfo  = "dataset_info.json"
	datasetState = "state.json"
	datasetDict  = "dataset_dict.json"
)

// savedDataset reports whether a folder was written by save_to_disk.
func savedDataset(path string) bool {
	for _, file := range []string{datasetInfo, datasetState} {
		if info, err := os.Stat(filepath.Join(path, file)); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// savedFiles returns the files of data in a folder that save_to_disk wrote, nil if it is
// another folder. What else is in it, such as caches, is not read.
func (f *folder) savedFiles(dir string) ([]string, error) {
	if !f.has(dir+"/"+datasetState) || !f.has(dir+"/"+datasetInfo) {
		return nil, nil
	}
	path := dir + "/" + datasetState
	opened, size, err := f.open(path)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	var state struct {
		Files []struct {
			Filename string `json:"filename"`
		} `json:"_data_files"`
	}
	if size > maxTable {
		return nil, fmt.Errorf("%s has %d bytes, far too many for a list of files", f.name(path), size)
	}
	if err := json.NewDecoder(opened).Decode(&state); err != nil {
		return nil, fmt.Errorf("%s: it is not valid JSON: %w", f.name(path), err)
	}
	var files []string
	for _, data := range state.Files {
		if data.Filename != filepath.Base(data.Filename) {
			return nil, fmt.Errorf("%s names the file %q, which is not in its folder: write the data set again, with save_to_disk", f.name(path), data.Filename)
		}
		files = append(files, dir+"/"+data.Filename)
	}
	if files == nil {
		return nil, fmt.Errorf("%s names no files of data: write the data set again, with save_to_disk", f.name(path))
	}
	return files, nil
}

// An arrowTable is an Arrow file. It is read again for every column.
type arrowTable struct {
	name  string
	f     *os.File
	bytes int64
	heads []tableColumn
	names map[string][]string // of classes, by column
	rows  int
}

func openArrowTable(folder *folder, file string) (*arrowTable, error) {
	f, size, err := folder.open(file)
	if err != nil {
		return nil, err
	}
	t := &arrowTable{name: folder.name(file), f: f, bytes: size, names: map[string][]string{}}
	r := t.batches()
	err = r.open()
	if err == nil {
		t.describe(r.reader.Schema())
		for err == nil {
			if err = r.fetch(); err == nil {
				t.rows += r.rows
			}
			if t.rows > maxSamples {
				break
			}
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err == nil && (t.rows < 1 || t.rows > maxSamples) {
		err = fmt.Errorf("%s has %d rows: 1 to %d can be imported", t.name, t.rows, maxSamples)
	}
	if err == nil {
		err = checkSamples(t.name, t.rows, false)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close(), f.Close())
	}
	return t, r.Close()
}

// describe finds out what the columns are.
func (t *arrowTable) describe(schema *arrow.Schema) {
	for _, field := range schema.Fields() {
		t.heads = append(t.heads, tableColumn{name: field.Name, kind: arrowKind(field.Type)})
		if text, ok := schema.Metadata().GetValue("huggingface"); ok {
			if names := labelNames(text, field.Name); names != nil {
				t.names[field.Name] = names
			}
		}
	}
}

// arrowKind is what a column holds.
func arrowKind(of arrow.DataType) columnKind {
	switch of := of.(type) {
	case *arrow.BooleanType:
		return boolColumn
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		return textColumn
	case *arrow.DictionaryType:
		if arrowKind(of.ValueType) == textColumn {
			return textColumn
		}
	case *arrow.Float16Type, *arrow.Float32Type, *arrow.Float64Type:
		return realColumn
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type, *arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type, *arrow.Uint64Type:
		return wholeColumn
	case *arrow.TimestampType, *arrow.Date32Type, *arrow.Date64Type:
		return timeColumn
	case *arrow.MapType:
		return mapColumn
	case *arrow.ListType:
		if arrowKind(of.Elem()) == realColumn {
			return listColumn
		}
	case *arrow.LargeListType:
		if arrowKind(of.Elem()) == realColumn {
			return listColumn
		}
	case *arrow.FixedSizeListType:
		if arrowKind(of.Elem()) == realColumn {
			return listColumn
		}
	}
	return otherColumn
}

func (t *arrowTable) title() string          { return t.name }
func (t *arrowTable) size() int              { return t.rows }
func (t *arrowTable) columns() []tableColumn { return t.heads }
func (t *arrowTable) at(row int) string      { return fmt.Sprintf("row %d", row) }
func (t *arrowTable) Close() error           { return t.f.Close() }

func (t *arrowTable) classNames(column int) []string { return t.names[t.heads[column].name] }

func (t *arrowTable) texts(column int, each func(string) error) error {
	r := t.batches()
	for row := 0; ; row++ {
		text, err := r.text(column)
		if errors.Is(err, io.EOF) {
			return r.Close()
		}
		if err == nil {
			err = each(text)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("%s: row %d: %w", t.name, row, err), r.Close())
		}
	}
}

func (t *arrowTable) values(columns []int, list bool) values {
	return &arrowValues{arrowBatches: t.batches(), columns: columns, list: list}
}

func (t *arrowTable) listLength(column int) (int, error) {
	r := t.batches()
	list, err := r.listOf(column)
	if err != nil {
		return 0, errors.Join(fmt.Errorf("%s: row 0: %w", t.name, err), r.Close())
	}
	if len(list) > zoo.MaxClasses {
		err = fmt.Errorf("%s: row 0 has more than %d values", t.name, zoo.MaxClasses)
	}
	return len(list), errors.Join(err, r.Close())
}

func (t *arrowTable) batches() *arrowBatches { return &arrowBatches{table: t} }

// arrowBatches reads the record batches of a file one after the other, and the cells of the
// current one.
type arrowBatches struct {
	table  *arrowTable
	src    *arrowMessages
	listed int // batches that the footer of a file lists; -1 in a stream, which has none
	reader *ipc.Reader
	batch  arrow.Record
	rows   int
	at     int // the next row of batch
	row    int // of the file
	buf    []float64
}

// damaged is the error of a file that is not as its format says. The library panics at some
// of them.
func (b *arrowBatches) damaged(err any) error {
	for _, large := range []error{errLargeBatch, errPacked} {
		if err, ok := err.(error); ok && errors.Is(err, large) {
			return fmt.Errorf("%s: %w", b.table.name, large)
		}
	}
	return fmt.Errorf("%s is damaged, or not an Arrow file (%v): write it again", b.table.name, err)
}

func (b *arrowBatches) open() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = b.damaged(r)
		}
	}()
	src, err := b.stream()
	if err != nil {
		return err
	}
	b.src = newArrowMessages(src)
	b.reader, err = ipc.NewReaderFromMessageReader(b.src, ipc.WithAllocator(b.src.taken))
	if err != nil {
		return b.damaged(err)
	}
	return nil
}

// arrowMagic is at both ends of a file.
const arrowMagic = "ARROW1"

// stream returns the stream that is in a file, before its footer, or is the file.
func (b *arrowBatches) stream() (*io.SectionReader, error) {
	b.listed = -1
	f, size := b.table.f, b.table.bytes
	head := make([]byte, 12)
	if _, err := f.ReadAt(head, 0); err != nil || string(head[:len(arrowMagic)]) != arrowMagic {
		return io.NewSectionReader(f, 0, size), nil
	}
	if binary.LittleEndian.Uint32(head[8:]) != continued {
		return nil, fmt.Errorf("%s has no stream in it, as the files of polars' write_ipc have none: write it with write_ipc_stream, or as Parquet", b.table.name)
	}
	end := make([]byte, 4+len(arrowMagic)) // the length of the footer, and the magic
	last := size - int64(len(end))
	if _, err := f.ReadAt(end, last); err != nil || string(end[4:]) != arrowMagic {
		return nil, b.damaged("it does not end as an Arrow file: it is cut short")
	}
	length := int64(binary.LittleEndian.Uint32(end))
	if length > min(last-8, maxBatch) {
		return nil, b.damaged(fmt.Sprintf("a footer of %d bytes", length))
	}
	footer := make(flatbuffer, length)
	if _, err := f.ReadAt(footer, last-length); err != nil {
		return nil, b.damaged(err)
	}
	_, batches := footer.vector(footer.table(0), 3, 24)
	b.listed = int(batches)
	return io.NewSectionReader(f, 8, last-length-8), nil
}

// fetch goes to the next batch that has rows.
func (b *arrowBatches) fetch() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = b.damaged(r)
		}
	}()
	if b.reader == nil {
		if err := b.open(); err != nil {
			return err
		}
	}
	for {
		if !b.reader.Next() {
			// At the end it has none; that of a column that is cut off is io.EOF.
			if err := b.reader.Err(); err != nil {
				return b.damaged(err)
			}
			if b.listed >= 0 && b.src.batches != b.listed {
				return b.damaged(fmt.Sprintf("it has %d batches of the %d that its footer lists", b.src.batches, b.listed))
			}
			return io.EOF
		}
		b.batch, b.at = b.reader.Record(), 0
		b.rows = int(b.batch.NumRows())
		for _, a := range b.batch.Columns() {
			if a.Len() != b.rows {
				return b.damaged(fmt.Sprintf("a column of %d rows in a batch of %d", a.Len(), b.rows))
			}
		}
		if b.rows > 0 {
			return nil
		}
	}
}

// cell calls read with a column of the current batch and the next row in it.
func (b *arrowBatches) cell(column int, read func(a arrow.Array, row int) error) (err error) {
	if b.batch == nil || b.at == b.rows {
		if err := b.fetch(); err != nil {
			return err
		}
	}
	defer func() {
		if r := recover(); r != nil {
			err = b.damaged(r)
		}
	}()
	a := b.batch.Column(column)
	if a.IsNull(b.at) {
		return fmt.Errorf("column %q: %w", b.table.heads[column].name, parquet.ErrMissing)
	}
	return read(a, b.at)
}

// text returns the text in the next row of a column, and goes on.
func (b *arrowBatches) text(column int) (text string, err error) {
	err = b.cell(column, func(a arrow.Array, row int) error {
		if d, ok := a.(*arrays.Dictionary); ok {
			if a, row = d.Dictionary(), d.GetValueIndex(row); a.IsNull(row) {
				return fmt.Errorf("column %q: %w", b.table.heads[column].name, parquet.ErrMissing)
			}
		}
		text = arrowText(a, row)
		return nil
	})
	b.at, b.row = b.at+1, b.row+1
	return text, err
}

// arrowText returns the text in a row of an array, of a time as it is elsewhere.
func arrowText(a arrow.Array, row int) string {
	switch a := a.(type) {
	case *arrays.Timestamp:
		of := a.DataType().(*arrow.TimestampType)
		return timeText(a.Value(row).ToTime(of.Unit), of.TimeZone != "")
	case *arrays.Date32:
		return timeText(a.Value(row).ToTime(), false)
	case *arrays.Date64:
		return timeText(a.Value(row).ToTime(), false)
	}
	return a.ValueStr(row)
}

// listOf returns the list in the next row of a column, which is valid until the next call.
func (b *arrowBatches) listOf(column int) ([]float64, error) {
	err := b.cell(column, func(a arrow.Array, row int) error {
		list, ok := a.(arrays.ListLike)
		if !ok {
			return fmt.Errorf("column %q holds no lists", b.table.heads[column].name)
		}
		from, to := list.ValueOffsets(row)
		if to <= from || to-from > zoo.MaxClasses {
			return fmt.Errorf("column %q: a list of %d values", b.table.heads[column].name, to-from)
		}
		b.buf = b.buf[:0]
		for i := from; i < to; i++ {
			v, err := arrowNumber(list.ListValues(), int(i))
			if err != nil {
				return err
			}
			b.buf = append(b.buf, v)
		}
		return nil
	})
	return b.buf, err
}

func (b *arrowBatches) where(row int) string { return fmt.Sprintf("%s: row %d", b.table.name, row) }

func (b *arrowBatches) Close() error {
	if b.reader != nil {
		b.reader.Release()
		b.reader, b.batch = nil, nil
	}
	return nil
}

// arrowNumber returns a number of a column.
func arrowNumber(a arrow.Array, i int) (float64, error) {
	if a.IsNull(i) {
		return 0, parquet.ErrMissing
	}
	switch a := a.(type) {
	case *arrays.Boolean:
		if a.Value(i) {
			return 1, nil
		}
		return 0, nil
	case *arrays.Float16:
		return float64(a.Value(i).Float32()), nil
	case *arrays.Float32:
		return float64(a.Value(i)), nil
	case *arrays.Float64:
		return a.Value(i), nil
	}
	return strconv.ParseFloat(a.ValueStr(i), 64) // whole numbers
}

// arrowValues streams columns of numbers, or one of lists.
type arrowValues struct {
	*arrowBatches
	columns []int
	list    bool
}

func (v *arrowValues) next(row []float64) error {
	err := v.fill(row)
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return fmt.Errorf("%s: %w", v.where(v.row), err)
	}
	v.at, v.row = v.at+1, v.row+1
	return nil
}

func (v *arrowValues) fill(row []float64) error {
	if v.list {
		list, err := v.listOf(v.columns[0])
		if err == nil && len(list) != len(row) {
			err = fmt.Errorf("it has %d values, but the rows before have %d", len(list), len(row))
		}
		copy(row, list)
		return err
	}
	for i, column := range v.columns {
		err := v.cell(column, func(a arrow.Array, at int) (err error) {
			row[i], err = arrowNumber(a, at)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// savedSplits asks which one of several data sets is meant, that are in a folder together.
func (f *folder) savedSplits() error {
	if !f.has(datasetDict) {
		return nil
	}
	dirs := slices.DeleteFunc(slices.Clone(f.dirs), func(dir string) bool { return !f.has(dir + "/" + datasetState) })
	return fmt.Errorf("%s holds several data sets (%s): name one of them, as in %s", f.path, some(dirs), f.name(append(dirs, "test")[0]))
}
