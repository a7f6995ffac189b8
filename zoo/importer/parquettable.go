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

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// A parquetTable is an open Parquet file of somebody else's making. The reader
// panics on some damaged files, so every call into it goes through try.
type parquetTable struct {
	name string // for messages
	f    *os.File
	r    *file.Reader
	rows int
}

func openParquetTable(folder *folder, name string) (*parquetTable, error) {
	f, _, err := folder.open(name)
	if err != nil {
		return nil, err
	}
	t := &parquetTable{name: folder.name(name), f: f}
	err = t.try(func() error {
		props := parquet.NewReaderProperties(pageAllocator{memory.NewGoAllocator()})
		// Without it a column of a row group is read into memory whole.
		props.BufferedStreamEnabled = true
		t.r, err = file.NewParquetReader(f, file.WithReadProps(props))
		return err
	})
	if err == nil {
		if n := t.r.NumRows(); n < 1 || n > maxSamples {
			err = fmt.Errorf("%s has %d rows: 1 to %d can be imported", t.name, n, maxSamples)
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

// try calls the Parquet library and turns what it panics with into an error.
func (t *parquetTable) try(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
		if err != nil {
			err = fmt.Errorf("%s: it cannot be read as Parquet (%w): it is cut short or damaged, or no Parquet file; write it again", t.name, err)
		}
	}()
	return call()
}

// maxPage bounds a page of a Parquet file, uncompressed. Writers make pages of
// about 1 MB.
const maxPage = 64 << 20

// A pageAllocator refuses sizes that only a damaged or hostile file asks for. The
// library's allocators return no error, so it panics, inside try.
type pageAllocator struct{ memory.Allocator }

func (a pageAllocator) Allocate(size int) []byte {
	checkPage(size)
	return a.Allocator.Allocate(size)
}

func (a pageAllocator) Reallocate(size int, b []byte) []byte {
	checkPage(size)
	return a.Allocator.Reallocate(size, b)
}

func checkPage(size int) {
	if size > maxPage {
		panic(fmt.Sprintf("a page of %d bytes, at most %d are read; write it with smaller pages or row groups", size, maxPage))
	}
}

func (t *parquetTable) groups() int { return t.r.NumRowGroups() }

func (t *parquetTable) schema() *schema.Schema { return t.r.MetaData().Schema }

// columnName returns the name of the top-level column that a leaf column is in.
func (t *parquetTable) columnName(column int) string {
	return t.schema().Column(column).ColumnPath()[0]
}

// columnNames lists the top-level columns.
func (t *parquetTable) columnNames() string {
	var names []string
	for i := range t.schema().NumColumns() {
		if n := t.columnName(i); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return some(names)
}

// find returns the first plain column of one of the given names, or -1.
func (t *parquetTable) find(names ...string) int {
	for _, name := range names {
		for i := range t.schema().NumColumns() {
			if c := t.schema().Column(i); len(c.ColumnPath()) == 1 && c.MaxRepetitionLevel() == 0 && strings.EqualFold(c.Name(), name) {
				return i
			}
		}
	}
	return -1
}

// outputs finds the columns of the outputs: one column of lists (called probs where
// there are several), or one column a class, numbered from 0 with any prefix.
func (t *parquetTable) outputs() (columns []int, list bool, err error) {
	var lists []int
	classes := map[string]map[int]int{} // column by prefix and class
	for i := range t.schema().NumColumns() {
		c := t.schema().Column(i)
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
	if i := slices.IndexFunc(lists, func(i int) bool { return strings.EqualFold(t.columnName(i), "probs") }); i >= 0 {
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
		return nil, false, fmt.Errorf("%s holds no outputs (its columns: %s): give it a column \"probs\" of lists of floats, or a column of floats for each class, numbered from 0 (0, 1, ... or p0, p1, ...)", t.name, t.columnNames())
	}
	return nil, false, fmt.Errorf("%s has several columns that could be the outputs (its columns: %s): call the right one \"probs\"", t.name, t.columnNames())
}

func isFloat16(c *schema.Column) bool {
	_, ok := c.LogicalType().(schema.Float16LogicalType)
	return ok && c.PhysicalType() == parquet.Types.FixedLenByteArray && c.TypeLength() == 2
}

func isFloat(c *schema.Column) bool {
	return c.PhysicalType() == parquet.Types.Float || c.PhysicalType() == parquet.Types.Double || isFloat16(c)
}

// numbers opens a column of numbers of a row group.
func (t *parquetTable) numbers(group, column int) (*cells[float64], error) {
	order := binary.LittleEndian
	c := t.schema().Column(column)
	switch c.PhysicalType() {
	case parquet.Types.Float:
		return openCells(t, group, column, 4, func(b []byte) float64 { return float64(math.Float32frombits(order.Uint32(b))) })
	case parquet.Types.Double:
		return openCells(t, group, column, 8, func(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) })
	case parquet.Types.Int32:
		return openCells(t, group, column, 4, func(b []byte) float64 { return float64(int32(order.Uint32(b))) })
	case parquet.Types.Int64:
		return openCells(t, group, column, 8, func(b []byte) float64 { return float64(int64(order.Uint64(b))) })
	}
	if isFloat16(c) {
		single := make([]float32, 1)
		return openCells(t, group, column, 2, func(b []byte) float64 {
			kernel.F16ToF32(single, []uint16{order.Uint16(b)})
			return float64(single[0])
		})
	}
	return nil, fmt.Errorf("%s: the column %q holds %s, not numbers", t.name, t.columnName(column), c.PhysicalType())
}

// texts opens a column of strings or integers of a row group.
func (t *parquetTable) texts(group, column int) (*cells[string], error) {
	order := binary.LittleEndian
	c := t.schema().Column(column)
	unsigned := false
	if l, ok := c.LogicalType().(schema.IntLogicalType); ok {
		unsigned = !l.IsSigned()
	}
	switch c.PhysicalType() {
	case parquet.Types.ByteArray:
		return openCells(t, group, column, 0, func(b []byte) string { return string(b) })
	case parquet.Types.Int32:
		return openCells(t, group, column, 4, func(b []byte) string {
			if unsigned {
				return strconv.FormatUint(uint64(order.Uint32(b)), 10)
			}
			return strconv.FormatInt(int64(int32(order.Uint32(b))), 10)
		})
	case parquet.Types.Int64:
		return openCells(t, group, column, 8, func(b []byte) string {
			if unsigned {
				return strconv.FormatUint(order.Uint64(b), 10)
			}
			return strconv.FormatInt(int64(order.Uint64(b)), 10)
		})
	}
	return nil, fmt.Errorf("%s: the column %q holds %s, not strings or integers", t.name, t.columnName(column), c.PhysicalType())
}

// pages opens the pages of a leaf column of a row group.
func (t *parquetTable) pages(group, column int) (p file.PageReader, err error) {
	var m *metadata.ColumnChunkMetaData
	err = t.try(func() error {
		m, err = t.r.MetaData().RowGroup(group).ColumnChunk(column)
		return err
	})
	if err != nil {
		return nil, err
	}
	codecs := compress.Codecs
	if c := m.Compression(); !slices.Contains([]compress.Compression{codecs.Uncompressed, codecs.Snappy, codecs.Gzip, codecs.Brotli, codecs.Zstd}, c) {
		return nil, fmt.Errorf("%s: the column %q has the compression %s, which is not supported: write it with zstd or snappy", t.name, t.columnName(column), c)
	}
	err = t.try(func() error {
		p, err = t.r.RowGroup(group).GetColumnPageReader(column)
		return err
	})
	return p, err
}

// scan calls each for every cell of a column with one cell a row.
func scan[T any](t *parquetTable, column int, open func(group, column int) (*cells[T], error), each func(T) error) error {
	row := 0
	for group := range t.groups() {
		c, err := open(group, column)
		if err != nil {
			return err
		}
		for {
			more, err := c.next()
			if err != nil {
				return err
			}
			if row+len(c.values) > t.rows {
				return fmt.Errorf("%s: the column %q has more than the file's %d rows: the file is damaged; write it again", t.name, t.columnName(column), t.rows)
			}
			for _, v := range c.values {
				if err := each(v); err != nil {
					return fmt.Errorf("%s: row %d: %w", t.name, row, err)
				}
				row++
			}
			if c.missing {
				return fmt.Errorf("%s: row %d, column %q: %w", t.name, row, t.columnName(column), errMissing)
			}
			if !more {
				break
			}
		}
	}
	if row != t.rows {
		return fmt.Errorf("%s: the column %q has %d of the file's %d rows: the file is damaged; write it again", t.name, t.columnName(column), row, t.rows)
	}
	return nil
}
