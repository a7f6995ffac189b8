package importer

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Files name their samples or do not. Those that do are joined by these names, their
// ids: whatever order a file is in, its rows go where its ids are. Those that do not are
// joined by place, which is only possible if the others leave no doubt about the order.

// rows are those of one file, as far as they are known by what they are about.
type rows struct {
	file   string
	count  int
	labels []uint16             // nil: it has none
	ids    []string             // nil: it has none
	column string               // that the ids are from; "" if the file holds nothing else
	index  bool                 // it is pandas' index, which nobody may have chosen
	at     func(row int) string // names a row, for messages; nil: by its number
}

// where names one of the rows, for messages.
func (r rows) where(row int) string {
	if r.at == nil {
		return fmt.Sprintf("row %d", row)
	}
	return r.at(row)
}

// A joiner puts the rows of several files into one order: that of the first file with
// ids or, if there is none, of the first file.
type joiner struct {
	inner bool // samples that some files lack are left out

	files  []joined
	first  int              // the first file with ids; -1: none yet
	ids    []string         // of that file
	places map[string]int32 // of these ids
	counts []int32          // by place: how many files have the sample
	labels []int32          // by place; -1: not known
	source []int32          // by place: the file that the label is from
	mixed  bool             // files with ids have different orders
}

// A joined file is what is kept of its rows.
type joined struct {
	rows                    // without ids
	order          []int32  // places of its rows, -1 for samples that the first file lacks
	missing, extra []string // samples that only the first file has, or only this one; a few
	lacks, more    int      // how many these are
}

func newJoiner(inner bool) *joiner { return &joiner{inner: inner, first: -1} }

// What the ids of a file, and one of them, take at most, in bytes.
const (
	maxIDs    = 512 << 20
	maxID     = 4096
	averageID = 256      // each, beyond the first
	fewIDs    = 16 << 20 // bytes of them
)

// few is how many of many names a message lists.
const few = 5

// add takes the rows of the next file.
func (j *joiner) add(r rows) error {
	f := joined{rows: r}
	f.ids = nil
	if r.ids == nil {
		j.files = append(j.files, f)
		return nil
	}
	if j.first < 0 {
		j.first, j.ids = len(j.files), r.ids
		j.places = make(map[string]int32, len(r.ids))
		for i, id := range r.ids {
			j.places[id] = int32(i)
		}
		j.counts, j.source = make([]int32, len(r.ids)), make([]int32, len(r.ids))
		j.labels = slices.Repeat([]int32{-1}, len(r.ids))
	}
	f.order = make([]int32, len(r.ids))
	mine := make([]bool, len(j.ids))
	for i, id := range r.ids {
		place, ok := j.places[id]
		if !ok {
			place = -1
			if f.more++; f.more <= few {
				f.extra = append(f.extra, id)
			}
		} else {
			mine[place] = true
			j.mixed = j.mixed || int(place) != i
		}
		f.order[i] = place
	}
	for place, has := range mine {
		if has {
			continue
		}
		if f.lacks++; f.lacks <= few {
			f.missing = append(f.missing, j.ids[place])
		}
	}
	j.files = append(j.files, f)
	return j.take(len(j.files) - 1)
}

// An idReader takes the ids of a file one by one. It stops at the first that was there
// before, so that it never holds more than the file has.
type idReader struct {
	column  string // that they are from; "" if the file holds nothing else
	numbers bool   // they are pandas' row numbers
	where   func(row int) string
	ids     []string
	at      map[string]int32
	bytes   int
}

// errRepeated is the error for an id that is there twice.
var errRepeated = errors.New("every sample needs a name of its own")

var (
	errEmpty  = errors.New("empty")
	errNoText = errors.New("the id is not a text of at most 4096 bytes in UTF-8")
)

