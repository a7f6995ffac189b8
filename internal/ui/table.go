package ui

import "strings"

// Column is one column of a Table.
type Column struct {
	Head   string
	Right  bool // numbers stand right
	Shrink bool // is cut first where the terminal is too narrow
}

// Table is text in columns.
type Table struct {
	columns []Column
	rows    [][]string
}

// NewTable returns a table without rows.
func NewTable(columns ...Column) *Table {
	return &Table{columns: columns}
}

// Row adds a row, one cell a column.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.columns))
	for i, cell := range cells {
		row[i] = Safe(cell)
	}
	t.rows = append(t.rows, row)
}

// gap is what stands between two columns.
const gap = "  "

// narrowest is the least a column that shrinks is cut to.
const narrowest = 12

// Table writes t under a line of headings. On a terminal no line is wider than it.
func (c *Console) Table(t *Table) {
	widths := make([]int, len(t.columns))
	total := len(gap) * (len(t.columns) - 1)
	for i, column := range t.columns {
		widths[i] = Width(column.Head)
		for _, row := range t.rows {
			widths[i] = max(widths[i], Width(row[i]))
		}
		total += widths[i]
	}
	if screen := c.width(); screen > 0 {
		for i, column := range t.columns {
			if column.Shrink && total > screen {
				cut := min(total-screen, max(0, widths[i]-narrowest))
				widths[i] -= cut
				total -= cut
			}
		}
	}
	heads := make([]string, len(t.columns))
	for i, column := range t.columns {
		heads[i] = column.Head
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
		if column.Right {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
