package optimize

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
)

// bruteForceGenomes evaluates every genome with the dense oracle and returns the
// correct answers and costs of the front within limits.
func bruteForceGenomes(t *testing.T, d *cascade.Dense, c *coding, limits Options) [][2]float64 {
	t.Helper()
	feasible := func(p plan, e cascade.Evaluation) bool {
		return c.feasible(p) && (limits.MaxCost == 0 || e.Cost <= limits.MaxCost) &&
			float64(e.Correct) >= limits.MinAccuracy*float64(len(d.Labels))
	}
	cheapest := make(map[int]float64)
	genes := make([]uint16, len(c.alphabet))
	for {
		if p, ok := c.decode(genes); ok {
			e, err := d.Evaluate(c.cascade(p))
			if err != nil {
				t.Fatal(err)
			}
			if old, ok := cheapest[e.Correct]; feasible(p, e) && (!ok || e.Cost < old) {
				cheapest[e.Correct] = e.Cost
			}
		}
		i := 0
		for ; i < len(genes); i++ {
			if genes[i]++; int(genes[i]) < c.alphabet[i] {
				break
			}
			genes[i] = 0
		}
		if i == len(genes) {
			return frontOf(cheapest)
		}
	}
}

// newCodingOf returns the coding a search with these options uses.
func newCodingOf(t testing.TB, p *Problem, o Options) *coding {
	t.Helper()
	s, _, err := newSearch(p, o)
	if err != nil {
		t.Fatal(err)
	}
	return newCoding(s)
}

func TestGenomesAreReadAsPublished(t *testing.T) {
	p := readCIFAR10(t, 0, 5000)
	c := newCodingOf(t, p, Options{Algorithm: "gomea", Grid: PaperGrid()})
	w := c.newWorker()
	for seed := 1; seed <= 3; seed++ {
		rows := readCSV(t, filepath.Join(sharedtest.Dir(t, "fronts"), fmt.Sprintf("cifar10_gomea600k_s%d.csv", seed)))
		for i, row := range rows {
			var genes []uint16
			for _, text := range strings.Fields(row["genome"]) {
				gene, err := strconv.ParseUint(text, 10, 16)
				if err != nil {
					t.Fatal(err)
				}
				genes = append(genes, uint16(gene))
			}
			plan, ok := c.decode(genes)
			if !ok {
				t.Fatalf("seed %d, row %d: no model", seed, i)
			}
			correct, reach := w.evaluate(plan)
			cost := c.totalCost(plan, reach) / float64(p.Samples())
			e, _ := strconv.ParseFloat(row["error_pct"], 64)
			published, _ := strconv.ParseFloat(row["gflops"], 64)
			if wrong := p.Samples() - correct; wrong != int(math.Round(e*50)) || math.Abs(cost-published) > 1e-6 {
				t.Errorf("seed %d, row %d: %d wrong at %v, published %v %% at %v", seed, i, wrong, cost, e, published)
			}
		}
	}
}

func TestDecode(t *testing.T) {
	p, _ := newZoo(t, 1, 4, 20, 3)
	c := newCodingOf(t, p, Options{Algorithm: "gomea", Rules: bothRules, Grid: shortGrid, MaxModels: 3})
	for _, test := range []struct {
		genes []uint16
		want  string
	}{
		{[]uint16{1, 2, 3, 4, 5, 0}, "m0@0.9,m1@1,m2"},
		{[]uint16{0, 2, 3, 4, 5, 0}, "m1@1,m2"},
		{[]uint16{1, 0, 4, 4, 1, 1}, "last:m0@0.25,m3"},
		{[]uint16{2, 2, 0, 3, 1, 0}, "m1@0.75,m1"},
		{[]uint16{0, 0, 1, 3, 1, 0}, "m0"},
	} {
		plan, ok := c.decode(test.genes)
		if !ok {
			t.Fatalf("%v is no cascade", test.genes)
		}
		if got := c.cascade(plan).String(); got != test.want {
			t.Errorf("%v is %s, want %s", test.genes, got, test.want)
		}
	}
	if _, ok := c.decode([]uint16{0, 0, 0, 3, 1, 0}); ok {
		t.Error("a genome without a model is a cascade")
	}
	if got := c.genomes(); got != 5*5*5*6*6*2 {
		t.Errorf("%v genomes", got)
	}
}

