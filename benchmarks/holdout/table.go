package holdout

import (
	"fmt"
	"io"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// A group is the results on one zoo with one number of samples searched.
type group struct {
	zoo     string
	samples int
	methods []string // in the order of Methods
	results map[string]map[int]Result
}

func groups(results []Result) []*group {
	var all []*group
	for _, r := range results {
		i := slices.IndexFunc(all, func(g *group) bool { return g.zoo == r.Zoo && g.samples == r.Samples })
		if i < 0 {
			i = len(all)
			all = append(all, &group{zoo: r.Zoo, samples: r.Samples, results: map[string]map[int]Result{}})
		}
		g := all[i]
		if g.results[r.Method] == nil {
			g.methods = append(g.methods, r.Method)
			g.results[r.Method] = map[int]Result{}
		}
		g.results[r.Method][r.Split] = r
	}
	var order []string
	for _, m := range Methods(1) {
		order = append(order, m.Name)
	}
	for _, g := range all {
		slices.SortStableFunc(g.methods, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	}
	return all
}

// WriteTables writes a table for every zoo and number of samples: of each method the
// deployed errors and, paired on the same splits, how they differ from the reference
// method's, with the standard error of the mean difference.
func WriteTables(w io.Writer, results []Result, reference string) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	for _, g := range groups(results) {
		p("\n### %s, %d samples searched\n", g.zoo, g.samples)
		p("| method | splits | log: search | log | against %s | linear: search | linear | against %s | cascades | claims false | margin | saving | gain | expected too high | of that the draw | in interval | seconds |", reference, reference)
		p("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
		for _, method := range g.methods {
			rows := g.results[method]
			mean := func(value func(Result) float64) float64 {
				sum := 0.0
				for _, r := range rows {
					sum += value(r)
				}
				return sum / float64(len(rows))
			}
			log, linear := func(r Result) float64 { return 100 * r.Log }, func(r Result) float64 { return 100 * r.Linear }
			p("| %s | %d | %.2f | %.2f | %s | %.2f | %.2f | %s | %.0f | %s | %s | %.1f |", method, len(rows),
				mean(func(r Result) float64 { return 100 * r.SearchLog }), mean(log), g.difference(method, reference, log),
				mean(func(r Result) float64 { return 100 * r.SearchLinear }), mean(linear), g.difference(method, reference, linear),
				mean(func(r Result) float64 { return float64(r.Cascades) }), g.claims(method), g.expectations(method), mean(func(r Result) float64 { return r.Seconds }))
		}
	}
}

// claims returns how many of a method's claims are false, and their mean margins, savings
// and gains, in per cent, as four cells of a table.
func (g *group) claims(method string) string {
	var margins, savings, gains []float64
	wrong := 0
	for _, r := range g.results[method] {
		if c := r.Claim; c != nil {
			margins, savings, gains = append(margins, 100*c.Margin), append(savings, 100*c.Saving), append(gains, 100*c.Gain)
			if c.False {
				wrong++
			}
		}
	}
	if len(margins) == 0 {
		return " |  |  | "
	}
	for _, figures := range [][]float64{margins, savings, gains} {
		slices.Sort(figures) // the mean must not depend on the map's order
	}
	return fmt.Sprintf("%d of %d | %.2f | %.0f %% | %+.2f", wrong, len(margins), stat.Mean(margins, nil), stat.Mean(savings, nil), stat.Mean(gains, nil))
}

// expectations returns how much too high the accuracies were that a method expected and how
// much the samples searched were easier, with standard errors of the means of the first and
// of the difference, and how many of them had the truth in their intervals, as three cells
// of a table.
func (g *group) expectations(method string) string {
	var excess, covered, beyond []float64
	easier := 0.0
	for _, r := range g.results[method] {
		if r.Excess != nil {
			excess, covered = append(excess, 100**r.Excess), append(covered, 100*r.Covered)
			beyond = append(beyond, 100*(*r.Excess-r.Easier))
			easier += 100 * r.Easier
		}
	}
	if len(excess) < 2 {
		return " |  | "
	}
	slices.Sort(excess) // the mean must not depend on the map's order
	slices.Sort(covered)
	slices.Sort(beyond)
	root := math.Sqrt(float64(len(excess)))
	mean, deviation := stat.MeanStdDev(excess, nil)
	return fmt.Sprintf("%+.2f ± %.2f | %+.2f ± %.2f | %.0f %%", mean, deviation/root,
		easier/float64(len(excess)), stat.StdDev(beyond, nil)/root, stat.Mean(covered, nil))
}

// difference returns how a method differs from the reference on the splits that both
// have, with its standard error.
func (g *group) difference(method, reference string, value func(Result) float64) string {
	var differences []float64
	for split, r := range g.results[method] {
		if other, ok := g.results[reference][split]; ok {
			differences = append(differences, value(r)-value(other))
		}
	}
	switch {
	case method == reference || len(differences) == 0:
		return ""
	case len(differences) == 1:
		return fmt.Sprintf("%+.2f", differences[0])
	}
	slices.Sort(differences) // the mean must not depend on the map's order
	mean, deviation := stat.MeanStdDev(differences, nil)
	return fmt.Sprintf("%+.2f ± %.2f", mean, deviation/math.Sqrt(float64(len(differences))))
}
