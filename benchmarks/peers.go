package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

const peersAbout = "The same cascades of five models on the same outputs: ours over cached set tables, the best numpy form (float32, active samples only, single models worked out beforehand), and the published form in torch (float32, all samples, masks). Random genomes over the paper's grid, as a search begins with. Before any time is taken, a peer's exact evaluation must equal ours on the full outputs, count for count."

// A contest is what every form evaluates: the same cascades on the same outputs.
type contest struct {
	outputs *fullOutputs
	genomes []chain
	exact   []cascade.Evaluation // of the genomes, without any rounding
}

// contest prepares what the forms evaluate, once.
func (b *bench) contest(ctx context.Context) (*contest, error) {
	if b.rivals != nil {
		return b.rivals, nil
	}
	f, err := b.fullOutputs(ctx)
	if err != nil {
		return nil, err
	}
	c := &contest{outputs: f, genomes: drawChains(b.genomes, len(f.specs), 5)}
	if err := f.writeGenomes(c.genomes); err != nil {
		return nil, err
	}
	var cascades []cascade.Cascade
	for _, g := range c.genomes {
		cascades = append(cascades, g.cascade(f.specs))
	}
	if c.exact, err = f.evaluate(ctx, cascades); err != nil {
		return nil, err
	}
	b.rivals = c
	return c, nil
}

// rival starts a peer and checks it; rounded says how far its own form is off.
func (b *bench) rival(ctx context.Context, name string) (p *peer, rounded string, err error) {
	c, err := b.contest(ctx)
	if err != nil {
		return nil, "", err
	}
	if p, err = b.startPeer(ctx, name, c.outputs); err != nil {
		return nil, "", err
	}
	if rounded, err = check(p, c.exact); err != nil {
		return nil, "", errors.Join(err, p.stop())
	}
	return p, rounded, nil
}

func comparePeers(ctx context.Context, b *bench) ([]Row, error) {
	c, err := b.contest(ctx)
	if err != nil {
		return nil, err
	}
	f, genomes, exact := c.outputs, c.genomes, c.exact

	// Ours: the tables of all stages, then evaluations.
	tab := newTabulator(f.labels, f.lists)
	start := time.Now()
	tables := make([][][]byte, len(genomes))
	for i, g := range genomes {
		tables[i] = tab.tables(g.models)
	}
	tabulating := time.Since(start)
	exits := make([][]byte, len(genomes))
	for i, g := range genomes {
		exits[i] = g.exitBytes()
	}
	reach := make([]int, len(genomes[0].models))
	ours := func() {
		for i, t := range tables {
			kernel.Evaluate(t, exits[i], reach)
		}
	}
	fromIndex := differences(exact, func(i int) (int, []int) {
		return kernel.Evaluate(tables[i], exits[i], reach), reach
	})
	n := b.repeats(ours)
	variants := []func() error{func() error {
		for range n {
			ours()
		}
		return nil
	}}

	// The peers, each in its process; what is not here is a row that says so.
	type side struct {
		peer    *peer
		threads int
		figure  string
		limit   float64
		rounded string
		seconds []float64
	}
	var sides []*side
	var absent []Row
	for _, s := range []*side{
		{threads: 1, figure: "numpy, one thread", limit: 8_000},
		{threads: 1, figure: "torch, one thread", limit: 50_000},
		{threads: 2, figure: "torch, two threads"},
	} {
		name := s.figure[:5]
		if i := slices.IndexFunc(sides, func(o *side) bool { return o.peer.name == name }); i >= 0 {
			s.peer, s.rounded = sides[i].peer, sides[i].rounded
		} else {
			s.peer, s.rounded, err = b.rival(ctx, name)
			if none, ok := errors.AsType[noPython](err); ok {
				absent = append(absent, missing(s.figure, string(none)))
				continue
			}
			if err != nil {
				return nil, err
			}
			defer s.peer.stop()
		}
		sides = append(sides, s)
		variants = append(variants, func() error {
			r, err := s.peer.ask("time", len(genomes), s.threads)
			s.seconds = append(s.seconds, r.Seconds)
			return err
		})
	}

	seconds, err := alternate(1, b.runs, variants...)
	if err != nil {
		return nil, err
	}
	perSecond := func(evaluations int, seconds []float64) Measurement {
		return measurement("evaluations/s", each(seconds, func(s float64) float64 { return float64(evaluations) / s }))
	}
	mine := each(seconds[0], func(s float64) float64 { return s / float64(n) })
	rows := []Row{{Figure: "ours over cached tables, one thread", Measurement: perSecond(len(genomes), mine),
		Note: fmt.Sprintf("Over the index's top-16 lists: %s. Their tables took %s once, every one from nothing.", fromIndex, tabulating.Round(time.Millisecond))}}
	for _, s := range sides {
		theirs := s.seconds[1:] // the round that is not counted
		rows = append(rows, Row{Figure: s.figure, Measurement: perSecond(len(genomes), theirs), Note: fmt.Sprintf("%s. Rounding in float32: %s.", s.peer.about, s.rounded)})
		r := Row{Figure: "ours against " + s.figure, Measurement: measurement("times", ratios(theirs, mine))}
		r.Rates = &Rates{rows[0].Median, rows[len(rows)-1].Median, "evaluations/s"}
		if s.limit > 0 {
			r = r.atLeast(s.limit)
		}
		rows = append(rows, r)
	}
	return append(rows, absent...), nil
}

// check compares a peer's exact evaluation with ours, and says how far its own
// form is off.
func check(p *peer, exact []cascade.Evaluation) (rounded string, err error) {
	r, err := p.ask("exact", len(exact), 1)
	if err != nil {
		return "", err
	}
	for i, e := range exact {
		if r.Correct[i] != e.Correct || !slices.Equal(r.Reach[i], e.Reach) {
			return "", fmt.Errorf("cascade %d: %s has %d right and reach %v, we have %d and %v", i, p.name, r.Correct[i], r.Reach[i], e.Correct, e.Reach)
		}
	}
	if r, err = p.ask("time", len(exact), 1); err != nil {
		return "", err
	}
	off := 0
	for i, e := range exact {
		off = max(off, abs(r.Correct[i]-e.Correct))
	}
	if off > 5 {
		return "", fmt.Errorf("the timed form of %s is off by %d right answers, more than rounding explains", p.name, off)
	}
	return differences(exact, func(i int) (int, []int) { return r.Correct[i], r.Reach[i] }), nil
}

// differences says in how many cascades other counts come out than the exact ones.
func differences(exact []cascade.Evaluation, counts func(i int) (int, []int)) string {
	cascades, right := 0, 0
	for i, e := range exact {
		correct, reach := counts(i)
		if correct != e.Correct || !slices.Equal(reach, e.Reach) {
			cascades++
			right = max(right, abs(correct-e.Correct))
		}
	}
	if cascades == 0 {
		return fmt.Sprintf("all counts of all %d cascades equal the exact ones", len(exact))
	}
	return fmt.Sprintf("some count of %d of %d cascades differs from the exact one, right answers by %d at most", cascades, len(exact), right)
}

func abs(x int) int { return max(x, -x) }
