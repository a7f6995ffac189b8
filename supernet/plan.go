package supernet

import (
	"fmt"
	"slices"
)

// A Plan says how a supernet is cut: the resolution, the stem's width; kernel, expansion
// and width of each block that the supernet has, 0, 0, 0 where a subnet has none; and the
// two widths of the head, the first of which is 0 if the head has one only.
type Plan []int64

// plan returns the plan of a subnet.
func (s *Space) plan(n subnet) Plan {
	p := make(Plan, 0, 4+3*s.blocks)
	p = append(p, int64(n.resolution), int64(n.stem))
	for i, of := range n.stages {
		for _, b := range of.blocks {
			p = append(p, int64(b.kernel), int64(b.expansion), int64(of.width))
		}
		for range s.Table.Stages[i].deepest() - len(of.blocks) {
			p = append(p, 0, 0, 0)
		}
	}
	return append(p, int64(s.Table.Head.expand(n.stages[len(n.stages)-1].width)), int64(n.head))
}

// expand is the first width of the head, after a stage of some width.
func (h *Head) expand(width int) int {
	switch {
	case h.Kind == Mix:
		return 0
	case h.Factor > 0:
		return h.Factor * width
	}
	return h.Expand[0]
}

// Check fails unless the plan is one of the space.
func (s *Space) Check(p Plan) error {
	_, err := s.read(p)
	return err
}

// read returns the subnet of a plan. It fails as an artifact's cut does.
func (s *Space) read(p Plan) (n subnet, err error) {
	t := &s.Table
	if len(p) != 4+3*s.blocks {
		return n, fmt.Errorf("a plan of %d numbers; those of %s have %d", len(p), t.Name, 4+3*s.blocks)
	}
	one := func(what string, at int, values []int) int {
		v := p[at]
		if err == nil && (v != int64(int(v)) || !slices.Contains(values, int(v))) {
			err = fmt.Errorf("plan: number %d, %s, is %d and none of %v", at+1, what, v, values)
		}
		return int(v)
	}
	n.resolution = one("the resolution", 0, t.Resolutions)
	n.stem = one("the stem's width", 1, t.Stem.Widths)
	at := 2
	for i, stage := range t.Stages {
		of := stageOf{}
		for b := range stage.deepest() {
			name := fmt.Sprintf("of block %d of stage %d", b+1, i+1)
			absent := len(of.blocks) < b || p[at] == 0 && slices.Contains(stage.Depths, b)
			switch {
			case absent:
				for j, what := range []string{"the kernel ", "the expansion ", "the width "} {
					one(what+name, at+j, []int{0})
				}
			case b == 0:
				of.width = one("the width "+name, at+2, stage.Widths)
			default:
				one("the width "+name, at+2, []int{of.width})
			}
			if !absent {
				kernels, expansions := stage.Kernels, stage.Expansions
				if b > 0 && t.Genes == ByStage {
					kernels, expansions = []int{of.blocks[0].kernel}, []int{of.blocks[0].expansion}
				}
				of.blocks = append(of.blocks, blockOf{one("the kernel "+name, at, kernels), one("the expansion "+name, at+1, expansions)})
			}
			at += 3
		}
		if err == nil && !slices.Contains(stage.Depths, len(of.blocks)) {
			err = fmt.Errorf("plan: stage %d has %d blocks and none of %v", i+1, len(of.blocks), stage.Depths)
		}
		n.stages = append(n.stages, of)
	}
	one("the first width of the head", at, []int{t.Head.expand(n.stages[len(n.stages)-1].width)})
	n.head = one("the last width of the head", at+1, t.Head.Widths)
	return n, err
}
