package importer

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// This file holds the formats whose files are tables: parquet, arrow and csv. A source is a
// folder with a file a model, or a file: of one model, or of several, which then has a
// column with the model's name in every row (a long table), or columns for each model
// (a wide one).

// A tableFormat opens files that are tables.
type tableFormat struct {
	name string
	open func(f *folder, file string) (table, error)
}

// openParquet opens folders with <model>.parquet files and models.csv, or files of
// one or several models. Labels, and ids if there are any, are columns of the models'
// files or of labels.parquet.
func openParquet(paths []string, _ OpenOptions, s *Source) error {
	return s.openTables(paths, tableFormat{"parquet", func(f *folder, file string) (table, error) { return openParquetTable(f, file) }})
}

// openCSV opens the same as CSV files. Those without outputs hold what a model answered:
// sample, label and perhaps confidence.
func openCSV(paths []string, opt OpenOptions, s *Source) error {
	s.Classes, s.Exact = opt.Classes, opt.Classes > 0
	return s.openTables(paths, csvFormat())
}

// A tableModel is a model whose outputs are in a table.
type tableModel struct {
	Model
	folder *folder
	shards []string // the files of the table
	of     string   // "" if the table is its own, else what it is called there
	rows   []int32  // of the table, if it has those of several models
}

// openTables opens tables of labels and of models.
func (s *Source) openTables(paths []string, format tableFormat) error {
	var models []tableModel
	var tables []foundTable // of labels, then of models
	for _, path := range paths {
		f, file, err := openPlace(path, &s.held)
		if err != nil {
			return err
		}
		here, err := s.tableModels(f, file, format)
		if err != nil {
			return err
		}
		models = append(models, here...)
		files, err := f.tables(format)
		if err != nil {
			return err
		}
		if shards := files["labels"]; shards != nil && !s.unlabelled {
			tables = append(tables, foundTable{
				title: f.name(shards[0]), file: f.name(shards[0]), layout: s.labelLayout,
				open: func() (table, error) { return format.openShards(f, shards) },
			})
		}
	}
	labels := len(tables)
	for _, m := range models {
		one := foundTable{title: m.File, file: m.folder.name(m.shards[0]), layout: s.modelLayout, open: func() (table, error) { return m.open(format) }}
		if m.rows != nil {
			one.file = m.File // its rows have an order of their own
		}
		tables = append(tables, one)
	}
	if err := s.shareIDs(tables); err != nil {
		return err
	}
	j := newJoiner(s.inner)
	for i := range tables {
		if err := tables[i].read(func(t table, l layout) error { return s.join(j, t, l) }); err != nil {
			return err
		}
	}
	if !s.unlabelled && !slices.ContainsFunc(j.files, func(f joined) bool { return f.labels != nil }) {
		return s.noLabels(paths[0], tables[labels:], format)
	}
	orders, notes, err := j.into(&s.Sets[0])
	if err != nil {
		return err
	}
	s.notes = append(s.notes, notes...)
	for i, m := range models {
		m.order = orders[labels+i]
		if err := s.addTable(m, format); err != nil {
			return err
		}
	}
	return s.countAnswers()
}

// tables returns the files of tables by their names, those that are shards of one in their
// order.
func (f *folder) tables(format tableFormat) (map[string][]string, error) {
	files := f.shards("." + format.name)
	if format.name != "arrow" {
		return files, nil
	}
	if err := f.savedSplits(); err != nil {
		return nil, err
	}
	for _, dir := range f.dirs {
		saved, err := f.savedFiles(dir)
		if err != nil {
			return nil, err
		}
		if saved != nil {
			files[dir] = saved
		}
	}
	return files, nil
}

// tableModels finds the models of a folder, or of one file in it.
func (s *Source) tableModels(f *folder, only string, format tableFormat) ([]tableModel, error) {
	files, err := f.tables(format)
	if err != nil {
		return nil, err
	}
	delete(files, "labels")
	list := "models.csv"
	if format.name == "csv" {
		delete(files, "models")
	}
	if only != "" {
		stem, ok := strings.CutSuffix(only, "."+format.name)
		if !ok && files[only] == nil && savedDataset(f.name(only)) {
			return nil, fmt.Errorf("%s was written by save_to_disk: import it with --format arrow", f.name(only))
		}
		if !ok && files[only] == nil {
			return nil, fmt.Errorf("%s is not a .%s file", f.name(only), format.name)
		}
		stem, _, _ = cutShard(stem)
		files = map[string][]string{stem: files[stem]}
		if files[stem] == nil {
			return nil, fmt.Errorf("%s does not exist", f.name(only))
		}
		if own := stem + ".csv"; format.name != "csv" && f.has(own) {
			list = own
		}
		if own := only + "/models.csv"; !ok && f.has(own) {
			list = own
		}
	}
	if len(files) == 1 {
		for stem, shards := range files {
			models, err := s.severalModels(f, list, stem, shards, format)
			if err != nil || models != nil {
				return models, err
			}
			if err := f.ofNoModel(list, stem, shards[0]); err != nil {
				return nil, err
			}
			if only != "" {
				m, err := f.listed(list, stem)
				if err != nil {
					return nil, err
				}
				return []tableModel{f.tableModel(m, shards, format)}, nil
			}
		}
	}
	models, err := f.list(list, f.path, "."+format.name, sortedKeys(files))
	if err != nil {
		return nil, err
	}
	var all []tableModel
	for _, m := range models {
		all = append(all, f.tableModel(m, files[m.Name], format))
	}
	return all, nil
}

