package optimize

import (
	"context"
	"slices"
	"testing"
)

// The published optimizer's fronts, three seeds of 600,000 evaluations, have these
// median hypervolumes.
const publishedLinear, publishedLog = 0.92756, 0.89597

func TestGOMEAReachesPublishedFrontsOfCIFAR10(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("evaluates 600,000 cascades")
	}
	p := readCIFAR10(t, 0, 5000)
	r, err := Search(context.Background(), p, Options{Algorithm: "gomea", Grid: PaperGrid(), Paper: true})
	if err != nil {
		t.Fatal(err)
	}
	linear, log := hypervolumes(r, p, cifar10Reference)
	if r.Evaluations != 600_000 || linear < publishedLinear*(1-0.002) || log < publishedLog*(1-0.002) {
		t.Errorf("%d evaluations: hypervolume %.5f linear and %.5f log, published %.5f and %.5f", r.Evaluations, linear, log, publishedLinear, publishedLog)
	}
}

// BenchmarkCIFAR10 reports the hypervolumes of every algorithm's default search of
// the published space.
// BenchmarkPublishedSearch is the search of the publication, over the simulated zoo.
func BenchmarkPublishedSearch(b *testing.B) {
	p := simulatedProblem(b, 518, 20_683)
	for b.Loop() {
		if _, err := Search(b.Context(), p, Options{Algorithm: "gomea", Paper: true, Grid: PaperGrid(), Evals: 600_000, Threads: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCIFAR10(b *testing.B) {
	p := readCIFAR10(b, 0, 5000)
	for _, name := range Algorithms() {
		b.Run(name, func(b *testing.B) {
			seed := uint64(0)
			for b.Loop() {
				r, err := Search(context.Background(), p, Options{Algorithm: name, Grid: PaperGrid(), Paper: true, Seed: seed})
				if err != nil {
					b.Fatal(err)
				}
				linear, log := hypervolumes(r, p, cifar10Reference)
				b.ReportMetric(linear, "linear")
				b.ReportMetric(log, "log")
				b.ReportMetric(float64(r.Evaluations)/r.Elapsed.Seconds(), "evaluations/s")
				seed++
			}
		})
	}
}

func TestTablesInPieces(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 4, 5, 500, 40)
	s, _, err := newRun(p, Options{Algorithm: "gomea"})
	if err != nil {
		t.Fatal(err)
	}
	whole, pieces := s.newSoleWorker(), s.newSoleWorker()
	pieces.pieces = 3
	chain := plan{members: []member{{0, 1}, {3, 2}, {1, 1}, {4, 1}, {0, 1}}}
	for stage := range chain.members {
		if !slices.Equal(whole.table(chain, stage, -1), pieces.table(chain, stage, -1)) {
			t.Errorf("stage %d: the table made in pieces differs", stage)
		}
	}
}
