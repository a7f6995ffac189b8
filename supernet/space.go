// Package supernet knows what the subnets of a supernet are: the genes that a search
// turns, the plan by which an artifact is cut, and what a subnet costs. It runs nothing.
//
// A [Table] describes a supernet, [New] makes its [Space]. A [Genome] decodes to a
// [Plan], and a plan encodes to the canonical one of its genomes.
package supernet

import (
	"fmt"
	"math/big"
	"slices"
)

// A Space holds all subnets of one supernet.
type Space struct {
	Table   Table
	Classes int
	genes   []gene
	blocks  int // that the supernet has
}

// A Gene may have the values from Low to High.
type Gene struct {
	Name      string
	Low, High int
}

// gene is what a gene decides. Its values count from low.
type gene struct {
	what         what
	stage, block int
	low, high    int
}

type what int

const (
	resolution what = iota
	stemWidth
	width
	depth
	kernel
	expansion
	block // kernel and expansion of one block, or 0 for none
	headWidth
)

// maxClasses bounds what a file may state.
const maxClasses = 1 << 20

// New makes the space of a table, for a supernet with some number of classes.
func New(t Table, classes int) (*Space, error) {
	if err := t.Check(); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	if classes < 1 || classes > maxClasses {
		return nil, fmt.Errorf("a supernet with %d classes; there are 1 to %d", classes, maxClasses)
	}
	s := &Space{Table: t, Classes: classes}
	s.add(gene{what: resolution, high: len(t.Resolutions) - 1})
	s.add(gene{what: stemWidth, high: len(t.Stem.Widths) - 1})
	for i, stage := range t.Stages {
		s.blocks += stage.deepest()
		if !stage.Fixed {
			s.addStage(i, stage)
		}
	}
	if n := len(t.Head.Widths); n > 1 {
		s.add(gene{what: headWidth, high: n - 1})
	}
	return s, nil
}

func (s *Space) add(g gene) { s.genes = append(s.genes, g) }

// addStage adds the genes of a stage.
func (s *Space) addStage(i int, stage Stage) {
	choice := func(w what, n int) {
		if n > 1 {
			s.add(gene{what: w, stage: i, high: n - 1})
		}
	}
	choice(width, len(stage.Widths))
	if s.Table.Genes == ByStage {
		choice(depth, len(stage.Depths))
		choice(kernel, len(stage.Kernels))
		choice(expansion, len(stage.Expansions))
		return
	}
	for b := range stage.deepest() {
		g := gene{what: block, stage: i, block: b, low: 1, high: len(stage.Kernels) * len(stage.Expansions)}
		if b >= stage.Depths[0] {
			g.low = 0
		}
		if g.low < g.high {
			s.add(g)
		}
	}
}

func (s *Stage) deepest() int { return slices.Max(s.Depths) }

// Genes are those of every genome of the space, in order.
func (s *Space) Genes() []Gene {
	genes := make([]Gene, len(s.genes))
	for i, g := range s.genes {
		genes[i] = Gene{s.name(g), g.low, g.high}
	}
	return genes
}

func (s *Space) name(g gene) string {
	stage := fmt.Sprintf("stage %d ", g.stage+1)
	switch g.what {
	case resolution:
		return "resolution"
	case stemWidth:
		return "stem width"
	case width:
		return stage + "width"
	case depth:
		return stage + "depth"
	case kernel:
		return stage + "kernel"
	case expansion:
		return stage + "expansion"
	case block:
		return stage + fmt.Sprintf("block %d", g.block+1)
	}
	return "head width"
}

// A subnet is one choice of everything.
type subnet struct {
	resolution, stem int
	stages           []stageOf
	head             int
}

// stageOf is a stage of a subnet.
type stageOf struct {
	width  int
	blocks []blockOf
}

type blockOf struct{ kernel, expansion int }

// check fails unless g has a value for each gene.
func (s *Space) check(g Genome) error {
	if len(g) != len(s.genes) {
		return fmt.Errorf("a genome of %d numbers; those of %s have %d", len(g), s.Table.Name, len(s.genes))
	}
	for i, gene := range s.genes {
		if g[i] < gene.low || g[i] > gene.high {
			return fmt.Errorf("genome %v: number %d, %s, is %d; it is %d to %d", g, i+1, s.name(gene), g[i], gene.low, gene.high)
		}
	}
	return nil
}

// Decode returns the plan of a genome.
func (s *Space) Decode(g Genome) (Plan, error) {
	if err := s.check(g); err != nil {
		return nil, err
	}
	return s.plan(s.express(g)), nil
}

