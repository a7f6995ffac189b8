package dataset

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/encas-zoo/encas-zoo/internal/regular"
)

// labelFiles are the names of label files, in the order they are looked for.
var labelFiles = []string{"val.txt", "labels.txt", "labels.csv", annotations}

// annotations is the label file of Tiny ImageNet: behind the label of an image is a box.
const annotations = "val_annotations.txt"

// errNoFiles: what is called like a label file names no file of its folder.
var errNoFiles = errors.New("no line names a file of the folder")

// A labelFile is read line by line.
type labelFile struct {
	root, name string
	group      string // the column of groups; "" if there is none
	src        *files
	set        *Set
	lines      []int    // of the images
	texts      []string // their labels
	names      []string // what a further column calls these, if there is one
	named      bool     // a line names a file of the folder, whether or not it is right
}

// openLabelFile reads a folder of images with a label file: lines of "file label" (.txt),
// or a CSV file with or without a header. A label is a class number, or a name. Files may
// be in folders below root, and need not name a folder called images. The error wraps
// errNoFiles if it is no list of files of this folder.
func openLabelFile(root, name, group string) (*Set, error) {
	f, err := regular.Open(filepath.Join(root, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src := &files{root: root}
	l := &labelFile{root: root, name: name, group: group, src: src, set: &Set{source: src}}
	r := bufio.NewReader(f)
	mark, _ := r.Peek(3)
	switch {
	case bytes.HasPrefix(mark, []byte{0xFF, 0xFE}), bytes.HasPrefix(mark, []byte{0xFE, 0xFF}):
		return nil, fmt.Errorf("%s is in UTF-16; save it as UTF-8", name)
	case string(mark) == "\ufeff":
		r.Discard(len(mark))
	}
	if filepath.Ext(name) == ".csv" {
		err = l.readCSV(r)
	} else {
		err = l.readText(r)
	}
	switch {
	case !l.named:
		return nil, fmt.Errorf("%w: %w", errNoFiles, cmp.Or(err, fmt.Errorf("%s is empty", name)))
	case err != nil:
		return nil, err
	}
	return l.set, l.label()
}

// at is an error of a line.
func (l *labelFile) at(line int, format string, args ...any) error {
	return fmt.Errorf("%s line %d: "+format, append([]any{l.name, line}, args...)...)
}

// find returns the name, relative to the root, and the size of a file that a line names.
func (l *labelFile) find(file string) (name string, size int64, ok bool) {
	name = path.Clean(filepath.ToSlash(file))
	if file == "" || !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", 0, false
	}
	for _, name := range []string{name, "images/" + name} {
		info, err := os.Stat(filepath.Join(l.root, filepath.FromSlash(name)))
		if err == nil && !info.IsDir() {
			l.named = true
			return name, info.Size(), true
		}
	}
	return "", 0, false
}

// add adds an image; the error says that there is no such file.
func (l *labelFile) add(line int, file, label string) error {
	name, size, ok := l.find(file)
	switch {
	case !ok && !filepath.IsLocal(filepath.FromSlash(file)):
		return l.at(line, "%q is not in the folder", file)
	case !ok:
		return l.at(line, "there is no file %q in the folder", file)
	case label == "":
		return l.at(line, "there is no label for %q", file)
	}
	l.src.add(l.set, name, size)
	l.lines, l.texts = append(l.lines, line), append(l.texts, label)
	return nil
}

// readText reads lines of a file and a label. The error is that of the first line that is
// neither empty nor right; lines behind it may still name a file.
func (l *labelFile) readText(r io.Reader) (first error) {
	lines := bufio.NewScanner(r)
	line := 1
	for ; lines.Scan() && (first == nil || !l.named); line++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		file, label, err := l.cut(line, text)
		if err == nil {
			err = l.add(line, file, label)
		}
		first = cmp.Or(first, err)
	}
	if err := lines.Err(); err != nil {
		return cmp.Or(first, l.at(line, "%w", err))
	}
	return first
}

// cut splits a line into a file and a label. Between them is a tab, or else a space:
// names of either may have spaces, so the file is the longest beginning of the line that
// is one.
func (l *labelFile) cut(line int, text string) (file, label string, err error) {
	fields := strings.Split(text, "\t")
	want := "2 were expected: a file and its label, with a tab or a space between"
	if l.name == annotations {
		if len(fields) == 1 {
			fields = strings.Fields(text)
		}
		want = "2, or 6 with a box, were expected: a file and its label, with tabs between"
	}
	if len(fields) > 1 {
		l.find(strings.TrimSpace(fields[0])) // if so, it is a label file
		if len(fields) != 2 && !(l.name == annotations && len(fields) == 6) {
			return "", "", l.at(line, "%d fields where %s", len(fields), want)
		}
		return strings.TrimSpace(fields[0]), unquote(fields[1]), nil
	}
	if inside, rest, ok := strings.Cut(strings.TrimPrefix(text, `"`), `"`); ok && text[0] == '"' {
		if _, _, ok := l.find(inside); ok {
			return inside, unquote(rest), nil
		}
	}
	const most = 64 // words of a label
	end := len(text)
	for range most {
		if end = strings.LastIndexByte(text[:end], ' '); end < 0 {
			break
		}
		if file := strings.TrimSpace(text[:end]); file != "" {
			if _, _, ok := l.find(file); ok {
				return file, unquote(text[end:]), nil
			}
		}
	}
	end = strings.LastIndexByte(text, ' ')
	if _, _, ok := l.find(text); ok || end < 0 {
		return "", "", l.at(line, "1 field where %s", want)
	}
	return strings.TrimSpace(text[:end]), unquote(text[end:]), nil
}

