package importer

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"sync"
)

// A csvTable is a CSV file. It is read again for every column.
type csvTable struct {
	folder  *folder
	file    string
	header  []tableColumn
	noNames bool // the first line has values already
	rows    int
	first   int     // line, of the first row
	lines   []int32 // of the rows, from the first one that does not follow the one before on the next line
}

// csvFormat opens CSV files, each once for all uses: opening one reads it whole.
func csvFormat() tableFormat {
	var mu sync.Mutex
	opened := map[string]*csvTable{}
	return tableFormat{"csv", func(f *folder, file string) (table, error) {
		mu.Lock()
		defer mu.Unlock()
		if t := opened[f.name(file)]; t != nil {
			return t, nil
		}
		t, err := openCSVTable(f, file)
		if err == nil {
			opened[f.name(file)] = t
		}
		return t, err
	}}
}

// guessedRows is how many rows decide what a column holds.
const guessedRows = 1000

// openCSVTable reads the whole file once, to see what its columns hold and how many rows
// there are.
func openCSVTable(f *folder, file string) (*csvTable, error) {
	c := &csvTable{folder: f, file: file}
	err := c.read(func(t *reader) error {
		c.noNames = allNumbers(t.header)
		for i, name := range t.header {
			column := tableColumn{name: name, kind: wholeColumn, index: name == ""}
			if c.noNames {
				column = tableColumn{name: strconv.Itoa(i), kind: wholeColumn}
			}
			c.header = append(c.header, column)
		}
		return nil
	}, func(cells []string, line int) error {
		if c.rows == maxSamples {
			return fmt.Errorf("more than %d samples cannot be imported", maxSamples)
		}
		if c.rows%(1<<20) == 1<<20-1 {
			if err := checkSamples("the lines so far", c.rows, false); err != nil {
				return err
			}
		}
		if c.rows++; c.rows == 1 {
			c.first = line
		}
		if c.lines != nil || line != c.first+c.rows-1 {
			c.lines = append(c.lines, int32(line))
		}
		for i := range c.header {
			if k := &c.header[i].kind; c.rows <= guessedRows && cells[i] != "" && *k != textColumn {
				*k = cellKind(cells[i], *k)
			}
		}
		return nil
	})
	if err == nil && c.rows == 0 {
		err = fmt.Errorf("%s: there are no rows", c.title())
	}
	return c, err
}

// cellKind is what a cell holds, in a column that holds at least so much.
func cellKind(cell string, before columnKind) columnKind {
	if before == wholeColumn {
		if _, err := strconv.ParseInt(cell, 10, 64); err == nil {
			return wholeColumn
		}
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return realColumn
	}
	return textColumn
}

// allNumbers reports whether a line is of values and not of the columns' names, which may
// be numbers too: those of the classes.
func allNumbers(cells []string) bool {
	if len(cells) == 1 {
		_, err := strconv.ParseFloat(cells[0], 64)
		return err == nil
	}
	numbers := map[int]bool{}
	for _, cell := range cells {
		if _, err := strconv.ParseFloat(cell, 64); err != nil {
			return false
		}
		if n, err := strconv.Atoi(cell); err == nil && n >= 0 && n < len(cells) {
			numbers[n] = true
		}
	}
	return len(numbers) < len(cells)
}

// read calls each for every row; begin receives the reader before.
func (c *csvTable) read(begin func(*reader) error, each func(cells []string, line int) error) error {
	opened, _, err := c.folder.open(c.file)
	if err != nil {
		return err
	}
	defer opened.Close()
	err = func() error {
		t, err := newTable(opened)
		if err != nil {
			return err
		}
		if err := begin(t); err != nil {
			return err
		}
		if c.noNames {
			if err := each(t.header, 1); err != nil {
				return fmt.Errorf("line 1: %w", err)
			}
		}
		for {
			cells, line, err := t.next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := each(cells, line); err != nil {
				return fmt.Errorf("line %d: %w", line, err)
			}
		}
	}()
	if err != nil {
		return fmt.Errorf("%s: %w", c.title(), err)
	}
	return nil
}

func (c *csvTable) title() string               { return c.folder.name(c.file) }
func (c *csvTable) size() int                   { return c.rows }
func (c *csvTable) columns() []tableColumn      { return c.header }
func (c *csvTable) listLength(int) (int, error) { return 0, errors.New("a CSV file has no lists") }
func (c *csvTable) Close() error                { return nil }
func (c *csvTable) classNames(int) []string     { return nil }
func (c *csvTable) isCSV()                      {}

func (c *csvTable) at(row int) string {
	next := c.rows - len(c.lines) // the first that is not where it is expected
	switch {
	case row >= c.rows:
		return "after the last line"
	case row < next:
		return fmt.Sprintf("line %d", c.first+row)
	}
	return fmt.Sprintf("line %d", c.lines[row-next])
}

func (c *csvTable) empty(column int) error {
	return fmt.Errorf("the column %q is %w", c.header[column].name, errEmpty)
}

func (c *csvTable) texts(column int, each func(string) error) error {
	return c.read(func(*reader) error { return nil }, func(cells []string, _ int) error {
		if cells[column] == "" {
			return c.empty(column)
		}
		return each(cells[column])
	})
}

func (c *csvTable) values(columns []int, _ bool) values {
	return &csvValues{table: c, columns: columns}
}

// csvValues streams columns of numbers of a CSV file.
type csvValues struct {
	table   *csvTable
	columns []int
	opened  io.Closer
	reader  *reader
	rows    int
}

func (v *csvValues) where(row int) string { return v.table.title() + ": " + v.table.at(row) }

func (v *csvValues) next(row []float64) error {
	cells, err := v.cells()
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if err != nil {
		return fmt.Errorf("%s: %w", v.table.title(), err)
	}
	for i, column := range v.columns {
		if cells[column] == "" {
			return fmt.Errorf("%s: %w", v.where(v.rows), v.table.empty(column))
		}
		x, err := strconv.ParseFloat(cells[column], 64)
		if err != nil && !math.IsInf(x, 0) {
			return fmt.Errorf("%s: %q in the column %q is not a number", v.where(v.rows), cells[column], v.table.header[column].name)
		}
		row[i] = x
	}
	v.rows++
	return nil
}

// cells returns the next line.
func (v *csvValues) cells() ([]string, error) {
	if v.reader == nil {
		f, _, err := v.table.folder.open(v.table.file)
		if err != nil {
			return nil, err
		}
		v.opened = f
		if v.reader, err = newTable(f); err != nil {
			return nil, err
		}
		if v.table.noNames {
			return v.reader.header, nil
		}
	}
	cells, _, err := v.reader.next()
	return cells, err
}

func (v *csvValues) Close() error {
	if v.opened == nil {
		return nil
	}
	return v.opened.Close()
}

// scanTable calls each with the cells of the given two columns of every line.
func scanTable(src io.Reader, columns []string, each func(cells []string, line int) error) error {
	t, err := newTable(src)
	if err != nil {
		return err
	}
	var at []int
	for _, name := range columns {
		i := t.column(name)
		if i < 0 {
			return fmt.Errorf("no column %q: the first line must name the columns, as in %s,%s", name, columns[0], columns[1])
		}
		at = append(at, i)
	}
	picked := make([]string, len(columns))
	for {
		cells, line, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i, c := range at {
			if picked[i] = cells[c]; picked[i] == "" {
				return fmt.Errorf("line %d: the column %q is empty", line, columns[i])
			}
		}
		if err := each(slices.Clone(picked), line); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}
