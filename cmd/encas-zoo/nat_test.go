package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/nat"
)

// Ctrl-C ends nat, and the same command ends with what one that was not interrupted has.
func TestInterruptedNAT(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs signals")
	}
	shim, dir := torchtest.Fake(t), t.TempDir()
	writeSupernet(t, filepath.Join(dir, "ofa10.pt"), 5)
	images, train := torchtest.Pictures(t, 40, 5), torchtest.Pictures(t, 70, 1)
	args := func(out string) []string {
		return strings.Fields("nat ofa10.pt --data " + images + " --calibrate " + train + " --start 12 --candidates 4 --iterations 3 --interpolants 20 --surrogate-evaluations 1000 --shim " + shim + " --out " + out)
	}
	for _, file := range []string{"iteration-0000.json", "iteration-0002.json"} {
		stderr, code := interrupt(t, dir, args("broken"), func() bool {
			_, err := os.Stat(filepath.Join(dir, "broken", file))
			return err == nil
		})
		if code != exitInterrupted || !strings.Contains(stderr, "interrupted: the same command continues, with ") {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
	}
	for _, out := range []string{"broken", "whole"} {
		program(t, dir, args(out)...)
	}
	for _, file := range []string{"iteration-0003.json", nat.FrontFile, nat.CurveFile, nat.RunFile} {
		broken, err := os.ReadFile(filepath.Join(dir, "broken", file))
		if err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(filepath.Join(dir, "whole", file))
		if err != nil || string(broken) != string(whole) {
			t.Errorf("%s of the interrupted run:\n%s\nof the other:\n%s%v", file, broken, whole, err)
		}
	}
}
