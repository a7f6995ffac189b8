package moea

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

const (
	nsga3Crossover = 0.9 // share of pairs that exchange genes
	nsga3Mutation  = 0.1 // share of genes that mutate
	nsga3Eta       = 1.0 // the index of the distribution of mutations: the less, the farther they go
)

// Settings are those of NSGA3.
type Settings struct {
	// Start is the first generation, of any size; nil for one drawn from the space.
	Start [][]uint16

	// Directions are as many as a generation has survivors; see [Directions].
	Directions [][2]float64

	// Repair, if not nil, changes a genome just made, for example to the one of several
	// that stands for all which mean the same.
	Repair func(genes []uint16)
}

// NSGA3 searches with NSGA-III (Deb, Jain: An evolutionary many-objective optimization
// algorithm using reference-point-based nondominated sorting approach, part I, IEEE
// Transactions on Evolutionary Computation 18(4), 2014) as ENCAS and NAT set it up: who
// survives of parents and offspring is what pymoo 0.4.2.2 decides, see [Survivors];
// random pairs, of which one who violates limits less is preferred, make two children by
// uniform crossover, and one gene in ten mutates by a polynomial distribution, to a value
// nearby more often than to one far off. A genome seen before is made again.
//
// evaluate returns the scores of genomes as that of NSGA2 does. NSGA3 returns the last
// generation, as many as there are directions.
func NSGA3(ctx context.Context, space Space, s Settings, seed uint64, evaluate func(genomes [][]uint16) ([]Score, error)) ([]Solution, error) {
	b := &pairing{breeder{Space: space, rng: rand.New(rand.NewPCG(seed, 0)), seen: make(map[string]bool)}, s.Repair}
	order := survival{directions: s.Directions, permute: b.rng.Perm}
	var parents []Solution
	for genomes := b.first(s.Start, len(s.Directions)); len(genomes) > 0; genomes = b.children(parents, len(s.Directions)) {
		scores, spent, err := score(ctx, genomes, evaluate)
		if err != nil {
			return parents, err
		}
		for i, score := range scores {
			parents = append(parents, Solution{genomes[i], score})
		}
		if len(parents) > 0 {
			parents = order.solutions(parents, len(s.Directions))
		}
		if spent {
			break
		}
	}
	return parents, nil
}

// solutions returns the n survivors of a generation: of those within the limits by
// reference directions, then those closest to the limits.
func (s *survival) solutions(generation []Solution, n int) []Solution {
	slices.SortStableFunc(generation, func(a, b Solution) int { return cmp.Compare(a.Violation, b.Violation) })
	within := slices.IndexFunc(generation, func(x Solution) bool { return x.Violation > 0 })
	if within < 0 {
		within = len(generation)
	}
	points := make([][2]float64, within)
	for i, x := range generation[:within] {
		points[i] = x.Objectives
	}
	var kept []Solution
	for _, i := range s.survivors(points, n) {
		kept = append(kept, generation[i])
	}
	return append(kept, generation[within:][:min(n-len(kept), len(generation)-within)]...)
}

// A pairing makes the genomes of NSGA3.
type pairing struct {
	breeder
	repair func(genes []uint16)
}

// first returns the first generation.
func (p *pairing) first(start [][]uint16, n int) (genomes [][]uint16) {
	for _, genes := range start {
		genomes = p.add(genomes, genes)
	}
	if start != nil {
		return genomes
	}
	genes := make([]uint16, len(p.Alphabet))
	for misses := 0; len(genomes) < n && misses < 10_000; misses++ {
		p.Draw(p.rng, genes)
		genomes = p.add(genomes, genes)
	}
	return genomes
}

// children returns up to n new genomes, fewer when new ones have become hard to find.
func (p *pairing) children(parents []Solution, n int) (genomes [][]uint16) {
	one, other := make([]uint16, len(p.Alphabet)), make([]uint16, len(p.Alphabet))
	for misses := 0; len(genomes) < n && misses < 10_000; misses++ {
		mother, father := p.better(parents), p.better(parents)
		copy(one, mother)
		copy(other, father)
		if p.rng.Float64() < nsga3Crossover {
			for i := range one {
				if p.rng.IntN(2) == 0 {
					one[i], other[i] = other[i], one[i]
				}
			}
		}
		for _, child := range [][]uint16{one, other} {
			for i, values := range p.Alphabet {
				if p.rng.Float64() < nsga3Mutation {
					child[i] = mutate(p.rng, child[i], values)
				}
			}
			if len(genomes) < n {
				genomes = p.add(genomes, child)
			}
		}
	}
	return genomes
}

