package main

import (
	"bytes"
	"strings"
	"testing"
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
