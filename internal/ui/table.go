package ui

import "strings"

// Table is text in columns.
type Table struct {
	columns []column
	rows    [][]string
}

type column struct {
	head   string
	right  bool // aligned to the right, as numbers are
	shrink bool // cut first if the terminal is too narrow
}

// Left adds columns of these headings.
func (t *Table) Left(heads ...string) *Table { return t.add(heads, column{}) }

// Right adds columns of numbers.
func (t *Table) Right(heads ...string) *Table { return t.add(heads, column{right: true}) }

// Shrink adds a column that is cut if the terminal is too narrow for the table.
func (t *Table) Shrink(head string) *Table { return t.add([]string{head}, column{shrink: true}) }

func (t *Table) add(heads []string, like column) *Table {
	for _, like.head = range heads {
		t.columns = append(t.columns, like)
	}
	return t
}

// Row adds a row, one cell a column.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.columns))
	for i, cell := range cells {
		row[i] = Safe(cell)
	}
	t.rows = append(t.rows, row)
}

// gap separates two columns.
const gap = "  "

// narrowest is the width to which a column that shrinks is cut at most.
const narrowest = 12

// Table writes t under a line of headings. On a terminal no line is wider than that: columns
// that shrink are cut, and if that does not do the columns are written in several blocks, each
// of which begins with the first column.
func (c *Console) Table(t *Table) {
	widths := make([]int, len(t.columns))
	total := len(gap) * (len(t.columns) - 1)
	for i, column := range t.columns {
		widths[i] = Width(column.head)
		for _, row := range t.rows {
			widths[i] = max(widths[i], Width(row[i]))
		}
		total += widths[i]
	}
	screen := c.width()
	if screen > 0 {
		for i, column := range t.columns {
			if column.shrink && total > screen {
				cut := min(total-screen, max(0, widths[i]-narrowest))
				widths[i] -= cut
				total -= cut
			}
		}
	}
	heads := make([]string, len(t.columns))
	for i, column := range t.columns {
		heads[i] = column.head
	}
	for n, block := range blocks(widths, screen) {
		if n > 0 {
			c.write("\n")
		}
		c.Printf("%s\n", c.Dim(t.line(heads, widths, block)))
		for _, row := range t.rows {
			c.write(t.line(row, widths, block) + "\n")
		}
	}
}

// blocks returns the columns of each block of a table: one, if all fit the screen. Columns
// that alone are too wide for it are cut.
func blocks(widths []int, screen int) (all [][]int) {
	var block []int
	used := 0
	for i := range widths {
		if screen > 0 {
			widths[i] = min(widths[i], max(1, screen-len(gap)-min(widths[0], screen/2)))
		}
		if screen > 0 && len(block) > 1 && used+len(gap)+widths[i] > screen {
			all = append(all, block)
			block, used = []int{0}, widths[0]
		}
		if len(block) > 0 {
			used += len(gap)
		}
		block, used = append(block, i), used+widths[i]
	}
	return append(all, block)
}

// line writes some columns of a row.
func (t *Table) line(cells []string, widths []int, columns []int) string {
	var b strings.Builder
	for n, i := range columns {
		column := t.columns[i]
		if n > 0 {
			b.WriteString(gap)
		}
		cell := Fit(cells[i], widths[i])
		pad := strings.Repeat(" ", widths[i]-Width(cell))
		if column.right {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
