package importer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	arrow "github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/parquet"
)

// A parquetTable is an open Parquet file that another program wrote.
type parquetTable struct {
	*parquet.File
	f    *os.File
	rows int
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
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

func (t *parquetTable) Close() error { return t.f.Close() }

// columnNames lists the top-level columns.
func (t *parquetTable) columnNames() string {
	var names []string
	for i := range t.Schema().NumColumns() {
		if n := t.ColumnName(i); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return some(names)
}

// find returns the first plain column of one of the given names, or -1.
func (t *parquetTable) find(names ...string) int {
	for _, name := range names {
		for i := range t.Schema().NumColumns() {
			if c := t.Schema().Column(i); len(c.ColumnPath()) == 1 && c.MaxRepetitionLevel() == 0 && strings.EqualFold(c.Name(), name) {
				return i
			}
		}
	}
	return -1
}

// outputs finds the columns of the outputs: one column of lists (called probs if there
// are several), or one column per class, numbered from 0 with any prefix.
func (t *parquetTable) outputs() (columns []int, list bool, err error) {
	var lists []int
	classes := map[string]map[int]int{} // column by prefix and class
	for i := range t.Schema().NumColumns() {
		c := t.Schema().Column(i)
		if !isFloat(c) {
			continue
		}
		if c.MaxRepetitionLevel() == 1 && len(c.ColumnPath()) <= 3 {
			lists = append(lists, i)
		}
		if c.MaxRepetitionLevel() > 0 || len(c.ColumnPath()) > 1 {
			continue
		}
		prefix := strings.TrimRight(c.Name(), "0123456789")
		class, err := strconv.Atoi(c.Name()[len(prefix):])
		if err != nil || strconv.Itoa(class) != c.Name()[len(prefix):] {
			continue
		}
		if classes[prefix] == nil {
			classes[prefix] = map[int]int{}
		}
		classes[prefix][class] = i
	}
	if i := slices.IndexFunc(lists, func(i int) bool { return strings.EqualFold(t.ColumnName(i), "probs") }); i >= 0 {
		return lists[i : i+1], true, nil
	}
	var wide [][]int
	for _, byClass := range classes {
		var columns []int
		for class := range len(byClass) {
			if column, ok := byClass[class]; ok {
				columns = append(columns, column)
			}
		}
		if len(columns) == len(byClass) && len(columns) > 1 {
			wide = append(wide, columns)
		}
	}
	switch {
	case len(lists) == 1 && len(wide) == 0:
		return lists, true, nil
	case len(lists) == 0 && len(wide) == 1:
		return wide[0], false, nil
	case len(lists) == 0 && len(wide) == 0:
		return nil, false, fmt.Errorf("%s holds no outputs (its columns: %s): give it a column \"probs\" of lists of floats, or a column of floats for each class, numbered from 0 (0, 1, ... or p0, p1, ...)", t.Name, t.columnNames())
	}
	return nil, false, fmt.Errorf("%s has several columns that could be the outputs (its columns: %s): name the correct one \"probs\"", t.Name, t.columnNames())
}

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

// texts opens a column of strings or integers of a row group.
func (t *parquetTable) texts(group, column int) (*parquet.Cells[string], error) {
	order := binary.LittleEndian
	c := t.Schema().Column(column)
	text := func(signed int64, unsigned uint64) string {
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
