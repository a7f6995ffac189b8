package importer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/parquet"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// Which column has the names of the samples need not show in its heading. It shows in the
// other files: a column that tables share by name, whose values are unique in each and the
// same in all, names samples, whatever it is called. One that is unique in each but has few
// values in common does not, and is not used; this is said.

// A foundTable is a table whose ids are looked for.
type foundTable struct {
	title string
	file  string // that it is in; its columns are shared with other files only
	open  func() (table, error)
	// layout says what its columns are.
	layout func(table) (layout, error)
	size   int
	free   []tableColumn // that may have ids, but are not called so
	listed bool          // it has ids by their heading, or as pandas' index
	counts bool          // these are the numbers of its rows
}

// A sharedColumn is one that several tables have.
type sharedColumn struct {
	name   string
	kind   columnKind
	tables []int
	unique []int // tables of these in which its values differ
	// Of those in which they differ:
	same    bool // the values are the same ones
	similar bool // at least half of them are
	moved   bool // in another order
	counts  bool // the numbers of the rows, in all
}

// shareIDs decides by which columns tables are joined that have no column called like ids.
func (s *Source) shareIDs(tables []foundTable) error {
	for i := range tables {
		if tables[i].describe() != nil {
			return nil // it is reported when it is joined
		}
	}
	columns := sharedColumns(tables)
	if len(columns) == 0 {
		return nil
	}
	listed, counts := true, true
	for i := range tables {
		if tables[i].findListed() != nil {
			return nil
		}
		listed = listed && tables[i].listed
		counts = counts && tables[i].counts
	}
	if listed && !counts {
		return nil
	}
	if len(columns) > maxTried {
		return fmt.Errorf("%s and others share more than %d columns, any of which could name the samples: call the one that does id, or leave out those that are not needed", tables[0].title, maxTried)
	}
	var best *sharedColumn
	for i := range columns {
		c := &columns[i]
		if err := c.compare(tables); err != nil {
			return err
		}
		switch {
		case !c.names(tables) || listed && !c.moved:
		case best == nil || c.better(*best):
			best = c
		}
	}
	s.ids = map[string]string{}
	if best != nil {
		for _, i := range best.tables {
			s.ids[tables[i].title] = best.name
		}
		return nil
	}
	for _, c := range columns {
		if why := c.unused(tables); why != "" {
			s.notes = append(s.notes, fmt.Sprintf("the column %q is not used to find samples: %s; if it names them, correct it", c.name, why))
			for _, i := range c.tables {
				if !tables[i].listed {
					s.ids[tables[i].title] = ""
				}
			}
		}
	}
	return nil
}

// read opens the table and calls each with it.
func (f *foundTable) read(each func(table, layout) error) (err error) {
	t, err := f.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	l, err := f.layout(t)
	if err != nil {
		return err
	}
	return each(t, l)
}

// describe finds the columns that may have ids.
func (f *foundTable) describe() error {
	return f.read(func(t table, l layout) error {
		f.size = t.size()
		taken := l.taken()
		for i, c := range t.columns() {
			lower := strings.ToLower(c.name)
			called := c.name == "" || c.index || slices.Contains(idHeadings, lower) || slices.Contains(nameHeadings, lower)
			if !called && slices.Contains(idKinds, c.kind) && !taken[i] && f.size > 1 {
				f.free = append(f.free, c)
			}
		}
		return nil
	})
}

// findListed finds out whether the table has ids that are called so.
func (f *foundTable) findListed() error {
	return f.read(func(t table, l layout) error {
		ids, column, err := readIDs(t, l)
		if err != nil {
			return err
		}
		f.listed = ids != nil && (column.index || column.name == "" || slices.Contains(idHeadings, strings.ToLower(column.name)))
		f.counts = f.listed && countRows(ids)
		return nil
	})
}

