package scripts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

var errCrash = errors.New("crash")

// mutated returns a file changed in one way or another.
func (x *attempt) mutated(data []byte) []byte {
	d := slices.Clone(data)
	at := 0
	if len(d) > 0 {
		at = x.r.IntN(len(d))
	}
	switch x.r.IntN(7) {
	case 0:
		return d[:at]
	case 1:
		return slices.Insert(d, at, []byte("garbage")...)
	case 2:
		clear(d[at:])
	case 3, 4: // one digit of a text
		for i := range d {
			if j := (at + i) % len(d); d[j] >= '0' && d[j] <= '9' {
				d[j] = '0' + (d[j]-'0'+byte(1+x.r.IntN(9)))%10
				break
			}
		}
	case 5:
		for range 1 + x.r.IntN(8) {
			d[x.r.IntN(len(d))] = byte(x.r.Uint32())
		}
	default:
		if len(d) > 0 {
			d[at] ^= 1 << x.r.IntN(8)
		}
	}
	return d
}

// change changes, exchanges or removes a file of a folder, each of its files as often as any
// other.
func (x *attempt) change(dir string) (what string) {
	files := filesOf(dir)
	path := files[x.r.IntN(len(files))]
	data, err := os.ReadFile(path)
	if err != nil {
		x.t.Error(err)
		return ""
	}
	other := files[x.r.IntN(len(files))]
	write := func(path string, data []byte) {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			x.t.Error(err)
		}
	}
	switch {
	case x.r.IntN(12) == 0:
		os.Remove(path)
		return "removed " + path
	case x.r.IntN(5) == 0 && filepath.Ext(other) == filepath.Ext(path):
		theirs, _ := os.ReadFile(other)
		write(path, theirs)
		write(other, data)
		return "exchanged " + path + " and " + other
	}
	write(path, x.mutated(data))
	return "changed " + path
}

// limited is the time that a step in this process may take.
func (x *attempt) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(x.t.Context(), 5*time.Minute)
}

// hung reports whether a step took too long.
func (x *attempt) hung(ctx context.Context, what string) bool {
	if ctx.Err() != nil {
		x.fail(&x.crashed, "%s: hangs", what)
	}
	return ctx.Err() != nil
}

// mutateZoo opens, verifies, searches and evaluates a damaged zoo. Models that are left out
// must be named, and the front is that of the others.
func (x *attempt) mutateZoo() {
	dir := x.copyOf(x.zoo)
	what := x.change(dir)
	ctx, stop := x.limited()
	defer stop()
	said := ""
	z, err := study.Open(ctx, dir, study.Watch{Warn: func(text string) { said += text + "\n" }})
	if err != nil {
		x.refused.Add(1)
		return
	}
	for _, damaged := range z.Damaged() {
		if !strings.Contains(said, damaged.Path) {
			x.fail(&x.wrong, "%s: nothing says that %s is left out", what, damaged.Path)
		}
	}
	verified := z.Verify(ctx, nil)
	left := names(z.Models())
	got, err := searchHere(ctx, z, x.path("run"))
	if x.hung(ctx, what) {
		return
	}
	if err == nil {
		x.same(what, got, x.frontOf(left))
	}
	evaluated, errTest := evaluationOf(ctx, dir, x.run)
	if errTest == nil && len(left) == attackModels {
		x.same(what, evaluated, x.evaluated)
	}
	if err == nil && errTest == nil && verified == nil {
		x.harmless.Add(1)
	} else {
		x.refused.Add(1)
	}
}

