package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// -update rewrites the expected outputs in testdata/script and docs/cli.md.
var update = flag.Bool("update", false, "update the expected outputs")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"encas-zoo":      main,
		"encas-zoo-peak": mainWithPeak,
		"outputs":        writeOutputs,
	})
}

// mainWithPeak is main, and writes the most memory that it took, in kB, to the file
// $ENCAS_TEST_PEAK.
func mainWithPeak() {
	code := run(os.Args[1:], os.Stdout, os.Stderr)
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		_, peak, _ := strings.Cut(string(status), "VmHWM:")
		peak, _, _ = strings.Cut(strings.TrimSpace(peak), " ")
		err = os.WriteFile(os.Getenv("ENCAS_TEST_PEAK"), []byte(peak), 0o600)
	}
	if err != nil {
		panic(err)
	}
	os.Exit(code)
}

func TestScripts(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			// All scripts share the example zoo, which takes a moment to make.
			e.Setenv("XDG_CACHE_HOME", cache)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "flip": flip},
	})
}

// exits runs the program and fails unless it ends with the given exit code:
// exits CODE ARG...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARG...")
	}
	got := 0
	err := ts.Exec("encas-zoo", args[1:]...)
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d instead of %s", got, args[0])
	}
}

// flip changes one byte in the middle of the files that match a pattern: flip GLOB
func flip(ts *testscript.TestScript, neg bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("nothing matches %s", args[0])
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		ts.Check(err)
		data[len(data)/2] ^= 1
		ts.Check(os.WriteFile(file, data, 0o666))
	}
}

// writeOutputs is a command of the scripts: outputs DIR MODELS SAMPLES CLASSES [SHARPNESS]. It
// writes outputs of made-up models as .npy files. Models m00, m01, ... become
// dearer and better: each costs twice the one before, and widths and parameters grow
// by the same step.
func writeOutputs() {
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(os.Args[i+2])
	}
	sharpness := 2.0
	if len(os.Args) > 5 {
		sharpness, _ = strconv.ParseFloat(os.Args[5], 64)
	}
	if err := makeSharpOutputs(os.Args[1], n[0], n[1], n[2], sharpness); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func makeOutputs(dir string, models, samples, classes int) error {
	return makeSharpOutputs(dir, models, samples, classes, 2)
}

func makeSharpOutputs(dir string, models, samples, classes int, sharpness float64) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2))
	labels := make([]int64, samples)
	hardness := make([]float64, samples)
	for i := range labels {
		labels[i] = int64(random.IntN(classes))
		hardness[i] = random.NormFloat64()
	}
	table := "name,gflops,width,params,family\n"
	for m := range models {
		name := fmt.Sprintf("m%02d", m)
		table += fmt.Sprintf("%s,%g,%d,%d,made-up\n", name, 0.01*math.Pow(2, float64(m)), 8*(m+1), 1000*(m+1))
		outputs := make([]float32, 0, samples*classes)
		row := make([]float64, classes)
		for i, label := range labels {
			sum := 0.0
			for c := range row {
				row[c] = random.NormFloat64()
				if c == int(label) {
					row[c] += 1.5 + 3*float64(m)/float64(models) - hardness[i]
				}
				row[c] = math.Exp(sharpness * row[c])
				sum += row[c]
			}
			for _, p := range row {
				outputs = append(outputs, float32(p/sum))
			}
		}
		if err := writeNPY(filepath.Join(dir, name+".npy"), "<f4", outputs, samples, classes); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "models.csv"), []byte(table), 0o666); err != nil {
		return err
	}
	return writeNPY(filepath.Join(dir, "labels.npy"), "<i8", labels, samples)
}

func writeNPY(path, kind string, values any, shape ...int) error {
	dims := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(shape)), ", "), "[]")
	if len(shape) == 1 {
		dims += ","
	}
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, dims)
	head += strings.Repeat(" ", 63-(10+len(head))%64) + "\n"
	var b bytes.Buffer
	b.WriteString("\x93NUMPY\x01\x00")
	binary.Write(&b, binary.LittleEndian, uint16(len(head)))
	b.WriteString(head)
	binary.Write(&b, binary.LittleEndian, values)
	return os.WriteFile(path, b.Bytes(), 0o666)
}
