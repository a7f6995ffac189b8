package nat

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/supernet"
)

// testSpace is one of 11 genes, blocks among them that may be absent.
func testSpace(t testing.TB) *supernet.Space {
	t.Helper()
	space, err := supernet.New(supernet.Table{
		Name: "tiny", License: "own", Resolutions: []int{16, 20, 24, 28}, Stem: supernet.Stem{Widths: []int{8, 16}, Stride: 2, Activation: supernet.ReLU},
		Stages: []supernet.Stage{
			{Widths: []int{16}, Depths: []int{1, 2, 3}, Kernels: []int{3, 5}, Expansions: []int{2, 3, 4}, Stride: 2, Activation: supernet.ReLU},
			{Widths: []int{24, 32}, Depths: []int{2, 3, 4}, Kernels: []int{3, 5, 7}, Expansions: []int{2, 4}, Stride: 2, Activation: supernet.ReLU},
		},
		Head: supernet.Head{Kind: supernet.Mix, Widths: []int{32, 64}, Activation: supernet.ReLU}, Shortcut: supernet.Identity, Shrink: supernet.Crop,
		Genes: supernet.ByBlock, Eps: 1e-5, Calibration: supernet.Unbiased,
		Images: supernet.Images{Mean: [3]float64{.5, .5, .5}, Std: [3]float64{.5, .5, .5}, Interpolation: "bilinear", Crop: 0.875},
	}, 10)
	if err != nil {
		t.Fatal(err)
	}
	return space
}

// madeUp is the share of wrong answers of a subnet: less the more it costs, but it depends on
// what the cost is spent, and a little on chance.
func madeUp(space *supernet.Space, g supernet.Genome) float64 {
	n := len(g)
	good := 0.0
	for i, gene := range space.Genes() {
		share := float64(g[i]-gene.Low) / float64(max(1, gene.High-gene.Low))
		good += share * (2 - share) * float64(1+i*7%5)
	}
	good += 2 * float64(g[0]*g[n-1]) / 3
	h := fnv.New64a()
	h.Write([]byte(g.String()))
	chance := float64(h.Sum64()>>40)/float64(1<<24) - 0.5
	return min(0.95, 0.08+0.5/(1+0.12*good)+0.006*chance)
}

// fakeEvaluator takes its time.
type fakeEvaluator struct {
	space  *supernet.Space
	takes  time.Duration // a subnet
	seen   map[string]int
	cancel func() // called after some evaluations
	after  int
}

