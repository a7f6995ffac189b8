package importer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A table is a file with a row a sample and named columns: Parquet or CSV.
type table interface {
	title() string // for messages
	size() int     // rows
	columns() []tableColumn
	// texts calls each with the cells of a column of texts or whole numbers.
	texts(column int, each func(string) error) error
	// values streams rows of the given columns of numbers, or of one column of lists.
	values(columns []int, list bool) values
	// listLength is how many values the first list of a column has.
	listLength(column int) (int, error)
	// classNames are what the numbers in a column of classes mean, if the file says so.
	classNames(column int) []string
	// at names a row of the file, without the file.
	at(row int) string
	Close() error
}

type tableColumn struct {
	name  string
	kind  columnKind
	index bool // pandas' index
}

type columnKind int

const (
	otherColumn columnKind = iota
	mapColumn              // a part of a map
	textColumn
	boolColumn
	wholeColumn // whole numbers
	realColumn  // numbers
	listColumn  // lists of numbers
	timeColumn  // dates and times
)

// idKinds are the kinds of columns that may have ids.
var idKinds = []columnKind{textColumn, wholeColumn, realColumn, timeColumn}

// Headings, in the order of preference. Letter case does not matter.
var (
	truthHeadings  = []string{"y_true", "y_test", "true_label", "ground_truth", "truth", "gt"} // never of answers
	labelHeadings  = append([]string{"label", "labels", "target"}, truthHeadings...)
	classHeadings  = []string{"class", "class_id", "class_index", "class_name", "category"} // of labels, in a file of labels
	nameHeadings   = []string{"label_name", "label_text", "label_str"}                      // of labels that are numbers
	answerHeadings = []string{"answer", "prediction", "predicted", "pred", "y_pred"}
	outputsHeading = "probs"
	modelHeadings  = []string{"model", "model_name"}
	plainIDs       = []string{"id", "ids", "sample"}
	idHeadings     = append(slices.Clone(plainIDs), "sample_id", "image_id", "filename", "file_name", "file", "filepath", "file_path", "path", "image_path", "image", "img", "name", "index")
)

// A layout is what the columns of a table are, by number; -1: there is none.
type layout struct {
	label, answer, confidence, model int
	outputs                          []outputColumns // by model, if several
}

// outputColumns are the columns with a model's outputs.
type outputColumns struct {
	prefix  string // of the columns, or the name of the only one
	columns []int  // by class
	list    bool
}

// model is the name of the model that the outputs are of.
func (o outputColumns) model() string { return strings.TrimRight(o.prefix, "_.-:/ ") }

// findColumn returns the column with the first of the headings that there is. Two that
// differ in letter case only are refused.
func findColumn(t table, kinds []columnKind, headings ...string) (int, error) {
	for _, h := range headings {
		found := -1
		for i, c := range t.columns() {
			if !strings.EqualFold(c.name, h) || !slices.Contains(kinds, c.kind) {
				continue
			}
			if found >= 0 {
				return -1, fmt.Errorf("%s has the columns %q and %q: rename or remove one of them", t.title(), t.columns()[found].name, c.name)
			}
			found = i
		}
		if found >= 0 {
			return found, nil
		}
	}
	return -1, nil
}

// findLayout finds out what the columns of a table are.
func findLayout(t table, names classNames) (layout, error) {
	if p, ok := t.(*part); ok && p.rows == nil {
		l, err := findLayout(p.table, names)
		l.outputs = slices.DeleteFunc(l.outputs, func(o outputColumns) bool { return o.model() != p.name })
		return l, err
	}
	seen := map[string]bool{}
	for _, c := range t.columns() {
		if c.kind <= mapColumn || c.name == "" {
			continue
		}
		if seen[c.name] {
			return layout{}, fmt.Errorf("%s has two columns %q: rename or remove one of them", t.title(), c.name)
		}
		seen[c.name] = true
	}
	if err := checkReadable(t); err != nil {
		return layout{}, err
	}
	l := layout{}
	var errs []error
	find := func(kinds []columnKind, headings []string) int {
		i, err := findColumn(t, kinds, headings...)
		errs = append(errs, err)
		return i
	}
	classes := []columnKind{textColumn, boolColumn, wholeColumn}
	l.label = find(append(classes, realColumn), labelHeadings)
	l.answer = find(classes, answerHeadings)
	l.confidence = find([]columnKind{textColumn, wholeColumn, realColumn}, []string{"confidence"})
	l.model = find([]columnKind{textColumn}, modelHeadings)
	if err := errors.Join(errs...); err != nil {
		return l, err
	}
	var err error
	l.outputs, err = findOutputs(t, names, []int{l.label, l.answer, l.confidence})
	return l, err
}

