package importer

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// noLabels says why there are no labels: what was found instead, and what would do.
func (s *Source) noLabels(path string, models []foundTable, format tableFormat) error {
	file := "labels." + format.name
	for i := range models {
		err := models[i].read(func(t table, l layout) error {
			if l.answer < 0 || !slices.Contains(labelHeadings, strings.ToLower(t.columns()[l.answer].name)) {
				return nil
			}
			_, id, err := s.tableIDs(t, l)
			if err != nil {
				return err
			}
			if err := l.checkTruth(t, id); err != nil {
				return err
			}
			return fmt.Errorf("%s: no labels: as %s has no outputs, its column %q is what the model answers, and %s with the true labels is missing: add it, with the columns id and label, or call the answers prediction and add a column label with the true ones%s",
				path, t.title(), t.columns()[l.answer].name, file, orUnlabelled)
		})
		if err != nil {
			return err
		}
	}
	found := ""
	if len(models) > 0 {
		err := models[0].read(func(t table, l layout) error {
			var others []string
			taken := l.taken()
			for i, c := range t.columns() {
				if !taken[i] && c.kind != listColumn && c.name != "" {
					others = append(others, strconv.Quote(c.name))
				}
			}
			found = fmt.Sprintf("%s has no column \"label\"", t.title())
			if others != nil {
				found += fmt.Sprintf(", but %s: if one of these has the labels, call it label; or", some(others))
			} else {
				found += ": add one, or"
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: no labels: %s add %s, which is missing, with the columns id and label%s", path, found, file, orUnlabelled)
}

// errStop ends the reading of a column.
var errStop = errors.New("read so far")

// writtenList matches the text of a list, of a map or of an array of numbers, as Python writes
// them.
var writtenList = regexp.MustCompile(`^((np\.)?array\(|tensor\()?[\[(]+\s*(np\.\w+\()?[-+]?\.?[0-9]|^\{[^{}:]+:\s*(np\.\w+\()?[-+]?\.?[0-9]`)

// textOutputs refuses outputs that are written as texts: a model would do without them.
func textOutputs(t table, l layout) error {
	var columns []string
	example, where := "", ""
	taken, tried := l.taken(), 0
	for i, c := range t.columns() {
		if c.kind != textColumn || c.index || taken[i] {
			continue
		}
		if tried++; tried > maxTried {
			break // so many columns show what they are, if they are outputs
		}
		cell := ""
		err := t.texts(i, func(text string) error {
			cell = strings.TrimSpace(text)
			return errStop
		})
		if err != nil && !errors.Is(err, errStop) {
			continue // it has other things than outputs
		}
		if writtenList.MatchString(cell) && (l.answer < 0 || slices.Contains(outputNames, strings.ToLower(c.name))) {
			return fmt.Errorf("%s: %s: the column %q holds lists that were written as texts, such as %.40q: save the table as Parquet with lists, or write a column of numbers for each class, p0, p1 and so on", t.title(), t.at(0), c.name, cell)
		}
		if isNumber(strings.Replace(strings.TrimSpace(strings.TrimSuffix(cell, "%")), ",", ".", 1)) && !isNumber(cell) {
			if columns == nil {
				example, where = cell, t.at(0)
			}
			columns = append(columns, c.name)
		}
	}
	if len(columns) < 2 {
		return nil
	}
	return fmt.Errorf("%s: %s: the columns %s hold texts such as %q, not numbers: write them without a sign and with a decimal point, as in 0.981 (or 98.1, if all rows are percents)", t.title(), where, some(columns), example)
}