// add adds a copy of a genome, repaired, unless it is known or not valid.
func (p *pairing) add(genomes [][]uint16, genes []uint16) [][]uint16 {
	genes = slices.Clone(genes)
	if p.repair != nil {
		p.repair(genes)
	}
	p.key = appendGenes(p.key[:0], genes)
	if p.seen[string(p.key)] || p.Valid != nil && !p.Valid(genes) {
		return genomes
	}
	p.seen[string(p.key)] = true
	return append(genomes, genes)
}

// better returns the one of two parents drawn at random that violates limits less.
func (p *pairing) better(parents []Solution) []uint16 {
	x, y := &parents[p.rng.IntN(len(parents))], &parents[p.rng.IntN(len(parents))]
	if y.Violation < x.Violation {
		return y.Genes
	}
	return x.Genes
}

// mutate draws a value by the polynomial distribution around one, of the range from half
// below the least value to half above the greatest, and rounds it.
func mutate(rng *rand.Rand, value uint16, values int) uint16 {
	x, low, high := float64(value), -0.5, float64(values)-0.5
	u := rng.Float64()
	var step float64
	if u <= 0.5 {
		step = math.Pow(2*u+(1-2*u)*math.Pow((high-x)/(high-low), nsga3Eta+1), 1/(nsga3Eta+1)) - 1
	} else {
		step = 1 - math.Pow(2*(1-u)+(2*u-1)*math.Pow((x-low)/(high-low), nsga3Eta+1), 1/(nsga3Eta+1))
	}
	x = math.RoundToEven(x + step*(high-low))
	return uint16(min(max(x, 0), float64(values-1)))
}

// Directions returns n directions that are evenly apart, those of Das and Dennis for two
// objectives: from one objective alone to the other alone.
func Directions(n int) [][2]float64 {
	directions := make([][2]float64, n)
	for i := range directions {
		share := float64(i) / float64(max(n-1, 1))
		directions[i] = [2]float64{share, 1 - share}
	}
	return directions
}

// Survivors returns the indices of the n points that NSGA-III keeps: fronts as long as whole
// ones fit, then of the next one those close to directions that have few. Less is better in
// both objectives. Chance decides between directions, and in those that have some already.
func Survivors(points, directions [][2]float64, n int, rng *rand.Rand) []int {
	s := survival{directions: directions, permute: rng.Perm}
	return s.survivors(points, n)
}

// A survival decides who survives, and remembers the extremes of all generations.
//
// It does exactly what ReferenceDirectionSurvival of pymoo 0.4.2.2 does, whose order of
// arguments makes it take the worst of the population where the plane through the extreme
// points is of no use, and the worst of the front where that leaves no range.
type survival struct {
	directions [][2]float64
	permute    func(n int) []int

	ideal, worst, nadir [2]float64
	extremes            [][2]float64 // the best in each objective alone; nil before the first generation
	niche               []int        // of the points of the last generation, in the order of its fronts
	distance            []float64    // to the direction of the niche
}

// nearIdeal is what differs from the ideal by less than counts as equal to it where extreme
// points are looked for.
const nearIdeal = 1e-3

// least is the least range of an objective.
const least = 1e-6

func (s *survival) survivors(points [][2]float64, n int) []int {
	if len(points) == 0 {
		return nil
	}
	fronts := sortFronts(points, n)
	s.scale(points, fronts[0])
	order := slices.Concat(fronts...)
	s.associate(points, order)
	if len(order) <= n {
		return order
	}
	before := len(order) - len(fronts[len(fronts)-1])
	taken := make([]int, len(s.directions))
	for _, niche := range s.niche[:before] {
		taken[niche]++
	}
	survivors := slices.Clone(order[:before])
	for _, i := range s.spread(before, n-before, taken) {
		survivors = append(survivors, order[i])
	}
	return survivors
}

// sortFronts returns fronts of points until they have n, each in pymoo's order: that of
// whoever dominated a point last.
func sortFronts(points [][2]float64, n int) (fronts [][]int) {
	dominates := make([][]int, len(points))
	dominated := make([]int, len(points))
	for i, p := range points {
		for j, q := range points {
			if p[0] <= q[0] && p[1] <= q[1] && p != q {
				dominates[i] = append(dominates[i], j)
				dominated[j]++
			}
		}
	}
	var front []int
	for i, by := range dominated {
		if by == 0 {
			front = append(front, i)
		}
	}
	for ranked := 0; ; {
		fronts = append(fronts, front)
		if ranked += len(front); ranked >= n || ranked == len(points) {
			return fronts
		}
		var next []int
		for _, i := range front {
			for _, j := range dominates[i] {
				if dominated[j]--; dominated[j] == 0 {
					next = append(next, j)
				}
			}
		}
		front = next
	}
}

