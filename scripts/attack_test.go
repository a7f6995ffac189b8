package scripts

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAttack attacks the program: it kills it, gives it no room, damages its files and its
// inputs, and runs it twice at once. What the undamaged zoo gives judges what is given
// afterwards: an error or the same, and the same command again completes what was
// interrupted. ATTACK is by how much more than a little (make attack: 26); ATTACK_SEED
// another seed.
func TestAttack(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	a := newAttack(t)
	began := time.Now()
	for _, c := range []struct {
		name  string
		times int
		once  func()
	}{
		{"kills", 12, a.kill},
		{"full disks", 12, a.fullDisk},
		{"mutations of zoos", 60, a.mutateZoo},
		{"mutations of runs", 20, a.mutateRun},
		{"hostile inputs", 12, a.hostileInput},
		{"two writers", 1, a.twoWriters},
		{"readers beside a writer", 1, a.readBesideWriter},
	} {
		a.kind = c.name
		for range c.times * a.factor {
			a.counts[c.name]++
			c.once()
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("seed %d, %v\n%s", a.seed, time.Since(began).Round(time.Second), a.table())
}

// An attack is the program and what it gives if nothing is wrong.
type attack struct {
	t       *testing.T
	r       *rand.Rand
	seed    uint64
	factor  int
	program string
	dir     string
	source  string // predictions to import
	zoo     string // imported from these
	run     string // its front
	front   string // the cascades of that
	kind    string
	counts  map[string]int // attempts by kind; refused by kind and " refused"
}

func newAttack(t *testing.T) *attack {
	number := func(name string, otherwise uint64) uint64 {
		if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
			return n
		}
		return otherwise
	}
	a := &attack{t: t, dir: t.TempDir(), counts: map[string]int{}, seed: number("ATTACK_SEED", 1), factor: int(number("ATTACK", 1))}
	a.r = rand.New(rand.NewPCG(a.seed, 1))
	a.program = filepath.Join(a.dir, "encas-zoo")
	if out, err := exec.Command("go", "build", "-o", a.program, "../cmd/encas-zoo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	a.source, a.zoo, a.run = a.path("source"), a.path("zoo"), a.path("run")
	a.makeSource()
	a.must(a.importInto(a.zoo)...)
	a.must(a.search(a.zoo, a.run)...)
	a.front = cascadesOf(t, a.run)
	return a
}

func (a *attack) path(name string) string { return filepath.Join(a.dir, name) }

const attackModels, attackSamples, attackClasses = 5, 400, 6

// makeSource writes predictions of models that are the better the more they cost.
func (a *attack) makeSource() {
	if err := os.Mkdir(a.source, 0o777); err != nil {
		a.t.Fatal(err)
	}
	labels := make([]int64, attackSamples)
	for i := range labels {
		labels[i] = int64(a.r.IntN(attackClasses))
	}
	table := "name,gflops\n"
	for m := range attackModels {
		rows := make([]float32, attackSamples*attackClasses)
		for i, label := range labels {
			row, sum := rows[i*attackClasses:][:attackClasses], float32(0)
			for c := range row {
				row[c] = a.r.Float32()
			}
			row[label] += float32(m) * a.r.Float32()
			for _, v := range row {
				sum += v
			}
			for c := range row {
				row[c] /= sum
			}
		}
		a.write(filepath.Join(a.source, fmt.Sprintf("m%d.npy", m)), npyFile("<f4", fmt.Sprintf("(%d, %d)", attackSamples, attackClasses), rows))
		table += fmt.Sprintf("m%d,%d\n", m, 1<<m)
	}
	a.write(filepath.Join(a.source, "labels.npy"), npyFile("<i8", fmt.Sprintf("(%d,)", attackSamples), labels))
	a.write(filepath.Join(a.source, "models.csv"), []byte(table))
}

// npyFile returns an array as numpy.save writes it.
func npyFile(dtype, shape string, values any) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", dtype, shape)
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	var b bytes.Buffer
	b.WriteString("\x93NUMPY\x01\x00")
	binary.Write(&b, binary.LittleEndian, uint16(len(header)))
	b.WriteString(header)
	binary.Write(&b, binary.LittleEndian, values)
	return b.Bytes()
}

func (a *attack) write(path string, data []byte) {
	a.t.Helper()
	if err := os.WriteFile(path, data, 0o666); err != nil {
		a.t.Fatal(err)
	}
}

// The commands that are attacked.

func (a *attack) importInto(zoo string) []string {
	return []string{"import", "--zoo", zoo, "--format", "npy", "--split", "search=0:300", "--split", "test=300:400", a.source}
}

func (a *attack) search(zoo, run string) []string {
	return []string{"optimize", "--zoo", zoo, "--algorithm", "exact", "--grid", "paper", "--out", run, "--force"}
}

// cascadesOf returns the cascades of a front.
func cascadesOf(t *testing.T, run string) string {
	data, err := os.ReadFile(filepath.Join(run, "front.json"))
	var f struct {
		Cascades json.RawMessage `json:"cascades"`
	}
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(f.Cascades)
}

// start runs the program; with a limit its files have at most so many blocks of 1024 bytes.
func (a *attack) start(ctx context.Context, limit int, args ...string) (out string, err error) {
	args = append(args, "-q")
	c := exec.CommandContext(ctx, a.program, args...)
	if limit >= 0 {
		c = exec.CommandContext(ctx, "bash", append([]string{"-c", `trap "" XFSZ; ulimit -f "$0"; exec "$@"`, strconv.Itoa(limit), a.program}, args...)...)
	}
	var b bytes.Buffer
	c.Stdout, c.Stderr = &b, &b
	err = c.Run()
	return b.String(), err
}

// try runs the program, which may refuse, but neither crash nor hang.
func (a *attack) try(args ...string) (out string, err error) { return a.tryLimited(-1, args...) }

func (a *attack) tryLimited(limit int, args ...string) (out string, err error) {
	a.t.Helper()
	ctx, stop := context.WithTimeout(a.t.Context(), 2*time.Minute)
	defer stop()
	out, err = a.start(ctx, limit, args...)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		a.t.Errorf("%s: %q hangs", a.kind, args)
	case strings.Contains(out, "goroutine ") || strings.Contains(out, "panic") || errors.As(err, &exit) && exit.ExitCode() != 1 && exit.ExitCode() != 2 && exit.ExitCode() != 3:
		a.t.Errorf("%s: %q crashes: %v\n%s", a.kind, args, err, out)
	}
	return out, err
}

