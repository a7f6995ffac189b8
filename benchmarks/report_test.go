package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/optimize"
)

// A suite that is measured again names its machine, which need not be that of the others.
func TestMeasuredApart(t *testing.T) {
	t.Parallel()
	before := Report{Date: "2026-01-01", Machine: Machine{CPU: "First CPU"}, Suites: []SuiteReport{{Name: "A"}, {Name: "B"}}}
	again := Report{Date: "2026-02-02", Revision: "abc", Machine: Machine{CPU: "Second CPU", Cores: 2, Load: "0.1"}, Suites: []SuiteReport{{Name: "B"}, {Name: "C"}}}
	r := again.into(before)
	if len(r.Suites) != 3 || r.Machine.CPU != "First CPU" || before.Suites[1].Apart != "" {
		t.Fatalf("%+v", r)
	}
	for i, apart := range []bool{false, true, true} {
		s := r.Suites[i]
		if (s.Apart != "") != apart || apart && !(strings.Contains(s.Apart, "Second CPU, 2 cores") && strings.Contains(s.Apart, "revision abc")) {
			t.Errorf("%s: %q", s.Name, s.Apart)
		}
	}
	var page bytes.Buffer
	r.markdown(&page)
	if strings.Count(page.String(), "Second CPU") != 2 {
		t.Errorf("the page does not name the machine of both:\n%s", page.String())
	}
}

// Tiny sizes do not get into a report of full ones.
func TestQuickStaysApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := (&Report{Date: "2026-01-01"}).write(dir); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := runSuites(t.Context(), []string{"-quick", "-only", "scaling", "-dir", t.TempDir(), "-out", dir}, &out)
	if err == nil || !strings.Contains(err.Error(), "do not go into one report") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	r := row("against numpy", "times", []float64{2})
	if got := r.value(); got != "2 times" {
		t.Error(got)
	}
	r.Rates = &Rates{Ours: 96, Theirs: 48, Unit: "evaluations/s"}
	if got := r.value(); got != "2 times (96 against 48 evaluations/s)" {
		t.Error(got)
	}
}

func TestOvertakes(t *testing.T) {
	point := func(seconds, linear, log float64) optimize.CurvePoint {
		return optimize.CurvePoint{Elapsed: time.Duration(seconds * float64(time.Second)), Linear: linear, Log: log}
	}
	runs := []AlgorithmRun{
		{Algorithm: "auto", Curve: []optimize.CurvePoint{point(1, 0.4, 0.3), point(2, 0.6, 0.25), point(3.5, 0.6, 0.3), point(9, 0.7, 0.4)}},
		{Algorithm: "auto", Curve: []optimize.CurvePoint{point(1, 0.4, 0.3)}},
		{Algorithm: "nsga2", Curve: []optimize.CurvePoint{point(1, 0.9, 0.9), point(30, 0.6, 0.2)}},
		{Algorithm: "gomea", Curve: []optimize.CurvePoint{point(40, 0.5, 0.3)}},
	}
	linear, log, seconds := overtakes(runs, "auto")
	if want := []string{"3.5 s", "never"}; linear != 0.6 || log != 0.3 || !slices.Equal(seconds, want) {
		t.Errorf("%g linear, %g log, %q; want %q", linear, log, seconds, want)
	}
	if _, _, seconds := overtakes(runs[:2], "auto"); len(seconds) > 0 {
		t.Errorf("%q to overtake nothing", seconds)
	}
}