func (e *fakeEvaluator) Evaluate(ctx context.Context, artifact string, genomes []supernet.Genome, done func(int)) (results []Result, err error) {
	data, err := os.ReadFile(artifact)
	if err != nil {
		return nil, err
	}
	for i, g := range genomes {
		if e.after--; e.after == 0 && e.cancel != nil {
			e.cancel()
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		side := func(g supernet.Genome) int { return e.space.Table.Images.Side(e.space.Table.Resolutions[g[0]]) }
		if side(g) != side(genomes[0]) || len(genomes) > together {
			return nil, fmt.Errorf("%v together", genomes)
		}
		time.Sleep(e.takes)
		wrong := madeUp(e.space, g) / float64(len(data))
		results = append(results, Result{2000 - int(2000*wrong), 2000})
		if e.seen != nil {
			e.seen[g.String()]++
		}
		done(i + 1)
	}
	return results, nil
}

// fakeTrainer makes weights that are better the later.
type fakeTrainer struct{ dir string }

func (f fakeTrainer) Train(_ context.Context, iteration int, candidates []supernet.Genome) (string, error) {
	path := filepath.Join(f.dir, fmt.Sprintf("weights-%d.pt", iteration))
	return path, os.WriteFile(path, []byte(strings.Repeat("w", 1+iteration)), 0o666)
}

// Average makes weights that are about as good as those averaged.
func (f fakeTrainer) Average(_ context.Context, artifacts []string, out string) error {
	sum := 0
	for _, path := range artifacts {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum += len(data)
	}
	return os.WriteFile(out, []byte(strings.Repeat("m", (sum+1)/len(artifacts))), 0o666)
}

// job returns a small run in a new folder, of weights beside it.
func job(t testing.TB) Options {
	dir := t.TempDir()
	artifact := filepath.Join(dir, "super.pt")
	if err := os.WriteFile(artifact, []byte("w"), 0o666); err != nil {
		t.Fatal(err)
	}
	space := testSpace(t)
	o := Options{Dir: filepath.Join(dir, "run"), Artifact: artifact, Space: space, Settings: Defaults(), Facts: []Fact{{"images", "some"}}, Evaluator: &fakeEvaluator{space: space}, Line: line}
	o.Iterations, o.Start, o.Candidates, o.Interpolants, o.Evaluations = 4, 30, 10, 30, 600
	return o
}

func line(path string, g supernet.Genome) string { return path + " genome=" + g.String() }

// files returns the contents of a folder.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}

// same compares two folders.
func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s should not be there", name)
		}
	}
	for name, content := range want {
		if got[name] != content {
			t.Errorf("%s differs:\n%s\nwant\n%s", name, got[name], content)
		}
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	for _, search := range Searches() {
		o := job(t)
		o.Search = search
		seen := map[string]int{}
		o.Evaluator.(*fakeEvaluator).seen = seen
		found, err := Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if len(seen) != 70 || found.Subnets != 70 || !found.Complete || len(found.Curve) != 5 {
			t.Errorf("%s: %d subnets, %+v", search, len(seen), found)
		}
		for g, n := range seen {
			if n > 1 {
				t.Errorf("%s: %s is evaluated %d times", search, g, n)
			}
		}
		for i, s := range found.Curve {
			if i > 0 && (s.Hypervolume < found.Curve[i-1].Hypervolume || s.Surrogate == nil || s.LeastError > found.Curve[i-1].LeastError) {
				t.Errorf("%s: %+v after %+v", search, s, found.Curve[i-1])
			}
		}
		for i, p := range found.Front {
			if i > 0 && (p.GFLOPs <= found.Front[i-1].GFLOPs || p.Error >= found.Front[i-1].Error) {
				t.Errorf("%s: %+v after %+v", search, p, found.Front[i-1])
			}
		}
		if p := found.Front[0]; p.Genome != o.Space.Smallest().String() {
			t.Errorf("%s: the front begins with %s", search, p.Genome)
		}
		list := files(t, o.Dir)[FrontFile]
		if !strings.HasPrefix(list, "../super.pt genome="+o.Space.Smallest().String()+"\n") || strings.Count(list, "\n") != len(found.Front) {
			t.Errorf("%s: the list is %s", search, list)
		}

		// Ten times as many random subnets are not as good.
		random := &run{Options: o, costs: [2]float64{}}
		for i, g := range []supernet.Genome{o.Space.Smallest(), o.Space.Largest()} {
			random.costs[i] = random.gflops(g)
		}
		genomes, err := o.Space.Sample(700, supernet.Uniform, 5)
		if err != nil {
			t.Fatal(err)
		}
		var points []Point
		for _, g := range append(genomes, o.Space.Smallest(), o.Space.Largest()) {
			points = append(points, Point{GFLOPs: random.gflops(g), Error: madeUp(o.Space, g)})
		}
		if hv := random.hypervolume(frontOf(points), found.Reference); hv >= found.Curve[4].Hypervolume {
			t.Errorf("%s: hypervolume %v, that of 700 random subnets %v", search, found.Curve[4].Hypervolume, hv)
		}
	}
}

// A run may end for now at any evaluation; what is finished by then is kept. It may go on with
// more iterations.
func TestInterruptions(t *testing.T) {
	t.Parallel()
	whole := job(t)
	if _, err := Run(context.Background(), whole); err != nil {
		t.Fatal(err)
	}
	o := job(t)
	o.Iterations = 2
	e := o.Evaluator.(*fakeEvaluator)
	e.seen = map[string]int{}
	for _, after := range []int{1, 20, 3, 17, 1000} {
		ctx, cancel := context.WithCancel(context.Background())
		e.after, e.cancel = after, cancel
		found, err := Run(ctx, o)
		if done := after == 1000; found.Complete != done || errors.Is(err, context.Canceled) == done {
			t.Errorf("ended after %d: %+v, %v", after, found, err)
		}
		cancel()
	}
	evaluations := 0
	for _, n := range e.seen {
		evaluations += n
	}
	if len(e.seen) != 50 || evaluations >= 50+4*together {
		t.Errorf("%d evaluations of %d subnets", evaluations, len(e.seen))
	}
	o.Iterations = 4
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	same(t, files(t, o.Dir), files(t, whole.Dir))
}

