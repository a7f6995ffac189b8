package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/urfave/cli/v2"
)

// Every example in the help of a command succeeds. Those of commands that need torch,
// images or a server are parsed, flags and all.
func TestExamples(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the examples are for a Unix shell")
	}
	made, cache := exampleFolder(t), t.TempDir()
	total := 0
	for _, command := range leaves(newApp(os.Stdout, os.Stderr)) {
		examples := examplesOf(command)
		if len(examples) == 0 {
			t.Errorf("%s has no examples", command.Name)
		}
		total += len(examples)
		for _, example := range examples {
			t.Run(example, func(t *testing.T) {
				t.Parallel()
				if slices.Contains([]string{"ingest", "nat", "build", "run", "serve", "push", "pull"}, command.Name) || strings.Contains(example, "triton") || strings.Contains(example, "supernet ex") || strings.Contains(example, "supernet train") || strings.Contains(example, "--calibrate") {
					parseOnly(t, example)
					return
				}
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
					t.Fatal(err)
				}
				if command.Name == "import" { // to zoos that do not exist
					for _, zoo := range []string{"cifar", "mine"} {
						if err := os.RemoveAll(filepath.Join(dir, zoo)); err != nil {
							t.Fatal(err)
						}
					}
				}
				runExample(t, example, dir, cache)
			})
		}
	}
	if total < 30 {
		t.Errorf("only %d examples", total)
	}
}

// Indented command lines in the documentation are parsed, too, with everything that is
// optional and the first of alternatives. (CI runs those of the first hour.)
func TestCommandsInDocs(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	optional := regexp.MustCompile(`[][]|\|\w+|\.\.\.`)
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			command := strings.TrimPrefix(strings.TrimSpace(line), "$ ")
			indented := strings.HasPrefix(line, "    encas-zoo ") || strings.HasPrefix(line, "$ encas-zoo ")
			if !indented || filepath.Base(page) == "cli.md" {
				continue
			}
			found++
			parseOnly(t, optional.ReplaceAllString(withoutRemark(command), ""))
		}
	}
	if found < 15 {
		t.Errorf("only %d command lines", found)
	}
}

// examplesOf returns the examples in the help of a command, without the remarks after
// them.
func examplesOf(command *cli.Command) (examples []string) {
	_, text, _ := strings.Cut(command.CustomHelpTemplate, "\nExamples:\n")
	text, _, _ = strings.Cut(text, "\n\nExit codes:")
	for line := range strings.Lines(text) {
		examples = append(examples, withoutRemark(strings.TrimSpace(line)))
	}
	return examples
}

// withoutRemark cuts off what follows two blanks or a #.
func withoutRemark(line string) string {
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, "  ")
	return line
}

