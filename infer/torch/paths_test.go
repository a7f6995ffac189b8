package torch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestShimPerTorch builds shims for two Pythons with a compiler that writes which torch
// it compiled for: neither replaces the other, and each Python gets its own.
func TestShimPerTorch(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("HOME", dir)
	t.Setenv("ENCAS_TORCH_SHIM", "")
	write := func(path, text string) string {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	compiler := write("compiler", "#!/bin/sh\nfor a; do case $a in -L*) lib=$a ;; esac; last=$a; done\necho for $lib >$last\n")
	python := func(name, version string) string {
		root := filepath.Join(dir, name, "torch")
		write(filepath.Join(name, "torch/include/torch/script.h"), "")
		answer := fmt.Sprintf(`{"Include": ["%s/include"], "Lib": "%s/lib", "RPath": true, "ABI": 1, "Version": "%s"}`, root, root, version)
		return write(name+"/python", "#!/bin/sh\necho '"+answer+"'\n")
	}
	a, b, none := python("a", "2.4.1+cu121"), python("b", "2.4.1+cu121"), write("none/python", "#!/bin/sh\nexit 1\n")
	ctx := context.Background()
	if _, _, err := Find(ctx, a); !errors.Is(err, ErrNoShim) || !strings.Contains(err.Error(), "encas-zoo shim build") {
		t.Errorf("without any: %v", err)
	}
	old := write("cache/encas-zoo/"+oldName, "old")
	found := func(python, want string, noted bool) {
		t.Helper()
		path, note, err := Find(ctx, python)
		if err != nil || path != want || (note != "") != noted {
			t.Errorf("for %q: %s, %q, %v, want %s", python, path, note, err, want)
		}
	}
	found("", old, false)
	found(a, old, true)
	build := func(python string) string {
		t.Helper()
		path, err := Build(ctx, BuildOptions{Python: python, Compiler: compiler}, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), filepath.Dir(python)) || !strings.Contains(path, "2.4.1+cu121") {
			t.Errorf("%s for %s: %s, %v", path, python, text, err)
		}
		return path
	}
	first := build(a)
	found(b, first, true)
	earlier := time.Now().Add(-time.Hour)
	if err := os.Chtimes(first, earlier, earlier); err != nil {
		t.Fatal(err)
	}
	second := build(b)
	if first == second {
		t.Fatalf("both are %s", first)
	}
	found(a, first, false)
	found(b, second, false)
	found("", second, false)
	found(none, second, false)
	found("/no/such/python", second, false)
	if again := build(a); again != first {
		t.Errorf("built again as %s", again)
	}
	t.Setenv("ENCAS_TORCH_SHIM", old)
	found(a, old, false)
}