// With candidates that replace the archive, what is known is not evaluated again; with
// weights that change all is.
func TestReplace(t *testing.T) {
	t.Parallel()
	o := job(t)
	o.Replace, o.Candidates = true, 25
	e := o.Evaluator.(*fakeEvaluator)
	e.seen = map[string]int{}
	found, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(e.seen); n != found.Subnets || n >= 130 || n < 50 {
		t.Errorf("%d different subnets of 130, %d", n, found.Subnets)
	}
	o.Dir, e.seen = t.TempDir(), map[string]int{}
	o.Trainer = fakeTrainer{o.Dir}
	if found, err = Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if found.Subnets != 130 {
		t.Errorf("%d subnets evaluated of 130", found.Subnets)
	}
	for _, p := range found.Front {
		if want := filepath.Join(o.Dir, fmt.Sprintf("weights-%d.pt", p.Iteration)); p.Artifact != want {
			t.Errorf("%+v is not of %s", p, want)
		}
	}
	// Other runs have weights of such names, too.
	list := ""
	for _, p := range found.Front {
		list += fmt.Sprintf("weights-%d.pt genome=%s name=weights-%d-%s/%s\n", p.Iteration, p.Genome, p.Iteration, p.Weights[:8], p.Genome)
	}
	if got := files(t, o.Dir)[FrontFile]; got != list {
		t.Errorf("the list is\n%s\nand not\n%s", got, list)
	}
	o.Dir = filepath.Join(t.TempDir(), "run")
	if _, err = Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "outside of the run folder") {
		t.Errorf("weights elsewhere: %v", err)
	}
}

// TestAverage ends runs with the mean of the weights of the last iterations.
func TestAverage(t *testing.T) {
	t.Parallel()
	trained := func(average int) Options {
		o := job(t)
		o.Trainer, o.Average = fakeTrainer{o.Dir}, average
		return o
	}
	run := func(o Options) *Outcome {
		t.Helper()
		found, err := Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	plain, whole := trained(0), trained(2)
	before, found := run(plain), run(whole)
	if found.Average == nil || found.Average.Iterations != 2 || before.Average != nil {
		t.Fatalf("averages: %+v, %+v", found.Average, before.Average)
	}
	if n := found.Subnets - before.Subnets; n != len(before.Front) {
		t.Errorf("%d subnets evaluated with averaged weights, of a front of %d", n, len(before.Front))
	}
	all := files(t, whole.Dir)
	if all[AverageWeights] != "mmmmm" { // of 4 and 5
		t.Errorf("the average is %q", all[AverageWeights])
	}
	known := map[string]bool{}
	for _, p := range before.Front {
		known[p.Genome] = true
	}
	for i, p := range found.Front {
		if p.Artifact != filepath.Join(whole.Dir, AverageWeights) || p.Iteration != 4 || !known[p.Genome] {
			t.Errorf("on the front: %+v", p)
		}
		if i > 0 && (p.GFLOPs <= found.Front[i-1].GFLOPs || p.Error >= found.Front[i-1].Error) {
			t.Errorf("%+v after %+v", p, found.Front[i-1])
		}
	}
	if list := all[FrontFile]; strings.Count(list, AverageWeights+" genome=") != len(found.Front) || strings.Contains(list, "weights-") {
		t.Errorf("the list is\n%s", list)
	}
	if list := files(t, plain.Dir)[FrontFile]; strings.Contains(list, AverageWeights) {
		t.Errorf("the list without an average is\n%s", list)
	}
	without := files(t, plain.Dir)

	// Interrupted at many places, of fewer iterations, then of all.
	o := trained(2)
	e := o.Evaluator.(*fakeEvaluator)
	for _, iterations := range []int{2, 4} {
		o.Iterations = iterations
		for n := 1; ; n++ {
			ctx, cancel := context.WithCancel(context.Background())
			e.after, e.cancel = 9, cancel
			_, err := Run(ctx, o)
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) || n > 30 {
				t.Fatal(err)
			}
		}
	}
	e.cancel = nil
	same(t, files(t, o.Dir), all)

	// The number may change, and nothing but the average is made anew.
	e.seen = map[string]int{}
	o.Average = 3
	three := run(o)
	if n := len(e.seen); n != len(before.Front) || three.Average.Iterations != 3 {
		t.Errorf("%d subnets evaluated, %+v", n, three.Average)
	}
	o.Average = 0
	run(o)
	same(t, files(t, o.Dir), without)
	// An average that is changed before it is evaluated is told, and made again.
	o.Average = 3
	ctx, cancel := context.WithCancel(context.Background())
	e.after, e.cancel = 1, cancel
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	e.cancel = nil
	if err := os.WriteFile(filepath.Join(o.Dir, AverageWeights), []byte("other"), 0o666); err != nil {
		t.Fatal(err)
	}
	remedy := filepath.Join(o.Dir, AverageFile)
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "average.pt is not what average.json was evaluated with; remove "+remedy+" to average again") {
		t.Error(err)
	}
	if err := os.Remove(remedy); err != nil {
		t.Fatal(err)
	}
	run(o)
	o.Average = 2
	run(o)
	same(t, files(t, o.Dir), all)

	// Fewer iterations than there are change nothing, nor does what cannot be.
	o.Iterations = 3
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "has 4 iterations already") {
		t.Error(err)
	}
	o.Iterations, o.Average = 4, 5
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "average is 5; it is 0 for none, or at most as many as there are iterations, 4") {
		t.Error(err)
	}
	same(t, files(t, o.Dir), all)
	untrained := job(t)
	untrained.Average = 1
	if _, err := Run(context.Background(), untrained); err == nil || !strings.Contains(err.Error(), "weights that are not trained have no average") {
		t.Error(err)
	}

	// Weights that are gone, and a damaged file, are named.
	o.Average = 3
	if err := os.Remove(filepath.Join(o.Dir, "weights-3.pt")); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "weights-3.pt is not what iteration-0003.json was evaluated with; start again in another folder") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(o.Dir, AverageFile), []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), AverageFile+": it has no checksum") {
		t.Error(err)
	}
}