// ofNoModel is the error of the only table, if it is that of no model on the list, nor do its
// columns tell models apart.
func (f *folder) ofNoModel(list, stem, file string) error {
	if !f.has(list) {
		return nil
	}
	models, err := f.readList(list)
	if err != nil || slices.ContainsFunc(models, func(m Model) bool { return m.Name == stem }) {
		return err
	}
	var names []string
	for _, m := range models {
		names = append(names, m.Name)
	}
	return fmt.Errorf("%s has no line for %s, and no column of %s is called like a model that it names (%s): if the table is of one model, call that %s in the list; if it is of several, call the columns of each like the model (%s_0, %s_1, ... with its outputs, or %s and %s_confidence with its answers), or add a column model",
		f.name(list), stem, f.name(file), some(names), stem, names[0], names[0], names[0], names[0])
}

// tableModel is a model with a table of its own.
func (f *folder) tableModel(m Model, shards []string, format tableFormat) tableModel {
	m.File = f.name(shards[0])
	m.Content = func(int) (string, error) { return f.content(format.name, shards...) }
	return tableModel{Model: m, folder: f, shards: shards}
}

// severalModels returns the models of a table that has several, nil if it is that of one.
func (s *Source) severalModels(f *folder, list, stem string, shards []string, format tableFormat) (models []tableModel, err error) {
	if !f.has(list) {
		return nil, nil // which is reported elsewhere
	}
	listed, err := f.readList(list)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(listed, func(m Model) bool { return m.Name == stem }) {
		return nil, nil
	}
	t, err := format.openShards(f, shards)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	l, err := findLayout(t, s.names)
	if err != nil {
		return nil, err
	}
	var have []string
	rows := map[string][]int32{}
	switch {
	case l.model >= 0:
		row := int32(0)
		err := t.texts(l.model, func(name string) error {
			if rows[name] == nil {
				have = append(have, name)
			}
			rows[name] = append(rows[name], row)
			row++
			return nil
		})
		if err != nil {
			return nil, err
		}
	case len(l.outputs) > 1:
		for _, o := range l.outputs {
			have = append(have, o.model())
		}
	default:
		// Columns of answers are called like the models.
		for _, m := range listed {
			if slices.ContainsFunc(t.columns(), func(c tableColumn) bool { return c.name == m.Name }) {
				have = append(have, m.Name)
			}
		}
		if have == nil {
			return nil, nil
		}
	}
	named, err := f.list(list, t.title(), "", have)
	if err != nil {
		return nil, err
	}
	for _, m := range named {
		one := f.tableModel(m, shards, format)
		one.of, one.rows = m.Name, rows[m.Name]
		one.File = t.title() + ": " + m.Name
		models = append(models, one)
	}
	return models, nil
}

// open opens the table of a model, or its part of it.
func (m tableModel) open(format tableFormat) (table, error) {
	t, err := format.openShards(m.folder, m.shards)
	if err != nil || m.of == "" {
		return t, err
	}
	return &part{table: t, name: m.of, rows: m.rows}, nil
}

// labelLayout is the layout of a file of labels.
func (s *Source) labelLayout(t table) (layout, error) {
	l, err := findLayout(t, s.names)
	if err != nil {
		return l, err
	}
	if l.label < 0 {
		if l.label, err = findColumn(t, []columnKind{textColumn, boolColumn, wholeColumn, realColumn}, classHeadings...); err != nil {
			return l, err
		}
	}
	if len(t.columns()) == 1 && l.label < 0 {
		l.label = 0
	}
	if l.label < 0 {
		return l, fmt.Errorf("%s: no column \"label\" (its columns: %s): the first line must name the columns, as in id,label", t.title(), columnNames(t))
	}
	return l, nil
}

