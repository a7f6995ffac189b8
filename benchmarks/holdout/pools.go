package holdout

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A Pool is some of the models of a zoo: those with one value of a column, or all.
type Pool struct {
	Zoo
	Parts int // how many values its models have
	// Thinned: of all values, but only as many models as there are of one value.
	Thinned bool
}

// OpenPools parts the models of a zoo by the values of a column. The pool of all comes last;
// before it one with some of each value, spread over the costs, which shows what comes of there
// being several values, and not of there being more models.
// Of values that are paths the last elements without .pt are the pools' names, if they differ.
func OpenPools(ctx context.Context, dir, by, cost string) ([]Pool, error) {
	z, err := study.Open(ctx, dir, study.Watch{})
	if err != nil {
		return nil, err
	}
	models := everywhere(z)
	parts := map[string][]zoo.Model{}
	for _, m := range models {
		value, ok := m.Columns[by]
		if !ok {
			return nil, fmt.Errorf("%s has no %s", m.Name, by)
		}
		parts[value] = append(parts[value], m)
	}
	if len(parts) < 2 {
		return nil, fmt.Errorf("the models of %s have %d values of %s: there is nothing to compare", dir, len(parts), by)
	}
	var pools []Pool
	var names []string
	var some []zoo.Model
	shorter := map[string]string{}
	for value := range parts {
		shorter[value] = strings.TrimSuffix(value[strings.LastIndexByte(value, '/')+1:], ".pt")
	}
	differ := len(slices.Compact(slices.Sorted(maps.Values(shorter)))) == len(parts)
	for _, value := range slices.Sorted(maps.Keys(parts)) {
		name := value
		if differ {
			name = shorter[value]
		}
		p, err := of(ctx, z, name, dir, cost, parts[value])
		if err != nil {
			return nil, err
		}
		names, pools = append(names, name), append(pools, Pool{Zoo: p, Parts: 1})
		chosen, err := thin(parts[value], cost, len(parts))
		if err != nil {
			return nil, err
		}
		some = append(some, chosen...)
	}
	together := strings.Join(names, " + ")
	thinned, err := of(ctx, z, fmt.Sprintf("%s, %d models", together, len(some)), dir, cost, some)
	if err != nil {
		return nil, err
	}
	all, err := of(ctx, z, together, dir, cost, models)
	return append(pools, Pool{thinned, len(parts), true}, Pool{Zoo: all, Parts: len(parts)}), err
}

// thin returns one of each n models that are next to each other in cost, beginning with the
// cheapest.
func thin(models []zoo.Model, cost string, n int) (chosen []zoo.Model, err error) {
	costs := map[string]float64{}
	for _, m := range models {
		if costs[m.Name], err = m.Cost(cost); err != nil {
			return nil, err
		}
	}
	models = slices.SortedFunc(slices.Values(models), func(a, b zoo.Model) int { return cmp.Compare(costs[a.Name], costs[b.Name]) })
	for i := 0; i < len(models); i += n {
		chosen = append(chosen, models[i])
	}
	return chosen, nil
}

// A PoolResult is what the models of a pool, or cascades of them, are worth in one split of
// the samples: all on the samples that were not searched.
type PoolResult struct {
	Pool     string `json:"pool"`
	Parts    int    `json:"parts"`
	Thinned  bool   `json:"thinned,omitempty"`
	Cascades bool   `json:"cascades"` // of its models, or these alone
	Split    int    `json:"split"`
	// The hypervolume that the front dominates, up to the errors and costs of all models.
	HypervolumeLog    float64 `json:"hypervolume_log"`
	HypervolumeLinear float64 `json:"hypervolume_linear"`
	// The deployed error, as in Result, for budgets that every pool has a model within.
	Log    float64 `json:"log"`
	Linear float64 `json:"linear"`
	// Curve has the accuracy within each of the budgets that are even in the logarithm.
	Curve []float64 `json:"curve"`
}

// budgetsOf are budgets that every pool has a model within, up to the cost of the most
// accurate model of all. No pool loses by what it cannot do at any accuracy.
func budgetsOf(pools []Pool) Budgets {
	low := 0.0
	for _, p := range pools {
		low = max(low, NewBudgets(p.Problem).Log[0])
	}
	all := NewBudgets(pools[len(pools)-1].Problem).Linear
	return budgetsBetween(low, all[len(all)-1])
}

// ComparePools measures what methods make of every pool, the first of which takes single models,
// on the same splits of the samples into halves, and calls each with what it found.
func ComparePools(ctx context.Context, pools []Pool, methods []Method, splits int, each func(PoolResult)) error {
	all := pools[len(pools)-1].Problem
	budgets, ref := budgetsOf(pools), reference(all)
	logarithmic := ref
	logarithmic.Log = true
	for split := range splits {
		for i, m := range methods {
			for _, pool := range pools {
				s, err := search(ctx, pool.Zoo, m, all.Samples()/2, split)
				if err != nil {
					return err
				}
				r := PoolResult{Pool: pool.Name, Parts: pool.Parts, Thinned: pool.Thinned, Cascades: i > 0, Split: split}
				var errors, costs []float64
				for _, e := range s.tested {
					errors, costs = append(errors, 1-e.Accuracy()), append(costs, e.Cost)
				}
				r.HypervolumeLog, r.HypervolumeLinear = front.Hypervolume(errors, costs, logarithmic), front.Hypervolume(errors, costs, ref)
				_, r.Log = deployed(s.found.Front, s.tested, budgets.Log)
				_, r.Linear = deployed(s.found.Front, s.tested, budgets.Linear)
				for _, best := range chosen(s.found.Front, budgets.Log) {
					r.Curve = append(r.Curve, s.tested[best].Accuracy())
				}
				each(r)
			}
		}
	}
	return nil
}