// A folder has one run at a time.
func TestTaken(t *testing.T) {
	t.Parallel()
	o := job(t)
	taken, err := Take(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), o); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), o.Dir+": ") || !strings.Contains(err.Error(), "wait until it ends, or name another folder") {
		t.Errorf("a second run: %v", err)
	}
	taken.Leave()
	if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if o.Folder, err = Take(o.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), o); err != nil {
		t.Error(err)
	}
	if _, err := Take(o.Dir); !errors.Is(err, ErrInUse) {
		t.Errorf("after the run, before it is left: %v", err)
	}
	o.Folder.Leave()
	o.Folder = nil
	for range 2 {
		if _, err := Run(context.Background(), o); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

// A space may have fewer subnets than a run asks for.
func TestFewSubnets(t *testing.T) {
	t.Parallel()
	table := testSpace(t).Table
	table.Resolutions, table.Stem.Widths, table.Stages = []int{16, 20}, []int{8}, table.Stages[:1]
	table.Stages[0].Depths, table.Stages[0].Kernels = []int{1, 2}, []int{3}
	one := table
	one.Resolutions, one.Head.Widths, one.Stages = []int{16}, []int{32}, slices.Clone(table.Stages)
	one.Stages[0].Depths, one.Stages[0].Expansions = []int{1}, []int{2}
	for _, table := range []supernet.Table{table, one} {
		for _, replace := range []bool{false, true} {
			space, err := supernet.New(table, 10)
			if err != nil {
				t.Fatal(err)
			}
			o := job(t)
			o.Space, o.Start, o.Replace, o.Evaluator = space, 10, replace, &fakeEvaluator{space: space}
			for range 2 {
				found, err := Run(context.Background(), o)
				if err != nil || !found.Complete || !replace && int64(found.Subnets) != space.Subnets().Int64() {
					t.Errorf("%+v of %v: %v", found, space.Subnets(), err)
				}
			}
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	o := job(t)
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	before := files(t, o.Dir)
	refused := func(name, want string, change func(*Options)) {
		other := o
		other.Settings = o.Settings
		change(&other)
		if _, err := Run(context.Background(), other); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	elsewhere := filepath.Join(t.TempDir(), "other.pt")
	if err := os.WriteFile(elsewhere, []byte("other"), 0o666); err != nil {
		t.Fatal(err)
	}
	refused("seed", "--seed was 1 and is 2", func(o *Options) { o.Seed = 2 })
	refused("candidates", "--candidates was 10 and is 11", func(o *Options) { o.Candidates = 11 })
	refused("images", "images was some and is others", func(o *Options) { o.Facts = []Fact{{"images", "others"}} })
	refused("another fact", "device was nothing and is cpu", func(o *Options) { o.Facts = append(slices.Clip(o.Facts), Fact{"device", "cpu"}) })
	refused("weights", "the weights' SHA-256 was", func(o *Options) { o.Artifact = elsewhere })
	refused("training", "training was false and is true", func(o *Options) { o.Trainer = fakeTrainer{o.Dir} })
	refused("fewer iterations", "has 4 iterations already, and 3 are asked for", func(o *Options) { o.Iterations = 3 })
	refused("no such search", `search "best" is none of nsga3, gomea`, func(o *Options) { o.Search = "best" })
	refused("too many", "iterations of 2000 candidates are 20030 subnets", func(o *Options) { o.Iterations, o.Candidates = 10, 2000 })
	refused("no such artifact", "no such file", func(o *Options) { o.Artifact = elsewhere + "x" })
	refused("another folder", "has files of something else", func(o *Options) { o.Dir = filepath.Dir(elsewhere) })
	same(t, files(t, o.Dir), before)

	// A folder may come from anybody, or be damaged.
	for what, change := range map[string]func(string) string{
		"its checksum is wrong": func(s string) string { return strings.Replace(s, `"correct": 1`, `"correct": 0`, 1) },
		"it has no checksum":    func(s string) string { return "{" + s[strings.Index(s, ",")+1:] },
		"is not complete":       nil,
		"iteration-0001.json":   func(s string) string { return s[:len(s)/2] },
	} {
		path := filepath.Join(o.Dir, iterationFile(1))
		if err := os.WriteFile(path, []byte(before[iterationFile(1)]), 0o666); err != nil {
			t.Fatal(err)
		}
		if change == nil {
			r := &run{Options: o}
			it := new(iteration)
			if err := r.read(iterationFile(1), it); err != nil {
				t.Fatal(err)
			}
			it.Members[0].Samples, it.Members[0].Correct = 0, 0
			if err := r.save(it); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, []byte(change(before[iterationFile(1)])), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "iteration-000") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestKilled is a run whose process is killed twenty times, at any moment. It ends with what
// one that was not killed has.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("NAT_KILLED"); dir != "" {
		child(t, dir, os.Getenv("NAT_TRAINED") != "", func(p Progress) { fmt.Printf("at %+v\n", p) })
		return
	}
	t.Parallel()
	for _, trained := range []bool{false, true} {
		t.Run(fmt.Sprintf("trained=%v", trained), func(t *testing.T) {
			t.Parallel()
			killed(t, trained)
		})
	}
}

func killed(t *testing.T, trained bool) {
	whole, broken := t.TempDir(), t.TempDir()
	child(t, whole, trained, nil)
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	kills := 0
	for {
		// A child says whenever it gets on, and dies a little after it has some times.
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$", "-test.v")
		cmd.Env = append(os.Environ(), "NAT_KILLED="+broken)
		if trained {
			cmd.Env = append(cmd.Env, "NAT_TRAINED=1")
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		left := 1 + rng.IntN(9)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "at ") && kills < 20 {
				if left--; left == 0 {
					time.Sleep(time.Duration(rng.IntN(4000)) * time.Microsecond)
					cmd.Process.Kill()
				}
			}
		}
		if cmd.Wait() == nil {
			break
		}
		if kills++; kills > 20 {
			t.Fatal("it fails")
		}
	}
	if kills < 20 {
		t.Errorf("it ended after %d kills", kills)
	}
	same(t, files(t, filepath.Join(broken, "run")), files(t, filepath.Join(whole, "run")))
}

// child runs in a folder.
func child(t *testing.T, dir string, trained bool, progress func(Progress)) {
	o := job(t)
	o.Artifact = filepath.Join(dir, "super.pt")
	if _, err := os.Stat(o.Artifact); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(o.Artifact, []byte("w"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	o.Dir, o.Iterations = filepath.Join(dir, "run"), 6
	o.Evaluator.(*fakeEvaluator).takes = time.Millisecond
	if trained {
		o.Trainer, o.Average = fakeTrainer{o.Dir}, 3
	}
	o.Progress = progress
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
}

// TestWeightsAreChecked: weights that an iteration was evaluated with, and that are there no
// more or are others, end a run that is continued, even one that has ended.
func TestWeightsAreChecked(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"removed":   os.Remove,
		"exchanged": func(path string) error { return os.WriteFile(path, []byte("other weights"), 0o600) },
	} {
		for _, more := range []int{0, 1} {
			o := job(t)
			o.Iterations, o.Trainer, o.Replace = 2, fakeTrainer{o.Dir}, true
			if _, err := Run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if err := spoil(filepath.Join(o.Dir, "weights-2.pt")); err != nil {
				t.Fatal(err)
			}
			o.Iterations += more
			if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "weights-2.pt is not what iteration-0002.json was evaluated with") {
				t.Errorf("%s, %d more iterations: %v", name, more, err)
			}
		}
	}
}

// TestOtherIterations: an iteration's file of another run is refused.
func TestOtherIterations(t *testing.T) {
	one, other := job(t), job(t)
	one.Iterations, other.Iterations = 1, 1
	other.Facts = []Fact{{"images", "others"}}
	for _, o := range []Options{one, other} {
		if _, err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(other.Dir, "iteration-0001.json"), filepath.Join(one.Dir, "iteration-0001.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), one); err == nil || !strings.Contains(err.Error(), "iteration-0001.json: it is of another run than nat.json") {
		t.Errorf("an iteration of another run: %v", err)
	}
}
