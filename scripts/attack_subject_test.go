package scripts

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A subject is what is attacked, and what it gives if nothing is wrong.
type subject struct {
	sources map[string]string // predictions to import, by format
	other   string            // npy of the same models, one of which answers otherwise
	zoo     string            // imported
	run     string            // its front, certified
	parts   [2]string         // run folders of parts of the search
	state   string            // the run folder of a search that was interrupted

	// Of models that a fake shim runs; "" without a C compiler.
	pictures, list, shim string
	ingested, imageRun   string
	bundle               string

	front, otherFront, resumed, imageFront string // cascades
	evaluated                              string // run, on test
	answered                               string // by bundle, of pictures
	judged                                 string // whether the oracle judged the front

	jobs []func(x *attempt) job
	took []time.Duration // by job

	mu     sync.Mutex
	fronts map[string]string // by models that are left
	calls  map[string]int    // by job and error: how many system calls may fail
}

// A job is a command that writes, and what must be true once the same command has come to its
// end.
type job struct {
	args []string
	done func()
	gone string // what it says if it was complete before
	kind int
	took time.Duration
}

const attackModels, attackSamples, attackClasses = 5, 400, 6

// make makes what is attacked.
func (a *attack) make() {
	t := a.t
	path := func(name string) string { return filepath.Join(a.dir, name) }
	r := rand.New(rand.NewPCG(a.seed, 1))
	a.sources, a.fronts, a.calls = map[string]string{}, map[string]string{}, map[string]int{}
	labels, outputs := attackOutputs(r)
	for _, format := range []string{"npy", "csv", "parquet"} {
		a.sources[format] = path(format)
		writeAttackSource(t, format, a.sources[format], labels, outputs)
	}
	a.other = path("other")
	outputs[2] = outputs[4]
	writeAttackSource(t, "npy", a.other, labels, outputs)

	a.zoo, a.run, a.state = path("zoo"), path("run"), path("state")
	a.must(importInto(a.zoo, "npy", a.sources["npy"])...)
	a.must(searchIn(a.zoo, a.run)...)
	a.front = cascadesOf(t, a.run)
	a.must(importInto(path("otherzoo"), "npy", a.other)...)
	a.must(searchIn(path("otherzoo"), path("otherrun"))...)
	if a.otherFront = cascadesOf(t, path("otherrun")); a.otherFront == a.front {
		t.Fatal("other predictions have the same front")
	}
	a.must("certify", "--zoo", a.zoo, "--split", "test", a.run)
	for i := range a.parts {
		a.parts[i] = path(fmt.Sprint("part", i))
		a.must(append(searchIn(a.zoo, a.parts[i]), "--shard", fmt.Sprintf("%d/%d", i, len(a.parts)))...)
	}
	var err error
	if a.evaluated, err = evaluationOf(t.Context(), a.zoo, a.run); err != nil {
		t.Fatal(err)
	}
	a.interrupt()
	a.judged = "the oracle was not asked"
	t.Run("oracle", func(t *testing.T) {
		judge(t, sharedtest.Python(t), a.zoo, a.run)
		a.judged = "the oracle judged the front"
	})
	t.Run("shim", func(t *testing.T) { a.shim = torchtest.Fake(t) })
	if a.shim != "" {
		a.ingest(torchtest.Pictures(t, 40, 5))
	}
	a.makeJobs()
}

// must runs the program, which must succeed, or nothing can be attacked.
func (a *attack) must(args ...string) {
	a.t.Helper()
	if out, err := a.start(a.t.Context(), args...); err != nil {
		a.t.Fatalf("%q: %v\n%s", args, err, out)
	}
}

// attackOutputs returns labels, and outputs of models that are the better the more they cost.
func attackOutputs(r *rand.Rand) (labels []int64, outputs [][]float32) {
	labels = make([]int64, attackSamples)
	for i := range labels {
		labels[i] = int64(r.IntN(attackClasses))
	}
	for m := range attackModels {
		rows := make([]float32, attackSamples*attackClasses)
		for i, label := range labels {
			row, sum := rows[i*attackClasses:][:attackClasses], float32(0)
			for c := range row {
				row[c] = r.Float32()
			}
			row[label] += float32(m) * r.Float32()
			for _, v := range row {
				sum += v
			}
			for c := range row {
				row[c] /= sum
			}
		}
		outputs = append(outputs, rows)
	}
	return labels, outputs
}