// scale finds the ideal and the nadir point, between which objectives are from 0 to 1.
func (s *survival) scale(points [][2]float64, front []int) {
	ofAll, ofFront := points[0], points[front[0]]
	if s.extremes == nil {
		s.ideal, s.worst = points[0], points[0]
	}
	for _, p := range points {
		for o, v := range p {
			s.ideal[o], s.worst[o], ofAll[o] = min(s.ideal[o], v), max(s.worst[o], v), max(ofAll[o], v)
		}
	}
	candidates := slices.Clone(s.extremes)
	for _, i := range front {
		candidates = append(candidates, points[i])
		for o, v := range points[i] {
			ofFront[o] = max(ofFront[o], v)
		}
	}
	s.extremes = make([][2]float64, 2)
	for o := range 2 {
		best := math.Inf(1)
		for _, p := range candidates {
			var far [2]float64
			for k := range far {
				if far[k] = p[k] - s.ideal[k]; far[k] < nearIdeal {
					far[k] = 0
				}
			}
			if f := max(far[o], 1e6*far[1-o]); f < best {
				s.extremes[o], best = p, f
			}
		}
	}
	nadir, ok := s.plane()
	if !ok {
		nadir = ofAll
	}
	for o := range nadir {
		if nadir[o]-s.ideal[o] <= least {
			nadir[o] = ofFront[o]
		}
	}
	s.nadir = nadir
}

// plane returns where the line through the extreme points cuts the axes, but nothing worse
// than what was met, and whether that makes sense.
func (s *survival) plane() (nadir [2]float64, ok bool) {
	m := [2][2]float64{}
	for i, p := range s.extremes {
		for o := range p {
			m[i][o] = p[o] - s.ideal[o]
		}
	}
	determinant := m[0][0]*m[1][1] - m[0][1]*m[1][0]
	if determinant == 0 {
		return nadir, false
	}
	x := [2]float64{(m[1][1] - m[0][1]) / determinant, (m[0][0] - m[1][0]) / determinant}
	for o := range x {
		if one := m[o][0]*x[0] + m[o][1]*x[1]; !(math.Abs(one-1) <= 1e-8+1e-5) || 1/x[o] <= least {
			return nadir, false
		}
		nadir[o] = min(s.ideal[o]+1/x[o], s.worst[o])
	}
	return nadir, true
}

// associate finds the direction closest to each point.
func (s *survival) associate(points [][2]float64, order []int) {
	var width [2]float64
	for o := range width {
		if width[o] = s.nadir[o] - s.ideal[o]; width[o] == 0 {
			width[o] = 1e-12
		}
	}
	s.niche, s.distance = make([]int, len(order)), make([]float64, len(order))
	for k, i := range order {
		x, y := (points[i][0]-s.ideal[0])/width[0], (points[i][1]-s.ideal[1])/width[1]
		s.distance[k] = math.Inf(1)
		for d, u := range s.directions {
			length := math.Sqrt(u[0]*u[0] + u[1]*u[1])
			along := (x*u[0] + y*u[1]) / length
			dx, dy := along*u[0]/length-x, along*u[1]/length-y
			if distance := math.Sqrt(dx*dx + dy*dy); distance < s.distance[k] {
				s.niche[k], s.distance[k] = d, distance
			}
		}
	}
}

// spread chooses n of the points from first on, where taken counts those that directions
// have: for the emptiest directions, in turns, the closest one if they have none.
func (s *survival) spread(first, n int, taken []int) (chosen []int) {
	waiting := make([][]int, len(s.directions))
	for i, niche := range s.niche[first:] {
		waiting[niche] = append(waiting[niche], first+i)
	}
	for len(chosen) < n {
		var emptiest []int
		for d, points := range waiting {
			switch {
			case len(points) == 0 || len(emptiest) > 0 && taken[d] > taken[emptiest[0]]:
			case len(emptiest) > 0 && taken[d] == taken[emptiest[0]]:
				emptiest = append(emptiest, d)
			default:
				emptiest = append(emptiest[:0], d)
			}
		}
		turn := s.permute(len(emptiest))
		for _, t := range turn[:min(n-len(chosen), len(turn))] {
			d := emptiest[t]
			shuffled := s.permute(len(waiting[d]))
			next := shuffled[0]
			if taken[d] == 0 {
				for _, k := range shuffled {
					if s.distance[waiting[d][k]] < s.distance[waiting[d][next]] {
						next = k
					}
				}
			}
			chosen = append(chosen, waiting[d][next])
			waiting[d] = slices.Delete(waiting[d], next, next+1)
			taken[d]++
		}
	}
	return chosen
}
