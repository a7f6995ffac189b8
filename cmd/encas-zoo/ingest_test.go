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
			writeSupernet(t, e.WorkDir+"/ofa10.pt", 2)
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