// modelLayout is the layout of a model's table. Without outputs, the column of labels is
// the model's answers, unless there is another with these.
func (s *Source) modelLayout(t table) (layout, error) {
	l, err := findLayout(t, s.names)
	if p, ok := t.(*part); ok && len(l.outputs) == 0 && l.answer < 0 {
		l.answer = slices.IndexFunc(t.columns(), func(c tableColumn) bool { return c.name == p.name })
		l.confidence = slices.IndexFunc(t.columns(), func(c tableColumn) bool { return c.name == p.name+"_confidence" })
	}
	if err == nil && len(l.outputs) == 0 && l.confidence < 0 {
		err = textOutputs(t, l)
	}
	if err == nil && len(l.outputs) == 0 && l.answer < 0 {
		_, csv := t.(interface{ isCSV() })
		truth := l.label >= 0 && slices.Contains(truthHeadings, strings.ToLower(t.columns()[l.label].name))
		if truth || !csv && l.confidence < 0 {
			_, err = l.one(t, s.names) // which says what is missing
			return l, err
		}
		l.label, l.answer = -1, l.label
	}
	return l, err
}

// join takes what a table says about its rows.
func (s *Source) join(j *joiner, t table, l layout) error {
	r := rows{file: t.title(), count: t.size(), at: t.at}
	var err error
	if l.answer >= 0 {
		if err := s.meet(t.title(), t.classNames(l.answer)); err != nil {
			return err
		}
	}
	if l.label >= 0 && !s.unlabelled {
		if err := s.meet(t.title(), t.classNames(l.label)); err != nil {
			return err
		}
		if r.labels, err = readClasses(t, l.label, s.names, 0); err != nil {
			return err
		}
	}
	if err := s.agree(t, r.labels); err != nil {
		return err
	}
	ids, column, err := s.tableIDs(t, l)
	if err != nil {
		return err
	}
	r.ids, r.column, r.index = ids, column.name, column.index
	if ids != nil && column.name == "" {
		r.column = "(without a heading)"
	}
	return j.add(r)
}

// agree compares labels with a column of their names, if there is one.
func (s *Source) agree(t table, labels []uint16) error {
	column, err := findColumn(t, []columnKind{textColumn}, nameHeadings...)
	if err != nil || column < 0 || labels == nil || s.names.names == nil {
		return err
	}
	named, err := readClasses(t, column, s.names, len(s.names.names))
	if err != nil {
		return err
	}
	for i, class := range named {
		if int(labels[i]) < len(s.names.names) && class != labels[i] {
			return fmt.Errorf("%s: %s: label %d, which is %q here, but the column %q has %q: number the labels as the classes are, or leave the numbers out",
				t.title(), t.at(i), labels[i], s.names.names[labels[i]], t.columns()[column].name, s.names.names[class])
		}
	}
	return nil
}

// meet takes the names that a file has for the numbers of classes, which must be those
// that are known.
func (s *Source) meet(file string, names []string) error {
	switch {
	case names == nil || slices.Equal(names, s.names.names):
		return nil
	case s.names.names == nil:
		s.names, s.named = newClassNames(names), names
		return nil
	}
	for i, name := range names {
		if i >= len(s.names.names) || s.names.names[i] != name {
			known := "none"
			if i < len(s.names.names) {
				known = strconv.Quote(s.names.names[i])
			}
			return fmt.Errorf("%s numbers other classes: its class %d is %q, but here that is %s; write the names of the labels, or number them alike", file, i, name, known)
		}
	}
	return fmt.Errorf("%s has names of %d classes, but there are %d", file, len(names), len(s.names.names))
}

// addTable adds a model.
func (s *Source) addTable(m tableModel, format tableFormat) error {
	t, err := m.open(format)
	if err != nil {
		return err
	}
	l, err := s.modelLayout(t)
	if err == nil && len(l.outputs) == 0 {
		err = s.checkAnswers(t, l)
	}
	if err := errors.Join(err, t.Close()); err != nil {
		return err
	}
	if len(l.outputs) == 0 {
		return s.addTableAnswers(m, format, l)
	}
	return s.add(m.Model, func(set int) (Rows, error) {
		return s.convert(m.Model, set, func() (_ values, width int, err error) {
			t, err := m.open(format)
			if err != nil {
				return nil, 0, err
			}
			defer func() {
				if err != nil {
					err = errors.Join(err, t.Close())
				}
			}()
			l, err := s.modelLayout(t)
			if err != nil {
				return nil, 0, err
			}
			o, err := l.one(t, s.names)
			if err != nil {
				return nil, 0, err
			}
			width = len(o.columns)
			if o.list {
				if width, err = t.listLength(o.columns[0]); err != nil {
					return nil, 0, err
				}
			}
			if err := s.fits(t.title(), t.size(), width, 0, m.order); err != nil {
				return nil, 0, err
			}
			return &tableValues{t.values(o.columns, o.list), t}, width, nil
		})
	})
}

// tableValues closes the table that values are from.
type tableValues struct {
	values
	table table
}