func TestScores(t *testing.T) {
	a := score{objectives: [2]float64{3, 5}}
	for _, c := range []struct {
		b         score
		dominates bool
		dominated bool
	}{
		{score{objectives: [2]float64{3, 5}}, false, false},
		{score{objectives: [2]float64{3, 6}}, true, false},
		{score{objectives: [2]float64{2, 6}}, false, false},
		{score{objectives: [2]float64{2, 5}}, false, true},
		{score{objectives: [2]float64{0, 0}, violation: 0.1}, true, false},
	} {
		if a.dominates(c.b) != c.dominates || c.b.dominates(a) != c.dominated {
			t.Errorf("%v dominates %v: %v, the other way %v", a, c.b, a.dominates(c.b), c.b.dominates(a))
		}
	}
	far := score{violation: math.Inf(1)}
	if near := (score{objectives: [2]float64{9, 9}, violation: 0.1}); !near.dominates(far) || far.dominates(near) || far.dominates(far) {
		t.Error("the smaller violation does not dominate")
	}
}

func TestMutualInformation(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var genomes [][]uint16
	for range 100 {
		a, b := uint16(rng.IntN(5)), uint16(rng.IntN(3))
		genomes = append(genomes, []uint16{a, b, (a + b) % 5, a})
	}
	entropy := func(genes ...int) float64 {
		counts := make(map[string]float64)
		for _, genome := range genomes {
			key := ""
			for _, g := range genes {
				key += fmt.Sprint(genome[g], " ")
			}
			counts[key]++
		}
		h := 0.0
		for _, c := range counts {
			p := c / float64(len(genomes))
			h -= p * math.Log2(p)
		}
		return h
	}
	got := mutualInformation(genomes)
	for i := range 4 {
		for j := range 4 {
			if want := entropy(i) + entropy(j) - entropy(i, j); i != j && math.Abs(got[i][j]-want) > 1e-9 {
				t.Errorf("genes %d and %d share %v bits, want %v", i, j, got[i][j], want)
			}
		}
	}
	if got[0][1] != got[3][1] || got[0][2] != got[3][2] {
		t.Error("genes with equal values differ in what they share with others")
	}
}

func TestLinkageTree(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		const genes = 9
		var genomes [][]uint16
		for range 30 {
			genome := make([]uint16, genes)
			for i := range genome {
				genome[i] = uint16(rng.IntN(6))
			}
			genome[7], genome[8] = genome[2], genome[2] // these belong together
			genomes = append(genomes, genome)
		}
		sets := linkageTree(rng, genomes)
		if len(sets) != 2*genes-2 {
			t.Fatalf("%d sets", len(sets))
		}
		together := false
		for i, set := range sets {
			sorted := slices.Sorted(slices.Values(set))
			if (i < genes) != (len(set) == 1) || len(slices.Compact(slices.Clone(sorted))) != len(set) || len(set) == genes {
				t.Fatalf("set %d is %v", i, set)
			}
			together = together || slices.Equal(sorted, []int{2, 7, 8})
			for _, other := range sets[:i] {
				common := 0
				for _, g := range set {
					if slices.Contains(other, g) {
						common++
					}
				}
				if common != 0 && common != len(set) && common != len(other) {
					t.Fatalf("sets %v and %v overlap", set, other)
				}
			}
		}
		if !together {
			t.Errorf("genes 2, 7 and 8 do not belong together in %v", sets)
		}
	}
}

// The tree must be the one that merging the most similar pair again and again
// gives, when no similarities are equal.
func TestLinkageTreeEqualsUPGMA(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		const genes = 7
		var genomes [][]uint16
		for range 500 {
			genome := make([]uint16, genes)
			base := uint16(rng.IntN(8))
			for i := range genome {
				if genome[i] = base; rng.IntN(2+i) > 0 {
					genome[i] = uint16(rng.IntN(8))
				}
			}
			genomes = append(genomes, genome)
		}
		information := mutualInformation(genomes)
		var open, want [][]int
		for i := range genes {
			open = append(open, []int{i})
		}
		mean := func(a, b []int) float64 {
			sum := 0.0
			for _, x := range a {
				for _, y := range b {
					sum += information[x][y]
				}
			}
			return sum / float64(len(a)*len(b))
		}
		for len(open) > 2 {
			a, b := 0, 1
			for i := range open {
				for j := range i {
					if mean(open[i], open[j]) > mean(open[a], open[b]) {
						a, b = j, i
					}
				}
			}
			merged := slices.Sorted(slices.Values(slices.Concat(open[a], open[b])))
			want = append(want, merged)
			open = append(slices.Delete(slices.Delete(open, b, b+1), a, a+1), merged)
		}
		var got [][]int
		for _, set := range linkageTree(rng, genomes)[genes:] {
			got = append(got, slices.Sorted(slices.Values(set)))
		}
		slices.SortFunc(got, slices.Compare)
		slices.SortFunc(want, slices.Compare)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("seed %d: %v, want %v", seed, got, want)
		}
	}
}
