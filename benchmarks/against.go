package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// A comparing is a run with -against: two programs, that of an earlier revision and that of
// this folder, measure the same suites on the same simulated data in turns.
//
// The earlier one is built and run in a git worktree of its own, so that nothing here is touched,
// uncommitted changes least of all. Each side has a folder for what it writes: this one -dir, the
// earlier one a folder beside its worktree, into which the simulated zoos of -dir are linked.
type comparing struct {
	revision string
	quick    bool
	rounds   int
	dir      string
	outDir   string
	python   *pythons
	out      io.Writer

	root string // of the repository
	hash string // of the revision
	work string // in -dir, removed at the end
	then *side
	now  *side
}

// A side is one of the two programs.
type side struct {
	name    string // revision
	program string
	folder  string // it runs in
	data    string // its -dir
	help    string
}

// A Comparison is what AGAINST.md and against.json show.
type Comparison struct {
	Date    string          `json:"date"`
	Then    string          `json:"then"` // revisions
	Now     string          `json:"now"`
	Machine Machine         `json:"machine"`
	Quick   bool            `json:"quick"`
	Rounds  int             `json:"rounds"`
	Suites  []ComparedSuite `json:"suites"`
}

// A ComparedSuite has the figures that both sides have, and names those of one.
type ComparedSuite struct {
	Name     string        `json:"name"`
	Rows     []ComparedRow `json:"rows"`
	OnlyThen []string      `json:"only_then,omitempty"`
	OnlyNow  []string      `json:"only_now,omitempty"`
	Error    string        `json:"error,omitempty"` // why there are none
}

// A ComparedRow is one figure of both sides.
type ComparedRow struct {
	Figure string       `json:"figure"`
	Then   Measurement  `json:"then"`
	Now    Measurement  `json:"now"`
	Ratio  *Measurement `json:"ratio,omitempty"` // now to then of neighbouring runs; nil if a figure is 0
}

