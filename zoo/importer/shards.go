package importer

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// checkShards refuses a table that is cut into files of which some are missing.
func checkShards(f *folder, files []string, ext string) error {
	for i, file := range files {
		_, number, of := cutShard(file[:len(file)-len(ext)])
		switch {
		case of == 0 && len(files) > 1:
			return fmt.Errorf("%s and %s are one table by their names: rename one of them", f.name(files[0]), f.name(files[1]))
		case of != 0 && (number != i || of != len(files)):
			return fmt.Errorf("%s is one of %d files, but there are %d, and number %d is missing or too much", f.name(file), of, len(files), i)
		}
	}
	return nil
}

// openShards opens a table that is one file or several.
func (format tableFormat) openShards(f *folder, files []string) (table, error) {
	if err := checkShards(f, files, "."+format.name); err != nil {
		return nil, err
	}
	var all shards
	for _, file := range files {
		t, err := format.open(f, file)
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all = append(all, t)
		if !slices.EqualFunc(t.columns(), all[0].columns(), func(a, b tableColumn) bool { return a.name == b.name }) {
			return nil, errors.Join(fmt.Errorf("%s and %s have different columns, but are one table by their names", all[0].title(), t.title()), all.Close())
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

// shards are tables with the same columns that follow each other.
type shards []table

func (s shards) title() string          { return s[0].title() }
func (s shards) columns() []tableColumn { return s[0].columns() }

func (s shards) size() int {
	n := 0
	for _, t := range s {
		n += t.size()
	}
	return n
}

// find returns the table that has a row, and its number there.
func (s shards) find(row int) (table, int) {
	for _, t := range s[:len(s)-1] {
		if row < t.size() {
			return t, row
		}
		row -= t.size()
	}
	return s[len(s)-1], row
}

func (s shards) at(row int) string {
	t, row := s.find(row)
	if t == s[0] {
		return t.at(row)
	}
	return t.title() + ": " + t.at(row)
}

func (s shards) texts(column int, each func(string) error) error {
	for _, t := range s {
		if err := t.texts(column, each); err != nil {
			return err
		}
	}
	return nil
}

func (s shards) listLength(column int) (int, error) { return s[0].listLength(column) }

func (s shards) classNames(column int) []string { return s[0].classNames(column) }

func (s shards) values(columns []int, list bool) values {
	v := &shardValues{shards: s}
	for _, t := range s {
		v.all = append(v.all, t.values(columns, list))
	}
	return v
}

func (s shards) Close() error {
	var errs []error
	for _, t := range s {
		errs = append(errs, t.Close())
	}
	return errors.Join(errs...)
}

// shardValues streams the rows of one table after another.
type shardValues struct {
	shards shards
	all    []values
	now    int
}

func (v *shardValues) next(row []float64) error {
	for {
		err := v.all[v.now].next(row)
		if !errors.Is(err, io.EOF) || v.now == len(v.all)-1 {
			return err
		}
		v.now++
	}
}

func (v *shardValues) where(row int) string {
	t, row := v.shards.find(row)
	return t.title() + ": " + t.at(row)
}

func (v *shardValues) Close() error {
	var errs []error
	for _, one := range v.all {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}
