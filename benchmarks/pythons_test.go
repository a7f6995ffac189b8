package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A package that no Python has is said before anything is measured and at the end, with what to
// type, and the run fails; what does not need it is measured nevertheless.
func TestWithoutPython(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out bytes.Buffer
	err := runSuites(t.Context(), []string{"-quick", "-only", "numpy", "-dir", dir, "-python", filepath.Join(dir, "none")}, &out)
	if err == nil || !strings.Contains(err.Error(), "no Python with numpy or torch was found") {
		t.Errorf("error %v, want that there is no Python", err)
	}
	start, rest, _ := strings.Cut(out.String(), "\nAgainst numpy and torch\n")
	rows, end, _ := strings.Cut(rest, "\n\n")
	for _, want := range []string{"ours over cached tables", "not measured: no Python with numpy", "not measured: no Python with torch"} {
		if !strings.Contains(rows, want) {
			t.Errorf("the rows lack %q:\n%s", want, rows)
		}
	}
	for _, want := range []string{
		"NO PYTHON WITH NUMPY", "NO PYTHON WITH TORCH",
		"looked in " + filepath.Join(dir, "none") + ": not there",
		"Only what -python lists was looked in",
		"apt-get install -y python3-torch",
		"python3 -m venv build/peers && build/peers/bin/pip install numpy torch",
		"export ENCAS_TORCH_PYTHON=",
		"-without numpy,torch",
	} {
		if !strings.Contains(start, want) || !strings.Contains(end, want) {
			t.Errorf("start or end lack %q:\n%s\n%s", want, start, end)
		}
	}
}

// What is left out on purpose is no failure, but is said.
func TestWithoutOnPurpose(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := runSuites(t.Context(), []string{"-quick", "-only", "numpy", "-dir", t.TempDir(), "-without", "torch,numpy"}, &out); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "torch is left out by -without torch"); n != 2 {
		t.Errorf("%d lines say that torch is left out, want one at the start and one at the end:\n%s", n, out.String())
	}
	if n := strings.Count(out.String(), "not measured: left out by -without"); n != 3 {
		t.Errorf("%d rows say what was left out, want 3:\n%s", n, out.String())
	}
}

// The variable of a package comes before the folders that make makes, and -python before both.
func TestWhichPython(t *testing.T) {
	dir := t.TempDir()
	python := func(name string, packages ...string) string {
		path := filepath.Join(dir, name)
		script := fmt.Sprintf("#!/bin/sh\nfor p in %s; do [ \"$2\" = \"import numpy, $p\" ] && exit 0; done\necho Traceback >&2\necho no such module >&2\nexit 1\n", strings.Join(packages, " "))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(script), 0o777); err != nil {
			t.Fatal(err)
		}
		return path
	}
	python("build/torch/bin/python", "numpy", "torch")
	named := python("named", "torch")
	none, both := python("none"), python("both", "numpy", "torch")
	t.Chdir(dir)
	for _, c := range []struct {
		name, variable, list, want string
	}{
		{"torch", "", "", "build/torch/bin/python"},
		{"torch", named, "", named},
		{"torch", none, "", "build/torch/bin/python"},
		{"numpy", "", "", "build/torch/bin/python"},
		{"torch", named, none + "," + both, both},
		{"torch", "", none, ""},
	} {
		t.Setenv("ENCAS_PYTHON", "")
		t.Setenv("ENCAS_TORCH_PYTHON", c.variable)
		p, err := parsePythons(c.list, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.with(t.Context(), c.name)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
		if c.want == "" && p.found[c.name].tried[0] != none+": no such module" {
			t.Errorf("tried %q", p.found[c.name].tried)
		}
	}
}
