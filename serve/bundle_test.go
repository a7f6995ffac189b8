package serve_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/encas-zoo/encas-zoo/answers"
	"github.com/encas-zoo/encas-zoo/bundle"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/internal/bundletest"
	"github.com/encas-zoo/encas-zoo/serve"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/calibrate"
)

// TestBundledCascadesAnswerAsEvaluated bundles random cascades of models of all kinds of
// heads and inputs, moves the bundle, runs it over all images, and compares every answer
// with that of the stored outputs.
func TestBundledCascadesAnswerAsEvaluated(t *testing.T) {
	t.Parallel()
	images := bundletest.Pictures(t, 200)
	z, run := bundletest.Run(t, images)
	rng := rand.New(rand.NewPCG(3, 4))
	for trial := range 12 {
		c := cascade.Cascade{Rule: cascade.Rule(trial % 3), Confidence: cascade.Confidence(trial / 3 % 3)}
		for range 1 + rng.IntN(4) {
			m := bundletest.Models[rng.IntN(len(bundletest.Models))].Name
			c.Stages = append(c.Stages, cascade.Stage{Model: m, Weight: 1 + rng.IntN(3), Threshold: float32(rng.IntN(10)) / 12})
		}
		dir := bundletest.Bundle(t, z, run, c)
		b, err := bundle.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		moved := filepath.Join(t.TempDir(), "moved")
		if err := os.Rename(dir, moved); err != nil {
			t.Fatal(err)
		}
		r, err := serve.RunJob(context.Background(), serve.Job{
			Machine: serve.Machine{Shim: torchtest.Fake(t), Device: "cpu", Batch: 1 + rng.IntN(20)}, Bundle: moved, Data: images,
		})
		if err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		got := map[string]answers.Answer{}
		for _, a := range r.Answers {
			got[a.ID] = a
		}
		for _, split := range []string{"search", "test"} {
			want, err := study.Answers(context.Background(), z, split, c, study.Watch{})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range want {
				if got[w.ID] != w {
					t.Fatalf("%v: %+v, want %+v", c, got[w.ID], w)
				}
			}
		}
		if p := r.Promise; p == nil || p.Searched || p.Split != "test" {
			t.Errorf("%v: promised %+v", c, p)
		}
		e, err := study.EvaluateCascade(context.Background(), z, "test", "gflops", c, study.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		m := e.Cascades[0]
		if p := b.Promise; p.Correct != m.Correct || p.Cost != m.Cost || fmt.Sprint(p.Reach) != fmt.Sprint(m.Reach) {
			t.Errorf("%v: promised %+v, want %+v", c, p, m.Point)
		}
		for i, s := range b.Stages {
			total := 0
			for _, n := range s.Histogram {
				total += n
			}
			if total != m.Reach[i] {
				t.Errorf("%v: stage %d has %d confidences, and %d samples reach it", c, i+1, total, m.Reach[i])
			}
		}
		if r.Measured == nil || r.Measured.Samples != 200 || math.Abs(r.Cost-(m.Cost*100+on(t, z, "search", c).Cost*100)/200) > 1e-9 {
			t.Errorf("%v: measured %+v at %v", c, r.Measured, r.Cost)
		}
	}
}

func on(t *testing.T, z *zoo.Zoo, split string, c cascade.Cascade) study.Measured {
	e, err := study.EvaluateCascade(context.Background(), z, split, "gflops", c, study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	return e.Cascades[0]
}

// TestCalibratedModels: a temperature that a zoo was calibrated with is applied when the
// cascade runs.
func TestCalibratedModels(t *testing.T) {
	t.Parallel()
	images := bundletest.Pictures(t, 100)
	z, _ := bundletest.Run(t, images)
	dir := filepath.Join(t.TempDir(), "calibrated")
	if _, err := calibrate.Zoo(context.Background(), z, dir, calibrate.Options{Split: "search", Models: z.Models()}); err != nil {
		t.Fatal(err)
	}
	tempered, err := study.Open(context.Background(), dir, study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	c := cascade.Cascade{Stages: []cascade.Stage{{Model: "logits", Weight: 1, Threshold: 0.25}, {Model: "probabilities", Weight: 2}}}
	bundled := bundletest.Bundle(t, tempered, bundletest.Search(t, tempered), c)
	b, err := bundle.Read(bundled)
	if err != nil {
		t.Fatal(err)
	}
	if b.Stages[0].Temperature == 0 || b.Stages[0].Temperature == 1 {
		t.Fatalf("the temperature is %v", b.Stages[0].Temperature)
	}
	r, err := serve.RunJob(context.Background(), serve.Job{Machine: serve.Machine{Shim: torchtest.Fake(t), Device: "cpu"}, Bundle: bundled, Data: images})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]answers.Answer{}
	for _, a := range r.Answers {
		got[a.ID] = a
	}
	want, err := study.Answers(context.Background(), tempered, "test", c, study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if got[w.ID] != w {
			t.Fatalf("%+v, want %+v", got[w.ID], w)
		}
	}
}

// TestDamagedBundles: a model's file that is another one, or a path out of the folder, is
// refused.
func TestDamagedBundles(t *testing.T) {
	t.Parallel()
	images := bundletest.Pictures(t, 40)
	z, run := bundletest.Run(t, images)
	c := cascade.Cascade{Stages: []cascade.Stage{{Model: "logits", Weight: 1, Threshold: 0.3}, {Model: "wide", Weight: 1}}}
	for _, x := range []struct {
		name, says string
		damage     func(dir string) error
	}{
		{"another model of the same size", "is not the file that was bundled", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "models/logits.pt"), []byte("fake seed 9"), 0o644)
		}},
		{"a shorter model", "has 4 bytes and not", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "models/logits.pt"), []byte("fake"), 0o644)
		}},
		{"no model", "no such file", func(dir string) error { return os.Remove(filepath.Join(dir, "models/wide.pt")) }},
		{"a link", "is not a file", func(dir string) error {
			path := filepath.Join(dir, "models/wide.pt")
			if err := os.Rename(path, path+"2"); err != nil {
				return err
			}
			return os.Symlink(path+"2", path)
		}},
		{"a path out of the folder", `is not in models`, edit(`"path": "models/logits.pt"`, `"path": "../models/logits.pt"`)},
		{"an absolute path", `is not in models`, edit(`"path": "models/logits.pt"`, `"path": "/etc/passwd"`)},
		{"another threshold", "stage 1 is not as in its text", edit(`"threshold": 0.3`, `"threshold": 0.4`)},
		{"a newer version", "use a newer one", edit(`"version": 1`, `"version": 99`)},
		{"another format", "it is not a cascade", edit(`"format": "encas-zoo cascade"`, `"format": "other"`)},
		{"a pipe", "is not a regular file", func(dir string) error {
			path := filepath.Join(dir, bundle.CascadeFile)
			if err := os.Remove(path); err != nil {
				return err
			}
			return syscall.Mkfifo(path, 0o600)
		}},
		{"a link to other models", "is not a folder", func(dir string) error {
			path := filepath.Join(dir, bundle.ModelsDir)
			if err := os.Rename(path, path+"2"); err != nil {
				return err
			}
			return os.Symlink(path+"2", path)
		}},
		{"an accuracy above 1", "is promised: that cannot be", edit(`"accuracy_95": [`, `"accuracy": 7, "accuracy_95": [`)},
		{"a negative histogram", "has the histogram", edit(`"confidence_histogram": [`, `"confidence_histogram": [-1,`)},
		{"more correct than samples", "are answered correctly", func(dir string) error {
			path := filepath.Join(dir, bundle.CascadeFile)
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			at := strings.LastIndex(string(text), `"correct": `) + len(`"correct": `)
			return os.WriteFile(path, []byte(string(text[:at])+"9999"+string(text[at:])), 0o644)
		}},
		{"a huge input", "input size", edit(`"height": 8`, `"height": 100000000`)},
		{"a name too few", "has 4 names, and the cascade 5 classes", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, bundle.ClassesFile), []byte("a\nb\nc\nd\n"), 0o644)
		}},
		{"no cascade", "is not a bundle", func(dir string) error { return os.Remove(filepath.Join(dir, bundle.CascadeFile)) }},
	} {
		dir := bundletest.Bundle(t, z, run, c)
		withoutChecksums(t, dir) // as whoever damages it on purpose would
		if err := x.damage(dir); err != nil {
			t.Fatal(err)
		}
		_, err := serve.RunJob(context.Background(), serve.Job{Machine: serve.Machine{Shim: torchtest.Fake(t), Device: "cpu"}, Bundle: dir, Data: images})
		if err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v, want %q", x.name, err, x.says)
		}
	}
}