// mutateRun evaluates and verifies a damaged run folder. What neither refuses has the cascades
// that it had, in all its files.
func (x *attempt) mutateRun() {
	dir := x.copyOf(x.run)
	what := x.change(dir)
	ctx, stop := x.limited()
	defer stop()
	v, err := front.Verify(dir)
	verified := err == nil && len(v.Problems) == 0
	got, err := evaluationOf(ctx, x.zoo, dir)
	if x.hung(ctx, what) {
		return
	}
	if err == nil {
		x.same(what, got, x.evaluated)
	}
	if !verified || err != nil {
		x.refused.Add(1)
		return
	}
	x.harmless.Add(1)
	for _, name := range []string{front.FrontFile, front.CSVFile, front.RunFile, front.CertifiedFile} {
		was, _ := os.ReadFile(filepath.Join(x.run, name))
		if is, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			x.same(what+": "+name, string(is), string(was))
		}
	}
}

// mutateState resumes a search from a damaged state.
func (x *attempt) mutateState() {
	dir := x.copyOf(x.state)
	what := x.change(dir)
	if x.r.IntN(2) == 0 {
		state := filepath.Join(dir, front.StateFile)
		if data, err := os.ReadFile(state); err == nil {
			os.WriteFile(state, x.mutated(data), 0o666)
			what += ", changed the state"
		}
	}
	ctx, stop := x.limited()
	defer stop()
	z, err := study.Open(ctx, x.zoo, study.Watch{})
	if err != nil {
		x.fail(&x.lost, "%v", err)
		return
	}
	o := x.resumable(dir)
	o.Resume = true
	found, err := study.Search(ctx, z, o, study.Watch{})
	if x.hung(ctx, what) {
		return
	}
	if err != nil {
		x.refused.Add(1)
		return
	}
	x.harmless.Add(1)
	x.same(what, encoded(found.Front.Points), x.resumed)
}

// mutateBundle lets a damaged bundle answer.
func (x *attempt) mutateBundle() {
	if x.bundle == "" {
		x.harmless.Add(1)
		return
	}
	dir := x.copyOf(x.bundle)
	what := x.change(dir)
	ctx, stop := x.limited()
	defer stop()
	got, err := x.answersOf(ctx, dir, x.path("answers.csv"))
	switch {
	case x.hung(ctx, what):
	case errors.Is(err, errCrash):
		x.fail(&x.crashed, "%s: %v", what, err)
	case err != nil:
		x.refused.Add(1)
	default:
		x.harmless.Add(1)
		x.same(what, got, x.answered)
	}
}

// hostileInput imports damaged predictions, or runs models over damaged pictures: refused, or a
// zoo that is sound.
func (x *attempt) hostileInput() {
	formats := []string{"npy", "csv", "parquet"}
	if x.shim != "" && x.number%8 == 0 {
		x.hostilePicture()
		return
	}
	format := formats[x.number%3]
	source := x.copyOf(x.sources[format])
	what := x.change(source)
	ctx, stop := x.limited()
	defer stop()
	dir := x.path("zoo")
	_, err := study.Import(ctx, dir, study.ImportOptions{OpenOptions: importer.OpenOptions{}, Format: format, Sources: []string{source}, Splits: []string{"search=0:250", "test=250:350"}}, study.Watch{})
	if x.hung(ctx, what) {
		return
	}
	if err != nil {
		x.refused.Add(1)
	} else {
		x.harmless.Add(1)
	}
	x.sound(what, dir)
}

// sound verifies a zoo, if there is one.
func (x *attempt) sound(what, dir string) {
	if _, err := os.Stat(filepath.Join(dir, "zoo.json")); err != nil {
		return
	}
	z, err := zoo.Open(dir)
	if err == nil {
		err = z.Verify(x.t.Context(), nil)
	}
	if err != nil {
		x.fail(&x.wrong, "%s: the zoo is not sound: %v", what, err)
	}
}

func (x *attempt) hostilePicture() {
	pictures := x.copyOf(x.pictures)
	what := x.change(pictures)
	zoo := x.path("zoo")
	args := x.ingestInto(zoo, pictures)
	if x.r.IntN(2) == 0 {
		args = append(args, "--skip-broken")
	}
	if _, err := x.try(args...); err != nil {
		x.refused.Add(1)
	} else {
		x.harmless.Add(1)
	}
	x.sound(what, zoo)
}

