package supernet

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A Spread says how samples lie.
type Spread string

const (
	// Uniform: each gene is drawn by itself.
	Uniform Spread = "genes"
	// Linear: evenly over multiply-adds.
	Linear Spread = "gflops"
	// Log: evenly over their logarithm.
	Log Spread = "log-gflops"
)

// Spreads are all of them.
func Spreads() []Spread { return []Spread{Uniform, Linear, Log} }

// enumerable is the largest space whose subnets are all looked at.
const enumerable = 1 << 12

// Random draws each gene, and returns the canonical genome of what comes of it.
func (s *Space) Random(r *rand.Rand) Genome {
	g := make(Genome, len(s.genes))
	for i, gene := range s.genes {
		g[i] = gene.low + r.IntN(gene.high-gene.low+1)
	}
	return s.genome(s.express(g))
}

// Sample returns the genomes of n different subnets, in ascending order of multiply-adds.
// Spread over cost, they have the smallest and the largest among them. A seed gives the
// same ones always.
func (s *Space) Sample(n int, spread Spread, seed uint64) ([]Genome, error) {
	if err := oneOf("spread", spread, Spreads()...); err != nil {
		return nil, err
	}
	subnets := s.Subnets()
	if n < 1 || subnets.IsInt64() && subnets.Int64() < int64(n) {
		return nil, fmt.Errorf("%d subnets of %s, which has %v", n, s.Table.Name, subnets)
	}
	d := &draw{space: s, random: rand.New(rand.NewPCG(seed, 0x5bd1e995)), taken: map[string]bool{}}
	if subnets.IsInt64() && subnets.Int64() <= enumerable {
		d.all = s.all()
	}
	if spread == Uniform {
		for range n {
			d.take(d.uniform())
		}
	} else {
		d.spread(n, spread)
	}
	slices.SortFunc(d.samples, func(a, b sample) int {
		return cmp.Or(cmp.Compare(a.macs, b.macs), slices.Compare(a.genome, b.genome))
	})
	genomes := make([]Genome, n)
	for i, sample := range d.samples {
		genomes[i] = sample.genome
	}
	return genomes, nil
}

// all lists every subnet.
func (s *Space) all() (all []Genome) {
	var extend func(g Genome)
	extend = func(g Genome) {
		if len(g) == len(s.genes) {
			all = append(all, slices.Clone(g))
			return
		}
		gene := s.genes[len(g)]
		high := gene.high
		if i := len(g) - 1; i >= 0 && gene.what == block && s.genes[i].what == block && s.genes[i].stage == gene.stage && g[i] == 0 {
			high = 0 // no block comes after one that is absent
		}
		for v := gene.low; v <= high; v++ {
			extend(append(g, v))
		}
	}
	extend(make(Genome, 0, len(s.genes)))
	return all
}

// even draws a subnet, each as likely as any other. [Space.Random] hardly draws those with
// many blocks if there is little choice for each.
func (s *Space) even(r *rand.Rand) Genome {
	g := make(Genome, len(s.genes))
	for i, gene := range s.genes {
		low := gene.low
		if gene.what == block {
			low = 1
		}
		g[i] = low + r.IntN(gene.high-low+1)
	}
	n := s.express(g)
	for i, stage := range s.Table.Stages {
		if stage.Fixed || s.Table.Genes == ByStage {
			continue
		}
		rows := make([]float64, len(stage.Depths)) // so many rows of blocks have at most this depth
		sum := 0.0
		for k, depth := range stage.Depths {
			sum += math.Pow(float64(len(stage.Kernels)*len(stage.Expansions)), float64(depth-stage.Depths[0]))
			rows[k] = sum
		}
		k, _ := slices.BinarySearch(rows, r.Float64()*sum)
		n.stages[i].blocks = n.stages[i].blocks[:stage.Depths[min(k, len(rows)-1)]]
	}
	return s.genome(n)
}

type sample struct {
	genome Genome
	macs   float64
}

// A draw takes samples, none twice.
type draw struct {
	space   *Space
	random  *rand.Rand
	all     []Genome // of a small space
	taken   map[string]bool
	samples []sample
}

func (d *draw) macs(g Genome) float64 { return d.space.cost(d.space.express(g)).MACs }

func (d *draw) take(g Genome) {
	d.taken[g.String()] = true
	d.samples = append(d.samples, sample{g, d.macs(g)})
}

// free are those subnets of a small space that are not taken.
func (d *draw) free() (free []Genome) {
	for _, g := range d.all {
		if !d.taken[g.String()] {
			free = append(free, g)
		}
	}
	return free
}

// uniform returns a random subnet that is not taken.
func (d *draw) uniform() Genome {
	for try := 0; ; try++ {
		if g := d.space.Random(d.random); !d.taken[g.String()] {
			return g
		}
		if try > 100 {
			return d.rare()
		}
	}
}

// rare returns a subnet that is not taken, of those that are hardly ever drawn gene by gene.
func (d *draw) rare() Genome {
	if free := d.free(); len(free) > 0 {
		return free[d.random.IntN(len(free))]
	}
	// There is one at least, and it is found in about as many draws as there are subnets.
	for {
		if g := d.space.even(d.random); !d.taken[g.String()] {
			return g
		}
	}
}

// spread takes a subnet at each of n costs that are evenly apart, or near it.
func (d *draw) spread(n int, spread Spread) {
	scale := func(macs float64) float64 { return macs }
	if spread == Log {
		scale = math.Log
	}
	smallest, largest := d.space.Smallest(), d.space.Largest()
	d.take(smallest)
	if n == 1 {
		return
	}
	d.take(largest)
	low, high := scale(d.macs(smallest)), scale(d.macs(largest))
	step := (high - low) / float64(n-1)
	for i := 1; i < n-1; i++ {
		target := low + float64(i)*step
		d.take(d.near(func(g Genome) float64 { return math.Abs(scale(d.macs(g)) - target) }, step/4))
	}
}

// Walks end after some changes, and there are some of them for each sample: a network that
// is as wide and deep as its resolution lets it be leads nowhere.
const walks, changes = 20, 300

// near returns a subnet that is not taken, within some distance if it finds one. Genes of a
// random one change, one or two at a time, as long as that brings it nearer.
func (d *draw) near(distance func(Genome) float64, within float64) Genome {
	if free := d.free(); len(free) > 0 {
		return slices.MinFunc(free, func(a, b Genome) int { return cmp.Compare(distance(a), distance(b)) })
	}
	best := d.uniform()
	left := distance(best)
	for range walks {
		at := d.tilted()
		for range changes {
			if !d.taken[at.String()] && distance(at) < left {
				best, left = at, distance(at)
			}
			if left <= within {
				return best
			}
			g := slices.Clone(at)
			for range 1 + d.random.IntN(2) {
				i := d.random.IntN(len(g))
				g[i] = d.value(d.space.genes[i])
			}
			if g = d.space.genome(d.space.express(g)); distance(g) <= distance(at) {
				at = g
			}
		}
	}
	return best
}

// tilted returns a random subnet, which may be small or large throughout.
func (d *draw) tilted() Genome {
	tilt := 2*d.random.Float64() - 1
	g := make(Genome, len(d.space.genes))
	for i, gene := range d.space.genes {
		switch {
		case d.random.Float64() >= math.Abs(tilt):
			g[i] = d.value(gene)
		case tilt < 0:
			g[i] = gene.low
		default:
			g[i] = gene.high
		}
	}
	return d.space.genome(d.space.express(g))
}

func (d *draw) value(g gene) int { return g.low + d.random.IntN(g.high-g.low+1) }
