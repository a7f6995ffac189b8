package holdout

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/certify"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// Claims count how often what is certified of fronts is false, and how often the band of
// a front contains all accuracies. All samples of a zoo are the population. Samples to
// search on, and as many to certify on, are drawn from it with replacement, again and
// again; chains of so many models at most are searched exactly.
type Claims struct {
	Zoo        string  `json:"zoo"`
	Samples    int     `json:"samples"` // searched, and certified on
	MaxModels  int     `json:"max_models"`
	Draws      int     `json:"draws"`
	Confidence float64 `json:"confidence"`

	Margins []Margin `json:"margins"`
	// Stairs are the draws in which anything is false of what is certified at all margins
	// together.
	Stairs int `json:"stairs_false"`

	Band  int `json:"band"`  // draws in which the band contains all accuracies
	Plain int `json:"plain"` // in which 95 % intervals, each for itself, do
}

// A Margin has the results at one margin.
type Margin struct {
	Margin float64 `json:"margin"` // share
	Made   int     `json:"made"`   // draws in which a cascade is certified
	False  int     `json:"false"`  // in which one of the cascades certified does not deserve it
	Saving float64 `json:"saving"` // mean over all draws, of the population's cost; 0 if nothing is certified

	// The same of the cheapest cascade that is accurate enough on the samples searched.
	NaiveFalse  int     `json:"naive_false"`
	NaiveSaving float64 `json:"naive_saving"`
}

// claimMargins are those of the staircase.
var claimMargins = []float64{0, 0.0025, 0.005, 0.01, 0.02}

// CheckClaims counts over so many draws of n samples, with chains of at most so many models.
func CheckClaims(ctx context.Context, z Zoo, n, maxModels, draws, threads int) (*Claims, error) {
	c := &Claims{Zoo: z.Name, Samples: n, MaxModels: maxModels, Draws: draws, Confidence: 0.9}
	for _, margin := range claimMargins {
		c.Margins = append(c.Margins, Margin{Margin: margin})
	}
	for number := range draws {
		d, err := newDraw(ctx, z.Problem, n, maxModels, number, threads)
		if err != nil {
			return nil, fmt.Errorf("draw %d of %d samples of %s: %w", number, n, z.Name, err)
		}
		c.add(d)
	}
	return c, nil
}

// add counts what is claimed of the front of a draw.
func (c *Claims) add(d *draw) {
	level, stairs := 1-c.Confidence, false
	for i := range c.Margins {
		m := &c.Margins[i]
		best, wrong := d.certified(m.Margin, level)
		if best >= 0 {
			m.Made++
			m.Saving += d.saving(best) / float64(c.Draws)
		}
		if wrong {
			m.False++
		}
		naive := d.naive(m.Margin)
		if d.isFalse(naive, m.Margin) {
			m.NaiveFalse++
		}
		m.NaiveSaving += d.saving(naive) / float64(c.Draws)
		_, wrong = d.certified(m.Margin, level/float64(len(c.Margins)))
		stairs = stairs || wrong
	}
	if stairs {
		c.Stairs++
	}
	together, plain := d.covered()
	if together {
		c.Band++
	}
	if plain {
		c.Plain++
	}
}

// A draw is a front found on one draw of samples, with its answers to the population and
// the figures on the samples of the draw and on those of another one.
type draw struct {
	reference front.Model
	points    []front.Point // cheaper than the reference
	searched  []certify.Figures
	others    []certify.Figures
	hits      [][]bool // of the whole front, on the samples of the other draw
	all       []certify.Figures
	truth     []certify.Figures // of the whole front, in the population
	places    []int             // of points in the front
}

