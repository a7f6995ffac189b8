package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/encas-zoo/encas-zoo/benchmarks/simzoo"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// seed of everything that is drawn.
const seed = 1

// A bench is what the suites share: sizes, folders, and the simulated data, which
// is made when it is first asked for.
type bench struct {
	models, samples, classes int // of the large zoo
	peerModels               int // of the zoo whose full outputs are made
	genomes                  int // that the peers evaluate
	searchEvals              int64
	runs                     int           // of short things
	longRuns                 int           // of what takes seconds
	shortest                 time.Duration // that one run of a short thing may take
	quick                    bool

	dir    string
	python *pythons
	out    io.Writer
	peers  []string // what the peers say of themselves

	large  *searchable
	full   *fullOutputs
	rivals *contest
}

func newBench(quick bool, runs int, dir string, python *pythons, out io.Writer) *bench {
	b := &bench{
		models: 518, samples: 20683, classes: 1000,
		peerModels: 40, genomes: 20, searchEvals: 600_000,
		runs: runs, longRuns: min(runs, 3), shortest: 50 * time.Millisecond,
		quick: quick, dir: dir, python: python, out: out,
	}
	if quick {
		b.models, b.samples, b.classes = 16, 300, 60
		b.peerModels, b.genomes, b.searchEvals = 8, 6, 600
		b.runs, b.longRuns, b.shortest = 1, 1, 100*time.Microsecond
	}
	return b
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.out, "  "+format+"\n", args...) }

// A searchable is a zoo on disk and its opened index.
type searchable struct {
	labels  []uint16
	problem *optimize.Problem
	index   *zoo.Index
}

// zooDir returns the folder of the large zoo, which has a search index and no
// archive, and makes it where it is not there.
func (b *bench) zooDir(ctx context.Context) (string, error) {
	return b.simulated(ctx, "zoo", simzoo.Options{Models: b.models, Search: b.samples})
}

// simulated returns the folder of a simulated zoo. A folder whose making was
// stopped lacks models, and is made again.
func (b *bench) simulated(ctx context.Context, name string, o simzoo.Options) (string, error) {
	o.Classes, o.Seed, o.Threads = cmp.Or(o.Classes, b.classes), seed, runtime.GOMAXPROCS(0)
	dir := b.simulatedDir(name, o)
	if z, err := zoo.Open(dir); err == nil && len(z.Models()) == o.Models {
		return dir, nil
	}
	b.say("simulating %d models on %d samples in %s", o.Models, o.Search, dir)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(b.dir, 0o777); err != nil {
		return "", err
	}
	_, err := simzoo.Write(ctx, dir, o)
	return dir, err
}

// simulatedDir is the folder of a simulated zoo.
func (b *bench) simulatedDir(name string, o simzoo.Options) string {
	return filepath.Join(b.dir, fmt.Sprintf("%s-v%d-%d-%d-%d-%d", name, simzoo.Version, o.Models, o.Search, cmp.Or(o.Classes, b.classes), seed))
}

// largeZoo opens the large zoo, once.
func (b *bench) largeZoo(ctx context.Context) (*searchable, error) {
	if b.large != nil {
		return b.large, nil
	}
	dir, err := b.zooDir(ctx)
	if err != nil {
		return nil, err
	}
	b.large, err = openSearchable(ctx, dir)
	return b.large, err
}