func (v *tableValues) Close() error { return errors.Join(v.values.Close(), v.table.Close()) }

// checkAnswers reports columns of answers that are missing, or misspelled.
func (s *Source) checkAnswers(t table, l layout) error {
	if l.answer < 0 {
		return fmt.Errorf("%s: no column \"label\" with the answers, and no outputs (its columns: %s): the first line must name the columns, as in sample,label,confidence", t.title(), columnNames(t))
	}
	if s.activation != Unsaid && s.activation != NoActivation {
		return fmt.Errorf("%s holds answers, to which no activation is applied: leave out --logits, or --activation %s", t.title(), s.activation)
	}
	if _, several := t.(*part); several {
		return nil
	}
	_, id, err := s.tableIDs(t, l)
	if err != nil {
		return err
	}
	if err := l.checkTruth(t, id); err != nil || l.confidence >= 0 {
		return err
	}
	var others []string
	for i, c := range t.columns() {
		if (c.kind == wholeColumn || c.kind == realColumn) && !c.index && c.name != id.name && i != l.answer && i != l.label {
			others = append(others, c.name)
		}
	}
	switch len(others) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s: no column \"confidence\", but %q: rename it, or leave it out if all confidences are 1", t.title(), others[0])
	}
	_, err = l.one(t, s.names)
	return err
}

// checkTruth refuses a column of labels as a model's answers beside columns that nobody
// understands: it may be the truth, and those be what the model says.
func (l layout) checkTruth(t table, id tableColumn) error {
	heading := t.columns()[l.answer].name
	if !slices.Contains(labelHeadings, strings.ToLower(heading)) {
		return nil
	}
	var others []string
	for i, c := range t.columns() {
		lower := strings.ToLower(c.name)
		known := slices.Contains(idHeadings, lower) || slices.Contains(nameHeadings, lower)
		if i != l.answer && i != l.confidence && i != l.model && !c.index && c.name != id.name && c.name != "" && !known {
			others = append(others, c.name)
		}
	}
	// One column of numbers alone may be a confidence of another name; see checkAnswers.
	if len(others) == 0 || len(others) == 1 && l.confidence < 0 {
		return nil
	}
	return fmt.Errorf("%s: the column %q may be the truth, because there are other columns (%s) that are not understood: if they are outputs, name the classes with --class-names FILE; if %q is what the model answers, call it prediction",
		t.title(), heading, some(others), heading)
}

// addTableAnswers adds a model that gives answers.
func (s *Source) addTableAnswers(m tableModel, format tableFormat, l layout) error {
	m.Answers = true
	limit := 0
	if s.Exact && s.shaped == "" {
		limit = s.Classes
	}
	read := func() (labels, confidences []uint16, err error) {
		t, err := m.open(format)
		if err != nil {
			return nil, nil, err
		}
		defer func() { err = errors.Join(err, t.Close()) }()
		if err := s.fitsSet(0, t.title(), t.size(), "answers", m.order); err != nil {
			return nil, nil, err
		}
		if labels, err = readClasses(t, l.answer, s.names, limit); err != nil {
			return nil, nil, err
		}
		confidences, err = readConfidences(t, l.confidence)
		return labels, confidences, err
	}
	labels, _, err := read()
	if err != nil {
		return err
	}
	s.answer(m.File, labels)
	return s.add(m.Model, func(int) (Rows, error) {
		labels, confidences, err := read()
		return &answerRows{labels: labels, confidences: confidences}, err
	})
}

// readConfidences reads a column of confidences as float16 bits. Without one they are 1:
// of a vote only the answer counts.
func readConfidences(t table, column int) ([]uint16, error) {
	if column < 0 {
		return slices.Repeat([]uint16{outputs.OneBits}, t.size()), nil
	}
	bits := make([]uint16, 0, t.size())
	err := readNumbers(t, column, func(v float64) error {
		if !(v >= 0 && v <= 1) {
			remedy := ""
			if v > 1 && v <= 100 {
				remedy = ": divide percents by 100"
			}
			return fmt.Errorf("confidence %v is not between 0 and 1%s", v, remedy)
		}
		var half [1]uint16
		kernel.F16FromF32(half[:], []float32{roundToOdd(v)})
		bits = append(bits, half[0]&^0x8000) // "-0" is 0
		return nil
	})
	return bits, err
}

// readNumbers calls each with the cells of a column of numbers.
func readNumbers(t table, column int, each func(float64) error) (err error) {
	v := t.values([]int{column}, false)
	defer func() { err = errors.Join(err, v.Close()) }()
	cell := make([]float64, 1)
	for row := 0; ; row++ {
		if err := v.next(cell); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := each(cell[0]); err != nil {
			return fmt.Errorf("%s: %w", v.where(row), err)
		}
	}
}
