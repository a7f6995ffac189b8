package importer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/encas-zoo/encas-zoo/internal/parquet"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A parquetFile is a file of a model, or of the labels.
type parquetFile struct {
	folder *folder
	file   string
}

// openParquet opens folders with <model>.parquet files and models.csv. Labels, and
// ids if there are any, are columns of the models' files or of labels.parquet.
func openParquet(paths []string, _ OpenOptions, s *Source) error {
	var labelFiles, files []parquetFile
	var models []Model
	for _, path := range paths {
		f, err := openFolder(path, &s.held)
		if err != nil {
			return err
		}
		if f.has("labels.parquet") {
			labelFiles = append(labelFiles, parquetFile{f, "labels.parquet"})
		}
		here, err := f.models("parquet", "labels")
		if err != nil {
			return err
		}
		for _, m := range here {
			models, files = append(models, m), append(files, parquetFile{f, m.Name + ".parquet"})
		}
	}
	// Labels first: everything else is compared with them.
	set := &s.Sets[0]
	looks := []func(*parquetTable) error{set.readLabels, set.readIDs}
	if s.unlabelled {
		looks, labelFiles = looks[1:], nil
	}
	for _, look := range looks {
		for _, p := range append(labelFiles, files...) {
			if err := p.with(look); err != nil {
				return err
			}
		}
		if set.Labels == nil && !s.unlabelled {
			return fmt.Errorf("%s: no labels: give the files a column \"label\", or add labels.parquet with the class number of every sample%s", paths[0], orUnlabelled)
		}
	}
	for i, m := range models {
		if err := s.add(m, func(int) (Rows, error) { return s.parquetRows(files[i]) }); err != nil {
			return err
		}
	}
	return nil
}

// with opens the file for as long as do runs.
func (p parquetFile) with(do func(*parquetTable) error) error {
	t, err := openParquetTable(p.folder, p.file)
	if err != nil {
		return err
	}
	return errors.Join(do(t), t.Close())
}

func (s *Set) readLabels(t *parquetTable) error {
	column := t.find("label", "labels")
	if column < 0 {
		return nil
	}
	var labels []uint16
	err := scan(t, column, t.numbers, func(v float64) error {
		l, err := realLabel(v)
		labels = append(labels, l)
		return err
	})
	if err != nil {
		return err
	}
	return s.mergeLabels(t.Name, labels)
}

func (s *Set) readIDs(t *parquetTable) error {
	column := t.find("id", "ids", "sample")
	if column < 0 {
		return nil
	}
	var ids []string
	err := scan(t, column, t.texts, func(id string) error {
		if id == "" {
			return errors.New("the id is empty")
		}
		ids = append(ids, id)
		return nil
	})
	if err != nil {
		return err
	}
	return s.mergeIDs(t.Name, ids)
}

// parquetRows opens the outputs in a file.
func (s *Source) parquetRows(p parquetFile) (_ Rows, err error) {
	t, err := openParquetTable(p.folder, p.file)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
	columns, list, err := t.outputs()
	if err != nil {
		return nil, err
	}
	classes := len(columns)
	if list {
		first := listReader{table: t, column: columns[0]}
		if classes, err = first.list(make([]float64, zoo.MaxClasses)); err != nil {
			return nil, err
		}
	}
	if err := s.fits(t.Name, t.rows, classes, 0); err != nil {
		return nil, err
	}
	r := &parquetRows{table: t, conv: newConverter(classes, s.logits), values: make([]float64, classes)}
	if list {
		r.source = &listReader{table: t, column: columns[0]}
	} else {
		r.source = &wideReader{table: t, columns: columns}
	}
	return r, nil
}

// parquetRows converts rows of values.
type parquetRows struct {
	table  *parquetTable
	source interface {
		// next fills a row and returns io.EOF after the last.
		next(values []float64) error
		Close() error
	}
	conv   *converter
	values []float64
	row    int
}

func (r *parquetRows) Next(row []uint16) error {
	if err := r.source.next(r.values); err != nil {
		return err
	}
	if err := r.conv.from64(row, r.values); err != nil {
		return fmt.Errorf("%s: row %d: %w", r.table.Name, r.row, err)
	}
	r.row++
	return nil
}

func (r *parquetRows) Close() error { return errors.Join(r.source.Close(), r.table.Close()) }

// A listReader reads rows from a column of lists.
type listReader struct {
	table  *parquetTable
	column int
	group  int // the next row group
	cells  *parquet.Cells[float64]
	at     int // in the cells' current batch
	row    int
}

func (r *listReader) next(values []float64) error {
	n, err := r.list(values)
	if err != nil {
		return err
	}
	if n != len(values) {
		return fmt.Errorf("%s: row %d has %d values, but the rows before have %d", r.table.Name, r.row-1, n, len(values))
	}
	return nil
}