// run compares the chosen suites: all of them if they were named, else those that take seconds.
func (c *comparing) run(ctx context.Context, chosen []suite, named bool) (err error) {
	if err := c.find(ctx); err != nil {
		return err
	}
	if !named {
		chosen = slices.DeleteFunc(chosen, func(s suite) bool { return s.long })
	}
	var names, lacking []string
	chosen = slices.DeleteFunc(chosen, func(s suite) bool {
		if _, err := git(ctx, c.root, "grep", "--quiet", "--fixed-strings", "-e", strconv.Quote(s.name), c.hash, "--", "benchmarks"); err != nil {
			lacking = append(lacking, s.name)
			return true
		}
		names = append(names, s.name)
		return false
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(chosen) == 0 {
		return fmt.Errorf("-against %s: that revision does not have %s", c.revision, strings.Join(lacking, " or "))
	}
	clean, err := c.prepare(ctx)
	defer func() { err = errors.Join(err, clean()) }()
	if err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	result := Comparison{Date: today(), Then: c.then.name, Now: c.now.name, Machine: thisMachine(), Quick: c.quick, Rounds: c.rounds}
	fmt.Fprintf(c.out, "%s against %s: %s\n", result.Now, result.Then, strings.Join(names, "; "))
	if len(lacking) > 0 {
		fmt.Fprintf(c.out, "%s does not have %s.\n", result.Then, strings.Join(lacking, " or "))
	}
	if !named {
		fmt.Fprintln(c.out, "These are the suites that take seconds; others are compared if -only names them.")
	}
	var failures []string
	for _, s := range chosen {
		compared, err := c.compare(ctx, s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			compared = ComparedSuite{Name: s.name, Error: err.Error()}
			failures = append(failures, fmt.Sprintf("%s: %v", s.name, err))
		}
		result.Suites = append(result.Suites, compared)
		if err := result.print(c.out, compared); err != nil {
			return err
		}
		if c.outDir != "" {
			if err := result.write(c.outDir); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(c.out, "\nMachine: %s; load average at the start: %s.\n", result.Machine, result.Machine.Load)
	if len(failures) > 0 {
		return fmt.Errorf("not compared: %s", strings.Join(failures, "; "))
	}
	return nil
}

// find finds the repository and the revision in it.
func (c *comparing) find(ctx context.Context) (err error) {
	if c.root, err = git(ctx, ".", "rev-parse", "--show-toplevel"); err != nil {
		return fmt.Errorf("-against needs a clone of the repository: %w", err)
	}
	if c.hash, err = git(ctx, c.root, "rev-parse", "--verify", "--quiet", "--end-of-options", c.revision+"^{commit}"); err != nil {
		return fmt.Errorf("-against %s: there is no such revision here (git log --oneline lists them)", c.revision)
	}
	if _, err := git(ctx, c.root, "cat-file", "-e", c.hash+":benchmarks/main.go"); err != nil {
		return fmt.Errorf("-against %s: that revision has no benchmarks", c.revision)
	}
	return nil
}

// prepare builds both programs. clean removes what it made, also after an error.
func (c *comparing) prepare(ctx context.Context) (clean func() error, err error) {
	clean = func() error { return nil }
	short, err := git(ctx, c.root, "rev-parse", "--short", c.hash)
	if err != nil {
		return clean, err
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return clean, err
	}
	if err := os.MkdirAll(c.dir, 0o777); err != nil {
		return clean, err
	}
	if c.work, err = os.MkdirTemp(c.dir, "against-"); err != nil {
		return clean, err
	}
	tree := filepath.Join(c.work, "tree")
	clean = func() error {
		_, err := git(context.WithoutCancel(ctx), c.root, "worktree", "remove", "--force", tree)
		if _, statErr := os.Stat(tree); errors.Is(statErr, fs.ErrNotExist) {
			err = nil // it was not made, or is gone
		}
		return errors.Join(err, os.RemoveAll(c.work))
	}
	if _, err := git(ctx, c.root, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", tree, c.hash); err != nil {
		return clean, err
	}
	if shared := filepath.Join(filepath.Dir(c.root), "shared"); exists(shared) { // suites look for it beside the repository
		if err := os.Symlink(shared, filepath.Join(c.work, "shared")); err != nil {
			return clean, err
		}
	}

	c.then = &side{name: short, program: filepath.Join(c.work, "then"), folder: tree, data: filepath.Join(c.work, "data")}
	c.now = &side{name: revision(), program: filepath.Join(c.work, "now"), folder: c.root, data: c.dir}
	if c.now.name == c.then.name {
		c.now.name += " (again)" // the same source: what differs is noise
	}
	for _, s := range []*side{c.then, c.now} {
		if err := s.build(ctx); err != nil {
			return clean, err
		}
	}
	return clean, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// git runs git in a folder and returns what it prints.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "git", args...)
	c.Dir = dir
	var problems bytes.Buffer
	c.Stderr = &problems
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w %s", args[0], err, lastLine(problems.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// build compiles the benchmarks of the side's folder. Packages that both sides have alike are
// compiled once, thanks to -trimpath.
func (s *side) build(ctx context.Context) error {
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", s.program, "./benchmarks")
	c.Dir, c.Env = s.folder, append(os.Environ(), "GOWORK=off")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building the benchmarks of %s: %w\n%s", s.name, err, out)
	}
	out, _ := exec.CommandContext(ctx, s.program, "-help").CombinedOutput() // it exits with 2
	s.help = string(out)
	for _, flag := range []string{"quick", "only", "runs", "dir", "out"} {
		if !s.has(flag) {
			return fmt.Errorf("the benchmarks of %s have no flag -%s: they are too old to be compared", s.name, flag)
		}
	}
	return nil
}

// has says whether the side's program has a flag.
func (s *side) has(flag string) bool {
	return regexp.MustCompile(`(?m)^  -` + flag + `\b`).MatchString(s.help)
}

// compare measures a suite on both sides, in turns. This side comes first, because it makes the
// simulated data that the other one is given.
func (c *comparing) compare(ctx context.Context, s suite) (ComparedSuite, error) {
	var thens, nows [][]Row
	for round := range c.rounds {
		start := time.Now()
		now, err := c.measure(ctx, c.now, s)
		if err != nil {
			return ComparedSuite{}, err
		}
		if err := c.giveData(); err != nil {
			return ComparedSuite{}, err
		}
		middle := time.Now()
		then, err := c.measure(ctx, c.then, s)
		if err != nil {
			return ComparedSuite{}, err
		}
		if err := c.sameData(); err != nil {
			return ComparedSuite{}, err
		}
		nows, thens = append(nows, now), append(thens, then)
		fmt.Fprintf(c.out, "  %s, round %d of %d: %s, %s %s\n", s.name, round+1, c.rounds,
			middle.Sub(start).Round(time.Second/10), c.then.name, time.Since(middle).Round(time.Second/10))
	}
	return compareRows(s.name, thens, nows), nil
}

// measure runs one suite of a side in a process of its own, once. What the suite measures beside
// the program, the forms in Python, is left out.
func (c *comparing) measure(ctx context.Context, s *side, u suite) ([]Row, error) {
	report := filepath.Join(c.work, "report")
	if err := errors.Join(os.RemoveAll(report), os.Mkdir(report, 0o777), os.MkdirAll(s.data, 0o777)); err != nil {
		return nil, err
	}
	args := []string{"-only", u.name, "-runs", "1", "-dir", s.data, "-out", report}
	if c.quick {
		args = append(args, "-quick")
	}
	more, err := c.pythonFlags(ctx, s, u)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.program, append(args, more...)...)
	cmd.Dir, cmd.WaitDelay = s.folder, 10*time.Second
	text, runErr := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r, err := readReport(report)
	if err != nil {
		return nil, err
	}
	if r == nil || len(r.Suites) != 1 {
		return nil, fmt.Errorf("%s did not write a report of it: %s", s.name, cmp.Or(lastLine(text), fmt.Sprint(runErr)))
	}
	if failure := r.Suites[0].Error; failure != "" {
		return nil, fmt.Errorf("%s failed: %s", s.name, failure)
	}
	return r.Suites[0].Rows, nil
}

// pythonFlags leave out the forms in Python, and say which Python a suite's tools are in.
func (c *comparing) pythonFlags(ctx context.Context, s *side, u suite) ([]string, error) {
	if len(u.tools) > 0 {
		python, err := c.python.with(ctx, u.tools[0])
		if err != nil {
			return nil, fmt.Errorf("%s needs Python: %w (go run ./benchmarks -only %q says how to install it)", u.name, err, u.name)
		}
		if python, err = filepath.Abs(python); err != nil || !s.has("python") {
			return nil, err
		}
		return []string{"-python", python}, nil
	}
	switch {
	case len(u.rivals) == 0:
		return nil, nil
	case s.has("without"):
		return []string{"-without", strings.Join(u.rivals, ",")}, nil
	case s.has("python"):
		return []string{"-python", filepath.Join(c.work, "none")}, nil
	}
	return nil, nil
}

// simulatedData says whether a name in -dir is that of a simulated zoo. Such names have the
// version of the simulation and all sizes.
func simulatedData(name string) bool {
	prefix, _, ok := strings.Cut(name, "-v")
	return ok && slices.Contains([]string{"zoo", "archive", "outputs"}, prefix)
}

// giveData gives the earlier side the simulated data of this one that it does not have.
func (c *comparing) giveData() error {
	entries, err := os.ReadDir(c.now.data)
	if err != nil {
		return err
	}
	for _, e := range entries {
		to := filepath.Join(c.then.data, e.Name())
		if !simulatedData(e.Name()) || exists(to) {
			continue
		}
		if err := linkTree(filepath.Join(c.now.data, e.Name()), to); err != nil {
			return err
		}
	}
	return nil
}

// sameData is an error if the earlier side simulated data that this one does not have.
func (c *comparing) sameData() error {
	entries, err := os.ReadDir(c.then.data)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if simulatedData(e.Name()) && !exists(filepath.Join(c.now.data, e.Name())) {
			return fmt.Errorf("%s simulates other data (%s) than %s: their figures cannot be compared", c.then.name, e.Name(), c.now.name)
		}
	}
	return nil
}

// linkTree makes a folder like another. Large files are linked, because nothing writes into them;
// small ones are copied.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if e.IsDir() {
			return os.MkdirAll(target, 0o777)
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Size() >= 1<<20 && os.Link(path, target) == nil {
			return nil
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// compareRows puts the rows of all rounds side by side. A figure counts if every round of a side
// has it.
func compareRows(name string, thens, nows [][]Row) ComparedSuite {
	s := ComparedSuite{Name: name, Rows: []ComparedRow{}}
	for _, r := range nows[0] {
		now := valuesOf(r, nows)
		if now == nil {
			continue
		}
		then := valuesOf(r, thens)
		if then == nil {
			s.OnlyNow = append(s.OnlyNow, r.Figure)
			continue
		}
		row := ComparedRow{Figure: r.Figure, Then: measurement(r.Unit, then), Now: measurement(r.Unit, now)}
		if !slices.Contains(then, 0) {
			m := measurement("", ratios(now, then))
			row.Ratio = &m
		}
		s.Rows = append(s.Rows, row)
	}
	for _, r := range thens[0] {
		if valuesOf(r, thens) != nil && valuesOf(r, nows) == nil {
			s.OnlyThen = append(s.OnlyThen, r.Figure)
		}
	}
	return s
}

// valuesOf are the medians of a figure in all rounds, nil if one does not have it in that unit.
func valuesOf(r Row, rounds [][]Row) (values []float64) {
	for _, rows := range rounds {
		i := slices.IndexFunc(rows, func(o Row) bool { return o.Figure == r.Figure && o.Unit == r.Unit && o.Missing == "" })
		if i < 0 {
			return nil
		}
		values = append(values, rows[i].Median)
	}
	return values
}

// cells are the columns of a row.
func (r ComparedRow) cells() []string {
	ratio := "none: 0"
	if r.Ratio != nil {
		ratio = fmt.Sprintf("%s (%s to %s)", number(r.Ratio.Median), number(r.Ratio.Min), number(r.Ratio.Max))
	}
	return []string{r.Figure, number(r.Then.Median), number(r.Now.Median), r.Now.Unit, ratio}
}

// print writes a suite for a terminal.
func (c *Comparison) print(out io.Writer, s ComparedSuite) error {
	fmt.Fprintf(out, "\n%s\n", s.Name)
	if s.Error != "" {
		_, err := fmt.Fprintln(out, "  NOT COMPARED:", s.Error)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "  figure\t%s\t%s\t\tratio, now to then (range)\n", c.Then, c.Now)
	for _, r := range s.Rows {
		fmt.Fprintln(w, "  "+strings.Join(r.cells(), "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, line := range c.onlyOne(s) {
		fmt.Fprintln(out, "  "+line)
	}
	return nil
}

// onlyOne names the figures that one side has.
func (c *Comparison) onlyOne(s ComparedSuite) (lines []string) {
	if len(s.OnlyThen) > 0 {
		lines = append(lines, fmt.Sprintf("Only %s has: %s.", c.Then, strings.Join(s.OnlyThen, "; ")))
	}
	if len(s.OnlyNow) > 0 {
		lines = append(lines, fmt.Sprintf("Only %s has: %s.", c.Now, strings.Join(s.OnlyNow, "; ")))
	}
	return lines
}

// write leaves against.json and AGAINST.md in a folder.
func (c *Comparison) write(dir string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	var page strings.Builder
	c.markdown(&page)
	return errors.Join(
		os.MkdirAll(dir, 0o777),
		os.WriteFile(filepath.Join(dir, "against.json"), append(data, '\n'), 0o666),
		os.WriteFile(filepath.Join(dir, "AGAINST.md"), []byte(page.String()), 0o666))
}

func (c *Comparison) markdown(w io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("# %s against %s\n", c.Now, c.Then)
	if c.Quick {
		p("**A quick run at tiny sizes, to see that everything works. The figures mean nothing.**\n")
	}
	p("Made by `go run ./benchmarks -against %s` on %s. Machine: %s; load average at the start: %s.\n", c.Then, c.Date, c.Machine, c.Machine.Load)
	p("Figures are medians of %d rounds, in which both revisions ran in turns; a ratio is the median of", c.Rounds)
	p("those of neighbouring runs, with the smallest and the largest. Of rates more is better, of times less.")
	for _, s := range c.Suites {
		p("\n## %s\n", s.Name)
		if s.Error != "" {
			p("**Not compared:** %s", s.Error)
			continue
		}
		p("| figure | %s | %s | unit | ratio, now to then (range) |\n|---|--:|--:|---|--:|", c.Then, c.Now)
		for _, r := range s.Rows {
			p("| %s |", strings.Join(r.cells(), " | "))
		}
		for _, line := range c.onlyOne(s) {
			p("\n%s", line)
		}
	}
}
