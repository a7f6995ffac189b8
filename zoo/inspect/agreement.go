package inspect

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/encas-zoo/encas-zoo/internal/crash"
)

// MaxAgreement is the most models an Agreement is made for: the time it takes and the
// size of its picture grow with the square.
const MaxAgreement = 2000

// Agreement holds how often each two models give the same answer.
type Agreement struct {
	Names    []string
	Accuracy []float64 // nil without labels
	Samples  int
	equal    []uint32 // [models*models] samples with the same answer
}

// NewAgreement compares the answers of all pairs of models, of which there is at least one.
// labels are nil if the samples have none.
func NewAgreement(ctx context.Context, labels []uint16, models []Model) (*Agreement, error) {
	n := len(models)
	a := &Agreement{Samples: len(models[0].Lists.TopClass), equal: make([]uint32, n*n)}
	packed := make([][]uint64, n)
	for i, m := range models {
		packed[i] = pack(m.Lists.TopClass)
		a.Names = append(a.Names, m.Name)
		if labels != nil {
			a.Accuracy = append(a.Accuracy, accuracy(m.Lists.TopClass, labels))
		}
	}
	// Threads take blocks of samples, small enough for the answers of all models to
	// stay in the cache while every pair is compared.
	const block = 512 // words of four answers
	words := (a.Samples + 3) / 4
	unequal := make([]atomic.Uint32, n*n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < words; from += block {
		to := min(from+block, words)
		g.Go(func() error {
			defer crash.Guard()()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			for i := range n {
				for j := range i {
					unequal[i*n+j].Add(countUnequal(packed[i][from:to], packed[j][from:to]))
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i := range n {
		for j := range i + 1 {
			equal := uint32(a.Samples) - unequal[i*n+j].Load()
			a.equal[i*n+j], a.equal[j*n+i] = equal, equal
		}
	}
	return a, nil
}

// accuracy returns the share of the answers that are the labels.
func accuracy(answers, labels []uint16) float64 {
	correct := 0
	for i, class := range answers {
		if class == labels[i] {
			correct++
		}
	}
	return float64(correct) / float64(max(1, len(labels)))
}

// Share returns the share of the samples on which two models agree.
func (a *Agreement) Share(i, j int) float64 {
	return float64(a.equal[i*len(a.Names)+j]) / float64(max(1, a.Samples))
}

// pack puts four answers into a word; those that fill up the last one are all alike.
func pack(answers []uint16) []uint64 {
	words := make([]uint64, (len(answers)+3)/4)
	for i, class := range answers {
		words[i/4] |= uint64(class) << (i % 4 * 16)
	}
	return words
}

// countUnequal counts the 16-bit lanes that differ, in at most 65535 words.
func countUnequal(a, b []uint64) uint32 {
	const low, ones = 0x7fff_7fff_7fff_7fff, 0x0001_0001_0001_0001
	b = b[:len(a)]
	var lanes uint64
	for i, x := range a {
		x ^= b[i]
		// The sum carries into a lane's highest bit unless all others are zero.
		lanes += ((x&low + low) | x) >> 15 & ones
	}
	return uint32(lanes&0xffff + lanes>>16&0xffff + lanes>>32&0xffff + lanes>>48)
}

// Order returns the models so that those that agree are together, the more accurate
// end, if it is known, first: the leaves of the tree that joins, again and again, the two groups that
// agree most on average, each joined at the ends that agree most.
func (a *Agreement) Order() []int {
	n := len(a.Names)
	if n == 0 {
		return nil
	}
	share := make([]float32, n*n) // of groups, at the place of one of their members
	groups := make([][]int, n)    // nil: has joined another
	for i := range n {
		groups[i] = []int{i}
		for j := range n {
			share[i*n+j] = float32(a.Share(i, j))
		}
	}
	// Nearest-neighbour chains: follow each group to the one it agrees with most until
	// two are each other's.
	var chain []int
	for joined := 1; joined < n; {
		if len(chain) == 0 {
			chain = append(chain, slices.IndexFunc(groups, func(g []int) bool { return g != nil }))
		}
		top, before := chain[len(chain)-1], -1
		nearest := -1
		if len(chain) > 1 {
			before = chain[len(chain)-2]
			nearest = before // stays on a tie, so that the chain ends
		}
		for g := range groups {
			if g != top && groups[g] != nil && (nearest < 0 || share[top*n+g] > share[top*n+nearest]) {
				nearest = g
			}
		}
		if nearest != before {
			chain = append(chain, nearest)
			continue
		}
		chain = chain[:len(chain)-2]
		into, from := min(top, nearest), max(top, nearest)
		p, q := float32(len(groups[into])), float32(len(groups[from]))
		for g := range groups {
			if groups[g] != nil && g != into && g != from {
				mean := (p*share[into*n+g] + q*share[from*n+g]) / (p + q)
				share[into*n+g], share[g*n+into] = mean, mean
			}
		}
		groups[into], groups[from] = a.join(groups[into], groups[from]), nil
		joined++
	}
	order := groups[slices.IndexFunc(groups, func(g []int) bool { return g != nil })]
	if a.Accuracy != nil && a.meanAccuracy(order[:n/2]) < a.meanAccuracy(order[n-n/2:]) {
		slices.Reverse(order)
	}
	return order
}

// join puts two rows of models together where their ends agree most.
func (a *Agreement) join(x, y []int) []int {
	best, bestShare := 0, -1.0
	for turn := range 4 { // turn x, turn y
		endX, startY := x[len(x)-1], y[0]
		if turn&1 != 0 {
			endX = x[0]
		}
		if turn&2 != 0 {
			startY = y[len(y)-1]
		}
		if share := a.Share(endX, startY); share > bestShare {
			best, bestShare = turn, share
		}
	}
	if best&1 != 0 {
		slices.Reverse(x)
	}
	if best&2 != 0 {
		slices.Reverse(y)
	}
	return append(x, y...)
}

func (a *Agreement) meanAccuracy(models []int) float64 {
	sum := 0.0
	for _, m := range models {
		sum += a.Accuracy[m]
	}
	return sum / float64(max(1, len(models)))
}