// checkReadable refuses columns whose names say that they are labels, answers or outputs, but
// which hold something else, such as times or maps: another column would be taken instead.
func checkReadable(t table) error {
	for _, c := range t.columns() {
		is := func(heading string) bool { return strings.EqualFold(c.name, heading) }
		switch {
		case c.kind > mapColumn:
		case slices.ContainsFunc(labelHeadings, is) || slices.ContainsFunc(answerHeadings, is) || is("confidence"):
			return fmt.Errorf("%s: the column %q holds neither numbers nor texts: write them so, or rename or remove the column", t.title(), c.name)
		case is(outputsHeading) && c.kind == mapColumn:
			return errMap(t, c)
		}
	}
	return nil
}

func errMap(t table, c tableColumn) error {
	return fmt.Errorf("%s: the column %q holds maps, which have no order: write lists of the values in the order of the classes", t.title(), c.name)
}

// findOutputs finds the columns of outputs: one of lists, called probs if there are
// several; or one a class, called by its name or numbered from 0 after any prefix.
func findOutputs(t table, names classNames, taken []int) ([]outputColumns, error) {
	all := t.columns()
	var lists []outputColumns
	for i, c := range all {
		if c.kind == listColumn {
			lists = append(lists, outputColumns{c.name, []int{i}, true})
		}
	}
	probs, err := findColumn(t, []columnKind{listColumn}, outputsHeading)
	if err != nil {
		return nil, err
	}
	if probs >= 0 {
		return []outputColumns{{all[probs].name, []int{probs}, true}}, nil
	}
	named, err := namedOutputs(t, names, taken)
	if err != nil {
		return nil, err
	}
	if named == nil {
		if named, err = numberedOutputs(t, names, taken); err != nil {
			return nil, err
		}
	}
	return append(lists, named...), nil
}

// namedOutputs finds columns that are called like the classes.
func namedOutputs(t table, names classNames, taken []int) ([]outputColumns, error) {
	if names.names == nil {
		return nil, nil
	}
	columns := slices.Repeat([]int{-1}, len(names.names))
	found := 0
	var others []string
	for i, c := range t.columns() {
		if c.kind != wholeColumn && c.kind != realColumn || slices.Contains(taken, i) {
			continue
		}
		class, ok := names.number[c.name]
		if ok && class == shared {
			return nil, fmt.Errorf("%s: the column %q is the name of several classes: number the columns from 0", t.title(), c.name)
		}
		if ok {
			columns[class] = i
			found++
		} else if c.kind == realColumn {
			others = append(others, c.name)
		}
	}
	if found == 0 {
		return nil, nil
	}
	if missing := slices.Index(columns, -1); missing >= 0 {
		var lacking []string
		for class, column := range columns {
			if column < 0 {
				lacking = append(lacking, names.names[class])
			}
		}
		also := ""
		if len(others) > 0 {
			also = fmt.Sprintf("; the columns %s are no classes", some(others))
		}
		return nil, fmt.Errorf("%s has columns for %d of the %d classes: %s are missing%s", t.title(), found, len(columns), some(lacking), also)
	}
	return []outputColumns{{"", columns, false}}, nil
}

// numberedOutputs finds columns that are numbered from 0, in any order, after any prefix;
// or as the classes are called, if their names are other numbers.
func numberedOutputs(t table, names classNames, taken []int) ([]outputColumns, error) {
	var prefixes []string
	classes := map[string]map[int]int{} // column by prefix and class
	strange := map[string][]string{}    // columns of no class, by prefix
	for i, c := range t.columns() {
		if c.kind != realColumn && c.kind != wholeColumn || slices.Contains(taken, i) {
			continue
		}
		prefix := strings.TrimRight(c.name, "0123456789")
		class, err := strconv.Atoi(c.name[len(prefix):])
		if err != nil {
			continue
		}
		if names.numerals != nil {
			named, err := names.whole(int64(class))
			if err != nil {
				strange[prefix] = append(strange[prefix], c.name)
				continue
			}
			class = int(named)
		}
		if classes[prefix] == nil {
			prefixes = append(prefixes, prefix)
			classes[prefix] = map[int]int{}
		}
		if other, ok := classes[prefix][class]; ok {
			return nil, fmt.Errorf("%s has the columns %q and %q for one class: rename or remove one of them", t.title(), t.columns()[other].name, c.name)
		}
		classes[prefix][class] = i
	}
	var wide []outputColumns
	for _, prefix := range prefixes {
		byClass := classes[prefix]
		if none := strange[prefix]; none != nil && len(none)+len(byClass) >= len(names.names) {
			return nil, fmt.Errorf("%s: the columns %s are of no class: the classes are called %s, so that numbers are their names", t.title(), some(none), some(names.names))
		}
		var columns []int
		for class := range len(byClass) {
			if column, ok := byClass[class]; ok {
				columns = append(columns, column)
			}
		}
		if len(columns) == len(byClass) && len(columns) > 1 {
			wide = append(wide, outputColumns{prefix, columns, false})
		}
		if _, one := byClass[len(byClass)]; one && len(columns) == len(byClass)-1 && len(byClass) > 2 {
			return nil, fmt.Errorf("%s has columns numbered from 1 (%s1 to %s%d): number them from 0, as labels are", t.title(), prefix, prefix, len(byClass))
		}
	}
	return wide, nil
}