func (r *idReader) add(id string) error {
	if r.at == nil {
		r.at = map[string]int32{}
	}
	if id == "" {
		return fmt.Errorf("the id is %w", errEmpty)
	}
	if first, ok := r.at[id]; ok {
		column := ""
		if r.column != "" {
			column = fmt.Sprintf(" in the column %q", r.column)
		}
		if r.numbers {
			return fmt.Errorf("the id %q%s is that of %s already: %w; if all files have the same samples in the same order, number the rows anew before saving, with table.reset_index(drop=True)", id, column, r.where(int(first)), errRepeated)
		}
		return fmt.Errorf("the id %q%s is that of %s already: %w", id, column, r.where(int(first)), errRepeated)
	}
	if len(id) > maxID || !utf8.ValidString(id) {
		return errNoText
	}
	if r.bytes += len(id); r.bytes > min(maxIDs, fewIDs+averageID*len(r.ids)) {
		return fmt.Errorf("the ids take %d MB, with more than %d bytes each, or more than %d MB in all: shorten them", r.bytes>>20, averageID, maxIDs>>20)
	}
	if len(r.ids)%(1<<20) == 1<<20-1 { // where their number is not known before, as in a text file
		if err := checkSamples("the ids so far", len(r.ids), true); err != nil {
			return err
		}
	}
	r.at[id] = int32(len(r.ids))
	r.ids = append(r.ids, id)
	return nil
}

// take counts the samples of a file and compares its labels with the others'.
func (j *joiner) take(file int) error {
	f := &j.files[file]
	for i, place := range f.order {
		if place < 0 {
			continue
		}
		j.counts[place]++
		switch {
		case f.labels == nil:
		case j.labels[place] < 0:
			j.labels[place], j.source[place] = int32(f.labels[i]), int32(file)
		case j.labels[place] != int32(f.labels[i]):
			return fmt.Errorf("%s: %s: label %d, but %s has %d there (sample %q): the files need the same labels for the same samples",
				f.file, f.where(i), f.labels[i], j.files[j.source[place]].file, j.labels[place], j.ids[place])
		}
	}
	return nil
}

// into completes the join: it gives the set its samples, and returns for each file the
// place of each of its rows in the set, -1 for a row that is left out; nil if they are
// all there in their order.
func (j *joiner) into(s *Set) (orders [][]int32, notes []string, err error) {
	if j.first < 0 {
		err := j.byPlace(s)
		if j.inner {
			err = needsIDs(err)
		}
		return make([][]int32, len(j.files)), nil, err
	}
	if err := j.checkSamples(); err != nil {
		return nil, nil, err
	}
	if err := j.placeUnnamed(); err != nil {
		return nil, nil, err
	}
	labelled := slices.IndexFunc(j.files, func(f joined) bool { return f.labels != nil })
	to := slices.Repeat([]int32{-1}, len(j.ids)) // where each sample goes
	for place, n := range j.counts {
		if int(n) < len(j.files) {
			continue
		}
		to[place] = int32(len(s.IDs))
		s.IDs = append(s.IDs, j.ids[place])
		if labelled >= 0 {
			s.Labels = append(s.Labels, uint16(j.labels[place]))
		}
	}
	s.File, s.IDFile, s.unlabelled = j.files[max(labelled, 0)].file, j.files[j.first].file, len(s.IDs)
	if len(s.IDs) == 0 {
		return nil, nil, fmt.Errorf("no sample is in all files: %s has %q and others, but %s", j.files[j.first].file, j.ids[0], j.differences())
	}
	for _, f := range j.files {
		moved := len(f.order) != len(s.IDs)
		for i, place := range f.order {
			if place >= 0 {
				f.order[i] = to[place]
			}
			moved = moved || int(f.order[i]) != i
		}
		if !moved {
			f.order = nil
		}
		orders = append(orders, f.order)
	}
	return orders, j.notes(orders, len(s.IDs)), nil
}