// list reads the next list into values and returns its length, or io.EOF.
func (r *listReader) list(values []float64) (int, error) {
	n := 0
	for {
		more, err := r.fetch(n > 0)
		if err != nil {
			return 0, err
		}
		// A repetition level of 0 begins a list.
		if begins := more && r.cells.Reps[r.at] == 0; !more || begins && n > 0 {
			if n == 0 {
				return 0, io.EOF
			}
			r.row++
			return n, nil
		}
		if r.at == len(r.cells.Values) {
			return 0, fmt.Errorf("%s: row %d: %w", r.table.Name, r.row, parquet.ErrMissing)
		}
		if n == len(values) {
			return 0, fmt.Errorf("%s: row %d has more than %d values", r.table.Name, r.row, n)
		}
		values[n] = r.cells.Values[r.at]
		n++
		r.at++
	}
}

// fetch makes sure that there is a cell at r.at, possibly a missing one, and returns
// false at the end of the column. Inside a list it does not go on to the next row
// group, where no list continues.
func (r *listReader) fetch(inside bool) (bool, error) {
	for {
		if r.cells != nil {
			if r.at < len(r.cells.Values) || r.cells.Missing {
				return true, nil
			}
			more, err := r.cells.Next()
			if err != nil {
				return false, err
			}
			r.at = 0
			if more {
				continue
			}
			r.cells = nil
		}
		if inside || r.group == r.table.Groups() {
			return false, nil
		}
		var err error
		if r.cells, err = r.table.numbers(r.group, r.column); err != nil {
			return false, err
		}
		r.group, r.at = r.group+1, 0
	}
}

func (r *listReader) Close() error { return nil }

// A wideReader reads rows from one column a class. Parquet stores a column of a row
// group as a whole, so that reading rows would need all columns open at a time:
// with 1000 classes hundreds of megabytes of pages and dictionaries. Instead each
// row group is transposed in a temporary file.
type wideReader struct {
	table   *parquetTable
	columns []int
	group   int // the next row group
	spool   *os.File
	before  int       // rows in the row groups before
	rows    int       // in the spool
	given   int       // rows of the spool returned
	block   []float64 // some rows of the spool, by class
	stride  int       // rows a class has in block
	first   int       // the row of the spool that block begins with
	buf     []byte
}

// blockValues bounds the values of a block: 8 MB.
const blockValues = 1 << 20

func (r *wideReader) next(values []float64) error {
	for r.given == r.rows {
		if r.group == r.table.Groups() {
			return io.EOF
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
	if r.stride == 0 || r.given >= r.first+r.stride {
		if err := r.readBlock(); err != nil {
			return err
		}
	}
	at := r.given - r.first
	for class := range values {
		values[class] = r.block[class*r.stride+at]
	}
	r.given++
	return nil
}

// fill writes the next row group to the spool, class after class.
func (r *wideReader) fill() error {
	if r.spool == nil {
		var err error
		if r.spool, err = os.CreateTemp("", "encas-zoo-import-*"); err != nil {
			return fmt.Errorf("a temporary file to read %s: %w", r.table.Name, err)
		}
		// If the system allows it the file has no name from now on, and cannot be left
		// behind.
		_ = os.Remove(r.spool.Name())
	}
	r.before += r.rows
	var err error
	if r.rows, err = r.table.groupRows(r.group, r.before); err != nil {
		return err
	}
	r.given, r.first, r.stride = 0, 0, 0
	for class, column := range r.columns {
		if err := r.fillClass(class, column); err != nil {
			return err
		}
	}
	r.group++
	return nil
}

// fillClass writes the values of one class to the spool.
func (r *wideReader) fillClass(class, column int) error {
	cells, err := r.table.numbers(r.group, column)
	if err != nil {
		return err
	}
	at := 8 * int64(class) * int64(r.rows)
	return cells.Each(r.before, r.rows, func(values []float64) error {
		r.buf = r.buf[:0]
		for _, v := range values {
			r.buf = binary.LittleEndian.AppendUint64(r.buf, math.Float64bits(v))
		}
		if _, err := r.spool.WriteAt(r.buf, at); err != nil {
			return fmt.Errorf("the temporary file to read %s: %w; TMPDIR chooses its folder", r.table.Name, err)
		}
		at += int64(len(r.buf))
		return nil
	})
}

// readBlock reads the next rows from the spool.
func (r *wideReader) readBlock() error {
	r.first = r.given
	r.stride = min(max(blockValues/len(r.columns), 1), r.rows-r.given)
	if n := r.stride * len(r.columns); cap(r.block) < n {
		r.block = make([]float64, n)
	}
	r.block = r.block[:r.stride*len(r.columns)]
	if cap(r.buf) < 8*r.stride {
		r.buf = make([]byte, 8*r.stride)
	}
	buf := r.buf[:8*r.stride]
	for class := range r.columns {
		if _, err := r.spool.ReadAt(buf, 8*(int64(class)*int64(r.rows)+int64(r.first))); err != nil {
			return fmt.Errorf("the temporary file to read %s: %w", r.table.Name, err)
		}
		for i := range r.stride {
			r.block[class*r.stride+i] = math.Float64frombits(binary.LittleEndian.Uint64(buf[8*i:]))
		}
	}
	return nil
}

func (r *wideReader) Close() error {
	if r.spool == nil {
		return nil
	}
	err := r.spool.Close()
	_ = os.Remove(r.spool.Name()) // already gone on most systems
	return err
}
