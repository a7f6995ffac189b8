package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// writeSupernet writes a file that states what one of OFA states, and has no weights.
func writeSupernet(t testing.TB, path string, classes int) {
	t.Helper()
	table, err := supernet.Family("ofa-mbv3-w1.0")
	if err != nil {
		t.Fatal(err)
	}
	torchtest.WriteFake(t, path, "supernet 67", export.Meta{
		Format: export.Format, Name: table.Name, Source: "supernet", Architecture: table.Name, Classes: classes, Params: 7678880, License: table.License, Checkpoint: "0123", Supernet: &table,
	})
}

// TestSupernetScripts runs the scripts of supernet, beside a file and a Python with torch
// if there is one.
func TestSupernetScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/supernet",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			writeSupernet(t, e.WorkDir+"/ofa10.pt", 1000)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}