// unquote removes spaces and one pair of quotes around a label.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// readCSV reads a table. The error is that of the first row that is not right; rows
// behind it may still name a file.
func (l *labelFile) readCSV(in io.Reader) (first error) {
	r := csv.NewReader(in)
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	file, label, group, name, width := 0, 1, -1, -1, 0
	headed := false
	for first == nil || !l.named {
		row, err := r.Read()
		if err == io.EOF {
			return first
		}
		if err != nil {
			return cmp.Or(first, fmt.Errorf("%s: %w", l.name, err))
		}
		line, _ := r.FieldPos(0)
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		header := width == 0 && l.isHeader(row)
		if width == 0 {
			width, headed = len(row), header
		}
		switch {
		case len(row) < 2:
			err = l.at(line, "1 field where 2 were expected: a file and its label, with a comma between")
		case len(row) != width:
			err = l.at(line, "%d fields where %d were expected, as on the first line; put a name that has a comma between quotes", len(row), width)
		case header:
			if file, label, err = l.columns(row, line); err == nil && l.group != "" {
				group, err = l.groupColumn(row, line)
			}
			if name = findColumn(row, nameColumns); name == file || name == label {
				name = -1
			}
		case !headed && width > 2:
			err = l.at(line, "%d columns and no header, so that nothing says which has the labels: add a first line with the names of the columns, two of them file and label%s", width, oneHot(row))
		case l.group != "" && group < 0:
			err = l.at(line, "it has no header, and so no column %s", l.group)
		case group >= 0 && row[group] == "":
			err = l.at(line, "there is nothing in column %s", l.group)
		default:
			if err = l.add(line, row[file], row[label]); err == nil && group >= 0 {
				l.set.Groups = append(l.set.Groups, row[group])
			}
			if err == nil && name >= 0 {
				l.names = append(l.names, row[name])
			}
		}
		if err != nil && !l.named {
			l.findAny(row)
		}
		first = cmp.Or(first, err)
	}
	return first
}

// findAny notices if one of the fields of a line names a file: then this is a label file,
// however wrong the line is.
func (l *labelFile) findAny(fields []string) {
	for _, field := range fields {
		l.find(field)
	}
}

// oneHot is what else to do with a row that has a column for each class.
func oneHot(row []string) string {
	ones, zeros := 0, 0
	for _, cell := range row {
		switch x, err := strconv.ParseFloat(cell, 64); {
		case err == nil && x == 1:
			ones++
		case err == nil && x == 0:
			zeros++
		}
	}
	if ones != 1 || ones+zeros != len(row)-1 {
		return ""
	}
	return " (of a column for each class make one with the number of the class)"
}

// isHeader reports whether the first row of a table names its columns: none of its cells
// is a file of the folder, the name of an image or a number, so that no sample is taken
// for one.
func (l *labelFile) isHeader(row []string) bool {
	for _, cell := range row {
		_, _, isFile := l.find(cell)
		image, err := isImage(cell)
		_, numberErr := strconv.ParseFloat(cell, 64)
		if isFile || image || err != nil || numberErr == nil {
			return false
		}
	}
	return true
}

// The names that columns of files and of labels have, those to prefer first.
var (
	fileColumns  = []string{"file", "filename", "file_name", "filepath", "file_path", "path", "image", "image_name", "image_path", "img", "img_path"}
	labelColumns = []string{"label", "labels", "class", "class_name", "classname", "target", "category", "wnid", "synset"}
	nameColumns  = []string{"class_name", "classname", "label_name", "label_text", "category_name", "wnid", "synset"} // beside labels
)

// findColumn returns the place of the first of some names in a header, or -1.
func findColumn(header, names []string) int {
	for _, name := range names {
		if i := slices.IndexFunc(header, func(cell string) bool { return strings.EqualFold(cell, name) }); i >= 0 {
			return i
		}
	}
	return -1
}

// columns finds the columns of files and of labels by the header. Those with other names
// are the first two.
func (l *labelFile) columns(header []string, line int) (file, label int, err error) {
	file, label = findColumn(header, fileColumns), findColumn(header, labelColumns)
	switch {
	case file >= 0 && label >= 0:
		return file, label, nil
	case len(header) == 2 && file >= 0:
		return file, 1 - file, nil
	case len(header) == 2 && label >= 0:
		return 1 - label, label, nil
	case file >= 0 || label >= 0 || len(header) > 2:
		return 0, 1, l.at(line, "the header (%s) does not say which columns have the files and the labels; call them file and label", strings.Join(header, ","))
	}
	l.set.note("%s line %d (%s) is read as the header", l.name, line, strings.Join(header, ","))
	return 0, 1, nil
}

