package study

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// seldomCosts are columns of numbers that are meant as a cost if there is no other.
var seldomCosts = []string{zoo.ColumnParams, "param_count", zoo.ColumnMemory, zoo.ColumnGFLOPsFVCore}

// CostColumn returns the column that is the cost of models: the one asked for or, if that is
// "", gflops if any of them has it, else the only column of numbers that all of them have
// and that is not called like a result, of which w gets a note. If several could be meant it
// asks which.
func CostColumn(models []zoo.Model, asked string, w Watch) (string, error) {
	return costColumn(nil, models, asked, w)
}

// costColumn is CostColumn for models of a zoo, which is named by what is to be done, unless
// it is nil.
func costColumn(z *zoo.Zoo, models []zoo.Model, asked string, w Watch) (string, error) {
	column := cmp.Or(asked, DefaultCost)
	if slices.ContainsFunc(models, func(m zoo.Model) bool { return m.Columns[column] != "" }) {
		return column, nil
	}
	switch known := CostColumns(models); {
	case asked != "" && len(known) > 0:
		return "", &InputError{Option: "cost", Value: asked, Known: known, Err: fmt.Errorf("no model has this column; those of numbers are: %s", strings.Join(known, ", "))}
	case len(known) == 0:
		also := ""
		if results := resultColumns(models); len(results) > 0 {
			also = fmt.Sprintf(" (%s: called like results; --cost takes one all the same)", strings.Join(results, ", "))
		}
		return "", &InputError{Option: "cost", Err: fmt.Errorf("the models have no column of numbers that could be their cost%s; to add one from a table such as model,price: encas-zoo zoo set%s --from costs.csv", also, zooFlag(z))}
	case len(known) == 1:
		also := ""
		if results := resultColumns(models); len(results) > 0 {
			also = ", but for " + strings.Join(results, ", ")
		}
		w.note("the cost is %s, the only column of numbers that the models have%s (no %s)", known[0], also, DefaultCost)
		return known[0], nil
	default:
		return "", &InputError{Option: "cost", Known: known, Err: fmt.Errorf("the models have no column %s; which of these is their cost: %s?", DefaultCost, strings.Join(known, ", "))}
	}
}

// resultColumns returns the columns that are a number in all models and called like no cost.
func resultColumns(models []zoo.Model) (columns []string) {
	if len(models) == 0 {
		return nil
	}
	for column := range models[0].Columns {
		if zoo.IsResult(column) && !slices.ContainsFunc(models, func(m zoo.Model) bool { _, err := m.Cost(column); return err != nil }) {
			columns = append(columns, column)
		}
	}
	slices.Sort(columns)
	return columns
}

// CostColumns returns the columns that could be the cost of models, by name: those that are
// a number in all of them.
func CostColumns(models []zoo.Model) (columns []string) {
	if len(models) == 0 {
		return nil
	}
	var others []string
	for column := range models[0].Columns {
		switch {
		case !zoo.CouldBeCost(models, column):
		case slices.Contains(seldomCosts, column):
			others = append(others, column)
		default:
			columns = append(columns, column)
		}
	}
	if len(columns) == 0 {
		columns = others
	}
	slices.Sort(columns)
	return columns
}

// shownCost returns the column to show as the cost of models: the one asked for, that of
// [CostColumn], or the first of several that could be meant.
func shownCost(models []zoo.Model, asked string) string {
	column, err := CostColumn(models, asked, Watch{})
	if err == nil {
		return column
	}
	if known := CostColumns(models); asked == "" && len(known) > 0 {
		return known[0]
	}
	return cmp.Or(asked, DefaultCost)
}

// A ColumnChange is a column of a model that was set.
type ColumnChange struct {
	Model  string `json:"model"`
	Column string `json:"column"`
	From   string `json:"from,omitempty"` // "" if it is new
	To     string `json:"to"`
}

// A ColumnTable is columns of models, to be set.
type ColumnTable struct {
	File    string // for messages; "" if it is not from a file
	Columns []string
	Rows    []ColumnRow
}

// A ColumnRow has the values of one model, "" where a column stays as it is.
type ColumnRow struct {
	Model  string
	Line   int // of the file
	Values []string
}

// maxColumnTable bounds a table, which is read whole.
const maxColumnTable = 64 << 20

