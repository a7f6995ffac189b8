// Package torchtest gives tests a shim: the real one if there is a torch, or one
// that runs no models and does what the test asks.
package torchtest

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch"
)

// Python returns an interpreter that can import torch and torchvision, and skips
// the test if there is none: $ENCAS_TORCH_PYTHON, or the system's.
var Python = needs(func() (string, string) {
	python := cmp.Or(os.Getenv("ENCAS_TORCH_PYTHON"), "/usr/bin/python3")
	if out, err := exec.Command(python, "-c", "import torch, torchvision").CombinedOutput(); err != nil {
		return "", "needs torch and torchvision for " + python + " (on Debian: apt-get install python3-torch python3-torchvision): " + lastLine(out)
	}
	return python, ""
})

// Path returns the real shim, compiled for that Python's torch and kept for the next
// tests, and skips the test if it cannot be compiled.
var Path = needs(func() (string, string) {
	python := os.Getenv("ENCAS_TORCH_PYTHON")
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err.Error()
	}
	key := sha256.Sum256([]byte(torch.SourceHash() + python))
	path := filepath.Join(cache, "encas-zoo", "test-"+hex.EncodeToString(key[:8])+".so")
	if _, err := os.Stat(path); err == nil {
		return path, ""
	}
	if _, err := torch.Build(context.Background(), torch.BuildOptions{Python: python, Out: path}, nil); err != nil {
		return "", "needs libtorch (on Debian: apt-get install libtorch-dev libopenblas0-pthread): " + err.Error()
	}
	return path, ""
})

//go:embed testdata/fake.c
var fake []byte

// Fake returns a shim made of testdata/fake.c, and skips the test if there is no C
// compiler. A model file for it is text, described in that file.
var Fake = needs(func() (string, string) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err.Error()
	}
	key := sha256.Sum256(append([]byte(torch.SourceHash()), fake...))
	path := filepath.Join(cache, "encas-zoo", "fake-"+hex.EncodeToString(key[:8])+".so")
	if _, err := os.Stat(path); err == nil {
		return path, ""
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err.Error()
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), "fake")
	if err != nil {
		return "", err.Error()
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "fake.c"), fake, 0o644); err != nil {
		return "", err.Error()
	}
	if err := torch.WriteSource(dir); err != nil {
		return "", err.Error()
	}
	built := filepath.Join(dir, "fake.so")
	if out, err := exec.Command("cc", "-O2", "-fPIC", "-shared", filepath.Join(dir, "fake.c"), "-lm", "-o", built).CombinedOutput(); err != nil {
		return "", "needs a C compiler: " + err.Error() + " " + lastLine(out)
	}
	if err := os.Rename(built, path); err != nil {
		return "", err.Error()
	}
	return path, ""
})

// WriteFake writes a model file for the fake shim that has metadata, as exported files do.
func WriteFake(t testing.TB, path, text string, meta any) {
	t.Helper()
	encoded, err := json.Marshal(meta)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	archive.WriteString("fake " + text + " end\n")
	z := zip.NewWriter(&archive)
	w, err := z.Create("fake/extra/encas.json")
	if err == nil {
		_, err = w.Write(encoded)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// needs makes a function that finds something once per process and skips tests if
// find returns a reason.
func needs(find func() (path, reason string)) func(testing.TB) string {
	once := sync.OnceValues(find)
	return func(t testing.TB) string {
		t.Helper()
		path, reason := once()
		if reason != "" {
			t.Skip(reason)
		}
		return path
	}
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