func newDraw(ctx context.Context, p *optimize.Problem, n, maxModels, number, threads int) (*draw, error) {
	random := rand.New(rand.NewPCG(uint64(number), uint64(n)))
	searched, others := drawn(random, n, p.Samples()), drawn(random, n, p.Samples())
	search := p.Subset(searched)
	result, err := optimize.Search(ctx, search, optimize.Options{
		Algorithm: "exact", MaxModels: maxModels, Rules: rulesFor(search, []cascade.Rule{cascade.RuleMean}), Grid: optimize.FineGrid(), Threads: threads,
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	var models []front.Model
	for i, m := range search.Models() {
		models = append(models, front.Model{Name: m.Name, Cost: m.Cost, Correct: search.Correct(i)})
	}
	d := &draw{reference: models[front.BestWithin(models, math.Inf(1))]}
	_, reference, err := p.Trace(cascade.Single(d.reference.Name))
	if err != nil {
		return nil, err
	}
	everything := make([]int, p.Samples())
	for i := range everything {
		everything[i] = i
	}
	for i, point := range result.Front {
		stages, hits, err := p.Trace(point.Cascade)
		if err != nil {
			return nil, err
		}
		on := func(samples []int) certify.Figures { return figures(point, stages, hits, reference, samples) }
		d.truth, d.all, d.hits = append(d.truth, on(everything)), append(d.all, on(others)), append(d.hits, pick(hits, others))
		if point.Cost < d.reference.Cost*(1-1e-9) {
			d.points, d.places = append(d.points, point), append(d.places, i)
			d.searched, d.others = append(d.searched, on(searched)), append(d.others, on(others))
		}
	}
	return d, nil
}

// drawn returns n samples of a population, drawn with replacement.
func drawn(random *rand.Rand, n, population int) []int {
	samples := make([]int, n)
	for i := range samples {
		samples[i] = random.IntN(population)
	}
	slices.Sort(samples)
	return samples
}

func pick(hits []bool, samples []int) []bool {
	picked := make([]bool, len(samples))
	for i, sample := range samples {
		picked[i] = hits[sample]
	}
	return picked
}

// figures counts what a cascade does on samples, beside the reference.
func figures(p front.Point, stages []int, hits, reference []bool, samples []int) certify.Figures {
	f := certify.Figures{Pairs: stats.Pairs{Samples: len(samples)}, WorstCost: p.WorstCost}
	reach := make([]int, len(p.Stages))
	for _, i := range samples {
		for stage := range stages[i] + 1 {
			reach[stage]++
		}
		if hits[i] {
			f.Correct++
		}
		if hits[i] && !reference[i] {
			f.OnlyFirst++
		} else if !hits[i] && reference[i] {
			f.OnlySecond++
		}
	}
	f.Cost = cascade.NewEvaluation(p.Costs, f.Correct, reach, len(samples)).Cost
	return f
}

// certified returns the cheapest cascade certified at a margin, -1 if there is none, and
// whether any is certified that does not deserve it.
func (d *draw) certified(margin, level float64) (best int, wrong bool) {
	best = -1
	for _, r := range (certify.Claim{Margin: margin}).Test(level, d.searched, d.others) {
		if !r.Passed {
			break
		}
		wrong = wrong || d.isFalse(d.places[r.Cascade], margin)
		if d.others[r.Cascade].Cost < d.reference.Cost && (best < 0 || d.places[r.Cascade] < best) {
			best = d.places[r.Cascade]
		}
	}
	return best, wrong
}

// naive returns the cheapest cascade of the front that is accurate enough on the samples
// searched; the front's last one always is.
func (d *draw) naive(margin float64) int {
	for i, f := range d.searched {
		if f.Difference() >= -margin {
			return d.places[i]
		}
	}
	return len(d.truth) - 1
}

// isFalse reports whether a cascade of the front is less accurate by the margin or more.
func (d *draw) isFalse(place int, margin float64) bool {
	// The tolerance is far below what one sample of the population makes.
	return d.truth[place].Difference() <= -margin+1e-9
}

func (d *draw) saving(place int) float64 { return 1 - d.truth[place].Cost/d.reference.Cost }

// covered reports whether the intervals of all cascades of the front contain their
// accuracies in the population: those that hold together, and plain ones.
func (d *draw) covered() (together, plain bool) {
	contain := func(level float64) bool {
		for i, f := range d.all {
			low, high := stats.Wilson(f.Correct, f.Samples, level)
			if a := float64(d.truth[i].Correct) / float64(d.truth[i].Samples); a < low || a > high {
				return false
			}
		}
		return true
	}
	return contain(stats.Together(d.hits, 0.95, 1000, 1)), contain(0.95)
}

// WriteClaims writes a table of the claims.
func WriteClaims(w io.Writer, all []Claims) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("| zoo | samples | chains | draws | margin | certified | false | saving | read off: false | saving |")
	p("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	percent := func(n, of int) string { return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of)) }
	for _, c := range all {
		for _, m := range c.Margins {
			p("| %s | %d | %d | %d | %.2f | %s | %s | %.0f %% | %s | %.0f %% |", c.Zoo, c.Samples, c.MaxModels, c.Draws, 100*m.Margin,
				percent(m.Made, c.Draws), percent(m.False, c.Draws), 100*m.Saving, percent(m.NaiveFalse, c.Draws), 100*m.NaiveSaving)
		}
	}
	p("\n| zoo | samples | chains | draws | staircase: false | band contains all | plain intervals do |")
	p("|---|--:|--:|--:|--:|--:|--:|")
	for _, c := range all {
		p("| %s | %d | %d | %d | %s | %s | %s |", c.Zoo, c.Samples, c.MaxModels, c.Draws, percent(c.Stairs, c.Draws), percent(c.Band, c.Draws), percent(c.Plain, c.Draws))
	}
}
