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

// Table writes t under a line of headings. On a terminal no line is wider than that.
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
	if screen := c.width(); screen > 0 {
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
	c.Printf("%s\n", c.Dim(t.line(heads, widths)))
	for _, row := range t.rows {
		c.write(t.line(row, widths) + "\n")
	}
}

func (t *Table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, column := range t.columns {
		if i > 0 {
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
