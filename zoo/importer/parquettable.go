package importer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	arrow "github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/parquet"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A parquetTable is an open Parquet file that another program wrote.
type parquetTable struct {
	*parquet.File
	f     *os.File
	rows  int
	heads []tableColumn // by leaf column
}

// maxPage bounds a page of a Parquet file, uncompressed. Writers make pages of
// about 1 MB.
const maxPage = 64 << 20

func openParquetTable(folder *folder, name string) (*parquetTable, error) {
	f, _, err := folder.open(name)
	if err != nil {
		return nil, err
	}
	t := &parquetTable{f: f}
	if t.File, err = parquet.NewFile(f, folder.name(name), parquet.Limits{Page: maxPage}); err == nil {
		if n := t.Rows(); n < 1 || n > maxSamples {
			err = fmt.Errorf("%s has %d rows: 1 to %d can be imported", t.Name, n, maxSamples)
		} else {
			t.rows = int(n)
			err = checkSamples(t.Name, t.rows, false)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	index := t.pandasIndex()
	for i := range t.Schema().NumColumns() {
		name := t.ColumnName(i)
		t.heads = append(t.heads, tableColumn{name: name, kind: t.kind(i), index: index[name]})
	}
	return t, nil
}

// pandasIndex returns the columns that were the index of pandas' table, by name.
func (t *parquetTable) pandasIndex() map[string]bool {
	names := map[string]bool{"__index_level_0__": true}
	text := t.Metadata("pandas")
	if text == nil {
		return names
	}
	var pandas struct {
		Columns []json.RawMessage `json:"index_columns"`
	}
	if json.Unmarshal([]byte(*text), &pandas) != nil {
		return names
	}
	for _, column := range pandas.Columns {
		var name string // a range of numbers, which is not stored, is an object
		if json.Unmarshal(column, &name) == nil {
			names[name] = true
		}
	}
	return names
}

// kind is what a leaf column holds.
func (t *parquetTable) kind(i int) columnKind {
	c := t.Schema().Column(i)
	plain := len(c.ColumnPath()) == 1 && c.MaxRepetitionLevel() == 0
	switch {
	case isFloat(c) && plain:
		return realColumn
	case isFloat(c) && c.MaxRepetitionLevel() == 1 && t.isMap(c):
		return mapColumn
	case isFloat(c) && c.MaxRepetitionLevel() == 1 && len(c.ColumnPath()) <= 3:
		return listColumn
	case !plain:
		return otherColumn
	}
	switch c.PhysicalType() {
	case arrow.Types.ByteArray:
		return textColumn
	case arrow.Types.Boolean:
		return boolColumn
	case arrow.Types.Int32, arrow.Types.Int64:
		switch c.LogicalType().(type) {
		case schema.NoLogicalType, schema.UnknownLogicalType, *schema.IntLogicalType, schema.IntLogicalType:
			return wholeColumn
		}
		if moment(c) != nil {
			return timeColumn
		}
	}
	return otherColumn
}

// moment returns what makes a time of a number in a column of dates or times, nil for any
// other column.
func moment(c *schema.Column) func(int64) string {
	logical := c.LogicalType()
	if p, ok := logical.(*schema.TimestampLogicalType); ok {
		logical = *p
	}
	switch l := logical.(type) {
	case schema.DateLogicalType:
		return func(days int64) string { return timeText(time.Unix(days*24*60*60, 0), false) }
	case schema.TimestampLogicalType:
		zoned := l.IsAdjustedToUTC()
		switch l.TimeUnit() {
		case schema.TimeUnitMillis:
			return func(v int64) string { return timeText(time.UnixMilli(v), zoned) }
		case schema.TimeUnitMicros:
			return func(v int64) string { return timeText(time.UnixMicro(v), zoned) }
		case schema.TimeUnitNanos:
			return func(v int64) string { return timeText(time.Unix(0, v), zoned) }
		}
	}
	return nil
}

// timeText writes a time as pandas does.
func timeText(t time.Time, zoned bool) string {
	text := t.UTC().Format("2006-01-02 15:04:05.999999999")
	if zoned {
		text += "+00:00"
	}
	return text
}

// classNames are those of a ClassLabel, as the library datasets writes them.
func (t *parquetTable) classNames(column int) []string {
	text := t.Metadata("huggingface")
	if text == nil {
		return nil
	}
	return labelNames(*text, t.heads[column].name)
}

// labelNames returns the names of a ClassLabel from what the library datasets says about the
// columns of a file.
func labelNames(text, column string) []string {
	var dataset struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	var label struct {
		Names []string `json:"names"`
	}
	if json.Unmarshal([]byte(text), &dataset) != nil || json.Unmarshal(dataset.Info.Features[column], &label) != nil {
		return nil
	}
	return label.Names
}

// isMap reports whether a leaf column is of maps, whose order means nothing.
func (t *parquetTable) isMap(c *schema.Column) bool {
	root := t.Schema().Root()
	i := root.FieldIndexByName(c.ColumnPath()[0])
	if i < 0 {
		return false
	}
	_, ok := root.Field(i).LogicalType().(schema.MapLogicalType)
	converted := root.Field(i).ConvertedType()
	return ok || converted == schema.ConvertedTypes.Map || converted == schema.ConvertedTypes.MapKeyValue
}

func (t *parquetTable) title() string          { return t.Name }
func (t *parquetTable) size() int              { return t.rows }
func (t *parquetTable) columns() []tableColumn { return t.heads }
func (t *parquetTable) at(row int) string      { return fmt.Sprintf("row %d", row) }

func (t *parquetTable) texts(column int, each func(string) error) error {
	return scan(t, column, t.textCells, each)
}

func (t *parquetTable) values(columns []int, list bool) values {
	if list {
		return &listReader{table: t, column: columns[0]}
	}
	return &wideReader{table: t, columns: columns, t: transposer{file: t.Name, columns: len(columns)}}
}

func (t *parquetTable) listLength(column int) (int, error) {
	first := listReader{table: t, column: column}
	n, err := first.list(make([]float64, zoo.MaxClasses))
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: there are no rows", t.Name)
	}
	return n, err
}

func (t *parquetTable) Close() error { return t.f.Close() }

func isFloat16(c *schema.Column) bool {
	_, ok := c.LogicalType().(schema.Float16LogicalType)
	return ok && c.PhysicalType() == arrow.Types.FixedLenByteArray && c.TypeLength() == 2
}

func isFloat(c *schema.Column) bool {
	return c.PhysicalType() == arrow.Types.Float || c.PhysicalType() == arrow.Types.Double || isFloat16(c)
}

// numbers opens a column of numbers of a row group.
func (t *parquetTable) numbers(group, column int) (*parquet.Cells[float64], error) {
	order := binary.LittleEndian
	c := t.Schema().Column(column)
	switch c.PhysicalType() {
	case arrow.Types.Boolean:
		return parquet.Open(t.File, group, column, parquet.Bits, func(b []byte) float64 { return float64(b[0]) })
	case arrow.Types.Float:
		return parquet.Open(t.File, group, column, 4, func(b []byte) float64 { return float64(math.Float32frombits(order.Uint32(b))) })
	case arrow.Types.Double:
		return parquet.Open(t.File, group, column, 8, func(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) })
	case arrow.Types.Int32:
		return parquet.Open(t.File, group, column, 4, func(b []byte) float64 { return float64(int32(order.Uint32(b))) })
	case arrow.Types.Int64:
		return parquet.Open(t.File, group, column, 8, func(b []byte) float64 { return float64(int64(order.Uint64(b))) })
	}
	if isFloat16(c) {
		single := make([]float32, 1)
		return parquet.Open(t.File, group, column, 2, func(b []byte) float64 {
			kernel.F16ToF32(single, []uint16{order.Uint16(b)})
			return float64(single[0])
		})
	}
	return nil, fmt.Errorf("%s: the column %q holds %s, not numbers", t.Name, t.ColumnName(column), c.PhysicalType())
}

