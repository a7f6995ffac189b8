package scripts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestAttack attacks the program: it kills every command that writes, fails its system calls,
// damages every kind of its files and of its inputs, and lets it write, and read while it
// writes, twice at once. What the undamaged files give judges what is given afterwards: an
// error, or the same. The front of these was judged by oracle.py. The same command again
// completes what was interrupted.
//
// ATTACK is by how much more than a little (make attack: 25); ATTACK_SEED another seed. Every
// attempt has a number, from which and from the seed it is drawn: ATTACK_ONLY="kills 17"
// repeats one, and ATTACK_ONLY=kills,hostile\ inputs all of two kinds.
func TestAttack(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	a := newAttack(t)
	began := time.Now()
	for _, k := range []struct {
		name  string
		times int
		once  func(x *attempt)
	}{
		{"kills", 13, (*attempt).kill},
		{"failed system calls", 13, (*attempt).failCalls},
		{"mutations of zoos", 50, (*attempt).mutateZoo},
		{"mutations of runs", 20, (*attempt).mutateRun},
		{"mutations of states", 8, (*attempt).mutateState},
		{"mutations of bundles", 4, (*attempt).mutateBundle},
		{"hostile inputs", 20, (*attempt).hostileInput},
		{"two writers", 1, (*attempt).twoWriters},
		{"readers beside a writer", 1, (*attempt).readBesideWriter},
	} {
		a.attack(k.name, k.times*a.factor, k.once)
	}
	t.Logf("seed %d, %v, %d processors\n%s", a.seed, time.Since(began).Round(time.Second), runtime.GOMAXPROCS(0), a.table())
}

// An attack is the program and what it gives if nothing is wrong.
type attack struct {
	t       *testing.T
	seed    uint64
	factor  int
	only    string
	program string
	dir     string
	subject

	kinds []*outcome
}

// An outcome is what became of the attempts of one kind.
type outcome struct {
	kind                                           string
	tried, refused, crashed, wrong, lost, harmless atomic.Int64
	seconds                                        float64
}

// An attempt is one attack, with a folder of its own.
type attempt struct {
	*attack
	*outcome
	number int
	r      *rand.Rand
	dir    string
}

func newAttack(t *testing.T) *attack {
	number := func(name string, otherwise uint64) uint64 {
		if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
			return n
		}
		return otherwise
	}
	a := &attack{t: t, dir: t.TempDir(), seed: number("ATTACK_SEED", 1), factor: int(number("ATTACK", 1)), only: os.Getenv("ATTACK_ONLY")}
	a.program = filepath.Join(a.dir, "encas-zoo")
	if out, err := exec.Command("go", "build", "-o", a.program, "../cmd/encas-zoo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	a.make()
	return a
}

// attack makes attempts of a kind, as many at a time as there are processors.
func (a *attack) attack(kind string, times int, once func(x *attempt)) {
	o := &outcome{kind: kind}
	a.kinds = append(a.kinds, o)
	began := time.Now()
	numbers := make(chan int)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for n := range numbers {
				a.attempt(o, n, once)
			}
		})
	}
	for n := range times {
		if o.crashed.Load()+o.wrong.Load()+o.lost.Load() > 20 {
			break // enough to look into
		}
		if a.only == "" || slices.Contains(strings.Split(a.only, ","), kind) || a.only == fmt.Sprint(kind, " ", n) {
			numbers <- n
		}
	}
	close(numbers)
	wait.Wait()
	o.seconds = time.Since(began).Seconds()
	fmt.Fprintf(os.Stderr, "%s: %d in %.0f s\n", kind, o.tried.Load(), o.seconds)
}

// attempt makes one, drawn from the seed, its kind and its number alone.
func (a *attack) attempt(o *outcome, number int, once func(x *attempt)) {
	h := fnv.New64a()
	fmt.Fprint(h, o.kind, number)
	x := &attempt{attack: a, outcome: o, number: number, r: rand.New(rand.NewPCG(a.seed, h.Sum64()))}
	var err error
	if x.dir, err = os.MkdirTemp(a.dir, "try"); err != nil {
		a.t.Error(err)
		return
	}
	defer os.RemoveAll(x.dir)
	defer func() {
		if reason := recover(); reason != nil {
			buf := make([]byte, 1<<14)
			x.fail(&o.crashed, "panic: %v\n%s", reason, buf[:runtime.Stack(buf, false)])
		}
	}()
	o.tried.Add(1)
	once(x)
}

