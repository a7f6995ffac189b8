package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The exact suite starts this binary again.
func TestMain(m *testing.M) {
	if handled, err := child(context.Background()); handled {
		exit(err)
	}
	os.Exit(m.Run())
}

// Every suite runs at tiny sizes, both reports are written, and what is missing
// here is said to be.
func TestQuick(t *testing.T) {
	python := "python3,/usr/bin/python3"
	if p := os.Getenv("ENCAS_PYTHON"); p != "" {
		python = p + "," + python
	}
	dir := t.TempDir()
	var out bytes.Buffer
	err := runSuites(context.Background(), []string{"-quick", "-dir", filepath.Join(dir, "bench"), "-out", dir, "-python", python, "-without", strings.Join(lacking(t, python), ",")}, &out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	t.Log(out.String())

	data, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if !r.Quick || len(r.Suites) != len(suites) {
		t.Errorf("quick %v, %d suites of %d", r.Quick, len(r.Suites), len(suites))
	}
	page, err := os.ReadFile(filepath.Join(dir, "REPORT.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Suites {
		if len(s.Rows) == 0 || s.Error != "" {
			t.Errorf("%s: %d rows, error %q", s.Name, len(s.Rows), s.Error)
		}
		for _, row := range s.Rows {
			if row.Missing == "" && !(row.Median >= 0 && row.Min <= row.Median && row.Median <= row.Max) {
				t.Errorf("%s, %s: %+v", s.Name, row.Figure, row.Measurement)
			}
			if !strings.Contains(string(page), row.Figure) || !strings.Contains(string(page), row.Missing) {
				t.Errorf("REPORT.md lacks %q", row.Figure)
			}
			if row.Missing != "" || !strings.Contains(row.Figure, "against numpy") && !strings.Contains(row.Figure, "against torch") {
				continue
			}
			if row.Rates == nil || row.Rates.Ours <= 0 || row.Rates.Theirs <= 0 || !strings.Contains(string(page), row.value()) {
				t.Errorf("%s, %s: rates %v, want those of both sides, in REPORT.md, too", s.Name, row.Figure, row.Rates)
			}
		}
	}
}

// lacking are the packages that none of the interpreters has.
func lacking(t *testing.T, list string) (names []string) {
	t.Helper()
	p, err := parsePythons(list, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range pythonPackages {
		if _, err := p.with(t.Context(), k.name); err != nil {
			names = append(names, k.name)
		}
	}
	return names
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"extra"}, {"-runs", "0"}, {"-no-such-flag"}, {"-only", "no such suite"}, {"-without", "scipy"}} {
		if err := runSuites(context.Background(), args, &bytes.Buffer{}); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	for _, args := range [][]string{{}, {"-dir", t.TempDir(), "extra"}, {"-dir", t.TempDir(), "-classes", "1"}} {
		if err := runSimulate(context.Background(), args, &bytes.Buffer{}); err == nil {
			t.Errorf("simulate %q: no error", args)
		}
	}
}

func TestSimulatePrintsASummary(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	args := strings.Fields("-models 3 -samples 500 -test-samples 200 -classes 40 -dir " + filepath.Join(t.TempDir(), "zoo"))
	if err := runSimulate(context.Background(), args, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3 simulated models", "search", "test", "agreement of two models", "oracle"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, out.String())
		}
	}
}

func TestMeasurement(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values           []float64
		median, min, max float64
	}{
		{[]float64{3}, 3, 3, 3},
		{[]float64{4, 1}, 2.5, 1, 4},
		{[]float64{9, 1, 5}, 5, 1, 9},
	} {
		if m := measurement("s", c.values); m.Median != c.median || m.Min != c.min || m.Max != c.max || m.Runs != len(c.values) {
			t.Errorf("%v: %+v", c.values, m)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{
		0: "0", 20: "20", 0.01234: "0.0123", 1.5: "1.50", 12.34: "12.3", 999.6: "1000", 12345.6: "12,346", 1234567: "1,234,567",
	} {
		if got := number(x); got != want {
			t.Errorf("number(%s) = %s, want %s", fmt.Sprint(x), got, want)
		}
	}
}
