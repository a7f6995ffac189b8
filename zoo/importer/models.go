package importer

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/encas-zoo/encas-zoo/zoo"
)

const (
	// maxTable bounds models.csv and info.json, which are read whole.
	maxTable = 64 << 20
	// maxCells bounds the cells of a list of models, each of which takes some 100 bytes; a model
	// takes as much as modelCells more.
	maxCells   = 2 << 20
	modelCells = 6
)

// list reads a models.csv: a column "name" (or "model"), a cost in "gflops" or
// "gmacs" or in any column of numbers, and any others, which are kept as they are. It pairs the models with the
// files (or arrays) that there are in where, and reports those without a partner.
func (f *folder) list(file, where, ext string, have []string) ([]Model, error) {
	models, err := f.readList(file)
	if err != nil {
		return nil, err
	}
	var missing, extra []string
	there, named := make(map[string]bool, len(have)), make(map[string]bool, len(models))
	for _, h := range have {
		there[h] = true
	}
	for _, m := range models {
		named[m.Name] = true
		if !there[m.Name] {
			missing = append(missing, m.Name)
		}
	}
	for _, h := range have {
		if !named[h] {
			extra = append(extra, h)
		}
	}
	switch {
	case len(have) == 0:
		return nil, fmt.Errorf("%s: no models: there is no <model>%s", where, ext)
	case len(missing) > 0:
		return nil, fmt.Errorf("%s names %s, but %s has no %s%s", f.name(file), some(missing), where, missing[0], ext)
	case len(extra) > 0:
		return nil, fmt.Errorf("%s has %s%s, but %s has no line for %s", where, extra[0], ext, f.name(file), some(extra))
	}
	return models, nil
}

// readList reads a list of models.
func (f *folder) readList(file string) ([]Model, error) {
	if !f.has(file) {
		if inside := slices.DeleteFunc(slices.Clone(f.dirs), func(dir string) bool { return !f.has(dir + "/" + file) }); len(inside) > 0 {
			return nil, fmt.Errorf("%s has no %s, but its folders %s have one: import each by itself, as with --split %s %s", f.path, file, some(inside), inside[0], f.name(inside[0]))
		}
		return nil, fmt.Errorf("%s is missing: the list of the models, with the columns name and gflops, or another cost such as price", f.name(file))
	}
	opened, size, err := f.open(file)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	if size > maxTable {
		return nil, fmt.Errorf("%s has %d bytes, far too many for a list of models", f.name(file), size)
	}
	models, err := parseModels(opened)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name(file), err)
	}
	return models, nil
}

// listed returns one model of a list.
func (f *folder) listed(file, name string) (Model, error) {
	models, err := f.readList(file)
	if err != nil {
		return Model{}, err
	}
	i := slices.IndexFunc(models, func(m Model) bool { return m.Name == name })
	if i < 0 {
		return Model{}, fmt.Errorf("%s has no line for %s", f.name(file), name)
	}
	return models[i], nil
}

