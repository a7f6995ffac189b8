package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Report is one run of all suites.
type Report struct {
	Date     string        `json:"date"`
	Revision string        `json:"revision"`
	Machine  Machine       `json:"machine"`
	Quick    bool          `json:"quick"` // tiny sizes: the figures mean nothing
	Models   int           `json:"models"`
	Samples  int           `json:"samples"`
	Classes  int           `json:"classes"`
	Seed     uint64        `json:"seed"`
	Peers    []string      `json:"peers"`
	Suites   []SuiteReport `json:"suites"`
}

// A SuiteReport is what one suite found.
type SuiteReport struct {
	Name    string  `json:"name"`
	About   string  `json:"about"`
	Rows    []Row   `json:"rows"`
	Seconds float64 `json:"seconds"` // the suite took, all runs and preparations
	Error   string  `json:"error,omitempty"`

	// Apart says when and on what the suite ran, if not with the others.
	Apart string `json:"apart,omitempty"`
}

// readReport returns the report in a folder, nil if there is none.
func readReport(dir string) (*Report, error) {
	path := filepath.Join(dir, reportFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := new(Report)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// into returns the earlier report with the suites of this one in place of its own. It states
// of these that they ran apart.
func (r Report) into(before Report) Report {
	before.Suites = slices.Clone(before.Suites)
	for _, s := range r.Suites {
		s.Apart = fmt.Sprintf("Measured apart from the others, on %s from revision %s; machine: %s; load average at the start: %s.", r.Date, r.Revision, r.Machine, r.Machine.Load)
		i := slices.IndexFunc(before.Suites, func(old SuiteReport) bool { return old.Name == s.Name })
		if i < 0 {
			before.Suites = append(before.Suites, s)
		} else {
			before.Suites[i] = s
		}
	}
	return before
}

// A Row is one figure.
type Row struct {
	Figure string `json:"figure"`
	Measurement
	Rates    *Rates `json:"rates,omitempty"`    // that the figure is the ratio of
	Required string `json:"required,omitempty"` // what the project promises
	Met      *bool  `json:"met,omitempty"`      // whether the median keeps it
	Missing  string `json:"missing,omitempty"`  // why there is no figure
	Note     string `json:"note,omitempty"`
}

// Rates are what a ratio is made of: medians of both sides in one unit.
type Rates struct {
	Ours   float64 `json:"ours"`
	Theirs float64 `json:"theirs"`
	Unit   string  `json:"unit"`
}

// value is the row's figure with its unit, and the rates behind it.
func (r Row) value() string {
	text := strings.TrimSpace(number(r.Median) + " " + r.Unit)
	if r.Rates != nil {
		text += fmt.Sprintf(" (%s against %s %s)", number(r.Rates.Ours), number(r.Rates.Theirs), r.Rates.Unit)
	}
	return text
}

// row makes a row of what several runs gave.
func row(figure, unit string, values []float64) Row {
	return Row{Figure: figure, Measurement: measurement(unit, values)}
}

// atLeast and atMost state a promise about the row's median.
func (r Row) atLeast(limit float64) Row {
	met := r.Median >= limit
	r.Required, r.Met = "at least "+number(limit), &met
	return r
}

func (r Row) atMost(limit float64) Row {
	met := r.Median <= limit
	r.Required, r.Met = "at most "+number(limit), &met
	return r
}

// missing is a row without a figure.
func missing(figure, why string) Row { return Row{Figure: figure, Missing: why} }

// write leaves report.json in dir, and REPORT.md made of it.
func (r *Report) write(dir string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, reportFile), append(data, '\n'), 0o666); err != nil {
		return err
	}
	return renderReport(dir)
}

const reportFile = "report.json"

// renderReport makes REPORT.md of the figures that lie in dir.
func renderReport(dir string) error {
	r, err := readReport(dir)
	if err != nil {
		return err
	}
	runs, err := readAlgorithmRuns(dir)
	if err != nil {
		return err
	}
	var b strings.Builder
	if r != nil {
		r.markdown(&b)
	} else {
		b.WriteString("# Benchmarks\n")
	}
	writeAlgorithms(&b, runs)
	onOthers, err := readHoldout(dir)
	if err != nil {
		return err
	}
	writeHoldout(&b, onOthers)
	return os.WriteFile(filepath.Join(dir, "REPORT.md"), []byte(b.String()), 0o666)
}

func (r *Report) markdown(w io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("# Benchmarks\n")
	if r.Quick {
		p("**A quick run at tiny sizes, to see that everything works. The figures mean nothing.**\n")
	}
	p("Made by `go run ./benchmarks` (or `make bench`) on %s from revision %s. All models", r.Date, r.Revision)
	p("are **simulated**: real names, costs and accuracies, made-up outputs ([simzoo](simzoo)).")
	p("%s models, %s samples, %s classes and seed %d unless a row says otherwise.\n",
		number(float64(r.Models)), number(float64(r.Samples)), number(float64(r.Classes)), r.Seed)
	m := r.Machine
	p("| machine | |\n|---|---|")
	p("| CPU | %s, %d cores, %s |", m.CPU, m.Cores, strings.Join(m.Caches, ", "))
	p("| memory | %s |", m.Memory)
	p("| system | %s, %s |", m.System, m.Go)
	p("| kernels | %s |", strings.Join(m.Kernels, ", "))
	for _, peer := range r.Peers {
		p("| peer | %s |", peer)
	}
	p("| load average at the start | %s |\n", m.Load)
	p("Every figure is a median with the smallest and the largest of its runs. What is")
	p("compared ran in turns, and a ratio is the median of the ratios of neighbouring runs.")
	for _, s := range r.Suites {
		p("\n## %s\n", s.Name)
		p("%s\n", s.About)
		if s.Apart != "" {
			p("%s\n", s.Apart)
		}
		p("| figure | median | range | runs | promised | kept |")
		p("|---|--:|--:|--:|--:|---|")
		var notes []string
		for _, row := range s.Rows {
			mark := ""
			if row.Note != "" {
				notes = append(notes, row.Note)
				mark = fmt.Sprintf(" [%d]", len(notes))
			}
			if row.Missing != "" {
				p("| %s%s | not measured: %s | | | | |", row.Figure, mark, row.Missing)
				continue
			}
			kept := ""
			if row.Met != nil {
				kept = map[bool]string{true: "yes", false: "**no**"}[*row.Met]
			}
			p("| %s%s | %s | %s to %s | %d | %s | %s |", row.Figure, mark,
				row.value(), number(row.Min), number(row.Max), row.Runs, row.Required, kept)
		}
		for i, n := range notes {
			p("\n[%d] %s", i+1, n)
		}
		if s.Error != "" {
			p("\n**This suite failed:** %s", s.Error)
		}
	}
}