// withoutChecksums makes a bundle what older versions wrote.
func withoutChecksums(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, bundle.CascadeFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`\s*"checksum": "\w*",|,\s*"classes_sha256": "\w*"`).ReplaceAll(text, nil)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Read(dir); err != nil {
		t.Fatal(err)
	}
}

// TestReplacingBundles: an earlier bundle stays until the new one is complete, and nothing is
// replaced that is no bundle.
func TestReplacingBundles(t *testing.T) {
	t.Parallel()
	z, run := bundletest.Run(t, bundletest.Pictures(t, 40))
	source, err := study.ReadRun(run)
	if err != nil {
		t.Fatal(err)
	}
	one, two := cascade.Single("logits"), cascade.Cascade{Stages: []cascade.Stage{{Model: "logits", Weight: 1, Threshold: 0.3}, {Model: "wide", Weight: 1}}}
	dir := bundletest.Bundle(t, z, run, two)
	again := func(c cascade.Cascade, dir, models string) error {
		_, err := study.Bundle(context.Background(), z, source, study.BundleOptions{Cascade: &c, Dir: dir, Replace: true, ModelsDir: models}, study.Watch{})
		return err
	}
	// The models are nowhere but in the bundle that is replaced.
	for _, m := range z.Models() {
		var from classifier.Source
		if err := json.Unmarshal([]byte(m.Columns[zoo.ColumnRecipe]), &from); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(from.File); err != nil {
			t.Fatal(err)
		}
	}
	if err := again(one, dir, ""); err == nil || !strings.Contains(err.Error(), "--models-dir") {
		t.Errorf("without its models: %v", err)
	}
	b, err := bundle.Read(dir)
	if err != nil || b.Verify() != nil || len(b.Stages) != 2 {
		t.Fatalf("after a failure: %v", err)
	}
	if err := again(one, dir, filepath.Join(dir, bundle.ModelsDir)); err != nil {
		t.Fatal(err)
	}
	if b, err = bundle.Read(dir); err != nil || b.Verify() != nil || len(b.Stages) != 1 {
		t.Fatalf("in place: %+v, %v", b, err)
	}
	beside, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(beside) != 1 {
		t.Errorf("beside it: %v, %v", beside, err)
	}

	// Folders with the names of a bundle's files, and models of somebody's own.
	own := t.TempDir()
	mine := filepath.Join(own, bundle.ModelsDir, "mine.pt")
	if err := os.MkdirAll(filepath.Dir(mine), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{mine, filepath.Join(own, bundle.ReadmeFile)} {
		if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := again(one, own, filepath.Join(dir, bundle.ModelsDir)); err == nil || !strings.Contains(err.Error(), "neither empty nor a bundle") {
		t.Errorf("over a folder that is no bundle: %v", err)
	}
	if text, err := os.ReadFile(mine); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestFewImagesPromiseNothing: a handful of images cannot keep a promise, but can break it.
func TestFewImagesPromiseNothing(t *testing.T) {
	t.Parallel()
	images := bundletest.Pictures(t, 200)
	z, run := bundletest.Run(t, images)
	bundled := bundletest.Bundle(t, z, run, cascade.Single("logits"))
	withoutChecksums(t, bundled)
	path := filepath.Join(bundled, bundle.CascadeFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(accuracy string, limit int) string {
		changed := regexp.MustCompile(`"correct": (\d+),\s*"accuracy": [\d.]+,\s*"accuracy_95": \[[^]]*\],\s*"cost"`).ReplaceAllString(string(text),
			`"correct": 1, "accuracy": `+accuracy+`, "accuracy_95": [0, 1], "cost"`)
		if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := serve.RunJob(context.Background(), serve.Job{Machine: serve.Machine{Shim: torchtest.Fake(t), Device: "cpu"}, Bundle: bundled, Data: images, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		return r.Sentence()
	}
	if s := answer("0.2", 20); !strings.Contains(s, "too few to tell") {
		t.Errorf("20 images as promised: %s", s)
	}
	if s := answer("1", 20); !strings.Contains(s, "the accuracy here is another one") {
		t.Errorf("20 images, of which all were to be right: %s", s)
	}
	if s := answer("0.2", 0); !strings.Contains(s, "this agrees with it") {
		t.Errorf("200 images: %s", s)
	}
}

// edit changes cascade.json.
func edit(from, to string) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, bundle.CascadeFile)
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.Contains(string(data), from) {
			return fmt.Errorf("%s has no %s", path, from)
		}
		return os.WriteFile(path, []byte(strings.Replace(string(data), from, to, 1)), 0o644)
	}
}