func parseModels(src io.Reader) ([]Model, error) {
	t, err := newTable(src)
	if err != nil {
		return nil, err
	}
	name := t.column("name")
	if name < 0 {
		name = t.column("model")
	}
	if name < 0 {
		return nil, fmt.Errorf("no column \"name\": the first line must name the columns, such as name,gflops")
	}
	gflops, gmacs := t.column(zoo.ColumnGFLOPs), t.column("gmacs")
	for _, h := range t.header {
		if strings.HasPrefix(h, zoo.ColumnImportedPrefix) || strings.HasPrefix(h, zoo.ColumnSetPrefix) {
			return nil, fmt.Errorf("the column %q is written by the zoo itself: rename or remove it", h)
		}
	}
	latency, unit := -1, 0.0
	alike := make(map[string]string, len(t.header))
	for i, h := range t.header {
		if other, ok := alike[zoo.Fold(h)]; ok && h != "" {
			return nil, fmt.Errorf("the columns %q and %q differ in letter case only: rename or remove one of them", other, h)
		}
		alike[zoo.Fold(h)] = h
		u, err := zoo.Latency(h)
		if err != nil {
			return nil, err
		}
		if u != 0 && latency >= 0 {
			return nil, fmt.Errorf("the columns %q and %q are both latencies, stored as %s: leave one of them out", t.header[latency], h, zoo.ColumnLatency)
		}
		if u != 0 {
			latency, unit, t.header[i] = i, u, zoo.ColumnLatency
		}
	}
	var models []Model
	kept := 0 // cells
	lines := map[string]int{}
	for {
		cells, line, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		m := Model{Name: cells[name], Columns: map[string]string{}}
		if m.Name == "" {
			return nil, fmt.Errorf("line %d: a model without a name", line)
		}
		if first, ok := lines[m.Name]; ok {
			return nil, fmt.Errorf("lines %d and %d both name the model %q: names must differ", first, line, m.Name)
		}
		lines[m.Name] = line
		for i, cell := range cells {
			// A table written with its row numbers has a first column without a name.
			if i != name && i != gflops && t.header[i] != "" && cell != "" {
				m.Columns[t.header[i]] = cell
			}
		}
		if kept += modelCells + len(m.Columns); kept > maxCells {
			return nil, fmt.Errorf("line %d: it is too long: there are %d cells of %d models so far: leave out columns that are not needed, or import some of the models at a time", line, kept-modelCells*(len(models)+1), len(models)+1)
		}
		if latency >= 0 && cells[latency] != "" {
			if m.Columns[zoo.ColumnLatency], err = zoo.Milliseconds(cells[latency], unit); err != nil {
				return nil, fmt.Errorf("line %d: model %q: %w", line, m.Name, err)
			}
		}
		models = append(models, m)
		if gflops < 0 && gmacs < 0 {
			continue
		}
		// A multiply-add counts as one operation, as the field counts it, so GMACs are
		// GFLOPs.
		from, cost := gflops, ""
		if gflops >= 0 {
			cost = cells[gflops]
		}
		if cost == "" && gmacs >= 0 {
			from, cost = gmacs, cells[gmacs]
			delete(m.Columns, t.header[gmacs])
		}
		v, err := strconv.ParseFloat(cost, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v <= 0 {
			return nil, fmt.Errorf("line %d: model %q has %q in the column %q: a cost must be a finite number above 0", line, m.Name, cost, t.header[from])
		}
		m.Columns[zoo.ColumnGFLOPs] = cost
	}
	if len(models) == 0 {
		return nil, fmt.Errorf("the list is empty: add a line for each model")
	}
	if err := checkCalledCosts(models, t.header, lines); err != nil {
		return nil, err
	}
	return models, checkCosts(models, t.header, lines)
}

// checkCalledCosts refuses what is no number in columns that are called like a cost: it would
// not be one, and another column would be taken.
func checkCalledCosts(models []Model, header []string, lines map[string]int) error {
	for _, h := range header {
		if !zoo.CalledCost(h) || zoo.KeptColumn(h) {
			continue
		}
		for _, m := range models {
			text := m.Columns[h]
			if text == "" {
				continue
			}
			if _, err := (zoo.Model{Name: m.Name, Columns: m.Columns}).Cost(h); err != nil {
				return fmt.Errorf("line %d: model %q has %q in the column %q, which is called like a cost: write a number, 0 or more, as in 0.02, without its unit; leave the cell empty; or, if it is no cost, call the column something else", lines[m.Name], m.Name, text, h)
			}
		}
	}
	return nil
}

// checkCosts makes sure that some column can be the cost of all models, which are on the
// lines given.
func checkCosts(models []Model, header []string, lines map[string]int) error {
	stored := make([]zoo.Model, len(models))
	for i, m := range models {
		stored[i] = zoo.Model{Name: m.Name, Columns: m.Columns}
	}
	if _, ok := models[0].Columns[zoo.ColumnGFLOPs]; ok || slices.ContainsFunc(header, func(h string) bool { return zoo.CouldBeCost(stored, h) }) {
		return nil
	}
	const remedy = "add one with the cost of running each model on one sample: gflops (or gmacs), or your own, such as price or latency_ms"
	// What was meant as one?
	for _, h := range header {
		if zoo.KeptColumn(h) || zoo.IsResult(h) || !slices.ContainsFunc(models, func(m Model) bool { return isNumber(m.Columns[h]) }) {
			continue
		}
		for _, m := range stored {
			if _, err := m.Cost(h); err != nil {
				return fmt.Errorf("line %d: model %q has %q in the column %q, which is no cost (a number, 0 or more), and no other column has one for every model: correct it, or %s", lines[m.Name], m.Name, m.Columns[h], h, remedy)
			}
		}
		return fmt.Errorf("the column %q is 0 for every model, and no other column is a cost: correct it, or %s", h, remedy)
	}
	if i := slices.IndexFunc(header, func(h string) bool { return !zoo.KeptColumn(h) && zoo.IsResult(h) && isNumber(models[0].Columns[h]) }); i >= 0 {
		return fmt.Errorf("no column is a cost (%s is called like a result): %s", header[i], remedy)
	}
	return fmt.Errorf("no column of numbers: %s", remedy)
}

// maxLine bounds a line of a CSV file. A quotation mark without its partner makes
// one line of the rest of a file.
const maxLine = 1 << 20

// A reader reads a CSV file with a header line.
type reader struct {
	src    lineLimit
	csv    *csv.Reader
	header []string
}

// lineLimit refuses to read further when a line has used up what it may have.
type lineLimit struct {
	src  io.Reader
	left int
}

var errLongLine = fmt.Errorf("a line of more than %d bytes; a quotation mark may be without its partner", maxLine)

func (l *lineLimit) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLongLine
	}
	n, err := l.src.Read(b)
	l.left -= n
	return n, err
}