// sharedColumns are the columns that tables of several files have.
func sharedColumns(tables []foundTable) []sharedColumn {
	var columns []sharedColumn
	places := map[string]int{}
	for i, t := range tables {
		for _, c := range t.free {
			k, ok := places[zoo.Fold(c.name)]
			if !ok {
				k = len(columns)
				places[zoo.Fold(c.name)] = k
				columns = append(columns, sharedColumn{name: c.name, kind: c.kind})
			}
			columns[k].tables = append(columns[k].tables, i)
		}
	}
	return slices.DeleteFunc(columns, func(c sharedColumn) bool {
		return !slices.ContainsFunc(c.tables, func(i int) bool { return tables[i].file != tables[c.tables[0]].file })
	})
}

// compare reads the column of all tables that have it.
func (c *sharedColumn) compare(tables []foundTable) error {
	var first map[string]int32
	c.same, c.similar, c.counts = true, true, true
	for _, i := range c.tables {
		err := tables[i].read(func(t table, _ layout) error {
			at := slices.IndexFunc(t.columns(), func(h tableColumn) bool { return strings.EqualFold(h.name, c.name) })
			ids, err := readTexts(t, at)
			if noIDs(err) {
				return nil
			}
			if err != nil {
				return err
			}
			c.unique = append(c.unique, i)
			c.counts = c.counts && countRows(ids)
			if first == nil {
				first = make(map[string]int32, len(ids))
				for row, id := range ids {
					first[id] = int32(row)
				}
				return nil
			}
			common := 0
			for row, id := range ids {
				place, ok := first[id]
				if ok {
					common++
				}
				c.moved = c.moved || ok && int(place) != row
			}
			c.same = c.same && common == len(ids) && common == len(first)
			c.similar = c.similar && 2*common >= min(len(ids), len(first))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// names reports whether the column names the samples of tables, of which one has no other.
func (c *sharedColumn) names(tables []foundTable) bool {
	counts := !slices.ContainsFunc(c.tables, func(i int) bool { return !tables[i].counts })
	needed := counts || slices.ContainsFunc(c.tables, func(i int) bool { return !tables[i].listed })
	return needed && len(c.unique) == len(c.tables) && c.similar && !c.counts
}

// better reports whether a column rather than another is the one with ids.
func (c *sharedColumn) better(than sharedColumn) bool {
	if c.same != than.same {
		return c.same
	}
	if len(c.tables) != len(than.tables) {
		return len(c.tables) > len(than.tables)
	}
	return c.moved && !than.moved
}

// unused says why a column that could be one of ids is none; "" if it does not look like one.
func (c *sharedColumn) unused(tables []foundTable) string {
	switch {
	case c.kind == realColumn || len(c.unique) == 0 || c.counts:
		return ""
	case len(c.unique) < len(c.tables):
		for _, i := range c.tables {
			if !slices.Contains(c.unique, i) {
				return "its values are not unique in " + tables[i].title
			}
		}
	case !c.similar:
		return fmt.Sprintf("its values in %s are others than in %s", tables[c.unique[1]].title, tables[c.unique[0]].title)
	}
	return ""
}

// noIDs reports whether an error is that of a column that has other things than ids.
func noIDs(err error) bool {
	return slices.ContainsFunc([]error{errRepeated, errEmpty, errNoText, parquet.ErrMissing}, func(e error) bool { return errors.Is(err, e) })
}

// taken are the columns of a layout, by number.
func (l layout) taken() map[int]bool {
	taken := map[int]bool{l.label: true, l.answer: true, l.confidence: true, l.model: true}
	for _, o := range l.outputs {
		for _, column := range o.columns {
			taken[column] = true
		}
	}
	return taken
}

// tableIDs returns the ids of a table and their column, as readIDs does, but by the column
// that it shares with others if that is what names its samples.
func (s *Source) tableIDs(t table, l layout) ([]string, tableColumn, error) {
	name, ok := s.ids[t.title()]
	if !ok {
		return readIDs(t, l)
	}
	at := slices.IndexFunc(t.columns(), func(c tableColumn) bool { return name != "" && strings.EqualFold(c.name, name) })
	if at < 0 {
		return nil, tableColumn{}, nil
	}
	ids, err := readTexts(t, at)
	return ids, t.columns()[at], err
}
