package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completionFolder is a folder with a zoo, z, and a run folder.
func completionFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := makeOutputs(filepath.Join(dir, "made"), 3, 60, 3); err != nil {
		t.Fatal(err)
	}
	program(t, dir, "import", "--zoo", "z", "--format", "npy", "--split", "search=0.5", "--split", "test=0.5", "made")
	program(t, dir, "optimize", "--zoo", "z", "--algorithm", "exact", "--out", "runs/first", "-q")
	if err := os.Mkdir(filepath.Join(dir, "runs", "no run"), 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestComplete(t *testing.T) {
	t.Parallel()
	dir := completionFolder(t)
	for _, test := range []struct {
		typed []string
		want  string // other offers: words
	}{
		{[]string{"opt"}, "none: optimize"},
		{[]string{"zoo", ""}, "none: list info verify merge push pull calibrate set remove"},
		{[]string{"zoo", "in"}, "none: info"},
		{[]string{"nonsense", ""}, "none:"},
		{[]string{"--v"}, "none: --version"},
		{[]string{"optimize", "--max-"}, "none: --max-models --max-gflops --max-cost --max-worst-gflops --max-worst-cost --max-params"},
		{[]string{"optimize", "--algorithm", "go"}, "none: gomea gomea-exact"},
		{[]string{"optimize", "--rule="}, "none: --rule=mean --rule=last --rule=vote --rule=both"},
		{[]string{"optimize", "--select", ""}, "none: evidence raw"},
		{[]string{"optimize", "--effort", "h"}, "none: high"},
		{[]string{"optimize", "--al"}, "none: --algorithm --all"},
		{[]string{"optimize", "--confidence", "m"}, "none: max margin"},
		{[]string{"certify", "--confidence", ""}, "none:"}, // a probability
		{[]string{"certify", "--zoo", "z", "--against", "m0"}, "none: m00 m01 m02"},
		{[]string{"optimize", "--zoo", "z", "--certify", ""}, "none: search test"},
		{[]string{"certify", ""}, "folders: runs/first"},
		{[]string{"optimize", "--grid", ""}, "files: fine paper"},
		{[]string{"optimize", "--json", "--zoo", ""}, "folders: example cifar10"},
		{[]string{"optimize", "--zoo", "z", "--dominate", "m0"}, "none: m00 m01 m02"},
		{[]string{"optimize", "--zoo=z", "--models", "m00,!"}, "none: m00,!m00 m00,!m01 m00,!m02"},
		{[]string{"optimize", "--models", "m00,!"}, "none:"}, // of which zoo?
		{[]string{"evaluate", "--zoo", "z", "--split", ""}, "none: search test"},
		{[]string{"evaluate", ""}, "folders: runs/first"},
		{[]string{"evaluate", "runs/first", ""}, "none:"},
		{[]string{"compare", "runs/first", ""}, "folders: runs/first"},
		{[]string{"export", "--format", ""}, "none: json cli md bundle triton"},
		{[]string{"export", "--pick", ""}, "none: best most-accurate cheapest certified"},
		{[]string{"report", "--format", "p"}, "none: png pdf"},
		{[]string{"import", "--format", "n"}, "none: npy npz"},
		{[]string{"import", ""}, "files:"},
		{[]string{"zoo", "remove", "--zoo", "z", "--", "m01"}, "none: m01"},
		{[]string{"zoo", "merge", ""}, "folders:"},
		{[]string{"zoo", "push", ""}, "folders:"},
		{[]string{"zoo", "push", "z", "s3://bucket/z", "--models", "m0"}, "none: m00 m01 m02"},
		{[]string{"zoo", "pull", ""}, "none:"},
		{[]string{"completion", ""}, "none: bash zsh fish"},
		{[]string{"optimize", "--seed", ""}, "none:"},
	} {
		answer := program(t, dir, append([]string{completeWord}, test.typed...)...)
		lines := strings.Split(strings.TrimSuffix(answer, "\n"), "\n")
		got := lines[0] + ":"
		for _, line := range lines[1:] {
			word, _, _ := strings.Cut(line, "\t")
			got += " " + word
		}
		if got != test.want {
			t.Errorf("%q: got %q, want %q", test.typed, got, test.want)
		}
	}
}

// Every flag that takes a value has been thought of: it has offers, or nothing that
// could be offered.
func TestCompleteKnowsAllFlags(t *testing.T) {
	t.Parallel()
	free := []string{"max-models", "max-gflops", "max-worst-gflops", "max-cost", "max-worst-cost", "max-params", "min-accuracy", "shortlist",
		"min-gain", "cross-validate", "search-samples", "evals", "time", "seed", "threads", "memory", "cost", "cascade", "sample", "within", "reference", "at",
		"margin", "error", "worst-class", "certify-margin", "certify-confidence",
		"list", "classes", "device", "precision", "batch", "group-memory", "limit", "budget", "shard", "compiler", "tolerance", "first",
		"max-images", "listen", "queue", "name", "wait",
		"n", "width", "license", "calibrate-images", "genome",
		"epochs", "rate", "momentum", "decay", "warm-up", "average", "crop", "shift", "cutmix", "randaugment",
		"iterations", "start", "candidates", "surrogate-evaluations", "interpolants", "endpoint"}
	for flag, takesValue := range flagsOfAll(newApp(os.Stdout, os.Stderr)) {
		if !takesValue || slices.Contains(free, flag) {
			continue
		}
		source, err := os.ReadFile("completion.go")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(source), `"`+flag+`"`) {
			t.Errorf("completion does not know --%s", flag)
		}
	}
}

// The shells themselves, each asked in its own way for what it would offer.
func TestCompletionInShells(t *testing.T) {
	t.Parallel()
	dir := completionFolder(t)
	for shell, ask := range map[string]string{
		"bash": `source <(encas-zoo completion bash)
			ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _encas_zoo encas-zoo; echo "${COMPREPLY[@]}"; }
			ask encas-zoo opt
			ask encas-zoo optimize --max-mo
			ask encas-zoo optimize --chart = al
			ask encas-zoo optimize --chart =
			ask encas-zoo optimize --zoo z --models m00,!m01
			ask encas-zoo evaluate runs/f`,
		"fish": `encas-zoo completion fish | source
			complete -C "encas-zoo opt" | string split -f1 \t
			complete -C "encas-zoo optimize --max-mo" | string split -f1 \t
			complete -C "encas-zoo optimize --chart=al" | string replace -r '.*=' ''
			complete -C "encas-zoo optimize --chart=" | string replace -r '.*=' '' | sort | string join ' ' | string replace 'always auto' 'auto always'
			complete -C "encas-zoo optimize --zoo z --models m00,!m01"
			complete -C "encas-zoo evaluate runs/f" | string split -f1 \t | string trim -r -c /`,
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip("there is no " + shell)
			}
			cmd := exec.Command(shell, "-c", ask)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "HOME="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			lines := slices.Compact(strings.Split(strings.TrimSpace(string(out)), "\n"))
			want := []string{"optimize", "--max-models", "always", "auto always never", "m00,!m01", "runs/first"}
			if shell == "bash" {
				want[4] = `m00\,\!m01`
				// As a folder and as a run folder; readline shows one.
				lines[len(lines)-1] = strings.TrimPrefix(lines[len(lines)-1], "runs/first ")
			}
			if !slices.Equal(lines, want) {
				t.Errorf("got %q, want %q", lines, want)
			}
		})
	}
}
