package optimize

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

var update = flag.Bool("update", false, "record again what searches over genomes do")

// A searchRecord is what a search over genomes did.
type searchRecord struct {
	Evaluations int64  `json:"evaluations"`
	Results     int    `json:"results"`  // of genomes evaluated
	Sequence    string `json:"sequence"` // names the results, in order
	Curve       string `json:"curve"`    // evaluations at its points
	Front       string `json:"front"`    // names correct answers and costs; none if limits on members shape it
}

// Searches over genomes evaluate the same genomes in the same order as ever, and end the
// same way if they are interrupted and resumed. The results are recorded in place of the
// genomes: costs are random numbers, so that hardly two genomes share one.
func TestGenomeSearchesAreAsRecorded(t *testing.T) {
	t.Parallel()
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
		s, algorithm, err := newRun(p, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := algorithm.search(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		want.Results, want.Sequence = len(s.outcomes), digest(packOutcomes(s.outcomes))
		now[name] = want
		if !*update && want != recorded[name] {
			t.Errorf("%+v, recorded %+v", want, recorded[name])
		}
		if o.Seed > 0 {
			return
		}
		resumed, interrupted := searchWithInterruptions(t, p, o, 5)
		got := recordOf(resumed, o)
		got.Results, got.Sequence = want.Results, want.Sequence
		if got != want || interrupted == 0 && want.Results > 200 {
			t.Errorf("interrupted %d times and resumed: %+v, want %+v", interrupted, got, want)
		}
	}
	few, _ := newZoo(t, 1, 3, 60, 5)
	many, _ := newZoo(t, 3, 9, 150, 40)
	for _, algorithm := range []string{"gomea", "gomea-exact", "nsga2"} {
		for name, o := range map[string]Options{
			"mean":      {Rules: []cascade.Rule{cascade.RuleMean}},
			"paper":     {Rules: []cascade.Rule{cascade.RuleMean}, Paper: true, Grid: PaperGrid()},
			"last":      {Rules: []cascade.Rule{cascade.RuleLast}, Confidence: cascade.Margin},
			"both":      {Rules: bothRules, MaxModels: 4},
			"cost":      {Rules: bothRules, MaxCost: 60, MinAccuracy: 0.5},
			"worst":     {MaxWorstCost: 300, MinAccuracy: 0.6, Paper: true},
			"include":   {MaxParams: 60, Include: []string{"m2", "m1"}},
			"one model": {MaxModels: 1},
		} {
			for seed := range uint64(3) {
				if testing.Short() && (seed > 0 || name != "both" && name != "cost") {
					continue
				}
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
			"all of both": {MaxModels: 2, Grid: shortGrid, Rules: bothRules},
			"idle":        {MaxModels: 3, Grid: Grid{0.5, 1}, Include: []string{"m1"}},
		} {
			if testing.Short() && name != "all of both" {
				continue
			}
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
	var curve []int64
	for _, c := range r.Curve {
		curve = append(curve, c.Evaluations)
	}
	record := searchRecord{Evaluations: r.Evaluations, Curve: fmt.Sprint(curve)}
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
