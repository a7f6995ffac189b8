package serve

import "github.com/encas-zoo/encas-zoo/bundle"

// A window counts confidences and exits of the last images: of as many as blocks hold,
// and those of the block that is being filled.
type window struct {
	blocks []block // the last one is being filled
}

// blockImages is how many images a block holds, and keptBlocks how many full blocks are
// kept: so the window has the last 10,000 images or, for a while, up to 1,000 more.
const (
	blockImages = 1000
	keptBlocks  = 10
)

type block struct {
	answered int
	bins     [][bundle.Bins]int // by stage
	exits    []int
}

// add counts what a stage of so many made of an image.
func (w *window) add(stage, stages, bin int, exits bool) {
	if n := len(w.blocks); n == 0 || w.blocks[n-1].answered == blockImages {
		w.blocks = append(w.blocks, block{bins: make([][bundle.Bins]int, stages), exits: make([]int, stages)})
		if n == keptBlocks+1 {
			w.blocks = append(w.blocks[:0], w.blocks[1:]...)
		}
	}
	b := &w.blocks[len(w.blocks)-1]
	b.bins[stage][bin]++
	if exits {
		b.exits[stage]++
		b.answered++
	}
}

// images is how many answered images are counted.
func (w *window) images() (n int) {
	for _, b := range w.blocks {
		n += b.answered
	}
	return n
}

// sum is what is counted of a stage.
func (w *window) sum(stage int) (bins [bundle.Bins]int, exits int) {
	for _, b := range w.blocks {
		for i, n := range b.bins[stage] {
			bins[i] += n
		}
		exits += b.exits[stage]
	}
	return bins, exits
}