func openSearchable(ctx context.Context, dir string) (*searchable, error) {
	z, err := zoo.Open(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	var models []optimize.Model
	for _, m := range z.Models() {
		cost, err := m.Cost(zoo.ColumnGFLOPs)
		if err != nil {
			return nil, err
		}
		names = append(names, m.Name)
		models = append(models, optimize.Model{Name: m.Name, Cost: cost})
	}
	s := &searchable{}
	if s.index, err = z.OpenIndex(ctx, simzoo.SearchSplit, names, nil); err != nil {
		return nil, err
	}
	s.labels = s.index.Labels()
	for i := range models {
		models[i].Lists = s.index.Lists(models[i].Name)
	}
	s.problem, err = optimize.NewProblem(s.labels, z.Classes(), models)
	return s, err
}

// part returns the problem of every models/m-th model on the first n samples.
func (s *searchable) part(m, n int) (*optimize.Problem, error) {
	all := s.problem.Models()
	var models []optimize.Model
	for i := range m {
		model := all[i*len(all)/m]
		model.Lists = model.Lists.Slice(0, n)
		models = append(models, model)
	}
	return optimize.NewProblem(s.labels[:n], s.problem.Classes(), models)
}

// A fullOutputs is a smaller zoo held as rows and lists, for comparisons with what
// needs every class.
type fullOutputs struct {
	specs  []simzoo.Spec
	costs  []float64
	labels []uint16
	lists  []kernel.Lists

	dir     string   // holds outputs.npy, float16 [M, N, C], and labels.npy
	file    *os.File // outputs.npy
	classes int
}

// A chain is a cascade over the paper's grid, with exits as grid numbers.
type chain struct {
	models []int
	exits  []int
}

// cascade returns the chain with the names of models.
func (c chain) cascade(specs []simzoo.Spec) cascade.Cascade {
	grid := optimize.PaperGrid()
	var out cascade.Cascade
	for _, m := range c.models {
		out.Stages = append(out.Stages, cascade.Stage{Model: specs[m].Name, Weight: 1})
	}
	for stage, g := range c.exits {
		out.Stages[stage].Threshold = grid[g]
	}
	return out
}

// drawChains draws cascades of distinct models, all thresholds alike probable, as
// a search of the published kind begins with.
func drawChains(n, models, stages int) []chain {
	rng := rand.New(rand.NewPCG(seed, uint64(stages)))
	chains := make([]chain, n)
	for i := range chains {
		chains[i].models = rng.Perm(models)[:min(stages, models)]
		for range len(chains[i].models) - 1 {
			chains[i].exits = append(chains[i].exits, rng.IntN(len(optimize.PaperGrid())))
		}
	}
	return chains
}

// cutsOf turns a grid into cuts for a set of total weight j (docs/architecture.md,
// "Numbers").
func cutsOf(grid optimize.Grid, j int) []uint32 {
	cuts := make([]uint32, len(grid))
	for g, t := range grid {
		cuts[g] = uint32(math.Floor(float64(j) * float64(t) * kernel.One))
	}
	return cuts
}

// A tabulator makes set tables over the paper's grid.
type tabulator struct {
	labels []uint16
	lists  []kernel.Lists
	best   []uint32
	class  []uint16
}

func newTabulator(labels []uint16, lists []kernel.Lists) *tabulator {
	return &tabulator{labels, lists, make([]uint32, len(labels)), make([]uint16, len(labels))}
}

// tables returns the set table of every stage of a chain.
func (t *tabulator) tables(models []int) [][]byte {
	grid := optimize.PaperGrid()
	var members []*kernel.Lists
	var tables [][]byte
	for j, m := range models {
		members = append(members, &t.lists[m])
		kernel.ResolveAll(t.best, t.class, members, nil)
		table := make([]byte, len(t.labels))
		kernel.Bins(table, t.best, t.class, t.labels, cutsOf(grid, j+1))
		tables = append(tables, table)
	}
	return tables
}

// exitBytes are the exits of a chain as kernel.Evaluate takes them.
func (c chain) exitBytes() []byte {
	exits := make([]byte, len(c.exits))
	for i, g := range c.exits {
		exits[i] = byte(2 * (g + 1))
	}
	return exits
}

// fewLists are the lists of some models of the large zoo, from cheap to dear.
func (b *bench) fewLists(ctx context.Context, m int) ([]uint16, []kernel.Lists, error) {
	s, err := b.largeZoo(ctx)
	if err != nil {
		return nil, nil, err
	}
	models := slices.Clone(s.problem.Models())
	slices.SortStableFunc(models, func(x, y optimize.Model) int { return cmp.Compare(x.Cost, y.Cost) })
	lists := make([]kernel.Lists, min(m, len(models)))
	for i := range lists {
		lists[i] = models[i*len(models)/len(lists)].Lists
	}
	return s.labels, lists, nil
}

// repeats returns how often f must run to take as long as one run should.
func (b *bench) repeats(f func()) int {
	for n := 1; ; n *= 2 {
		start := time.Now()
		for range n {
			f()
		}
		if took := time.Since(start); took >= b.shortest/2 {
			return max(1, int(float64(n)*float64(b.shortest)/float64(took)))
		}
	}
}

// A timed is something short that is timed once for every kernel path.
type timed struct {
	figure  string
	unit    string
	of      func(us float64) float64 // the figure in the unit, of the microseconds of a call
	promise func(Row) Row            // of the fastest path; nil for none
	calls   int                      // that f makes
	f       func()
}

// micros are the microseconds themselves.
func micros(us float64) float64 { return us }

// onPaths returns a row for every thing and kernel path. The paths run in turns.
func (b *bench) onPaths(things ...timed) (rows []Row, err error) {
	for _, t := range things {
		r, err := b.onEachPath(t)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r...)
	}
	return rows, nil
}

func (b *bench) onEachPath(t timed) ([]Row, error) {
	paths := kernel.Paths()
	repeats := make([]int, len(paths))
	var variants []func() error
	for i, p := range paths {
		restore := kernel.Force(p)
		repeats[i] = b.repeats(t.f)
		restore()
		variants = append(variants, func() error {
			defer kernel.Force(p)()
			for range repeats[i] {
				t.f()
			}
			return nil
		})
	}
	seconds, err := alternate(1, b.runs, variants...)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for i, p := range paths {
		r := row(t.figure+", "+p.String(), t.unit, each(seconds[i], func(s float64) float64 { return t.of(s / float64(repeats[i]*t.calls) * 1e6) }))
		if t.promise != nil && p == kernel.Active() {
			r = t.promise(r)
		}
		rows = append(rows, r)
	}
	return rows, nil
}