// beside runs commands at the same time, which may refuse with one of the sentences.
func (x *attempt) beside(sentences []string, commands ...[]string) {
	var wait sync.WaitGroup
	for _, args := range commands {
		wait.Go(func() {
			out, err := x.try(args...)
			if err == nil {
				x.harmless.Add(1)
				return
			}
			x.refused.Add(1)
			if !slices.ContainsFunc(sentences, func(s string) bool { return strings.Contains(out, s) }) {
				x.fail(&x.lost, "%q: %v\n%s", args, err, out)
			}
		})
		time.Sleep(time.Duration(x.r.IntN(60)) * time.Millisecond)
	}
	wait.Wait()
}

// twoWriters writes at once from two sides, of which neither sees the other's lock: to a zoo
// that both make, to one that both change, and to one run folder.
func (x *attempt) twoWriters() {
	dir := x.path("zoo")
	var unlock sync.WaitGroup
	ended := make(chan struct{})
	unlock.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(time.Duration(x.r.IntN(20)) * time.Millisecond):
				os.Remove(filepath.Join(dir, "lock"))
			}
		}
	})
	again := importInto(dir, "npy", x.sources["npy"])
	x.beside([]string{"locked", "exist", "there already is a zoo"}, again, again)
	x.must(again...)
	x.beside([]string{"locked"}, []string{"zoo", "set", "--zoo", dir, "m1", "price=3"}, []string{"zoo", "remove", "--zoo", dir, "m3"}, importInto(dir, "npy", x.other, "--replace"))
	close(ended)
	unlock.Wait()
	x.must(append(again[:len(again)-1:len(again)-1], "--replace", x.sources["npy"])...)

	z, err := study.Open(x.t.Context(), dir, study.Watch{})
	if err == nil {
		err = z.Verify(x.t.Context(), nil)
	}
	if err != nil {
		x.fail(&x.lost, "%v", err)
		return
	}
	got, err := searchHere(x.t.Context(), z, x.path("judge"))
	if err != nil {
		x.fail(&x.lost, "%v", err)
	}
	x.same(dir, got, x.front)

	run := x.path("run")
	x.beside([]string{front.ErrInUse.Error()}, searchIn(x.zoo, run), searchIn(x.zoo, run), x.searchOtherwise(run))
	if v, err := front.Verify(run); err != nil || len(v.Problems) > 0 {
		x.fail(&x.wrong, "two searches in one folder: %v %v", err, v)
	}
}

// searchOtherwise is a search with another front than searchIn.
func (x *attempt) searchOtherwise(run string) []string {
	return []string{"optimize", "--zoo", x.zoo, "--algorithm", "exact", "--grid", "paper", "--models", "!m4", "--out", run, "--force"}
}

// readBesideWriter lists, verifies and searches a zoo that changes.
func (x *attempt) readBesideWriter() {
	dir := x.copyOf(x.zoo)
	var wait sync.WaitGroup
	done := make(chan struct{})
	for _, args := range [][]string{{"zoo", "verify", "--zoo", dir}, searchIn(dir, x.path("run")), {"zoo", "list", "--zoo", dir}} {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if out, err := x.try(args...); err == nil {
					x.harmless.Add(1)
				} else if x.refused.Add(1); !strings.Contains(out, "changed since it was opened") {
					x.fail(&x.wrong, "%q: %v\n%s", args, err, out)
					return
				}
			}
		})
	}
	for range 3 {
		x.must("zoo", "set", "--zoo", dir, "m1", fmt.Sprint("price=", x.r.IntN(1000)))
		x.must("zoo", "remove", "--zoo", dir, "m4")
		x.must(importInto(dir, "npy", x.sources["npy"])...)
	}
	close(done)
	wait.Wait()
}
