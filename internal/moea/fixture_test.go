package moea

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "record what searches do anew")

// A genomeRecord is what a search of a made-up problem did.
type genomeRecord struct {
	Evaluations int    `json:"evaluations"`
	Sequence    string `json:"sequence"` // names the genomes and their scores, in order
	Kept        int    `json:"kept"`
	Best        string `json:"best"` // names the genomes kept at the end and their scores
}

// nameGenomes names genomes and scores in order.
func nameGenomes(genomes [][]uint16, scores []Score) string {
	h := sha256.New()
	for i, genes := range genomes {
		h.Write(appendGenes(nil, genes))
		for _, v := range []float64{scores[i].Objectives[0], scores[i].Objectives[1], scores[i].Violation} {
			h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// madeUp scores genomes of whatever alphabet: two objectives that are at odds, with
// traps and many ties, and now and then a violation.
func madeUp(genes []uint16, alphabet []int) Score {
	var s Score
	for i, gene := range genes {
		next := genes[(i+1)%len(genes)]
		s.Objectives[0] += float64((int(gene)*7 + int(next)*3) % alphabet[i])
		s.Objectives[1] += float64((alphabet[i] - 1 - int(gene)) * (1 + i%3) / 2)
	}
	if trap := int(genes[0]) + int(genes[len(genes)-1]); trap%5 == 0 {
		s.Violation = float64(trap) / 4
	}
	return s
}

// The two algorithms over genomes of made-up problems.
func TestGenomesAreAsRecorded(t *testing.T) {
	t.Parallel()
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
			var genomes [][]uint16
			var scores []Score
			evaluate := func(genes []uint16) (Score, error) {
				if len(genomes) == c.budget {
					return Score{}, ErrSpent
				}
				genomes, scores = append(genomes, slices.Clone(genes)), append(scores, madeUp(genes, c.alphabet))
				return scores[len(scores)-1], nil
			}
			record := func(algorithm string, best []Solution) {
				name := fmt.Sprintf("%s/%s/%d", algorithm, name, seed)
				r := genomeRecord{Evaluations: len(genomes), Sequence: nameGenomes(genomes, scores), Kept: len(best)}
				genomes, scores = nil, nil
				for _, b := range best {
					genomes, scores = append(genomes, b.Genes), append(scores, b.Score)
				}
				r.Best = nameGenomes(genomes, scores)
				genomes, scores = nil, nil
				now[name] = r
				if !*update && r != recorded[name] {
					t.Errorf("%s: %+v, recorded %+v", name, r, recorded[name])
				}
			}
			space := Space{Alphabet: c.alphabet}
			g := newMixer(context.Background(), space, seed, evaluate)
			g.elite.target = c.target
			if err := g.run(); err != nil {
				t.Fatal(err)
			}
			record("gomea", g.elite.members)

			space.Ordered = make([]bool, len(c.alphabet))
			for i := range c.ordered {
				space.Ordered[c.ordered+1+i] = true
			}
			space.Valid = func(genes []uint16) bool {
				return slices.ContainsFunc(genes[:c.ordered+1], func(gene uint16) bool { return gene != 0 })
			}
			population, err := evolve(context.Background(), space, seed, func(genomes [][]uint16) ([]Score, error) {
				var scores []Score
				for _, genes := range genomes {
					s, err := evaluate(genes)
					if err != nil {
						return scores, err
					}
					scores = append(scores, s)
				}
				return scores, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			var last []Solution
			for _, x := range population {
				last = append(last, x.Solution)
			}
			record("nsga2", last)
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
