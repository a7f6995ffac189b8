package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// standIn writes a Python that lacks some libraries and makes a file of the fake shim for
// every model, trained at 6 pixels and tested at 8.
func standIn(t *testing.T, missing string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	script := `#!/bin/sh
while read -r line; do
	case "$line" in
	*'"missing"'*) echo '{"missing": {` + missing + `}}' ;;
	*)
		out=$(printf '%s' "$line" | sed 's/.*"out":"\([^"]*\)".*/\1/')
		size=8
		case "$line" in *'"size_of":"train"'*) size=6 ;; esac
		echo fake seed 5 >"$out"
		echo '{"meta": {"format": 2, "source": "timm", "image_size": ['$size', '$size'], "train_size": [6, 6], "mean": [0, 0, 0], "std": [1, 1, 1],
			"crop_pct": 1, "crop_mode": "center", "interpolation": "bicubic", "classes": 5, "params": 7, "checkpoint": "c0"}}' | tr -d '\n'
		echo ;;
	esac
done
`
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPythonLacks runs lists with Pythons that lack what some of their models need: it is
// said once, before anything runs.
func TestPythonLacks(t *testing.T) {
	t.Parallel()
	images := writeImages(t, 10)
	file := fakes(t, "a")
	torch, timm, vision := `"torch": "ModuleNotFoundError: no module torch"`, `"timm": "ImportError: half of it"`, `"torchvision": "x"`
	for _, c := range []struct {
		list, missing, want string // want is "" if it runs
	}{
		{"resnet18\nresnet34", torch + "," + timm + "," + vision, "has no torch (ModuleNotFoundError: no module torch), which models given by name need (resnet18, resnet34): name a Python that has it with --python"},
		{"resnet18\ntimm/resnet34\nresnet50.a1_in1k", timm, "has no timm (ImportError: half of it), which models given by name need (resnet34, resnet50.a1_in1k)"},
		{"resnet*", timm, "has no timm"},
		{"resnet18", timm, ""},
		{"resnet18", vision, ""},
		{"resnet18", vision + "," + timm, "has no timm"},
		{"torchvision/resnet18", vision, "has no torchvision"},
		{"torchvision/resnet18", timm, ""},
		{"x.pt size=8 classes=imagenet", timm, "has no timm (ImportError: half of it), which lines with classes=imagenet need (x)"},
		{"hf:a/b", `"transformers": "no"`, "has no transformers"},
		{"a\nb\nc\nd\ne", torch, "(a, b, c and 2 more): name a Python"},
		{"", torch + "," + timm, ""},
	} {
		python := standIn(t, c.missing)
		o := options(t, images, append(list(t, "", c.list), file...))
		o.Python, o.ModelsDir = python, t.TempDir()
		var failed []Failure
		o.Failed = func(f Failure) { failed = append(failed, f) }
		res, err := Run(context.Background(), o)
		if c.want == "" {
			if err != nil || len(res.Failed) > 0 {
				t.Errorf("%q without %s: %+v, %v", c.list, c.missing, res, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), python+" ") || !strings.Contains(err.Error(), c.want) || len(failed) > 0 {
			t.Errorf("%q without %s: %v, want %q; failed %v", c.list, c.missing, err, c.want, failed)
		}
		if _, err := os.Stat(o.Zoo); !os.IsNotExist(err) {
			t.Errorf("%q: something ran", c.list)
		}
	}
	// What was exported before needs no Python. A zip archive may have text before it.
	o := options(t, images, list(t, "", "resnet18"))
	o.Python, o.ModelsDir = "/no/such/python", t.TempDir()
	model := []byte("fake seed 5\n")
	var rest bytes.Buffer
	z := zip.NewWriter(&rest)
	z.SetOffset(int64(len(model)))
	w, err := z.Create("m/extra/encas.json")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, `{"format": 2, "image_size": [8, 8], "std": [1, 1, 1], "crop_pct": 1, "crop_mode": "center", "interpolation": "bicubic", "classes": 5}`)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile((&runner{o: o}).exported(o.Models[0]), append(model, rest.Bytes()...), 0o644); err != nil {
		t.Fatal(err)
	}
	if res := run(t, o); len(res.Added) != 1 {
		t.Errorf("from the models folder: %+v", res)
	}
	o.ModelsDir = t.TempDir()
	if _, err := Run(context.Background(), o); err == nil || strings.Count(err.Error(), "--python") != 1 {
		t.Errorf("without a Python: %v", err)
	}
}

// TestSizes runs models at the size they are tested or trained at, and says so once.
func TestSizes(t *testing.T) {
	t.Parallel()
	images := writeImages(t, 10)
	for _, c := range []struct{ run, list, want string }{
		{"", "a\nb\nc\nd\ne size=train\nf size=7", "8x8 8x8 8x8 8x8 6x6 7x7 note a at 8 and not 6, b at 8 and not 6, c at 8 and not 6 and 1 more;"},
		{"train", "a\nb size=test", "6x6 8x8 note b at 8 and not 6;"},
		{"train", "a\nb", "6x6 6x6"},
	} {
		o := options(t, images, list(t, "", c.list))
		o.Python, o.ModelsDir, o.SizeOf = standIn(t, ""), t.TempDir(), c.run
		var got []string
		notes := ""
		o.Log = func(s string) {
			if _, sizes, ok := strings.Cut(s, "authors test them at: "); ok {
				notes += " note " + sizes
			}
		}
		run(t, o)
		for _, e := range o.Models {
			got = append(got, column(t, o.Zoo, e.As, "image_size"))
		}
		if got := fmt.Sprint(strings.Join(got, " "), notes); !strings.HasPrefix(got, c.want) || strings.Count(got, "note") != strings.Count(c.want, "note") {
			t.Errorf("--size %q, %q: %s, want %s", c.run, c.list, got, c.want)
		}
	}
}
