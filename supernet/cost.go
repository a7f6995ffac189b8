package supernet

// A Cost is what one image costs, and what a subnet holds.
type Cost struct {
	// MACs are multiply-adds of convolutions and linear layers.
	MACs float64
	// PtFLOPs is what the package ptflops 0.6.4 counts, as ENCAS does: MACs, biases, batch
	// norms, ReLU and adaptive pooling.
	PtFLOPs float64
	// Parameters are weights and biases, those of batch norms included and their
	// statistics not.
	Parameters int64
}

// Cost returns what the subnet of a plan costs.
func (s *Space) Cost(p Plan) (Cost, error) {
	n, err := s.read(p)
	if err != nil {
		return Cost{}, err
	}
	return s.cost(n), nil
}

// CostOf returns what the subnet of a genome costs.
func (s *Space) CostOf(g Genome) (Cost, error) {
	if err := s.check(g); err != nil {
		return Cost{}, err
	}
	return s.cost(s.express(g)), nil
}

func (s *Space) cost(n subnet) Cost {
	t := &s.Table
	c := counter{side: n.resolution}
	c.convolution(3, n.stem, 3, t.Stem.Stride, false)
	c.norm(n.stem, t.Stem.Activation)
	in := n.stem
	for i, of := range n.stages {
		stage := &t.Stages[i]
		for b, block := range of.blocks {
			stride := 1
			if b == 0 {
				stride = stage.Stride
			}
			c.block(in, of.width, stride, block, stage, t.Shortcut)
			in = of.width
		}
	}
	if expand := t.Head.expand(in); expand > 0 {
		c.convolution(in, expand, 1, 1, false)
		c.norm(expand, t.Head.Activation)
		if t.Shortcut == Pool { // AttentiveNAS's head pools by a module, OFA's by two means
			c.PtFLOPs += float64(expand) * c.area()
		}
		c.side = 1
		c.convolution(expand, n.head, 1, 1, false)
		c.activation(n.head, t.Head.Activation)
	} else {
		c.convolution(in, n.head, 1, 1, false)
		c.norm(n.head, t.Head.Activation)
		c.side = 1
	}
	c.convolution(n.head, s.Classes, 1, 1, true)
	c.PtFLOPs += c.MACs
	return c.Cost
}

// A counter adds up a cost, layer by layer, in which PtFLOPs is what there is beside MACs.
type counter struct {
	Cost
	side int // of the map between two layers
}

func (c *counter) area() float64 { return float64(c.side) * float64(c.side) }

func (c *counter) shrink(stride int) { c.side = (c.side-1)/stride + 1 }

// convolution counts one, each of whose outputs sees in inputs of a kernel.
func (c *counter) convolution(in, out, kernel, stride int, bias bool) {
	c.shrink(stride)
	weights := int64(in) * int64(out) * int64(kernel*kernel)
	c.MACs += float64(weights) * c.area()
	c.Parameters += weights
	if bias {
		c.PtFLOPs += float64(out) * c.area()
		c.Parameters += int64(out)
	}
}

// norm counts a batch norm and the activation after it, "" for none.
func (c *counter) norm(width int, a Activation) {
	c.PtFLOPs += 2 * float64(width) * c.area()
	c.Parameters += 2 * int64(width)
	c.activation(width, a)
}

func (c *counter) activation(width int, a Activation) {
	if a == ReLU || a == ReLU6 {
		c.PtFLOPs += float64(width) * c.area()
	}
}

func (c *counter) block(in, out, stride int, b blockOf, stage *Stage, shortcut Shortcut) {
	middle := in
	if stage.expands() {
		middle = divisible(in * b.expansion)
		c.convolution(in, middle, 1, 1, false)
		c.norm(middle, stage.Activation)
	}
	c.convolution(1, middle, b.kernel, stride, false)
	c.norm(middle, stage.Activation)
	if stage.SE {
		side := c.side
		c.side = 1
		reduced := divisible(middle / 4)
		c.convolution(middle, reduced, 1, 1, true)
		c.activation(reduced, ReLU)
		c.convolution(reduced, middle, 1, 1, true)
		c.side = side
	}
	c.convolution(middle, out, 1, 1, false)
	c.norm(out, "")
	if shortcut == Pool && in != out {
		c.convolution(in, out, 1, 1, false)
	}
}

// expands reports whether blocks of the stage begin with a 1x1 convolution.
func (s *Stage) expands() bool { return last(s.Expansions) > 1 }

// divisible is the multiple of 8 that a number of channels becomes: the nearest, but at
// least 8 and never less than nine tenths.
func divisible(v int) int {
	n := max(8, (v+4)/8*8)
	if 10*n < 9*v {
		n += 8
	}
	return n
}

// A Member is a subnet in words and numbers.
type Member struct {
	Genome     string  `json:"genome"`
	Resolution int     `json:"resolution"`
	GFLOPs     float64 `json:"gflops"`  // 10^9 multiply-adds
	PtFLOPs    float64 `json:"ptflops"` // 10^9 of what ptflops counts
	Params     int64   `json:"params"`
}

// Describe returns a genome's subnet in words and numbers.
func (s *Space) Describe(g Genome) (Member, error) {
	if err := s.check(g); err != nil {
		return Member{}, err
	}
	n := s.express(g)
	c := s.cost(n)
	return Member{s.genome(n).String(), n.resolution, c.MACs / 1e9, c.PtFLOPs / 1e9, c.Parameters}, nil
}