// fail counts something that must not be.
func (x *attempt) fail(what *atomic.Int64, format string, args ...any) {
	what.Add(1)
	x.t.Errorf("%s %d: %s", x.kind, x.number, fmt.Sprintf(format, args...))
}

func (x *attempt) path(name string) string { return filepath.Join(x.dir, name) }

// start runs the program.
func (a *attack) start(ctx context.Context, args ...string) (out string, err error) {
	c := exec.CommandContext(ctx, a.program, append(args, "-q")...)
	var b bytes.Buffer
	c.Stdout, c.Stderr = &b, &b
	c.WaitDelay = time.Second
	err = c.Run()
	return b.String(), err
}

// try runs the program, which may refuse, but neither crash nor hang.
func (x *attempt) try(args ...string) (out string, err error) {
	ctx, stop := context.WithTimeout(x.t.Context(), 5*time.Minute)
	defer stop()
	out, err = x.start(ctx, args...)
	x.judgeEnd(args, out, err, ctx.Err() != nil)
	return out, err
}

// judgeEnd looks at how a process ended.
func (x *attempt) judgeEnd(args []string, out string, err error, hangs bool) {
	var exit *exec.ExitError
	switch {
	case hangs:
		x.fail(&x.crashed, "%q hangs", args)
	case crashed(out) || errors.As(err, &exit) && exit.ExitCode() != 1 && exit.ExitCode() != 2 && exit.ExitCode() != 3:
		x.fail(&x.crashed, "%q crashes: %v\n%s", args, err, out)
	}
}

// crashed reports whether that is what a crash leaves.
func crashed(out string) bool {
	return strings.Contains(out, "goroutine ") || strings.Contains(out, "panic") || strings.Contains(out, "fatal error") || strings.Contains(out, "this is a bug")
}

// must runs the program, which must succeed.
func (x *attempt) must(args ...string) (out string) {
	out, err := x.try(args...)
	if err != nil {
		x.fail(&x.lost, "%q: %v\n%s", args, err, out)
	}
	return out
}

// copyOf copies a folder into that of the attempt.
func (x *attempt) copyOf(dir string) string {
	to := x.path("copy" + strconv.Itoa(int(x.r.Uint32())))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		x.t.Fatal(err)
	}
	return to
}

// kill kills a command at some moment, in a third of the cases early.
func (x *attempt) kill() {
	job := x.job()
	took := job.took
	if x.r.IntN(3) == 0 {
		took /= 4
	}
	ctx, stop := context.WithTimeout(x.t.Context(), time.Duration(x.r.Float64()*1.1*float64(took)))
	defer stop()
	out, err := x.start(ctx, job.args...)
	if ctx.Err() != nil {
		x.refused.Add(1)
	} else {
		x.judgeEnd(job.args, out, err, false)
	}
	x.again(job)
}

// again runs a command that was interrupted, and checks what came of both.
func (x *attempt) again(job job) {
	out, err := x.try(job.args...)
	if err != nil && (job.gone == "" || !strings.Contains(out, job.gone)) {
		x.fail(&x.lost, "the same command again: %q: %v\n%s", job.args, err, out)
		return
	}
	job.done()
}

// same compares what there is afterwards with what should be.
func (x *attempt) same(what, got, want string) {
	if got != want {
		x.fail(&x.wrong, "%s: another result and no error:\n%.3000s\ninstead of\n%.3000s", what, got, want)
	}
}

// filesOf returns the files of a folder, but for those that are empty.
func filesOf(dir string) (files []string) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil && info.Size() > 0 {
				files = append(files, path)
			}
		}
		return nil
	})
	return files
}

// table shows what was tried and what became of it.
func (a *attack) table() string {
	var b strings.Builder
	const row = "%-26s%8v%10v%10v%9v%8v%7v%6v%8v\n"
	fmt.Fprintf(&b, row, "attack", "tried", "stopped", "harmless", "crashes", "wrong", "lost", "", "seconds")
	for _, o := range a.kinds {
		fmt.Fprintf(&b, row, o.kind, o.tried.Load(), o.refused.Load(), o.harmless.Load(), o.crashed.Load(), o.wrong.Load(), o.lost.Load(), "", int(o.seconds+0.5))
	}
	return b.String() + "stopped: killed, failed or refused; harmless: the same as without the attack; " + a.judged
}