// columnNames lists the columns.
func columnNames(t table) string {
	var names []string
	seen := map[string]bool{}
	for _, c := range t.columns() {
		if !seen[c.name] {
			seen[c.name] = true
			names = append(names, c.name)
		}
	}
	return some(names)
}

// one returns the only columns of outputs.
func (l layout) one(t table, names classNames) (outputColumns, error) {
	switch len(l.outputs) {
	case 1:
		return l.outputs[0], nil
	case 0:
		if i := slices.IndexFunc(t.columns(), func(c tableColumn) bool { return c.kind == mapColumn }); i >= 0 {
			return outputColumns{}, errMap(t, t.columns()[i])
		}
		hint := "; columns called like the classes need their names, from class 0 on, in --class-names FILE"
		if names.names != nil {
			hint = ", or called like the classes"
		}
		return outputColumns{}, fmt.Errorf("%s holds no outputs (its columns: %s): give it a column \"probs\" of lists of floats, or a column of floats for each class, numbered from 0 (0, 1, ... or p0, p1, ...)%s", t.title(), columnNames(t), hint)
	}
	return outputColumns{}, fmt.Errorf("%s has several columns that could be the outputs (its columns: %s): name the correct one \"probs\", or import the file by itself if they are of several models", t.title(), columnNames(t))
}

// maxTried is how many columns are read to find out whether they name the samples, each of which
// takes another reading of the file.
const maxTried = 64

// readIDs returns the ids of the rows of a table and the column that they are from, nil
// if there are none: a column with a known heading, pandas' index, or else any column of
// texts that all differ.
func readIDs(t table, l layout) (ids []string, column tableColumn, err error) {
	taken, named := l.taken(), idKinds
	for _, c := range t.columns() {
		if slices.Contains(plainIDs, strings.ToLower(c.name)) && !slices.Contains(named, c.kind) {
			return nil, c, fmt.Errorf("%s: the column %q holds neither texts nor numbers, so its ids cannot be read: write them as texts", t.title(), c.name)
		}
	}
	at, err := findColumn(t, named, idHeadings...)
	if err != nil {
		return nil, column, err
	}
	free := func(i int) bool { return !taken[i] }
	if at >= 0 && free(at) {
		if ids, err := readTexts(t, at); err == nil && countRows(ids) {
			// Numbers of rows name no samples; a column of texts that does, comes first.
			others := slices.DeleteFunc(slices.Clone(idHeadings), func(h string) bool { return strings.EqualFold(h, t.columns()[at].name) })
			if i, err := findColumn(t, []columnKind{textColumn}, others...); err == nil && i >= 0 && free(i) {
				if ids, err := readTexts(t, i); err == nil {
					return ids, t.columns()[i], nil
				}
			}
		}
	}
	if at < 0 || !free(at) {
		// Of an index with several levels, the first whose texts all differ.
		at = -1
		for i, c := range t.columns() {
			if !c.index || !slices.Contains(named, c.kind) || !free(i) {
				continue
			}
			if ids, err := readTexts(t, i); err == nil {
				return ids, c, nil
			}
			if at < 0 {
				at = i
			}
		}
	}
	if at >= 0 {
		column = t.columns()[at]
		ids, err = readTexts(t, at)
		switch {
		case errors.Is(err, errNoText) && !slices.Contains(plainIDs, strings.ToLower(column.name)): // images, perhaps
		case errors.Is(err, errRepeated) && strings.EqualFold(column.name, "name"):
			// It may hold other names, such as those of the classes.
			if many, others := mostlyDistinct(t, at); others != nil || many {
				return nil, column, errors.Join(err, others)
			}
		default:
			return ids, column, err
		}
	}
	tried := 0
	for i, c := range t.columns() {
		if c.kind != textColumn && c.kind != timeColumn || i == at || !free(i) || t.size() == 1 {
			continue
		}
		if tried++; tried > maxTried {
			return nil, tableColumn{}, fmt.Errorf("%s has more than %d columns of texts, any of which could name the samples: call the one that does id, or, if none does, leave out those that are not needed", t.title(), maxTried)
		}
		ids, err = readTexts(t, i)
		if !noIDs(err) {
			return ids, c, err
		}
	}
	return nil, tableColumn{}, nil
}