// textCells opens a column of strings or integers of a row group.
func (t *parquetTable) textCells(group, column int) (*parquet.Cells[string], error) {
	order := binary.LittleEndian
	c := t.Schema().Column(column)
	at := moment(c)
	text := func(signed int64, unsigned uint64) string {
		if at != nil {
			return at(signed)
		}
		if l, ok := c.LogicalType().(schema.IntLogicalType); ok && !l.IsSigned() {
			return strconv.FormatUint(unsigned, 10)
		}
		return strconv.FormatInt(signed, 10)
	}
	switch c.PhysicalType() {
	case arrow.Types.ByteArray:
		return parquet.Open(t.File, group, column, 0, func(b []byte) string { return string(b) })
	case arrow.Types.Int32:
		return parquet.Open(t.File, group, column, 4, func(b []byte) string {
			return text(int64(int32(order.Uint32(b))), uint64(order.Uint32(b)))
		})
	case arrow.Types.Int64:
		return parquet.Open(t.File, group, column, 8, func(b []byte) string { return text(int64(order.Uint64(b)), order.Uint64(b)) })
	}
	return nil, fmt.Errorf("%s: the column %q holds %s, not strings or integers", t.Name, t.ColumnName(column), c.PhysicalType())
}

// groupRows returns the number of rows of a row group. before is how many the groups
// before it have.
func (t *parquetTable) groupRows(group, before int) (int, error) {
	n := t.GroupRows(group)
	if n < 0 || n > int64(t.rows-before) {
		return 0, fmt.Errorf("%s: row group %d claims %d rows, of which the file has %d: it is damaged; write it again", t.Name, group, n, t.rows-before)
	}
	return int(n), nil
}