// runExample runs an example in a shell. Without jq what it would read must be JSON.
func runExample(t *testing.T, example, dir, cache string) {
	command, filter, piped := strings.Cut(example, " | jq ")
	if _, err := exec.LookPath("jq"); piped && err == nil {
		command += " | jq -e " + filter
		piped = false
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	// fpath is zsh's; elements of arrays count from 0 in bash.
	cmd := exec.Command(bash, "-c", `set -eo pipefail; fpath=("" "$HOME"); `+command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+filepath.Join(dir, "home"), "XDG_CACHE_HOME="+cache, "ENCAS_ZOO=",
		"PATH="+filepath.Join(dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if piped && !json.Valid(out) {
		t.Errorf("it writes no JSON: %.200q", out)
	}
}

// parseOnly takes a command line apart as the program does, but does nothing.
func parseOnly(t *testing.T, line string) {
	t.Helper()
	if i := strings.Index(line, "| encas-zoo"); i >= 0 {
		line = line[i+2:]
	}
	line, _, _ = strings.Cut(line, " | ")
	args := strings.Fields(strings.ReplaceAll(line, "'", ""))[1:]
	if !strings.HasPrefix(line, "encas-zoo ") {
		return // curl, to a server
	}
	app := newApp(os.Stdout, os.Stderr)
	ran := false
	for _, leaf := range leaves(app) {
		leaf.Action = func(*cli.Context) error { ran = true; return nil }
	}
	arranged, err := arrange(app, args)
	if err == nil {
		err = app.Run(append([]string{app.Name}, arranged...))
	}
	if err != nil || !ran && !slices.Contains(args, "--help") {
		t.Errorf("%s: %v", line, err)
	}
}

// exampleFolder is a folder with all that the examples name.
func exampleFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// What import reads.
	check(makeOutputs(filepath.Join(dir, "cifar10"), 2, 10000, 3))
	check(makeOutputs(filepath.Join(dir, "seen-today"), 2, 100, 3))
	check(os.Remove(filepath.Join(dir, "seen-today", "labels.npy")))
	makeParquet(t, filepath.Join(dir, "outputs"))
	check(makeOutputs(filepath.Join(dir, "tf"), 1, 100, 3))
	for name, text := range map[string]string{
		"names.txt":         "cat\ndog\nfox\nhen\n",
		"no-background.csv": "output,class\n0,0\n1,1\n2,2\n",
		"outputs.csv":       "name,gflops\na,1\nb,2\n",
	} {
		check(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	check(os.Mkdir(filepath.Join(dir, "answers"), 0o777))
	for name, text := range map[string]string{
		"labels.csv": "sample,label\na,3\nb,1\n",
		"models.csv": "name,gflops,price\noracle,1,0.01\n",
		"oracle.csv": "sample,label,confidence\na,3,0.9\nb,0,0.4\n",
	} {
		check(os.WriteFile(filepath.Join(dir, "answers", name), []byte(text), 0o666))
	}

	writeSupernet(t, filepath.Join(dir, "ofa10.pt"), 1000)
	check(os.WriteFile(filepath.Join(dir, "costs.csv"), []byte("model,price,latency_ms\nresnet20,0.0004,1.5\nresnet32,0.0005,2\n"), 0o666))

	// The zoo cifar, and run folders.
	models := []string{"resnet20", "resnet32", "resnet56", "vit_small", "vit_small_distilled", "wrn_28_10", "-odd-name"}
	made := filepath.Join(dir, "made")
	check(makeOutputs(made, len(models), 900, 6))
	table := "name,gflops,price,params\n"
	for i, name := range models {
		check(os.Rename(filepath.Join(made, fmt.Sprintf("m%02d.npy", i)), filepath.Join(made, name+".npy")))
		table += fmt.Sprintf("%s,%g,%g,%d\n", name, 0.01*math.Pow(2, float64(i)), 0.0002*float64(i+1), 100000*(i+1))
	}
	check(os.WriteFile(filepath.Join(made, "models.csv"), []byte(table), 0o666))
	check(os.Remove(filepath.Join(made, "vit_small_distilled.npy"))) // suspicious: the same model twice
	check(os.Link(filepath.Join(made, "vit_small.npy"), filepath.Join(made, "vit_small_distilled.npy")))
	program(t, dir, "import", "--zoo", "cifar", "--format", "npy", "--split", "search=0:300", "--split", "test=300:600", "--split", "val=600:800", "--unlabelled", "pool=800:900", "made")
	check(os.RemoveAll(made))
	for _, part := range []string{"part-0", "part-1", "part-2", "parts/0", "parts/1"} {
		check(os.MkdirAll(filepath.Dir(filepath.Join(dir, part)), 0o777))
		program(t, dir, "zoo", "merge", "cifar", "--out", part)
	}
	for _, shard := range []string{"0", "1"} {
		program(t, dir, "optimize", "-q", "--zoo", "cifar", "--algorithm", "exact", "--shard", shard+"/2", "--out", "shards/"+shard)
	}
	for run, args := range map[string]string{
		"first": "--zoo example --algorithm greedy",
		"exact": "--zoo cifar --algorithm exact",
		"gomea": "--zoo cifar --algorithm gomea --evals 300",
		"auto":  "--zoo cifar --algorithm greedy",
		"paper": "--zoo cifar --algorithm random --paper --evals 300",
	} {
		program(t, dir, append([]string{"optimize", "-q", "--out", "runs/" + run}, strings.Fields(args)...)...)
	}

	for _, name := range []string{"answers.csv", "other.csv", "answers.parquet", "other.json"} {
		program(t, dir, "evaluate", "--zoo", "cifar", "--cascade", "resnet20@0.5,resnet56", "--answers", name)
	}

	// Folders to write to, and a browser.
	for _, folder := range []string{"paper", "bin", "home/.local/share/bash-completion/completions", "home/.config/fish/completions"} {
		check(os.MkdirAll(filepath.Join(dir, folder), 0o777))
	}
	for _, name := range []string{"xdg-open", "open"} {
		check(os.WriteFile(filepath.Join(dir, "bin", name), []byte("#!/bin/sh\ntest -s \"$1\"\n"), 0o777))
	}
	return dir
}

// makeParquet makes a folder of two models in Parquet files, and one file of both with
// logarithms.
func makeParquet(t *testing.T, dir string) {
	t.Helper()
	type row struct {
		Label int64     `parquet:"label"`
		Probs []float32 `parquet:"probs,list"`
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	type named struct {
		row
		ID    int64  `parquet:"id"`
		Model string `parquet:"model,dict"`
	}
	var all []named
	for _, name := range []string{"a", "b"} {
		rows := make([]row, 100)
		for i := range rows {
			p := random.Float32()
			rows[i] = row{int64(i % 2), []float32{p, 1 - p}}
			logs := []float32{float32(math.Log(float64(p))), float32(math.Log(float64(1 - p)))}
			all = append(all, named{row{int64(i % 2), logs}, int64(i), name})
		}
		if err := parquet.WriteFile(filepath.Join(dir, name+".parquet"), rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := parquet.WriteFile(dir+".parquet", all); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "models.csv"), []byte("name,gflops\na,1\nb,2\n"), 0o666); err != nil {
		t.Fatal(err)
	}
}
