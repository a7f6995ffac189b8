package nat

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// together is how many subnets of one image size are evaluated together at most. What they
// share is decoding; what a kill may cost is their evaluation.
const together = 8

// run is the state of one Run.
type run struct {
	Options
	describe   *description
	iterations []*iteration // all complete but the last one
	average    *iteration   // after them, with the mean of weights; nil for none yet
	costs      [2]float64   // of the smallest and the largest subnet, in GFLOPs
}

// Run searches, or goes on with the search in the folder. What it returns beside an error is
// what was found so far; nil if nothing was.
func Run(ctx context.Context, o Options) (*Outcome, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Folder == nil {
		taken, err := Take(o.Dir)
		if err != nil {
			return nil, err
		}
		defer taken.Leave()
	}
	r := &run{Options: o}
	for i, g := range []supernet.Genome{o.Space.Smallest(), o.Space.Largest()} {
		r.costs[i] = r.gflops(g)
	}
	weights, err := hashFile(o.Artifact)
	if err != nil {
		return nil, err
	}
	r.describe = &description{
		Version: version, Supernet: o.Space.Table.Name, Weights: weights, Genes: len(o.Space.Genes()), Trained: o.Trainer != nil,
		Settings: o.Settings, Facts: o.Facts,
	}
	if err := r.open(); err != nil {
		return nil, err
	}
	err = r.iterate(ctx)
	found := r.outcome()
	found.Complete = err == nil
	return found, err
}

// iterate does what is left of a run.
func (r *run) iterate(ctx context.Context) error {
	for n := 0; n <= r.Iterations; n++ {
		if n == len(r.iterations) {
			it, err := r.next(ctx)
			if err != nil {
				return err
			}
			if len(it.Members) == 0 {
				break // there are no others
			}
			if err := r.save(it); err != nil {
				return err
			}
			r.iterations = append(r.iterations, it)
		}
		if err := r.finish(ctx, r.iterations[n]); err != nil {
			return err
		}
	}
	if r.Average > 0 {
		if err := r.finishAverage(ctx); err != nil {
			return err
		}
	}
	return r.writeFront()
}

// finishAverage does what is left to do of the average of weights: it has the subnets of the
// front of all iterations.
func (r *run) finishAverage(ctx context.Context) error {
	if r.average == nil {
		it := &iteration{Version: version, Run: r.describe.id(), Iteration: r.Iterations, Averaged: r.Average}
		for _, p := range r.outcome().Front {
			g, err := supernet.ParseGenome(p.Genome)
			if err != nil {
				return err
			}
			it.Members = append(it.Members, r.member(g))
		}
		if err := r.save(it); err != nil {
			return err
		}
		r.average = it
	}
	return r.finish(ctx, r.average)
}

// next makes the next iteration.
func (r *run) next(ctx context.Context) (*iteration, error) {
	n := len(r.iterations)
	r.report(n, "choosing", 0)
	it := &iteration{Version: version, Run: r.describe.id(), Iteration: n, Members: []member{}}
	if r.Trainer == nil {
		it.Weights = r.describe.Weights
	}
	var err error
	if n == 0 {
		err = r.start(it)
	} else {
		err = r.choose(ctx, it)
	}
	slices.SortFunc(it.Members, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.GFLOPs, b.GFLOPs), slices.Compare(a.genome, b.genome))
	})
	return it, err
}

// random is the source of an iteration's chance.
func (r *run) random(n int) *rand.Rand { return rand.New(rand.NewPCG(r.Seed, uint64(n))) }

// start chooses the smallest, the largest and random subnets.
func (r *run) start(it *iteration) error {
	n := r.Start
	if all := r.Space.Subnets(); all.IsInt64() {
		n = int(min(int64(n), all.Int64()))
	}
	random, err := r.Space.Sample(n, supernet.Uniform, r.Seed)
	if err != nil {
		return err
	}
	r.random(0).Shuffle(n, func(i, j int) { random[i], random[j] = random[j], random[i] })
	seen := map[string]bool{}
	for _, g := range append([]supernet.Genome{r.Space.Smallest(), r.Space.Largest()}, random...) {
		if name := g.String(); !seen[name] && len(it.Members) < n {
			seen[name] = true
			it.Members = append(it.Members, r.member(g))
		}
	}
	return nil
}

func (r *run) member(g supernet.Genome) member {
	return member{Genome: g.String(), GFLOPs: r.gflops(g), genome: g}
}

// gflops is the cost of a genome of the space.
func (r *run) gflops(g supernet.Genome) float64 {
	cost, err := r.Space.CostOf(g)
	if err != nil {
		panic(err) // it is one of the space
	}
	return cost.MACs / 1e9
}

// finish trains and evaluates what is left to do of an iteration.
func (r *run) finish(ctx context.Context, it *iteration) error {
	if it.complete() {
		if r.Trainer == nil {
			return nil
		}
		_, err := r.trained(it) // what comes after it is made of these weights
		return err
	}
	artifact, err := r.train(ctx, it)
	if err != nil {
		return err
	}
	r.recall(it)
	for !it.complete() {
		if err := r.evaluate(ctx, it, artifact, r.waiting(it)); err != nil {
			return err
		}
		if !it.complete() {
			if err := r.save(it); err != nil {
				return err
			}
		}
	}
	it.Surrogate = quality(it)
	return errors.Join(r.save(it), r.writeFront())
}