// scan calls each for every cell of a column with one cell a row.
func scan[T any](t *parquetTable, column int, open func(group, column int) (*parquet.Cells[T], error), each func(T) error) error {
	row := 0
	for group := range t.Groups() {
		n, err := t.groupRows(group, row)
		if err != nil {
			return err
		}
		c, err := open(group, column)
		if err != nil {
			return err
		}
		err = c.Each(row, n, func(cells []T) error {
			for _, v := range cells {
				if err := each(v); err != nil {
					return fmt.Errorf("%s: row %d: %w", t.Name, row, err)
				}
				row++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if row != t.rows {
		return fmt.Errorf("%s: the column %q has %d of the file's %d rows: the file is damaged; write it again", t.Name, t.ColumnName(column), row, t.rows)
	}
	return nil
}

// A listReader reads rows from a column of lists.
type listReader struct {
	table  *parquetTable
	column int
	group  int // the next row group
	cells  *parquet.Cells[float64]
	at     int // in the cells' current batch
	row    int
}

func (r *listReader) where(row int) string { return fmt.Sprintf("%s: row %d", r.table.Name, row) }

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
	before  int // rows in the row groups before
	t       transposer
}

func (r *wideReader) where(row int) string { return fmt.Sprintf("%s: row %d", r.table.Name, row) }

func (r *wideReader) next(values []float64) error {
	for {
		if err := r.t.next(values); !errors.Is(err, io.EOF) || r.group == r.table.Groups() {
			return err
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
}

// fill takes the next row group, class after class.
func (r *wideReader) fill() error {
	r.before += r.t.rows
	rows, err := r.table.groupRows(r.group, r.before)
	if err != nil {
		return err
	}
	if err := r.t.begin(rows); err != nil {
		return err
	}
	for class, column := range r.columns {
		cells, err := r.table.numbers(r.group, column)
		if err != nil {
			return err
		}
		row := 0
		err = cells.Each(r.before, rows, func(values []float64) error {
			row += len(values)
			return r.t.write(class, row-len(values), values)
		})
		if err != nil {
			return err
		}
	}
	r.group++
	return nil
}

func (r *wideReader) Close() error { return r.t.Close() }