// groupColumn finds the column of groups by the header.
func (l *labelFile) groupColumn(header []string, line int) (int, error) {
	i := slices.IndexFunc(header, func(cell string) bool { return strings.EqualFold(cell, l.group) })
	if i < 0 {
		return i, l.at(line, "there is no column %s; the header has %s", l.group, strings.Join(header, ", "))
	}
	return i, nil
}

// label labels the images.
func (l *labelFile) label() error {
	err := l.set.label(l.texts, func(i int) string { return fmt.Sprintf("%s line %d", l.name, l.lines[i]) })
	if err != nil || l.set.ClassNames != nil || l.names == nil {
		return err
	}
	return l.nameNumbers()
}

// nameNumbers takes the names that stand beside class numbers. Every number has one name, and
// every name one number.
func (l *labelFile) nameNumbers() error {
	numberOf, nameOf := map[string]int{}, map[uint16]int{} // the line that says it first
	var contradictions []string
	for i, name := range l.names {
		number := l.set.Labels[i]
		switch {
		case name == "":
			l.set.note("the names of classes are not read, since line %d of %s has none", l.lines[i], l.name)
			return nil
		case len(name) > maxName || !utf8.ValidString(name):
			return l.at(l.lines[i], "the name %.40q of class %d is longer than %d bytes or not valid UTF-8", name, number, maxName)
		}
		first, ok := nameOf[number]
		if !ok {
			first = i
			nameOf[number] = i
		}
		other, ok := numberOf[name]
		if !ok {
			other = i
			numberOf[name] = i
		}
		if l.names[first] != name {
			contradictions = append(contradictions, fmt.Sprintf("class %d is %q on line %d and %q on line %d", number, l.names[first], l.lines[first], name, l.lines[i]))
		} else if l.set.Labels[other] != number {
			contradictions = append(contradictions, fmt.Sprintf("%q is class %d on line %d and %d on line %d", name, l.set.Labels[other], l.lines[other], number, l.lines[i]))
		}
	}
	if len(contradictions) > 0 {
		return fmt.Errorf("%s: numbers and names of classes contradict each other: %s; correct them, or remove the column that does not count", l.name, few(contradictions))
	}
	l.set.Called = make(map[uint16]string, len(nameOf))
	for number, i := range nameOf {
		l.set.Called[number] = l.names[i]
	}
	// Without gaps they number the classes, as ClassLabel does.
	if _, last := nameOf[uint16(len(nameOf)-1)]; last && int(slices.Max(l.set.Labels)) == len(nameOf)-1 {
		l.set.Classes, l.set.ClassNames = len(nameOf), make([]string, len(nameOf))
		for number, name := range l.set.Called {
			l.set.ClassNames[number] = name
		}
	}
	return nil
}

// label makes the texts of labels class numbers: they are numbers, or the names of classes
// in their order. place says where a text is from.
func (s *Set) label(texts []string, place func(i int) string) error {
	numbers := make([]int64, len(texts))
	number, name := -1, -1 // the first label of either kind
	for i, text := range texts {
		n, ok := integer(text)
		switch {
		case ok && number < 0:
			number = i
		case !ok && name < 0:
			name = i
		}
		numbers[i] = n
	}
	if name < 0 {
		for i, n := range numbers {
			class, err := checkLabel(n)
			if err != nil {
				return fmt.Errorf("%s: %w", place(i), err)
			}
			s.Labels = append(s.Labels, class)
		}
		return nil
	}
	if number >= 0 {
		s.note("%s: the label %q is no number, so all labels are read as names, %q (%s) too", place(name), texts[name], texts[number], place(number))
	}
	names := slices.Compact(slices.Sorted(slices.Values(texts)))
	if len(names) > MaxLabel+1 {
		return fmt.Errorf("%d different labels, at most %d are read", len(names), MaxLabel+1)
	}
	class := map[string]uint16{}
	for i, name := range names {
		class[name] = uint16(i)
	}
	s.places = make(map[string]string, len(names))
	for i, text := range texts {
		if _, ok := s.places[text]; !ok {
			s.places[text] = place(i)
		}
	}
	lower := map[string]string{}
	for _, name := range names {
		if other, ok := lower[strings.ToLower(name)]; ok {
			return fmt.Errorf("the labels %q (%s) and %q (%s) differ in letter case only: write them alike, or number the classes", other, s.places[other], name, s.places[name])
		}
		lower[strings.ToLower(name)] = name
	}
	for i, text := range texts {
		if text == "" || len(text) > maxName || !utf8.ValidString(text) {
			return fmt.Errorf("%s: the label %.40q is empty, longer than %d bytes or not valid UTF-8", place(i), text, maxName)
		}
		s.Labels = append(s.Labels, class[text])
	}
	s.Classes, s.ClassNames = len(names), names
	return nil
}

// integer reads a whole number, as 3 or, after a detour through floats, 3.0.
func integer(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
		return 0, false
	}
	return int64(x), true
}
