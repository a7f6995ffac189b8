package nat

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// ridge keeps the equations of an interpolant solvable.
const ridge = 1e-6

// An interpolant predicts a number for a genome from some of its genes: a sum of cubed
// distances to known genomes and a linear function, pySOT's RBFInterpolant.
type interpolant struct {
	genes      []int     // it sees these
	low, width []float64 // of each of them; width is one more than the greatest difference
	points     []float64 // known genomes, scaled, one after the other
	weights    []float64 // of the distances to them
	constant   float64
	slopes     []float64
}

var errSingular = errors.New("nat: the equations have no solution")

// interpolate makes an interpolant that sees some genes of different genomes. It is
// errSingular if the genomes leave the linear part open.
func interpolate(space []supernet.Gene, genes []int, genomes []supernet.Genome, values []float64) (*interpolant, error) {
	p := &interpolant{genes: genes}
	for _, g := range genes {
		p.low, p.width = append(p.low, float64(space[g].Low)), append(p.width, float64(space[g].High+1-space[g].Low))
	}
	for _, g := range genomes {
		p.points = p.scaled(p.points, g)
	}
	n, tail := len(genomes), 1+len(genes)
	a, b := mat.NewDense(tail+n, tail+n, nil), mat.NewVecDense(tail+n, nil)
	for i := range n {
		x := p.point(i)
		row := a.RawRowView(tail + i)
		row[0] = 1
		copy(row[1:], x)
		for j := range i {
			d := cubed(x, p.point(j))
			row[tail+j] = d
			a.Set(tail+j, tail+i, d)
		}
		row[tail+i] = ridge
		for k, v := range row[:tail] {
			a.Set(k, tail+i, v)
		}
		b.SetVec(tail+i, values[i])
	}
	var lu mat.LU
	lu.Factorize(a)
	var solution mat.VecDense
	if err := lu.SolveVecTo(&solution, false, b); err != nil {
		return nil, errSingular
	}
	all := solution.RawVector().Data
	if slices.ContainsFunc(all, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
		return nil, errSingular
	}
	p.constant, p.slopes, p.weights = all[0], all[1:tail], all[tail:]
	return p, nil
}

// scaled appends the genes that are seen, from 0 to below 1.
func (p *interpolant) scaled(to []float64, g supernet.Genome) []float64 {
	for i, gene := range p.genes {
		to = append(to, (float64(g[gene])-p.low[i])/p.width[i])
	}
	return to
}

func (p *interpolant) point(i int) []float64 {
	return p.points[i*len(p.genes):][:len(p.genes)]
}

// cubed is the third power of a distance.
func cubed(x, y []float64) float64 {
	sum := 0.0
	for i, v := range x {
		d := v - y[i]
		sum += d * d
	}
	return sum * math.Sqrt(sum)
}

// predict returns the value of a genome; room is used as it needs.
func (p *interpolant) predict(g supernet.Genome, room []float64) float64 {
	x := p.scaled(room[:0], g)
	value := p.constant
	for i, slope := range p.slopes {
		value += slope * x[i]
	}
	for i, weight := range p.weights {
		value += weight * cubed(x, p.point(i))
	}
	return value
}

// A surrogate predicts the error of subnets: the median of interpolants, each of which sees
// a random choice of genes.
type surrogate struct{ ensemble []*interpolant }

// tries is how often genes are drawn for one interpolant.
const tries = 100

// newSurrogate makes a surrogate of some number of interpolants. The first of several
// genomes that look the same to an interpolant counts. What it is depends on the seed and
// not on the number of processors.
func newSurrogate(ctx context.Context, space []supernet.Gene, genomes []supernet.Genome, values []float64, size int, seed uint64) (*surrogate, error) {
	var differ []int // genes that do
	for i := range space {
		if slices.ContainsFunc(genomes, func(g supernet.Genome) bool { return g[i] != genomes[0][i] }) {
			differ = append(differ, i)
		}
	}
	if len(differ) == 0 {
		return nil, errSingular
	}
	s := &surrogate{make([]*interpolant, size)}
	errs := make([]error, size)
	parallel(size, func(i int) {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		errs[i] = errSingular
		for try := 0; try < tries && errs[i] != nil; try++ {
			if err := ctx.Err(); err != nil {
				errs[i] = err
				return
			}
			n := 1 + rng.IntN(len(differ))
			if try == tries-1 {
				n = 1 // with which there is a solution
			}
			genes := choose(rng, differ, n)
			some, of := distinct(genomes, values, genes)
			if len(some) > len(genes) {
				s.ensemble[i], errs[i] = interpolate(space, genes, some, of)
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// choose draws n of some numbers, in ascending order.
func choose(rng *rand.Rand, from []int, n int) []int {
	chosen := make([]int, 0, n)
	for _, i := range rng.Perm(len(from))[:n] {
		chosen = append(chosen, from[i])
	}
	slices.Sort(chosen)
	return chosen
}

// distinct returns the first of all genomes that are the same in some genes.
func distinct(genomes []supernet.Genome, values []float64, genes []int) (some []supernet.Genome, of []float64) {
	seen := map[string]bool{}
	key := make(supernet.Genome, len(genes))
	for i, g := range genomes {
		for k, gene := range genes {
			key[k] = g[gene]
		}
		if name := key.String(); !seen[name] {
			seen[name] = true
			some, of = append(some, g), append(of, values[i])
		}
	}
	return some, of
}

// predict returns the predicted values of genomes.
func (s *surrogate) predict(genomes []supernet.Genome) []float64 {
	values := make([]float64, len(genomes))
	parallel(len(genomes), func(i int) {
		each, room := make([]float64, len(s.ensemble)), make([]float64, 0, len(genomes[i]))
		for k, p := range s.ensemble {
			each[k] = p.predict(genomes[i], room)
		}
		slices.Sort(each)
		middle := len(each) / 2
		values[i] = (each[middle] + each[(len(each)-1)/2]) / 2
	})
	return values
}

// parallel calls f with 0 to n-1 on all processors.
func parallel(n int, f func(i int)) {
	var working sync.WaitGroup
	workers := min(n, runtime.GOMAXPROCS(0))
	for w := range workers {
		working.Go(func() {
			defer crash.Guard()()
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	working.Wait()
}

// A Quality says how good predictions were.
type Quality struct {
	RMSE     float64 `json:"rmse"`     // root of the mean squared difference
	Spearman float64 `json:"spearman"` // correlation of ranks; 0 if all values are equal
	Kendall  float64 `json:"kendall"`  // tau-b
}

// judge compares predictions with what came.
func judge(predicted, came []float64) (q Quality) {
	both, ones, others := 0.0, 0.0, 0.0
	for i := range came {
		d := predicted[i] - came[i]
		q.RMSE += d * d
		for j := range i {
			a, b := sign(predicted[i]-predicted[j]), sign(came[i]-came[j])
			both += a * b
			ones += a * a
			others += b * b
		}
	}
	q.RMSE = math.Sqrt(q.RMSE / float64(len(came)))
	if ones > 0 && others > 0 {
		q.Kendall = both / math.Sqrt(ones*others)
		q.Spearman = min(max(stat.Correlation(ranks(predicted), ranks(came), nil), -1), 1) // but for rounding it is
	}
	return q
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// ranks gives equal values the mean of their ranks.
func ranks(values []float64) []float64 {
	all := make([]float64, len(values))
	for i, v := range values {
		for _, w := range values {
			all[i] += (1 + sign(v-w)) / 2
		}
	}
	return all
}