// must runs the program, which must succeed.
func (a *attack) must(args ...string) {
	a.t.Helper()
	if out, err := a.try(args...); err != nil {
		a.t.Fatalf("%s: %q: %v\n%s", a.kind, args, err, out)
	}
}

// copyOf copies a folder to a new one.
func (a *attack) copyOf(dir string) string {
	a.t.Helper()
	to := filepath.Join(a.t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		a.t.Fatal(err)
	}
	return to
}

// writing returns a command that writes, and what must be true once the same command
// has come to its end.
func (a *attack) writing() (args []string, done func()) {
	whole := func(zoo string) {
		a.must("zoo", "verify", "--zoo", zoo)
		run := filepath.Join(a.t.TempDir(), "run")
		a.must(a.search(zoo, run)...)
		if cascadesOf(a.t, run) != a.front {
			a.t.Errorf("%s: %s has another front", a.kind, zoo)
		}
	}
	switch a.r.IntN(4) {
	case 0:
		zoo := filepath.Join(a.t.TempDir(), "zoo")
		return a.importInto(zoo), func() { whole(zoo) }
	case 1:
		zoo := a.copyOf(a.zoo)
		return []string{"zoo", "set", "--zoo", zoo, "m1", "price=3"}, func() { whole(zoo) }
	case 2:
		zoo := a.copyOf(a.zoo)
		return []string{"zoo", "remove", "--zoo", zoo, "m3", "m4"}, func() {
			a.must("zoo", "verify", "--zoo", zoo)
			if out, err := a.try("zoo", "list", "--zoo", zoo); err != nil || strings.Contains(out, "m3") || !strings.Contains(out, "m2") {
				a.t.Errorf("%s: %v\n%s", a.kind, err, out)
			}
		}
	}
	run := filepath.Join(a.t.TempDir(), "run")
	return a.search(a.zoo, run), func() {
		a.must("zoo", "verify", run)
		if cascadesOf(a.t, run) != a.front {
			a.t.Errorf("%s: another front", a.kind)
		}
	}
}

// again runs a command that was interrupted, and checks what came of both. Removing what is
// removed is an error; so is only the removal that was complete.
func (a *attack) again(args []string, done func()) {
	out, err := a.try(args...)
	if err != nil && !(args[0] == "zoo" && args[1] == "remove" && strings.Contains(out, "has no model")) {
		a.t.Errorf("%s: the same command again: %q: %v\n%s", a.kind, args, err, out)
		return
	}
	done()
}

func (a *attack) kill() {
	args, done := a.writing()
	ctx, stop := context.WithTimeout(a.t.Context(), time.Duration(a.r.IntN(250_000))*time.Microsecond)
	defer stop()
	a.start(ctx, -1, args...)
	if ctx.Err() != nil {
		a.counts[a.kind+" refused"]++
	}
	a.again(args, done)
}

func (a *attack) fullDisk() {
	args, done := a.writing()
	if _, err := a.tryLimited(a.r.IntN(12), args...); err != nil {
		a.counts[a.kind+" refused"]++
	}
	a.again(args, done)
}

