package main

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/nat"
	"github.com/encas-zoo/encas-zoo/supernet"
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

// TestKilledTraining kills programs that train and evaluate a supernet, again and again; they end
// with what those have that were not killed. With a second one at work they do not begin.
func TestKilledTraining(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs signals")
	}
	table, err := supernet.Family("ofa-mbv3-w1.0")
	if err != nil {
		t.Fatal(err)
	}
	table.Resolutions, table.Stages = []int{16, 24}, table.Stages[:2]
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		torchtest.WriteFake(t, filepath.Join(dir, "super.pt"), "supernet 19", export.Meta{
			Format: export.Format, Name: table.Name, Source: "supernet", Classes: 5, License: table.License, Checkpoint: "0123", Supernet: &table,
		})
		killTraining(t, dir, torchtest.Fake(t))
	})
	t.Run("torch", func(t *testing.T) {
		if testing.Short() {
			t.Skip("trains a network")
		}
		dir, shim := t.TempDir(), torchtest.Path(t)
		exporter := export.New(torchtest.Python(t), nil)
		defer exporter.Close()
		if _, err := exporter.Supernet(context.Background(), export.SupernetRequest{Table: table, Classes: 5, Seed: 2, Out: filepath.Join(dir, "super.pt")}); err != nil {
			t.Fatal(err)
		}
		killTraining(t, dir, shim)
	})
}

func killTraining(t *testing.T, dir, shim string) {
	images, train := torchtest.Pictures(t, 40, 5), torchtest.Pictures(t, 100, 5)
	search := func(out string) []string {
		return strings.Fields("nat super.pt --epochs 1 --average 2 --threads 1 --calibrate-images 64 --data " + images + " --calibrate " + train +
			" --start 8 --candidates 4 --iterations 3 --interpolants 10 --surrogate-evaluations 200 --shim " + shim + " --out " + out)
	}
	tune := func(out string) []string {
		return strings.Fields("supernet train super.pt --epochs 2 --average 2 --threads 1 --batch 20 --randaugment 9 --data " + train + " --shim " + shim + " --out " + out + "-tuned/out.pt")
	}
	// What the killed program was at.
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	killed := func(args []string, when func() bool, within time.Duration) bool {
		cmd := exec.Command("encas-zoo", args...)
		cmd.Dir = dir
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for !when() {
			select {
			case err := <-ended:
				if err != nil {
					t.Fatalf("%s: %v", strings.Join(args, " "), err)
				}
				return false
			case <-time.After(time.Millisecond):
			}
		}
		time.Sleep(time.Duration(random.Float64() * float64(within)))
		cmd.Process.Kill()
		return <-ended != nil
	}
	content := func(out string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, out))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return data
	}
	same := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if broken, whole := content("broken"+name), content("whole"+name); !bytes.Equal(broken, whole) || len(whole) == 0 {
				t.Errorf("%s of the killed run:\n%.1500s\nof the other:\n%.1500s", name, broken, whole)
			}
		}
	}

	started := time.Now()
	program(t, dir, search("whole")...)
	took := time.Since(started)
	var names []string
	kills := 0
	// In the training of each iteration, or what is made of it, and in its evaluation.
	for _, file := range []string{"iteration-0000.json", "iteration-0001.json", "iteration-0002.json", "iteration-0003.json", "average.json"} {
		names = append(names, "/"+file)
		for _, trained := range []bool{false, true} {
			if killed(search("broken"), func() bool {
				data := content("broken/" + file)
				return data != nil && (!trained || bytes.Contains(data, []byte(`"weights"`)))
			}, took/20) {
				kills++
			}
		}
	}
	if kills < 5 {
		t.Errorf("only %d kills of a search met it", kills)
	}
	program(t, dir, search("broken")...)
	same(append(names, "/"+nat.RunFile, "/"+nat.CurveFile, "/"+nat.FrontFile, "/"+nat.AverageWeights)...)

	for _, folder := range []string{"whole-tuned", "broken-tuned"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	started = time.Now()
	program(t, dir, tune("whole")...)
	took = time.Since(started)
	kills = 0
	for n := 0; kills < 6; n++ {
		if killed(tune("broken"), func() bool { return content("broken-tuned/out.pt.lock") != nil }, took/2) {
			kills++
		} else if err := os.Remove(filepath.Join(dir, "broken-tuned/out.pt")); err != nil || n > 50 {
			t.Fatalf("%d kills of %d trainings met one: %v", kills, n, err)
		}
	}
	program(t, dir, tune("broken")...)
	same("-tuned/out.pt")
}

// Two programs do not write to one run folder, or train one file.
func TestTwoTrainings(t *testing.T) {
	t.Parallel()
	shim, dir := torchtest.Fake(t), t.TempDir()
	writeSupernet(t, filepath.Join(dir, "super.pt"), 5)
	images := torchtest.Pictures(t, 400, 5)
	for _, c := range []struct{ args, there, words string }{
		{"nat super.pt --data " + images + " --calibrate " + images + " --out run", "run/iteration-0000.json", "run: another search writes to this run folder: wait until it ends, or name another folder"},
		{"supernet train super.pt --epochs 10000 --data " + images + " --out run.pt", "run.pt.lock", "run.pt: another training writes to this file: wait until it ends, or name another file"},
	} {
		args := strings.Fields(c.args + " --shim " + shim)
		first := exec.Command("encas-zoo", args...)
		first.Dir = dir
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		for range 10_000 {
			if _, err := os.Stat(filepath.Join(dir, c.there)); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		second := exec.Command("encas-zoo", args...)
		second.Dir = dir
		out, err := second.CombinedOutput()
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != exitError || !strings.Contains(string(out), c.words) {
			t.Errorf("%s beside another: %v\n%s", args[0], err, out)
		}
		first.Process.Kill()
		first.Wait()
	}
}