// express returns the subnet of a genome that was checked.
func (s *Space) express(g Genome) subnet {
	t := &s.Table
	n := subnet{resolution: last(t.Resolutions), stem: last(t.Stem.Widths), head: last(t.Head.Widths)}
	absent := make([]int, len(t.Stages)) // 1 + the first block that is not there; 0: none
	for _, stage := range t.Stages {
		of := stageOf{width: last(stage.Widths)}
		for range stage.deepest() {
			of.blocks = append(of.blocks, blockOf{last(stage.Kernels), last(stage.Expansions)})
		}
		n.stages = append(n.stages, of)
	}
	for i, gene := range s.genes {
		v, stage, of := g[i], &t.Stages[gene.stage], &n.stages[gene.stage]
		switch gene.what {
		case resolution:
			n.resolution = t.Resolutions[v]
		case stemWidth:
			n.stem = t.Stem.Widths[v]
		case width:
			of.width = stage.Widths[v]
		case depth:
			of.blocks = of.blocks[:stage.Depths[v]]
		case kernel:
			for b := range of.blocks {
				of.blocks[b].kernel = stage.Kernels[v]
			}
		case expansion:
			for b := range of.blocks {
				of.blocks[b].expansion = stage.Expansions[v]
			}
		case block:
			if v == 0 {
				if absent[gene.stage] == 0 {
					absent[gene.stage] = gene.block + 1
				}
				continue
			}
			k := len(stage.Kernels)
			of.blocks[gene.block] = blockOf{stage.Kernels[(v-1)%k], stage.Expansions[(v-1)/k]}
		case headWidth:
			n.head = t.Head.Widths[v]
		}
	}
	for i, first := range absent {
		if first > 0 {
			n.stages[i].blocks = n.stages[i].blocks[:first-1]
		}
	}
	return n
}

func last(values []int) int { return values[len(values)-1] }

// Encode returns the canonical genome of a plan.
func (s *Space) Encode(p Plan) (Genome, error) {
	n, err := s.read(p)
	if err != nil {
		return nil, err
	}
	for i, stage := range s.Table.Stages {
		if stage.Fixed && !n.stages[i].largest(stage) {
			return nil, fmt.Errorf("stage %d of the plan is not the largest one, which all genomes of %s have", i+1, s.Table.Name)
		}
	}
	return s.genome(n), nil
}

func (of stageOf) largest(stage Stage) bool {
	if of.width != last(stage.Widths) || len(of.blocks) != stage.deepest() {
		return false
	}
	for _, b := range of.blocks {
		if b.kernel != last(stage.Kernels) || b.expansion != last(stage.Expansions) {
			return false
		}
	}
	return true
}

// genome returns the canonical genome of a subnet that has one.
func (s *Space) genome(n subnet) Genome {
	t := &s.Table
	g := make(Genome, len(s.genes))
	for i, gene := range s.genes {
		stage, of := &t.Stages[gene.stage], &n.stages[gene.stage]
		switch gene.what {
		case resolution:
			g[i] = slices.Index(t.Resolutions, n.resolution)
		case stemWidth:
			g[i] = slices.Index(t.Stem.Widths, n.stem)
		case width:
			g[i] = slices.Index(stage.Widths, of.width)
		case depth:
			g[i] = slices.Index(stage.Depths, len(of.blocks))
		case kernel:
			g[i] = slices.Index(stage.Kernels, of.blocks[0].kernel)
		case expansion:
			g[i] = slices.Index(stage.Expansions, of.blocks[0].expansion)
		case block:
			if gene.block < len(of.blocks) {
				b := of.blocks[gene.block]
				g[i] = 1 + slices.Index(stage.Expansions, b.expansion)*len(stage.Kernels) + slices.Index(stage.Kernels, b.kernel)
			}
		case headWidth:
			g[i] = slices.Index(t.Head.Widths, n.head)
		}
	}
	return g
}

// Canonical returns the one genome that stands for all of the same subnet.
func (s *Space) Canonical(g Genome) (Genome, error) {
	if err := s.check(g); err != nil {
		return nil, err
	}
	return s.genome(s.express(g)), nil
}

// Neighbours returns the canonical genomes of all other subnets that one gene of a
// canonical genome leads to, in the order of genes and values.
func (s *Space) Neighbours(g Genome) ([]Genome, error) {
	g, err := s.Canonical(g)
	if err != nil {
		return nil, err
	}
	var all []Genome
	seen := map[string]bool{g.String(): true}
	for i, gene := range s.genes {
		for v := gene.low; v <= gene.high; v++ {
			other := slices.Clone(g)
			other[i] = v
			other = s.genome(s.express(other))
			if key := other.String(); !seen[key] {
				seen[key] = true
				all = append(all, other)
			}
		}
	}
	return all, nil
}

// Smallest has the least choice everywhere.
func (s *Space) Smallest() Genome {
	return s.extreme(func(g gene) int { return g.low })
}

// Largest has the greatest choice everywhere. It is what an artifact's forward runs, but
// for stages that are fixed.
func (s *Space) Largest() Genome {
	return s.extreme(func(g gene) int { return g.high })
}

func (s *Space) extreme(value func(gene) int) Genome {
	g := make(Genome, len(s.genes))
	for i, gene := range s.genes {
		g[i] = value(gene)
	}
	return s.genome(s.express(g))
}

// Subnets is their number, of genomes that are the same subnet one.
func (s *Space) Subnets() *big.Int {
	n := big.NewInt(1)
	times := func(v int) { n.Mul(n, big.NewInt(int64(v))) }
	for _, gene := range s.genes {
		if gene.what != block {
			times(gene.high - gene.low + 1)
		}
	}
	if s.Table.Genes == ByBlock {
		for _, stage := range s.Table.Stages {
			if !stage.Fixed {
				n.Mul(n, stage.rows())
			}
		}
	}
	return n
}

// rows is the number of rows of blocks of a stage, of each depth.
func (s *Stage) rows() *big.Int {
	kinds, sum := big.NewInt(int64(len(s.Kernels)*len(s.Expansions))), new(big.Int)
	for _, d := range s.Depths {
		sum.Add(sum, new(big.Int).Exp(kinds, big.NewInt(int64(d)), nil))
	}
	return sum
}
