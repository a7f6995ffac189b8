package answers

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// columns are those of a file, in the order that they are written in.
var columns = []string{"id", "class", "name", "confidence", "stage"}

// nameColumn is the column that need not be there.
const nameColumn = "name"

func writeCSV(b *bytes.Buffer, all []Answer) error {
	w := csv.NewWriter(b)
	w.Write(columns)
	for _, a := range all {
		w.Write([]string{a.ID, strconv.Itoa(a.Class), a.Name, strconv.FormatFloat(a.Confidence, 'g', -1, 64), strconv.Itoa(a.Stage)})
	}
	w.Flush()
	return w.Error()
}

func readCSV(f *os.File) ([]Answer, error) {
	r := csv.NewReader(f)
	r.ReuseRecord = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff") // some programs begin a file with it
	places := make(map[string]int)
	for _, name := range columns {
		at := slices.Index(header, name)
		if at < 0 && name != nameColumn {
			return nil, missing(name)
		}
		places[name] = at
	}
	var all []Answer
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		a, err := answerOf(func(column string) string {
			if at := places[column]; at >= 0 {
				return cells[at]
			}
			return ""
		})
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		all = append(all, a)
	}
}

// missing is the error of a file without a column.
func missing(column string) error {
	return fmt.Errorf("it has no column %q: a file of answers has the columns id, class, confidence and stage, and may have name", column)
}

// answerOf makes an answer of the texts of its columns.
func answerOf(cell func(column string) string) (a Answer, err error) {
	a.ID, a.Name = strings.Clone(cell("id")), strings.Clone(cell(nameColumn)) // not the whole line
	if a.Class, err = strconv.Atoi(cell("class")); err != nil {
		return a, fmt.Errorf("class %.40q is not a whole number", cell("class"))
	}
	if a.Confidence, err = strconv.ParseFloat(cell("confidence"), 64); err != nil {
		return a, fmt.Errorf("confidence %.40q is not a number", cell("confidence"))
	}
	if a.Stage, err = strconv.Atoi(cell("stage")); err != nil {
		return a, fmt.Errorf("stage %.40q is not a whole number", cell("stage"))
	}
	return a, a.check()
}