// reference spans the models of a problem: the largest error and cost of any, a hair beyond
// so that those two count, too.
func reference(p *optimize.Problem) front.Reference {
	const beyond = 1.001
	var costs []float64
	ref := front.Reference{}
	for i, m := range p.Models() {
		ref.WorstError = max(ref.WorstError, beyond*(1-accuracy(p, i)))
		ref.HighestCost = max(ref.HighestCost, beyond*m.Cost)
		costs = append(costs, m.Cost)
	}
	ref.LowestCost = front.LeastCost(costs)
	return ref
}

// A contender is a method on a pool, with its results by the number of the split.
type contender struct {
	PoolResult
	results []PoolResult
}

// contenders groups results; the order is that in which the pools and methods first came.
func contenders(results []PoolResult) []*contender {
	var all []*contender
	for _, r := range results {
		i := slices.IndexFunc(all, func(c *contender) bool { return c.Pool == r.Pool && c.Cascades == r.Cascades })
		if i < 0 {
			i, all = len(all), append(all, &contender{PoolResult: r})
		}
		all[i].results = append(all[i].results, r)
	}
	for _, c := range all {
		slices.SortFunc(c.results, func(a, b PoolResult) int { return a.Split - b.Split })
	}
	return all
}

// what a contender is, in words.
func (c *contender) what() string {
	if c.Cascades {
		return "cascades of " + c.Pool
	}
	return c.Pool
}

func (c *contender) values(value func(PoolResult) float64) []float64 {
	var v []float64
	for _, r := range c.results {
		v = append(v, value(r))
	}
	return v
}

// poolFigures are what contenders are compared by.
var poolFigures = []struct {
	name  string
	scale float64
	sign  float64 // 1 if more is better
	of    func(PoolResult) float64
}{
	{"hypervolume, log", 1, 1, func(r PoolResult) float64 { return r.HypervolumeLog }},
	{"hypervolume, linear", 1, 1, func(r PoolResult) float64 { return r.HypervolumeLinear }},
	{"deployed error, log (%)", 100, -1, func(r PoolResult) float64 { return r.Log }},
	{"deployed error, linear (%)", 100, -1, func(r PoolResult) float64 { return r.Linear }},
}

// WritePools writes a table of all contenders with their means over the splits, and then
// how they differ from the best of those that have one thing less: cascades of all from the
// best cascades of a part, these from the best models. Differences are paired on the splits,
// with intervals of 95 %.
func WritePools(w io.Writer, results []PoolResult) {
	all := contenders(results)
	writeMeans(w, all)
	var parts []*contender // cascades of one part
	var models, whole, thinned *contender
	for _, c := range all {
		switch {
		case c.Thinned && c.Cascades:
			thinned = c
		case c.Thinned:
		case !c.Cascades && c.Parts > 1:
			models = c
		case c.Cascades && c.Parts > 1:
			whole = c
		case c.Cascades:
			parts = append(parts, c)
		}
	}
	if models == nil || whole == nil || thinned == nil || len(parts) == 0 {
		return
	}
	for _, f := range poolFigures {
		best := slices.MaxFunc(parts, func(a, b *contender) int {
			return cmp.Compare(f.sign*stat.Mean(a.values(f.of), nil), f.sign*stat.Mean(b.values(f.of), nil))
		})
		fmt.Fprintf(w, "\n%s, paired:\n\n", f.name)
		for _, pair := range [][2]*contender{{best, models}, {whole, best}, {thinned, best}} {
			fmt.Fprintf(w, "- %s against %s: %s\n", pair[0].what(), pair[1].what(), paired(pair[0], pair[1], f.of, f.scale))
		}
	}
}

// writeMeans writes a table of the means over the splits.
func writeMeans(w io.Writer, all []*contender) {
	fmt.Fprint(w, "| |")
	for _, f := range poolFigures {
		fmt.Fprintf(w, " %s |", f.name)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("--:|", len(poolFigures)))
	for _, c := range all {
		fmt.Fprintf(w, "| %s |", c.what())
		for _, f := range poolFigures {
			v := c.values(f.of)
			fmt.Fprintf(w, " %s ± %s |", digits(f.scale*stat.Mean(v, nil), f.scale), digits(f.scale*halfWidth(v), f.scale))
		}
		fmt.Fprintln(w)
	}
}

// paired returns the mean difference of two contenders on the same splits with its interval,
// and in how many splits it has the same sign.
func paired(a, b *contender, value func(PoolResult) float64, scale float64) string {
	var d []float64
	same := 0
	for i, r := range a.results {
		d = append(d, value(r)-value(b.results[i]))
	}
	mean := stat.Mean(d, nil)
	for _, v := range d {
		if v*mean > 0 {
			same++
		}
	}
	return fmt.Sprintf("%s ± %s (%d of %d)", signed(scale*mean, scale), digits(scale*halfWidth(d), scale), same, len(d))
}

func digits(v, scale float64) string {
	if scale == 1 {
		return fmt.Sprintf("%.4f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func signed(v, scale float64) string {
	if v >= 0 {
		return "+" + digits(v, scale)
	}
	return digits(v, scale)
}

// halfWidth is that of the interval of a mean over splits into halves. The halves overlap:
// what two splits measure on is half the same, and so is what they searched. The variance of
// the mean is taken to be that of as many independent splits times 1 + n (Nadeau and Bengio
// 2003, "Inference for the generalization error", section 3, with equal halves).
func halfWidth(v []float64) float64 {
	n := float64(len(v))
	if n < 2 {
		return math.NaN()
	}
	return distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975) * stat.StdDev(v, nil) * math.Sqrt(1/n+1)
}
