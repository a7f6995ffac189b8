package export

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

// TestMissing asks Pythons that lack libraries, or do not work, what they lack.
func TestMissing(t *testing.T) {
	t.Parallel()
	python := torchtest.Python(t)
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	broken := filepath.Join(dir, "broken")
	if err := os.MkdirAll(filepath.Join(broken, "timm"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, "timm", "__init__.py"), []byte("raise OSError('libcudart.so.99: no such file')"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for _, c := range []struct {
		name, python string
		want         map[string]string // parts of the reasons
	}{
		{"alone", script("alone", `exec "`+python+`" -I -S "$@"`), map[string]string{"torch": "No module named 'torch'"}},
		{"broken", script("half", `ENCAS_PYTHONPATH="`+broken+`" exec "`+python+`" "$@"`), map[string]string{"timm": "OSError: libcudart.so.99"}},
		{"whole", python, map[string]string{"no_such_library": "No module named 'no_such_library'"}},
	} {
		e := New(c.python, nil)
		missing, err := e.Missing(ctx, "torch", "timm", "no_such_library")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for library, want := range c.want {
			if !strings.Contains(missing[library], want) {
				t.Errorf("%s: %v, want %v", c.name, missing, c.want)
			}
		}
		if _, err := e.Export(ctx, Request{Source: "torchvision", Name: "resnt18", Out: filepath.Join(dir, "x.pt")}); err == nil ||
			!strings.Contains(err.Error(), map[bool]string{true: "torch is not installed", false: "torchvision knows no model resnt18; did you mean resnet18"}[c.name == "alone"]) {
			t.Errorf("%s: exporting: %v", c.name, err)
		}
		e.Close()
	}
	e := New(script("dead", "echo of no use >&2; exit 3"), nil)
	defer e.Close()
	if _, err := e.Missing(ctx, "torch"); err == nil || !strings.Contains(err.Error(), "dead ended while it worked on this (exit status 3): of no use") {
		t.Errorf("a Python that ends: %v", err)
	}
}
