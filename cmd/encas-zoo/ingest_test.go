package main

import (
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

// TestIngestScripts runs the scripts of ingest over a shim that obeys its model
// files.
func TestIngestScripts(t *testing.T) {
	t.Parallel()
	shim := torchtest.Fake(t)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/ingest",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ENCAS_TORCH_SHIM", shim)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "picture": picture},
	})
}

// picture writes PNG files of one colour each: picture FILE...
func picture(ts *testscript.TestScript, neg bool, args []string) {
	for i, name := range args {
		m := image.NewGray(image.Rect(0, 0, 9, 9))
		for p := range m.Pix {
			m.Pix[p] = uint8(40 * i)
		}
		m.SetGray(i%9, 0, color.Gray{255})
		f, err := os.Create(ts.MkAbs(name))
		ts.Check(err)
		ts.Check(png.Encode(io.Writer(f), m))
		ts.Check(f.Close())
	}
}

func TestShard(t *testing.T) {
	t.Parallel()
	slurm := map[string]string{"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_COUNT": "4"}
	job := map[string]string{"JOB_COMPLETION_INDEX": "3"}
	for _, c := range []struct {
		flag string
		env  map[string]string
		i, n int
		ok   bool
	}{
		{"", nil, 0, 0, true},
		{"2/8", nil, 2, 8, true},
		{"2/8", slurm, 2, 8, true},
		{"", slurm, 2, 4, true},
		{"/3", slurm, 2, 3, true},
		{"/8", job, 3, 8, true},
		{"", job, 0, 0, true},
		{"8/8", nil, 0, 0, false},
		{"-1/8", nil, 0, 0, false},
		{"/8", nil, 0, 0, false},
		{"3", nil, 0, 0, false},
		{"a/b", nil, 0, 0, false},
		{"/2", job, 0, 0, false},
	} {
		i, n, err := shard(c.flag, func(key string) string { return c.env[key] })
		if (err == nil) != c.ok || i != c.i || n != c.n {
			t.Errorf("--shard %q with %v: %d of %d, %v", c.flag, c.env, i, n, err)
		}
	}
}