// byPlace joins files none of which has ids.
func (j *joiner) byPlace(s *Set) error {
	for _, f := range j.files {
		if f.labels != nil {
			if err := s.mergeLabels(f.file, f.labels); err != nil {
				return err
			}
		}
	}
	for _, f := range j.files {
		if f.labels == nil {
			if err := s.fits(f.file, f.count, "rows"); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkSamples refuses files that have other samples than the first, unless those that
// all have are asked for.
func (j *joiner) checkSamples() error {
	for _, f := range j.files {
		if first := j.files[j.first]; f.order != nil && f.more == f.count && f.lacks == first.count {
			return fmt.Errorf("no sample is in all files: %s has %q and others%s, and %s none of them, but %s%s: give both the same names of the samples, in a column \"id\", or ids.npy beside arrays; if their rows are in the same order, leave both out",
				first.file, j.ids[0], inColumn(first.column), f.file, listed(f.extra, f.more), inColumn(f.column))
		}
	}
	if text := j.differences(); text != "" && !j.inner {
		return fmt.Errorf("%s; to import the samples that all files have, add --inner", text)
	}
	return nil
}

// inColumn names the column that ids are from.
func inColumn(column string) string {
	if column == "" {
		return ""
	}
	return fmt.Sprintf(" in the column %q", column)
}

// differences describes the first file that has other samples than the first with ids.
func (j *joiner) differences() string {
	i := slices.IndexFunc(j.files, func(f joined) bool { return f.lacks+f.more > 0 })
	if i < 0 {
		return ""
	}
	f, first := j.files[i], j.files[j.first]
	var parts []string
	if f.lacks > 0 {
		parts = append(parts, fmt.Sprintf("it lacks %d (%s)", f.lacks, listed(f.missing, f.lacks)))
	}
	if f.more > 0 {
		parts = append(parts, fmt.Sprintf("%d are not in %s (%s)", f.more, first.file, listed(f.extra, f.more)))
	}
	by := ""
	if f.column != "" && f.column == first.column {
		by = fmt.Sprintf(" (by the column %q)", f.column)
	} else if f.column != "" && first.column != "" {
		by = fmt.Sprintf(" (by the columns %q and %q)", f.column, first.column)
	}
	return fmt.Sprintf("%s has %d samples and %s has %d, but not the same ones%s: %s", f.file, f.count, first.file, first.count, by, strings.Join(parts, ", "))
}

// placeUnnamed finds the places of the rows of files without ids: those of the others,
// if these are in one order.
func (j *joiner) placeUnnamed() error {
	numbered := j.numbered()
	for i := range j.files {
		f, first := &j.files[i], j.files[j.first]
		if f.order != nil {
			continue
		}
		switch {
		case f.count != first.count:
			return fmt.Errorf("%s has %d rows and no ids, but %s has %d samples: give it a column of ids, such as %q", f.file, f.count, first.file, first.count, cmp.Or(first.column, "id"))
		case j.mixed && !numbered:
			return fmt.Errorf("%s has no ids, and the files that have them are in different orders: give it a column of ids, such as %q", f.file, cmp.Or(first.column, "id"))
		}
		f.order = make([]int32, f.count)
		for row := range f.order {
			f.order[row] = int32(row)
			if numbered {
				f.order[row] = j.places[strconv.Itoa(row)]
			}
		}
		if err := j.take(i); err != nil {
			return err
		}
	}
	return nil
}

// numbered reports whether the ids are pandas' row numbers: then the rows of a file
// without an index have these numbers too.
func (j *joiner) numbered() bool {
	if !j.files[j.first].index {
		return false
	}
	for i := range j.ids {
		if _, ok := j.places[strconv.Itoa(i)]; !ok {
			return false
		}
	}
	return true
}

// notes say what was taken as ids, unless the file says so itself, and what that changed.
func (j *joiner) notes(orders [][]int32, samples int) (notes []string) {
	first := j.files[j.first]
	var columns, moved, unnamed []string
	unusual := false
	for i, f := range j.files {
		if f.column != "" && !slices.Contains(columns, strconv.Quote(f.column)) {
			columns = append(columns, strconv.Quote(f.column))
			unusual = unusual || !slices.Contains(plainIDs, strings.ToLower(f.column))
		}
		switch {
		case orders[i] != nil:
			moved = append(moved, f.file)
		case f.column == "" && first.column != "":
			unnamed = append(unnamed, f.file)
		}
	}
	if len(columns) > 0 && (unusual || len(moved) > 0) {
		notes = append(notes, fmt.Sprintf("samples are joined by the column %s", strings.Join(columns, " or ")))
	}
	switch {
	case samples < len(j.ids) || j.differences() != "":
		notes = append(notes, fmt.Sprintf("%d samples are in all files, and imported: %s", samples, j.differences()))
	case len(moved) > 0:
		notes = append(notes, fmt.Sprintf("put in the order of %s: %s", first.file, some(moved)))
	}
	if len(unnamed) > 0 {
		notes = append(notes, fmt.Sprintf("no ids, so taken to be in the order of %s: %s", first.file, some(unnamed)))
	}
	return notes
}

// listed lists names of which there may be more.
func listed(names []string, of int) string {
	text := strings.Join(names, ", ")
	if of > len(names) {
		text += fmt.Sprintf(" and %d more", of-len(names))
	}
	return text
}

// orderText identifies an order.
func orderText(order []int32) string {
	h := fnv.New64a()
	binary.Write(h, binary.LittleEndian, order) // a hash does not fail
	return fmt.Sprintf("%x", h.Sum64())
}