// writeAttackSource writes predictions as people have them.
func writeAttackSource(t *testing.T, format, dir string, labels []int64, outputs [][]float32) {
	t.Helper()
	check(t, os.Mkdir(dir, 0o777))
	write := func(name string, data []byte) { check(t, os.WriteFile(filepath.Join(dir, name), data, 0o666)) }
	table := "name,gflops\n"
	for m, rows := range outputs {
		name := fmt.Sprint("m", m)
		table += fmt.Sprintf("%s,%d\n", name, 1<<m)
		switch format {
		case "npy":
			write(name+".npy", npyFile("<f4", fmt.Sprintf("(%d, %d)", attackSamples, attackClasses), rows))
		case "csv":
			var b bytes.Buffer
			w := csv.NewWriter(&b)
			header := []string{"sample", "label"}
			for c := range attackClasses {
				header = append(header, fmt.Sprint("p", c))
			}
			w.Write(header)
			for i, label := range labels {
				line := []string{fmt.Sprint("image", i), fmt.Sprint(label)}
				for _, v := range rows[i*attackClasses:][:attackClasses] {
					line = append(line, strconv.FormatFloat(float64(v), 'g', -1, 32))
				}
				w.Write(line)
			}
			w.Flush()
			write(name+".csv", b.Bytes())
		case "parquet":
			type row struct {
				ID    string    `parquet:"id"`
				Label int64     `parquet:"label"`
				Probs []float32 `parquet:"probs"`
			}
			var b bytes.Buffer
			w := parquet.NewGenericWriter[row](&b)
			for i, label := range labels {
				_, err := w.Write([]row{{fmt.Sprint("image", i), label, rows[i*attackClasses:][:attackClasses]}})
				check(t, err)
			}
			check(t, w.Close())
			write(name+".parquet", b.Bytes())
		}
	}
	if format == "npy" {
		write("labels.npy", npyFile("<i8", fmt.Sprintf("(%d,)", attackSamples), labels))
	}
	write("models.csv", []byte(table))
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

// importInto and searchIn are the commands that made the zoo and the run.
func importInto(zoo, format, source string, more ...string) []string {
	args := []string{"import", "--zoo", zoo, "--format", format, "--split", "search=0:250", "--split", "test=250:350", "--unlabelled", "pool=350:400"}
	return append(append(args, more...), source)
}

func searchIn(zoo, run string) []string {
	return []string{"optimize", "--zoo", zoo, "--algorithm", "exact", "--grid", "paper", "--out", run, "--force"}
}

// searchHere does what searchIn does, in this process, with the zoo's models on a part of them.
func searchHere(ctx context.Context, z *zoo.Zoo, dir string, models ...string) (cascades string, err error) {
	o := study.Defaults()
	o.Algorithm, o.Grid, o.Dir, o.Force, o.Models = "exact", "paper", dir, true, models
	found, err := study.Search(ctx, z, o, study.Watch{})
	if err != nil {
		return "", err
	}
	return encoded(found.Front.Points), nil
}

// frontOf is the front of the undamaged zoo's models of some names.
func (a *attack) frontOf(names []string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := strings.Join(names, ",")
	if _, ok := a.fronts[key]; !ok {
		z, err := study.Open(a.t.Context(), a.zoo, study.Watch{})
		check(a.t, err)
		a.fronts[key], err = searchHere(a.t.Context(), z, filepath.Join(a.dir, "front of "+key), names...)
		check(a.t, err)
	}
	return a.fronts[key]
}

// evaluationOf evaluates a run on the split test.
func evaluationOf(ctx context.Context, zoo, run string) (string, error) {
	z, err := study.Open(ctx, zoo, study.Watch{})
	if err != nil {
		return "", err
	}
	f, err := front.ReadFront(run)
	if err != nil {
		return "", err
	}
	e, err := study.EvaluateFront(ctx, z, "test", f, study.Watch{})
	if err != nil {
		return "", err
	}
	return encoded(e), nil
}

func encoded(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// cascadesOf returns the cascades of a run folder, as searchHere does.
func cascadesOf(t *testing.T, run string) string {
	t.Helper()
	f, err := front.ReadFront(run)
	if err != nil {
		t.Error(err)
		return ""
	}
	return encoded(f.Points)
}

// resumable are the options of the search that is interrupted.
func (a *attack) resumable(dir string) study.Options {
	o := study.Defaults()
	o.Algorithm, o.Evals, o.Dir, o.Seed = "gomea", 60_000, dir, 5
	return o
}

// resumeIn is the command that continues it.
func (a *attack) resumeIn(run string) []string {
	return []string{"optimize", "--zoo", a.zoo, "--algorithm", "gomea", "--evals", "60000", "--seed", "5", "--resume", run}
}

// interrupt makes the run folder of a search that was interrupted.
func (a *attack) interrupt() {
	z, err := study.Open(a.t.Context(), a.zoo, study.Watch{})
	check(a.t, err)
	whole := filepath.Join(a.dir, "whole")
	_, err = study.Search(a.t.Context(), z, a.resumable(whole), study.Watch{})
	check(a.t, err)
	a.resumed = cascadesOf(a.t, whole)
	ctx, cancel := context.WithCancel(a.t.Context())
	defer cancel()
	found, err := study.Search(ctx, z, a.resumable(a.state), study.Watch{Search: func(optimize.Progress, int) { cancel() }})
	check(a.t, err)
	if !found.Front.Interrupted {
		a.t.Log("the search ended before it was interrupted")
	}
}

// ingest makes a zoo of models that a fake shim runs, its front and a bundle.
func (a *attack) ingest(pictures string) {
	path := func(name string) string { return filepath.Join(a.dir, name) }
	a.pictures, a.list = pictures, path("list.txt")
	lines := ""
	for i, line := range []string{"seed 1", "seed 2", "seed 3 softmax"} {
		check(a.t, os.WriteFile(path(fmt.Sprintf("net%d.pt", i)), []byte("fake "+line), 0o666))
		lines += fmt.Sprintf("net%d.pt size=8 gflops=%d\n", i, i+1)
	}
	check(a.t, os.WriteFile(a.list, []byte(lines), 0o666))
	a.ingested, a.imageRun, a.bundle = path("ingested"), path("imagerun"), path("bundle")
	a.must(a.ingestInto(a.ingested, pictures)...)
	a.must(searchIn(a.ingested, a.imageRun)...)
	a.imageFront = cascadesOf(a.t, a.imageRun)
	a.must(a.bundleInto(a.bundle)...)
	var err error
	if a.answered, err = a.answersOf(a.t.Context(), a.bundle, path("answers.csv")); err != nil {
		a.t.Fatal(err)
	}
}

func (a *attack) ingestInto(zoo, pictures string) []string {
	return []string{"ingest", a.list, "--zoo", zoo, "--data", "search=" + pictures + ":0.5", "--data", "test=" + pictures + ":0.5", "--shim", a.shim, "--device", "cpu", "--batch", "8"}
}

func (a *attack) bundleInto(dir string) []string {
	return []string{"export", a.imageRun, "--zoo", a.ingested, "--format", "bundle", "--cascade", "net0@0.4,net2", "--out", dir, "--force"}
}

// answersOf lets a bundle answer the pictures.
func (a *attack) answersOf(ctx context.Context, bundle, file string) (string, error) {
	out, err := a.start(ctx, "run", bundle, "--data", a.pictures, "--shim", a.shim, "--device", "cpu", "--out", file)
	if crashed(out) {
		return "", fmt.Errorf("%w: %s", errCrash, out)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	data, err := os.ReadFile(file)
	return string(data), err
}

// makeJobs makes the commands that write, and finds how long each takes.
func (a *attack) makeJobs() {
	verified := func(x *attempt, dir string) *zoo.Zoo {
		z, err := study.Open(x.t.Context(), dir, study.Watch{})
		if err == nil {
			for _, damaged := range z.Damaged() {
				err = damaged
			}
		}
		if err == nil {
			err = z.Verify(x.t.Context(), nil)
		}
		if err != nil {
			x.fail(&x.lost, "%s: %v", dir, err)
			return nil
		}
		return z
	}
	whole := func(x *attempt, zoo, want string) {
		z := verified(x, zoo)
		if z == nil {
			return
		}
		got, err := searchHere(x.t.Context(), z, x.path("judge"))
		if err != nil {
			x.fail(&x.lost, "%s: %v", zoo, err)
			return
		}
		x.same(zoo, got, want)
	}
	file := func(x *attempt, name string, least int) func() {
		return func() {
			if data, err := os.ReadFile(x.path(name)); err != nil || len(data) < least {
				x.fail(&x.lost, "%s: %d bytes, %v", name, len(data), err)
			}
		}
	}
	run := func(x *attempt, dir, want string) func() {
		return func() {
			if v, err := front.Verify(dir); err != nil || len(v.Problems) > 0 {
				x.fail(&x.lost, "%s: %v %v", dir, err, v)
				return
			}
			x.same(dir, cascadesOf(x.t, dir), want)
		}
	}
	a.jobs = []func(x *attempt) job{
		func(x *attempt) job {
			zoo := x.path("zoo")
			return job{args: importInto(zoo, "npy", a.sources["npy"]), done: func() { whole(x, zoo, a.front) }}
		},
		func(x *attempt) job {
			zoo := x.copyOf(a.zoo)
			return job{args: importInto(zoo, "npy", a.other, "--replace"), done: func() { whole(x, zoo, a.otherFront) }}
		},
		func(x *attempt) job {
			zoo := x.copyOf(a.zoo)
			return job{args: []string{"zoo", "set", "--zoo", zoo, "m1", "price=3"}, done: func() { whole(x, zoo, a.front) }}
		},
		func(x *attempt) job {
			zoo := x.copyOf(a.zoo)
			return job{args: []string{"zoo", "remove", "--zoo", zoo, "m3", "m4"}, gone: "has no model", done: func() {
				if z := verified(x, zoo); z != nil && len(z.Models()) != attackModels-2 {
					x.fail(&x.lost, "%d models are left", len(z.Models()))
				}
			}}
		},
		func(x *attempt) job {
			zoo := x.copyOf(a.zoo)
			return job{args: []string{"zoo", "remove", "--zoo", zoo, "--split", "pool", "--force"}, gone: "no such split", done: func() { whole(x, zoo, a.front) }}
		},
		func(x *attempt) job {
			zoo := x.path("calibrated")
			return job{args: []string{"zoo", "calibrate", "--zoo", a.zoo, "--out", zoo}, done: func() {
				if z := verified(x, zoo); z != nil && len(z.Models()) != attackModels {
					x.fail(&x.lost, "%d models", len(z.Models()))
				}
			}}
		},
		func(x *attempt) job {
			zoo := x.path("merged")
			return job{args: []string{"zoo", "merge", a.zoo, "--out", zoo}, done: func() { whole(x, zoo, a.front) }}
		},
		func(x *attempt) job {
			return job{args: searchIn(a.zoo, x.path("run")), done: run(x, x.path("run"), a.front)}
		},
		func(x *attempt) job {
			return job{args: append(searchIn(a.zoo, x.path("part")), "--shard", "0/2"), done: run(x, x.path("part"), cascadesOf(x.t, a.parts[0]))}
		},
		func(x *attempt) job {
			return job{args: []string{"front", "merge", "--zoo", a.zoo, a.parts[0], a.parts[1], "--out", x.path("run"), "--force"}, done: run(x, x.path("run"), a.front)}
		},
		func(x *attempt) job {
			dir := x.copyOf(a.state)
			return job{args: a.resumeIn(dir), gone: "has no search to resume", done: run(x, dir, a.resumed)}
		},
		func(x *attempt) job {
			dir := x.copyOf(a.run)
			os.Remove(filepath.Join(dir, front.CertifiedFile))
			return job{args: []string{"certify", "--zoo", a.zoo, "--split", "test", dir}, done: run(x, dir, a.front)}
		},
		func(x *attempt) job {
			return job{args: []string{"report", "--zoo", a.zoo, a.run, "--out", x.path("page.html")}, done: file(x, "page.html", 10_000)}
		},
		func(x *attempt) job {
			return job{args: []string{"export", a.run, "--pick", "cheapest", "--out", x.path("cascade.json")}, done: file(x, "cascade.json", 100)}
		},
		func(x *attempt) job {
			return job{args: []string{"evaluate", "--zoo", a.zoo, a.run, "--split", "test", "--pick", "cheapest", "--answers", x.path("answers.csv")}, done: file(x, "answers.csv", 1000)}
		},
		func(x *attempt) job {
			return job{args: []string{"label", a.run, "--zoo", a.zoo, "--split", "pool", "--budget", "9", "--out", x.path("label.csv")}, gone: "exists, and may hold labels", done: file(x, "label.csv", 100)}
		},
	}
	if a.shim != "" {
		a.jobs = append(a.jobs, func(x *attempt) job {
			zoo := x.path("ingested")
			return job{args: a.ingestInto(zoo, a.pictures), done: func() { whole(x, zoo, a.imageFront) }}
		}, func(x *attempt) job {
			dir := x.path("bundle")
			return job{args: a.bundleInto(dir), done: func() {
				got, err := a.answersOf(x.t.Context(), dir, x.path("answers.csv"))
				if err != nil {
					x.fail(&x.lost, "%v", err)
					return
				}
				x.same(dir, got, a.answered)
			}}
		})
	}
	for kind, make := range a.jobs {
		x := &attempt{attack: a, outcome: &outcome{kind: "before"}, number: kind, r: rand.New(rand.NewPCG(0, uint64(kind))), dir: a.t.TempDir()}
		j := make(x)
		began := time.Now()
		a.must(j.args...)
		a.took = append(a.took, time.Since(began))
		j.done()
	}
	if a.t.Failed() {
		a.t.FailNow()
	}
}

// job makes the attempt's command; the commands take turns.
func (x *attempt) job() job {
	kind := x.number % len(x.jobs)
	j := x.jobs[kind](x)
	j.kind, j.took = kind, x.took[kind]
	return j
}

// names returns those of models.
func names(models []zoo.Model) (all []string) {
	for _, m := range models {
		all = append(all, m.Name)
	}
	return slices.Clip(all)
}