// ReadColumnTable reads a CSV file with the names of models in a column name or model.
func ReadColumnTable(path string) (*ColumnTable, error) {
	file, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxColumnTable+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxColumnTable:
		return nil, fmt.Errorf("%s has more than %d bytes, far too many for a table of models", path, maxColumnTable)
	case !utf8.Valid(data):
		return nil, fmt.Errorf("%s is not UTF-8 text: save it as CSV in UTF-8", path)
	}
	t := &ColumnTable{File: path}
	if err := t.read(csv.NewReader(bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")))))); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// read reads the lines of a table.
func (t *ColumnTable) read(lines *csv.Reader) error {
	lines.TrimLeadingSpace = true
	header, err := lines.Read()
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty: the first line names the columns, such as model,price")
	case err != nil:
		return inWords(err)
	case len(header) == 1 && strings.Contains(header[0], ";"):
		return errors.New("its cells are separated by semicolons: save it with commas")
	}
	name := -1
	for i, h := range header {
		header[i] = strings.TrimSpace(h)
		if name < 0 && (strings.EqualFold(header[i], "name") || strings.EqualFold(header[i], "model")) {
			name = i
		}
	}
	if name < 0 {
		return fmt.Errorf("no column is called name or model: the first line has %s", strings.Join(header, ", "))
	}
	t.Columns = slices.Delete(slices.Clone(header), name, name+1)
	for {
		cells, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return inWords(err)
		}
		line, _ := lines.FieldPos(0)
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		model := cells[name]
		t.Rows = append(t.Rows, ColumnRow{model, line, slices.Delete(cells, name, name+1)})
	}
}

// inWords says what is wrong with a line of CSV.
func inWords(err error) error {
	var p *csv.ParseError
	switch {
	case !errors.As(err, &p):
		return err
	case errors.Is(err, csv.ErrFieldCount):
		return fmt.Errorf("line %d has another number of cells than the first line", p.Line)
	}
	return fmt.Errorf("line %d: a quotation mark is without its partner, or within a cell that has none around it", p.Line)
}

// at says where a row of the table is.
func (t *ColumnTable) at(row ColumnRow) string {
	if t.File == "" {
		return ""
	}
	return fmt.Sprintf("%s, line %d: ", t.File, row.Line)
}

// check refuses a table that could not be set as a whole.
func (t *ColumnTable) check(z *zoo.Zoo) error {
	names := z.ColumnNames()
	for i := range t.Columns {
		t.Columns[i] = names.Of(t.Columns[i])
	}
	models := z.Models()
	seen := map[string]bool{}
	for i, column := range t.Columns {
		switch {
		case column == "" && slices.ContainsFunc(t.Rows, func(r ColumnRow) bool { return r.Values[i] != "" }) && i > 0:
			return fmt.Errorf("%s: a column has no name", t.File)
		case seen[column] && column != "":
			return fmt.Errorf("two columns are called %q", column)
		case zoo.KeptColumn(column):
			return fmt.Errorf("the zoo keeps the column %q itself, because it says what the predictions are of: leave it out", column)
		}
		if err := t.convert(i); err != nil {
			return err
		}
		seen[column] = true
		if err := t.checkNumbers(models, i); err != nil {
			return err
		}
	}
	if len(t.Columns) == 0 || len(t.Rows) == 0 {
		return fmt.Errorf("%s has no columns to set, or no models: its first line is such as model,price", t.File)
	}
	return t.checkModels(z)
}

