package inference

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/answers"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/internal/bundletest"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/serve"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// roundOff is the largest difference of two confidences that is rounding alone: outputs of
// batches of other sizes differ in the last digits, and may be rounded to neighbouring float16.
const roundOff = 1.0 / 1024

// TestRealModels takes three TorchScript models of different input sizes over photographs
// the whole way. What the stored outputs say, what run says and what a server tells a client
// that others wrote must be the same.
func TestRealModels(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs torch")
	}
	photos := sharedtest.Dir(t, "jpegs")
	shim, python := torchtest.Path(t), torchtest.Python(t)
	client := sharedtest.Python(t)
	if out, err := exec.Command(client, "-c", "import tritonclient.http").CombinedOutput(); err != nil {
		t.Fatalf("%s has no tritonclient: %s", client, out)
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "testdata/models.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	z, run := ingested(t, dir, photos, shim)
	c := halving(t, z)
	folder := bundletest.Bundle(t, z, run, c)
	want, err := study.Answers(context.Background(), z, "search", c, study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if stages := stagesOf(want); len(stages) != 3 {
		t.Fatalf("only the stages %v answer", stages)
	}

	machine := serve.Machine{Shim: shim, Device: "cpu", Batch: 8}
	result, err := serve.RunJob(context.Background(), serve.Job{Machine: machine, Bundle: folder, Data: photos})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Failed) != 0 || result.Measured == nil || !result.Promise.ReachTest.Agrees() || !result.Promise.AccuracyTest.Agrees() {
		t.Errorf("failed %v, measured %+v, promised %+v", result.Failed, result.Measured, result.Promise)
	}
	same(t, "run", result.Answers, want)

	opened, err := serve.Open(folder, machine)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	engine, err := opened.Engine(serve.Options{Wait: 2 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- New(opened.Bundle, engine, Options{}).Serve(ctx, l, 10*time.Second) }()
	for _, way := range []string{"bytes", "json", "gzip"} {
		args := []string{"testdata/client.py", l.Addr().String(), way}
		for _, a := range want {
			args = append(args, filepath.Join(photos, a.ID))
		}
		cmd := exec.Command(client, args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", way, err, &stderr)
		}
		same(t, "serve, "+way, readAnswers(t, out, photos), want)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// ingested makes a zoo of the models in a folder, and a run.
func ingested(t *testing.T, dir, photos, shim string) (*zoo.Zoo, string) {
	list := "small.pt size=32 gflops=1\nmiddle.pt size=48x64 crop_pct=0.9 interpolation=bilinear gflops=2\nlarge.pt size=96 crop_mode=squash gflops=4\n"
	entries, err := ingest.ParseList(strings.NewReader(list), "list", dir)
	if err != nil {
		t.Fatal(err)
	}
	result, err := ingest.Run(context.Background(), ingest.Options{
		Zoo: filepath.Join(dir, "zoo"), Data: []ingest.Data{{Split: "search", Path: photos}}, Models: entries,
		Shim: shim, Device: "cpu", Batch: 16, SkipBroken: true,
	})
	if err != nil || len(result.Failed) > 0 {
		t.Fatal(err, result.Failed)
	}
	z, err := study.Open(context.Background(), filepath.Join(dir, "zoo"), study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	o := study.Defaults()
	o.Dir, o.Split, o.Algorithm = filepath.Join(dir, "run"), "search", "greedy"
	if _, err := study.Search(context.Background(), z, o, study.Watch{}); err != nil {
		t.Fatal(err)
	}
	return z, o.Dir
}

// halving is a cascade of the three models of which each answers about half of what
// reaches it. No confidence is near a threshold.
func halving(t *testing.T, z *zoo.Zoo) cascade.Cascade {
	c := cascade.Cascade{Stages: []cascade.Stage{{Model: "small", Weight: 1, Threshold: 1}, {Model: "middle", Weight: 2, Threshold: 1}, {Model: "large", Weight: 3}}}
	for stage := range 2 {
		part := c
		part.Stages = slices.Clone(c.Stages[:stage+1])
		all, err := study.Answers(context.Background(), z, "search", part, study.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		var confidences []float64
		for _, a := range all {
			if a.Stage == stage+1 {
				confidences = append(confidences, a.Confidence)
			}
		}
		slices.Sort(confidences)
		best, gap := 0, 0.0
		for i := len(confidences) / 3; i < 2*len(confidences)/3; i++ {
			if d := confidences[i+1] - confidences[i]; d > gap {
				best, gap = i, d
			}
		}
		if gap < 4*roundOff {
			t.Fatalf("no gap between the confidences of stage %d: %v", stage+1, confidences)
		}
		c.Stages[stage].Threshold = float32((confidences[best] + confidences[best+1]) / 2)
	}
	return c
}

func stagesOf(all []answers.Answer) map[int]int {
	stages := map[int]int{}
	for _, a := range all {
		stages[a.Stage]++
	}
	return stages
}

// same compares answers with those wanted: confidences may differ by 1e-6, or by one step of
// float16 for few images, which are listed.
func same(t *testing.T, what string, got, want []answers.Answer) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d answers, want %d", what, len(got), len(want))
	}
	rounded := 0
	for i, w := range want {
		g := got[i]
		d := math.Abs(g.Confidence - w.Confidence)
		g.Confidence = w.Confidence
		switch {
		case g != w || d > roundOff:
			t.Errorf("%s: %+v with confidence off by %g, want %+v", what, g, d, w)
		case d > 1e-6:
			rounded++
			t.Logf("%s: %s: confidence off by %g: its outputs were rounded to other float16", what, w.ID, d)
		}
	}
	if rounded > len(want)/4 {
		t.Errorf("%s: %d of %d confidences differ", what, rounded, len(want))
	}
}

// readAnswers reads what the client wrote.
func readAnswers(t *testing.T, out []byte, photos string) (all []answers.Answer) {
	rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		var a answers.Answer
		a.ID, _ = filepath.Rel(photos, row[0])
		if _, err := fmt.Sscan(row[1]+" "+row[4], &a.Class, &a.Stage); err != nil {
			t.Fatal(err)
		}
		if a.Confidence, err = strconv.ParseFloat(row[3], 64); err != nil {
			t.Fatal(err)
		}
		if row[2] != strconv.Itoa(a.Class) { // the classes have no names
			t.Errorf("%s: class %d is called %q", a.ID, a.Class, row[2])
		}
		all = append(all, a)
	}
	return all
}