// train returns the artifact with the weights of an iteration, which it trains, or averages,
// unless they are.
func (r *run) train(ctx context.Context, it *iteration) (artifact string, err error) {
	switch {
	case r.Trainer == nil:
		return r.Artifact, nil
	case it.Weights != "":
		return r.trained(it)
	}
	if it.Averaged > 0 {
		r.report(it.Iteration, "averaging", 0)
		artifact, err = r.mean(ctx, it)
	} else {
		r.report(it.Iteration, "training", 0)
		var candidates []supernet.Genome
		for i := range it.Members {
			candidates = append(candidates, it.Members[i].genome)
		}
		artifact, err = r.Trainer.Train(ctx, it.Iteration, candidates)
	}
	if err != nil {
		return "", err
	}
	if it.Artifact, err = r.fromFolder(artifact); err != nil {
		return "", err
	}
	if !filepath.IsLocal(it.Artifact) {
		return "", fmt.Errorf("nat: the trainer wrote %s, which is outside of the run folder %s", artifact, r.Dir)
	}
	if it.Weights, err = hashFile(artifact); err != nil {
		return "", err
	}
	return artifact, r.save(it)
}

// trained returns the artifact with the weights of an iteration, which has them.
func (r *run) trained(it *iteration) (artifact string, err error) {
	artifact = filepath.Join(r.Dir, it.Artifact)
	if hash, err := hashFile(artifact); err != nil || hash != it.Weights {
		remedy := "start again in another folder"
		if it.Averaged > 0 {
			remedy = fmt.Sprintf("remove %s to average again", filepath.Join(r.Dir, AverageFile))
		}
		return "", errors.Join(err, fmt.Errorf("%s is not what %s was evaluated with; %s", artifact, it.file(), remedy))
	}
	return artifact, nil
}

// mean averages the weights of the last iterations.
func (r *run) mean(ctx context.Context, it *iteration) (artifact string, err error) {
	var artifacts []string
	for _, last := range r.iterations[len(r.iterations)-it.Averaged:] {
		artifact, err := r.trained(last)
		if err != nil {
			return "", err
		}
		artifacts = append(artifacts, artifact)
	}
	artifact = filepath.Join(r.Dir, AverageWeights)
	return artifact, r.Trainer.Average(ctx, artifacts, artifact)
}

// recall fills in what was evaluated with the same weights before.
func (r *run) recall(it *iteration) {
	known := map[string]*member{}
	for _, earlier := range r.iterations[:it.Iteration] {
		if earlier.Weights != it.Weights {
			continue
		}
		for i := range earlier.Members {
			known[earlier.Members[i].Genome] = &earlier.Members[i]
		}
	}
	for i := range it.Members {
		if m := &it.Members[i]; !m.evaluated() && known[m.Genome] != nil {
			m.Correct, m.Samples = known[m.Genome].Correct, known[m.Genome].Samples
		}
	}
}

// waiting returns some subnets of one image size that are not evaluated.
func (r *run) waiting(it *iteration) (some []*member) {
	side := func(m *member) int {
		resolution := r.Space.Table.Resolutions[m.genome[0]]
		return r.Space.Table.Images.Side(resolution)
	}
	for i := range it.Members {
		m := &it.Members[i]
		if !m.evaluated() && len(some) < together && (len(some) == 0 || side(m) == side(some[0])) {
			some = append(some, m)
		}
	}
	return some
}

// evaluate evaluates some subnets.
func (r *run) evaluate(ctx context.Context, it *iteration, artifact string, some []*member) error {
	r.report(it.Iteration, "evaluating", 0)
	if err := ctx.Err(); err != nil {
		return err
	}
	var genomes []supernet.Genome
	for _, m := range some {
		genomes = append(genomes, m.genome)
	}
	results, err := r.Evaluator.Evaluate(ctx, artifact, genomes, func(n int) { r.report(it.Iteration, "evaluating", n) })
	if err != nil {
		return err
	}
	if len(results) != len(some) {
		return fmt.Errorf("nat: %d results for %d subnets", len(results), len(some))
	}
	for i, result := range results {
		if result.Samples < 1 || result.Correct < 0 || result.Correct > result.Samples {
			return fmt.Errorf("nat: genome %v has %d correct answers of %d", genomes[i], result.Correct, result.Samples)
		}
		some[i].Correct, some[i].Samples = result.Correct, result.Samples
	}
	return nil
}

// quality compares what was predicted of an iteration's subnets with what came, of those
// that something was predicted of.
func quality(it *iteration) *Quality {
	var predicted, came []float64
	for i := range it.Members {
		if m := &it.Members[i]; m.Predicted != nil {
			predicted, came = append(predicted, *m.Predicted), append(came, 100*m.wrong())
		}
	}
	if len(came) == 0 {
		return nil
	}
	q := judge(predicted, came)
	return &q
}

// report passes the progress on; more are evaluated and not saved.
func (r *run) report(n int, doing string, more int) {
	if r.Progress == nil {
		return
	}
	p := Progress{Iteration: n, Of: r.Iterations, Doing: doing, Done: more, Total: r.Start + r.Iterations*r.Candidates}
	all := r.iterations
	if r.average != nil {
		all = append(slices.Clip(all), r.average)
		p.Total += len(r.average.Members)
	}
	for _, it := range all {
		for i := range it.Members {
			if it.Members[i].evaluated() {
				p.Done++
			}
		}
	}
	r.Progress(p)
}

// check refuses options that cannot be.
func (o *Options) check() error {
	if o.Dir == "" || o.Artifact == "" || o.Space == nil || o.Evaluator == nil || o.Line == nil {
		return errors.New("nat: no folder, artifact, space, evaluator or form of a line")
	}
	if o.Average > 0 && o.Trainer == nil {
		return errors.New("nat: weights that are not trained have no average")
	}
	return o.Settings.Check()
}

// hashFile returns the SHA-256 of a file.
func hashFile(path string) (string, error) {
	f, err := regular.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
