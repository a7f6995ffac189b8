package holdout

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A List names a list of models, as ingest reads it.
type List struct{ Name, Path string }

// OpenLists makes a pool of the models of each list, and a last one, "all", of those of any,
// unless the last list has them all. A model may be on several lists; it is known by the name
// that ingest gives it.
func OpenLists(ctx context.Context, dir, cost string, lists []List) ([]Pool, error) {
	z, err := study.Open(ctx, dir, study.Watch{})
	if err != nil {
		return nil, err
	}
	models := map[string]zoo.Model{}
	for _, m := range everywhere(z) {
		models[m.Name] = m
	}
	var pools []Pool
	var all []zoo.Model
	listed := map[string]bool{}
	for _, l := range lists {
		names, err := l.models()
		if err != nil {
			return nil, err
		}
		var some []zoo.Model
		for _, name := range names {
			m, ok := models[name]
			if !ok {
				return nil, fmt.Errorf("%s: %s is not in all splits of %s", l.Path, name, dir)
			}
			some = append(some, m)
			if !listed[name] {
				listed[name], all = true, append(all, m)
			}
		}
		p, err := of(ctx, z, l.Name, dir, cost, some)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Path, err)
		}
		pools = append(pools, Pool{Zoo: p, Parts: 1})
	}
	if last := pools[len(pools)-1]; len(last.Problem.Models()) == len(all) {
		return pools, nil
	}
	whole, err := of(ctx, z, "all", dir, cost, all)
	return append(pools, Pool{Zoo: whole, Parts: len(lists)}), err
}

// models returns the names that the models of a list have in a zoo, each once.
func (l List) models() (names []string, err error) {
	f, err := os.Open(l.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := ingest.ParseList(f, l.Path, filepath.Dir(l.Path))
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if !seen[e.As] {
			seen[e.As], names = true, append(names, e.As)
		}
	}
	return names, nil
}

// WriteAgainst writes a table of all contenders with their means over the splits, and then how
// the models of every pool, and cascades of them, differ from those of one pool in the same
// splits, with intervals of 95 %.
func WriteAgainst(w io.Writer, results []PoolResult, pool string) {
	all := contenders(results)
	writeMeans(w, all)
	for _, f := range poolFigures {
		fmt.Fprintf(w, "\n%s, paired with %s:\n\n", f.name, pool)
		for _, base := range all {
			for _, c := range all {
				if base.Pool == pool && c.Pool != pool && c.Cascades == base.Cascades {
					fmt.Fprintf(w, "- %s: %s\n", c.what(), paired(c, base, f.of, f.scale))
				}
			}
		}
	}
}