// readTexts reads a column of texts that all differ.
func readTexts(t table, column int) ([]string, error) {
	c := t.columns()[column]
	r := idReader{column: c.name, numbers: c.index && c.kind == wholeColumn, where: t.at}
	if c.kind == realColumn {
		err := readNumbers(t, column, func(v float64) error { return r.add(strconv.FormatFloat(v, 'f', -1, 64)) })
		return r.ids, err
	}
	err := t.texts(column, r.add)
	if c.kind == timeColumn {
		r.ids = cutMidnights(r.ids)
	}
	return r.ids, err
}

// midnight ends the text of a time that is that of a day alone.
const midnight = " 00:00:00"

// cutMidnights leaves the days of times if all of them are at midnight, as pandas writes
// them into CSV files.
func cutMidnights(times []string) []string {
	if slices.ContainsFunc(times, func(t string) bool { return !strings.HasSuffix(t, midnight) }) {
		return times
	}
	for i, t := range times {
		times[i] = strings.TrimSuffix(t, midnight)
	}
	return times
}

// countRows reports whether ids are the numbers of the rows, from 0 or 1 on.
func countRows(ids []string) bool {
	counts := func(from int) bool {
		for i, id := range ids {
			if id != strconv.Itoa(from+i) {
				return false
			}
		}
		return len(ids) > 0
	}
	return counts(0) || counts(1)
}

// mostlyDistinct reports whether more than half of the texts of a column differ.
func mostlyDistinct(t table, column int) (bool, error) {
	seen := map[string]struct{}{}
	err := t.texts(column, func(text string) error {
		seen[text] = struct{}{}
		return nil
	})
	return 2*len(seen) > t.size(), err
}

// readClasses reads a column of classes, by number or name, below limit unless that is 0.
func readClasses(t table, column int, names classNames, limit int) ([]uint16, error) {
	var labels []uint16
	add := func(l uint16, err error) error {
		if err == nil && limit > 0 && int(l) >= limit {
			err = fmt.Errorf("label %d, but there are %d classes (0 to %d)", l, limit, limit-1)
		}
		labels = append(labels, l)
		return err
	}
	if t.columns()[column].kind == boolColumn {
		err := readNumbers(t, column, func(v float64) error { return add(names.truth(v != 0)) })
		return labels, err
	}
	if t.columns()[column].kind != textColumn {
		if t.classNames(column) != nil {
			names = classNames{} // the file says that they are numbers
		}
		err := readNumbers(t, column, func(v float64) error { return add(names.real(v)) })
		return labels, err
	}
	named := names.reader(t.title())
	err := t.texts(column, func(text string) error { return add(named.label(text)) })
	if err == nil {
		err = named.err()
	}
	return labels, err
}

// A part is what a table of several models has of one: some of its rows, or of its columns.
type part struct {
	table
	name string
	rows []int32 // nil: all
}

func (p *part) title() string { return p.table.title() + ": " + p.name }

func (p *part) size() int {
	if p.rows == nil {
		return p.table.size()
	}
	return len(p.rows)
}

func (p *part) at(row int) string {
	if p.rows != nil {
		row = int(p.rows[row])
	}
	return p.table.at(row)
}

func (p *part) texts(column int, each func(string) error) error {
	if p.rows == nil {
		return p.table.texts(column, each)
	}
	row, next := int32(-1), 0
	return p.table.texts(column, func(text string) error {
		if row++; next == len(p.rows) || p.rows[next] != row {
			return nil
		}
		next++
		return each(text)
	})
}

func (p *part) values(columns []int, list bool) values {
	v := p.table.values(columns, list)
	if p.rows == nil {
		return v
	}
	return &partValues{values: v, rows: p.rows}
}

// partValues streams some rows of a file.
type partValues struct {
	values
	rows  []int32
	given int   // of rows
	row   int32 // of the file, the next
}

func (v *partValues) next(row []float64) error {
	for {
		if err := v.values.next(row); err != nil {
			return err
		}
		v.row++
		if v.given < len(v.rows) && v.rows[v.given] == v.row-1 {
			v.given++
			return nil
		}
	}
}

func (v *partValues) where(row int) string {
	if row < len(v.rows) {
		row = int(v.rows[row])
	}
	return v.values.where(row)
}
