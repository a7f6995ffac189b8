package optimize

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "record what searches over genomes do anew")

// A searchRecord is what a search over genomes did.
type searchRecord struct {
	Evaluations int64   `json:"evaluations"`
	Results     int     `json:"results"`  // of genomes evaluated
	Sequence    string  `json:"sequence"` // names the results, in order
	Curve       []int64 `json:"curve"`    // evaluations at its points
	Front       string  `json:"front"`    // names correct answers and costs; none if limits on members shape it
}

// Searches over genomes go the same way as ever, interrupted or not: they evaluate the
// same genomes in the same order. Every result is recorded, and as costs are random
// numbers it tells the genome.
func TestGenomeSearchesAreAsRecorded(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("recorded on amd64; others round products and sums in one step")
	}
	path := filepath.Join("testdata", "genome_searches.json")
	recorded := make(map[string]searchRecord)
	if data, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(data, &recorded); err != nil {
			t.Fatal(err)
		}
	} else if !*update {
		t.Fatal(err)
	}
	now := make(map[string]searchRecord)
	// record compares or keeps what a search did.
	record := func(t *testing.T, name string, p *Problem, o Options) {
		r, err := Search(context.Background(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		want := recordOf(r, o)
		s, algorithm, err := newSearch(p, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := algorithm.run(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		want.Results, want.Sequence = len(s.results), digest(packResults(s.results))
		now[name] = want
		if !*update && fmt.Sprint(want) != fmt.Sprint(recorded[name]) {
			t.Errorf("%+v, recorded %+v", want, recorded[name])
		}
		if o.Seed > 0 {
			return
		}
		resumed, interrupted := searchWithInterruptions(t, p, o, 5)
		got := recordOf(resumed, o)
		got.Results, got.Sequence = want.Results, want.Sequence
		if fmt.Sprint(got) != fmt.Sprint(want) || interrupted == 0 && want.Results > 200 {
			t.Errorf("interrupted %d times and resumed: %+v, want %+v", interrupted, got, want)
		}
	}
	few, _ := newZoo(t, 1, 3, 60, 5)
	many, _ := newZoo(t, 3, 9, 150, 40)
	for _, algorithm := range []string{"gomea", "gomea-exact", "nsga2"} {
		for name, o := range map[string]Options{
			"mean":      {Rule: RuleMean},
			"paper":     {Rule: RuleMean, Paper: true, Grid: PaperGrid()},
			"last":      {Rule: RuleLast, Confidence: Margin},
			"both":      {Rule: RuleBoth, MaxModels: 4},
			"cost":      {Rule: RuleBoth, MaxCost: 60, MinAccuracy: 0.5},
			"worst":     {MaxWorstCost: 300, MinAccuracy: 0.6, Paper: true},
			"include":   {MaxParams: 60, Include: []int{2, 1}},
			"one model": {MaxModels: 1},
		} {
			for seed := range uint64(3) {
				o.Algorithm, o.Seed, o.Evals = algorithm, seed, 2000
				if algorithm == "gomea-exact" {
					o.Evals = 100_000 // every threshold combination counts
				}
				t.Run(fmt.Sprintf("%s/%s/%d", algorithm, name, seed), func(t *testing.T) {
					record(t, fmt.Sprintf("%s/%s/%d", algorithm, name, seed), many, o)
				})
			}
		}
		// The space is exhausted, or what is new in it is not found.
		for name, o := range map[string]Options{
			"all":         {MaxModels: 3, Grid: Grid{0.5, 0.75, 1}, Paper: true},
			"all of both": {MaxModels: 2, Grid: shortGrid, Rule: RuleBoth},
			"idle":        {MaxModels: 3, Grid: Grid{0.5, 1}, Include: []int{1}},
		} {
			o.Algorithm, o.Evals = algorithm, 1<<40
			t.Run(fmt.Sprintf("%s/%s", algorithm, name), func(t *testing.T) {
				record(t, fmt.Sprintf("%s/%s", algorithm, name), few, o)
			})
		}
	}
	if *update {
		data, err := json.MarshalIndent(now, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(data, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// recordOf returns what the result of a search tells of it.
func recordOf(r *Result, o Options) searchRecord {
	record := searchRecord{Evaluations: r.Evaluations}
	for _, c := range r.Curve {
		record.Curve = append(record.Curve, c.Evaluations)
	}
	if o.MaxWorstCost == 0 && o.MaxParams == 0 {
		record.Front = digest(fmt.Sprint(points(r)))
	}
	return record
}

// digest names a text.
func digest(text string) string {
	h := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%x", h[:8])
}

// A genomeRecord is what a search of a made-up problem did.
type genomeRecord struct {
	Evaluations int    `json:"evaluations"`
	Sequence    string `json:"sequence"` // names the genomes and their scores, in order
	Kept        int    `json:"kept"`
	Best        string `json:"best"` // names the genomes kept at the end and their scores
}

// nameGenomes names genomes and scores in order.
func nameGenomes(genomes [][]uint16, scores []score) string {
	h := sha256.New()
	for i, genes := range genomes {
		h.Write(appendGenes(nil, genes))
		for _, v := range []float64{scores[i].objectives[0], scores[i].objectives[1], scores[i].violation} {
			h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// madeUp scores genomes of whatever alphabet: two objectives that are at odds, with
// traps and many ties, and now and then a violation.
func madeUp(genes []uint16, alphabet []int) score {
	var s score
	for i, gene := range genes {
		next := genes[(i+1)%len(genes)]
		s.objectives[0] += float64((int(gene)*7 + int(next)*3) % alphabet[i])
		s.objectives[1] += float64((alphabet[i] - 1 - int(gene)) * (1 + i%3) / 2)
	}
	if trap := int(genes[0]) + int(genes[len(genes)-1]); trap%5 == 0 {
		s.violation = float64(trap) / 4
	}
	return s
}

// The two algorithms over genomes of made-up problems.
func TestGenomesAreAsRecorded(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("recorded on amd64; others round products and sums in one step")
	}
	path := filepath.Join("testdata", "genomes.json")
	recorded := make(map[string]genomeRecord)
	if data, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(data, &recorded); err != nil {
			t.Fatal(err)
		}
	} else if !*update {
		t.Fatal(err)
	}
	now := make(map[string]genomeRecord)
	p, _ := newZoo(t, 3, 2, 10, 3)
	for name, c := range map[string]struct {
		alphabet []int
		ordered  int // so many genes from the middle on have an order
		budget   int
		target   int // of the elite
	}{
		"small":     {[]int{3, 4, 2}, 0, 1 << 40, 10_000},
		"one gene":  {[]int{500}, 0, 1 << 40, 10_000},
		"many ties": {[]int{3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}, 0, 20_000, 10_000},
		"grid":      {[]int{60, 60, 60, 50, 50, 50, 60, 60, 60}, 3, 20_000, 12},
		"long":      {[]int{5, 9, 5, 9, 5, 9, 200, 5, 9, 5, 9, 5, 9, 700, 5, 9, 5, 9, 5}, 9, 8_000, 30},
	} {
		for seed := range uint64(3) {
			s, _, err := newSearch(p, Options{Algorithm: "gomea", Seed: seed, Rule: RuleLast})
			if err != nil {
				t.Fatal(err)
			}
			var genomes [][]uint16
			var scores []score
			record := func(name string, best []individual) {
				r := genomeRecord{Evaluations: len(genomes), Sequence: nameGenomes(genomes, scores), Kept: len(best)}
				genomes, scores = nil, nil
				for _, b := range best {
					genomes, scores = append(genomes, b.genes), append(scores, b.score)
				}
				r.Best = nameGenomes(genomes, scores)
				genomes, scores = nil, nil
				now[name] = r
				if !*update && r != recorded[name] {
					t.Errorf("%s: %+v, recorded %+v", name, r, recorded[name])
				}
			}
			evaluate := func(genes []uint16) (score, error) {
				if len(genomes) == c.budget {
					return score{}, errSpent
				}
				genomes, scores = append(genomes, slices.Clone(genes)), append(scores, madeUp(genes, c.alphabet))
				return scores[len(scores)-1], nil
			}
			g := newMixer(context.Background(), &coding{search: s, alphabet: c.alphabet}, evaluate)
			g.elite.target = c.target
			if err := g.run(); err != nil {
				t.Fatal(err)
			}
			var best []individual
			for _, m := range g.elite.members {
				best = append(best, individual{genes: m.genes, score: m.score})
			}
			record(fmt.Sprintf("gomea/%s/%d", name, seed), best)

			s.MaxModels = c.ordered + 1
			b := &breeder{coding: &coding{search: s, alphabet: c.alphabet}, rng: rand.New(rand.NewPCG(seed, 0)), seen: make(map[string]bool)}
			var parents []individual
			for left := c.budget; left > 0; {
				offspring := b.offspring(parents, min(left, nsga2Population))
				if len(offspring) == 0 {
					break
				}
				for i := range offspring {
					if offspring[i].score, err = evaluate(offspring[i].genes); err != nil {
						t.Fatal(err)
					}
				}
				parents = survivors(append(parents, offspring...), nsga2Population)
				left -= len(offspring)
			}
			record(fmt.Sprintf("nsga2/%s/%d", name, seed), parents)
		}
	}
	if *update {
		data, err := json.MarshalIndent(now, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(data, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