// mutated returns a file changed in one way or another.
func (a *attack) mutated(data []byte) []byte {
	d := slices.Clone(data)
	at := 0
	if len(d) > 0 {
		at = a.r.IntN(len(d))
	}
	switch a.r.IntN(6) {
	case 0:
		return d[:at]
	case 1:
		return slices.Insert(d, at, []byte("garbage")...)
	case 2:
		clear(d[at:])
	case 3: // one digit of a text
		for i := range d {
			if j := (at + i) % len(d); d[j] >= '0' && d[j] <= '9' {
				d[j] = '0' + (d[j]-'0'+byte(1+a.r.IntN(9)))%10
				break
			}
		}
	case 4:
		for range 1 + a.r.IntN(8) {
			d[a.r.IntN(len(d))] = byte(a.r.Uint32())
		}
	default:
		if len(d) > 0 {
			d[at] ^= 1 << a.r.IntN(8)
		}
	}
	return d
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

// change changes, exchanges or removes a file of a folder.
func (a *attack) change(dir string) (what string) {
	files := filesOf(dir)
	path := files[a.r.IntN(len(files))]
	data, err := os.ReadFile(path)
	if err != nil {
		a.t.Fatal(err)
	}
	other := files[a.r.IntN(len(files))]
	switch {
	case a.r.IntN(10) == 0:
		os.Remove(path)
		return "removed " + path
	case a.r.IntN(4) == 0 && filepath.Ext(other) == filepath.Ext(path):
		theirs, _ := os.ReadFile(other)
		a.write(path, theirs)
		a.write(other, data)
		return "exchanged " + path + " and " + other
	}
	a.write(path, a.mutated(data))
	return "changed " + path
}

func (a *attack) mutateZoo() {
	zoo := a.copyOf(a.zoo)
	what := a.change(zoo)
	run := filepath.Join(a.t.TempDir(), "run")
	if _, err := a.try(a.search(zoo, run)...); err != nil {
		a.counts[a.kind+" refused"]++
		return
	}
	if front := cascadesOf(a.t, run); front != a.front && !strings.HasPrefix(what, "removed "+zoo+"/models") {
		a.t.Errorf("%s: %s: another front and no error:\n%s\ninstead of\n%s", a.kind, what, front, a.front)
	}
}

func (a *attack) mutateRun() {
	run := a.copyOf(a.run)
	what := a.change(run)
	_, verified := a.try("zoo", "verify", run)
	out, err := a.try("evaluate", "--zoo", a.zoo, "--split", "test", run, "--json")
	if err != nil || verified != nil {
		a.counts[a.kind+" refused"]++
		return
	}
	want, _ := a.try("evaluate", "--zoo", a.zoo, "--split", "test", a.run, "--json")
	if out != want {
		a.t.Errorf("%s: %s: another evaluation and no error:\n%s\ninstead of\n%s", a.kind, what, out, want)
	}
}

// hostileInput imports damaged predictions: refused, or a zoo that is sound.
func (a *attack) hostileInput() {
	whole := a.source
	defer func() { a.source = whole }()
	a.source = a.copyOf(whole)
	a.change(a.source)
	zoo := filepath.Join(a.t.TempDir(), "zoo")
	if _, err := a.try(a.importInto(zoo)...); err != nil {
		a.counts[a.kind+" refused"]++
		if _, err := os.Stat(zoo); err != nil {
			return
		}
	}
	a.must("zoo", "verify", "--zoo", zoo)
}

// twoWriters imports at once from two sides, of which neither sees the other's lock.
func (a *attack) twoWriters() {
	zoo := filepath.Join(a.t.TempDir(), "zoo")
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			if out, err := a.try(a.importInto(zoo)...); err != nil && !strings.Contains(out, "locked") && !strings.Contains(out, "exist") && !strings.Contains(out, "there already is a zoo") {
				a.t.Errorf("%s: %v\n%s", a.kind, err, out)
			}
		})
		time.Sleep(time.Duration(a.r.IntN(60)) * time.Millisecond)
		os.Remove(filepath.Join(zoo, "lock"))
	}
	wait.Wait()
	a.again(a.importInto(zoo), func() { a.must("zoo", "verify", "--zoo", zoo) })
}

// readBesideWriter lists, verifies and searches a zoo that changes.
func (a *attack) readBesideWriter() {
	zoo := a.copyOf(a.zoo)
	var wait sync.WaitGroup
	done := make(chan struct{})
	for _, args := range [][]string{{"zoo", "verify", "--zoo", zoo}, a.search(zoo, filepath.Join(a.t.TempDir(), "run"))} {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if out, err := a.try(args...); err != nil && !strings.Contains(out, "changed since it was opened") {
					a.t.Errorf("%s: %q: %v\n%s", a.kind, args, err, out)
					return
				}
			}
		})
	}
	for range 3 {
		a.must("zoo", "set", "--zoo", zoo, "m1", fmt.Sprint("price=", a.r.IntN(1000)))
		a.must("zoo", "remove", "--zoo", zoo, "m4")
		a.must(a.importInto(zoo)...)
	}
	close(done)
	wait.Wait()
}

// table shows what was tried and how much of it was stopped or refused.
func (a *attack) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-26s%8s%22s\n", "attack", "tried", "stopped or refused")
	for _, kind := range slices.Sorted(maps.Keys(a.counts)) {
		if !strings.HasSuffix(kind, " refused") {
			fmt.Fprintf(&b, "%-26s%8d%22d\n", kind, a.counts[kind], a.counts[kind+" refused"])
		}
	}
	return b.String() + "no crash, no other answer, nothing lost"
}