// newTable reads the header.
func newTable(src io.Reader) (*reader, error) {
	t := &reader{src: lineLimit{src: src, left: maxLine}}
	b := bufio.NewReaderSize(&t.src, 64<<10)
	switch mark, _ := b.Peek(3); {
	case len(mark) >= 3 && string(mark) == "\xEF\xBB\xBF":
		_, _ = b.Discard(3)
	case len(mark) >= 2 && (string(mark[:2]) == "\xFF\xFE" || string(mark[:2]) == "\xFE\xFF"):
		return nil, fmt.Errorf("the text is UTF-16: save it as UTF-8")
	}
	t.csv = csv.NewReader(b)
	t.csv.ReuseRecord = true
	t.csv.TrimLeadingSpace = true
	cells, _, err := t.next()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file is empty: the first line must name the columns")
	}
	if err != nil {
		return nil, err
	}
	t.header = slices.Clone(cells)
	if len(t.header) == 1 {
		for separator, name := range map[string]string{";": "semicolons", "\t": "tabs"} {
			if strings.Contains(t.header[0], separator) {
				return nil, fmt.Errorf("the cells are separated by %s: save it with commas", name)
			}
		}
		if first, _, ok := strings.Cut(t.header[0], " "); ok {
			if _, err := strconv.ParseFloat(first, 64); err == nil {
				return nil, fmt.Errorf("the cells are separated by spaces: save it with commas, as by numpy.savetxt(path, array, delimiter=',')")
			}
		}
	}
	first := map[string]int{} // column of a name
	for i, h := range t.header {
		if j, ok := first[h]; ok && h != "" && !isNumber(h) {
			return nil, fmt.Errorf("columns %d and %d are both called %q", j+1, i+1, h)
		}
		first[h] = i
	}
	return t, nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// column returns the number of a column, or -1; letter case does not matter.
func (t *reader) column(name string) int {
	return slices.IndexFunc(t.header, func(h string) bool { return strings.EqualFold(h, name) })
}

// next returns the cells of the next line, which are valid until the next call,
// and the line's number counted from 1.
func (t *reader) next() ([]string, int, error) {
	t.src.left = maxLine
	cells, err := t.csv.Read()
	if errors.Is(err, csv.ErrFieldCount) {
		line, _ := t.csv.FieldPos(0)
		return nil, 0, fmt.Errorf("line %d has %d fields, but the first line has %d: put quotation marks around a text with a comma, and take out commas that are too many", line, len(cells), len(t.header))
	}
	if err != nil {
		return nil, 0, err
	}
	line, _ := t.csv.FieldPos(0)
	for i, c := range cells {
		if !utf8.ValidString(c) {
			return nil, 0, fmt.Errorf("line %d: the text is not valid UTF-8: save the file as UTF-8", line)
		}
		cells[i] = strings.TrimSpace(c)
	}
	return cells, line, nil
}
