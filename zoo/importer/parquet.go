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

// A parquetSource is folders with one Parquet file a model.
type parquetSource struct {
	logits  bool
	classes int
	shaped  string // the file that the number of classes is from
	set     Set
	models  []Model
	files   []parquetFile
}

type parquetFile struct {
	folder *folder
	file   string
}

// openParquet opens folders with <model>.parquet files and models.csv. Labels, and
// ids if there are any, are columns of the models' files or of labels.parquet.
func openParquet(paths []string, opt OpenOptions, h *held) (opened, error) {
	s := &parquetSource{logits: opt.Logits, set: Set{}}
	var labelFiles []parquetFile
	for _, path := range paths {
		f, err := openFolder(path, h)
		if err != nil {
			return nil, err
		}
		if f.has("labels.parquet") {
			labelFiles = append(labelFiles, parquetFile{f, "labels.parquet"})
		}
		rows, err := readModels(f, "models.csv")
		if err != nil {
			return nil, err
		}
		if err := match(f.name("models.csv"), rows, path, ".parquet", f.stems(".parquet", "labels")); err != nil {
			return nil, err
		}
		for _, row := range rows {
			p := parquetFile{f, row.name + ".parquet"}
			content, err := f.content("parquet", p.file)
			if err != nil {
				return nil, err
			}
			s.files = append(s.files, p)
			s.models = append(s.models, Model{Name: row.name, File: f.name(p.file), Columns: row.columns, Content: []string{content}})
		}
	}
	// Labels first: everything else is compared with them.
	for _, look := range []func(*parquetTable) error{s.readLabels, s.readIDs} {
		for _, p := range append(labelFiles, s.files...) {
			if err := p.with(look); err != nil {
				return nil, err
			}
		}
		if s.set.Labels == nil {
			return nil, fmt.Errorf("%s: no labels: give the files a column \"label\", or add labels.parquet with the class number of every sample", paths[0])
		}
	}
	for _, p := range s.files {
		if err := p.with(s.checkShape); err != nil {
			return nil, err
		}
	}
	if err := checkLabels(s.set.File, s.set.Labels, s.classes); err != nil {
		return nil, err
	}
	return s, checkNames(s.models)
}

// with opens the file for as long as do runs.
func (p parquetFile) with(do func(*parquetTable) error) error {
	t, err := openParquetTable(p.folder, p.file)
	if err != nil {
		return err
	}
	return errors.Join(do(t), t.Close())
}

func (s *parquetSource) readLabels(t *parquetTable) error {
	column := t.find("label", "labels")
	if column < 0 {
		return nil
	}
	var labels []uint16
	err := scan(t, column, t.numbers, func(v float64) error {
		if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
			return fmt.Errorf("label %v is not an integer", v)
		}
		l, err := toLabel(int64(v))
		labels = append(labels, l)
		return err
	})
	if err != nil {
		return err
	}
	return s.set.mergeLabels(t.Name, labels)
}

func (s *parquetSource) readIDs(t *parquetTable) error {
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
	return s.set.mergeIDs(t.Name, ids)
}

// checkShape finds the outputs in a file and compares their number with the labels
// and with the files before it.
func (s *parquetSource) checkShape(t *parquetTable) error {
	columns, list, err := t.outputs()
	if err != nil {
		return err
	}
	if t.rows != len(s.set.Labels) {
		return fmt.Errorf("%s has %d rows, but %s has %d labels", t.Name, t.rows, s.set.File, len(s.set.Labels))
	}
	classes := len(columns)
	if list {
		first := listReader{table: t, column: columns[0]}
		if classes, err = first.list(make([]float64, zoo.MaxClasses)); err != nil {
			return err
		}
	}
	if classes < 2 || classes > zoo.MaxClasses {
		return fmt.Errorf("%s has %d classes: a zoo has 2 to %d", t.Name, classes, zoo.MaxClasses)
	}
	if s.shaped == "" {
		s.classes, s.shaped = classes, t.Name
	}
	if classes != s.classes {
		return fmt.Errorf("%s has %d classes, but %s has %d", t.Name, classes, s.shaped, s.classes)
	}
	return nil
}

func (s *parquetSource) Classes() (int, bool) { return s.classes, true }
func (s *parquetSource) Sets() []Set          { return []Set{s.set} }
func (s *parquetSource) Models() []Model      { return s.models }

func (s *parquetSource) Rows(model, _ int) (Rows, error) {
	p := s.files[model]
	t, err := openParquetTable(p.folder, p.file)
	if err != nil {
		return nil, err
	}
	// Looked at again: the file may have been replaced since it was checked.
	if err := s.checkShape(t); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	columns, list, err := t.outputs()
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	r := &parquetRows{table: t, conv: newConverter(s.classes, s.logits), values: make([]float64, s.classes)}
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
	r.rows = int(r.table.GroupRows(r.group))
	if r.rows < 0 || r.rows > r.table.rows {
		return fmt.Errorf("%s: row group %d claims %d rows: the file is damaged; write it again", r.table.Name, r.group, r.rows)
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
	where := func(row int) string {
		return fmt.Sprintf("%s: row %d, column %q", r.table.Name, r.before+row, r.table.ColumnName(column))
	}
	row := 0
	for {
		more, err := cells.Next()
		if err != nil {
			return err
		}
		if row+len(cells.Values) > r.rows {
			return fmt.Errorf("%s: the row group has %d rows only: the file is damaged; write it again", where(r.rows), r.rows)
		}
		r.buf = r.buf[:0]
		for _, v := range cells.Values {
			r.buf = binary.LittleEndian.AppendUint64(r.buf, math.Float64bits(v))
		}
		if _, err := r.spool.WriteAt(r.buf, 8*(int64(class)*int64(r.rows)+int64(row))); err != nil {
			return fmt.Errorf("the temporary file to read %s: %w; TMPDIR chooses its folder", r.table.Name, err)
		}
		row += len(cells.Values)
		if cells.Missing {
			return fmt.Errorf("%s: %w", where(row), parquet.ErrMissing)
		}
		if !more {
			break
		}
	}
	if row != r.rows {
		return fmt.Errorf("%s: it ends %d rows early: the file is damaged; write it again", where(row), r.rows-row)
	}
	return nil
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