// checkModels refuses models that the zoo does not have, or that are listed twice.
func (t *ColumnTable) checkModels(z *zoo.Zoo) error {
	var unknown []ColumnRow
	lines := map[string]int{}
	for _, row := range t.Rows {
		if first, ok := lines[row.Model]; ok {
			return fmt.Errorf("%sthe model %q is on line %d, too", t.at(row), row.Model, first)
		}
		lines[row.Model] = row.Line
		if damaged := damagedModel(z, row.Model); damaged != nil {
			return damaged
		}
		if !z.HasModel(row.Model) {
			unknown = append(unknown, row)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	var names []string
	for _, row := range unknown {
		names = append(names, row.Model)
	}
	return unknownModels(z, t.at(unknown[0]), names)
}

// convert makes latency_ms of a latency in another unit.
func (t *ColumnTable) convert(column int) error {
	unit, err := zoo.Latency(t.Columns[column])
	if err != nil || unit == 0 {
		return err
	}
	if other := slices.Index(t.Columns, zoo.ColumnLatency); other >= 0 && other != column {
		return fmt.Errorf("the columns %q and %q are both latencies, stored as %s: leave one of them out", t.Columns[other], t.Columns[column], zoo.ColumnLatency)
	}
	t.Columns[column] = zoo.ColumnLatency
	for _, row := range t.Rows {
		if row.Values[column] == "" {
			continue
		}
		if row.Values[column], err = zoo.Milliseconds(row.Values[column], unit); err != nil {
			return fmt.Errorf("%s%q: %w", t.at(row), row.Model, err)
		}
	}
	return nil
}

// checkNumbers refuses a column of numbers, such as a cost, that is something else in a row.
func (t *ColumnTable) checkNumbers(models []zoo.Model, column int) error {
	numbers := 0
	var other *ColumnRow
	for i, row := range t.Rows {
		text := row.Values[column]
		if text == "" {
			continue
		}
		if v, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
			if v < 0 && zoo.CalledCost(t.Columns[column]) {
				return fmt.Errorf("%sthe column %s of %q is %q: a cost must not be below 0", t.at(row), t.Columns[column], row.Model, text)
			}
			numbers++
		} else if other == nil {
			other = &t.Rows[i]
		}
	}
	if other != nil && (numbers > 0 || numeric(models, t.Columns[column])) {
		return fmt.Errorf("%sthe column %s of %q is %q, not a number", t.at(*other), t.Columns[column], other.Model, other.Values[column])
	}
	return nil
}

// numeric reports whether a column holds numbers: by its name, or in other models.
func numeric(models []zoo.Model, column string) bool {
	return zoo.CalledCost(column) || zoo.IsResult(column) || slices.Contains(seldomCosts, column) ||
		slices.ContainsFunc(models, func(m zoo.Model) bool { _, err := m.Cost(column); return err == nil })
}

// UnknownModels is the error of models that a zoo does not have.
type UnknownModels struct {
	Where string // they were named, for the message
	Zoo   string
	Names []string
	Known []string // that it has
}

func (e *UnknownModels) Error() string {
	more := ""
	if n := len(e.Names) - 1; n > 0 {
		more = fmt.Sprintf(", nor %d more of those named; nothing was changed", n)
	}
	return fmt.Sprintf("%sthe zoo %s has no model %q%s", e.Where, e.Zoo, e.Names[0], more)
}

// SetColumns sets columns of models in a zoo, all or none, and returns what has changed.
func SetColumns(z *zoo.Zoo, t *ColumnTable, w Watch) (changes []ColumnChange, err error) {
	if err := t.check(z); err != nil {
		return nil, err
	}
	writer, err := z.Write()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, writer.Close()) }()
	changes = []ColumnChange{}
	columns := map[string]map[string]string{}
	for _, row := range t.Rows {
		m, err := z.Model(row.Model)
		if err != nil {
			return nil, err
		}
		for i, column := range t.Columns {
			to := row.Values[i]
			if to == "" || column == "" {
				continue
			}
			if from := m.Columns[column]; to != from {
				changes = append(changes, ColumnChange{m.Name, column, from, to})
			}
			// The mark, too, where the value is there: a person stands by it from now on.
			if mark := zoo.ColumnSetPrefix + column; to != m.Columns[column] || m.Columns[mark] == "" {
				if columns[m.Name] == nil {
					columns[m.Name] = map[string]string{}
				}
				columns[m.Name][column] = to
				columns[m.Name][mark] = "by hand"
			}
		}
	}
	if err := writer.SetColumns(columns); err != nil {
		return nil, err
	}
	models := z.Models()
	for i, column := range t.Columns {
		if slices.Contains([]string{"time", "duration", "runtime"}, strings.ToLower(column)) {
			w.warn("the column %s does not say its unit: a name such as %s_ms or %s_s does", column, column, column)
		}
		t.tellCost(models, i, w)
	}
	return changes, nil
}

// tellCost says why a column that was set is no cost, if it is not.
func (t *ColumnTable) tellCost(models []zoo.Model, column int, w Watch) {
	name := t.Columns[column]
	var lacking []string
	for _, m := range models {
		if m.Columns[name] == "" {
			lacking = append(lacking, m.Name)
		}
	}
	set := slices.IndexFunc(t.Rows, func(r ColumnRow) bool { return r.Values[column] != "" })
	if set < 0 {
		return
	}
	m := slices.IndexFunc(models, func(m zoo.Model) bool { return m.Name == t.Rows[set].Model })
	if m < 0 {
		return
	}
	switch _, err := models[m].Cost(name); {
	case err != nil:
		w.note("the column %s is kept, but it cannot be a cost, which is a number, 0 or more", name)
	case zoo.IsResult(name):
		w.note("the column %s is called like a result: it is a cost only if --cost %s says so", name, name)
	case len(lacking) > 0:
		w.note("the column %s is the cost of %d of %d models: it is still missing for %s", name, len(models)-len(lacking), len(models), zoo.FewNames(lacking))
	}
}
