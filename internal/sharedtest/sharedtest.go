// Package sharedtest finds what some tests compare with and the repository does
// not hold: reference data in a folder named shared beside the repository's root,
// which a user's clone has not, and a Python with other implementations of our
// file formats, which `make test` sets up.
package sharedtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Dir returns the absolute path of shared/data/name, and skips the test if
// there is none.
func Dir(t testing.TB, name string) string {
	t.Helper()
	dir, ok := Find(t, name)
	if !ok {
		t.Skipf("needs the reference data in %s beside the repository", filepath.Join("shared", "data", name))
	}
	return dir
}

// Find returns the absolute path of shared/data/name, and whether it is there.
func Find(t testing.TB, name string) (dir string, ok bool) {
	t.Helper()
	dir = filepath.Join(filepath.Dir(root(t)), "shared", "data", name)
	_, err := os.Stat(dir)
	return dir, err == nil
}

// Python returns a Python interpreter that has numpy, pyarrow, pandas and polars:
// the one $ENCAS_PYTHON names, else the one `make venv` made. It skips the test
// if there is neither, and fails it if $ENCAS_PYTHON does not work.
func Python(t testing.TB) string {
	t.Helper()
	python, set := os.LookupEnv("ENCAS_PYTHON")
	if !set {
		python = filepath.Join(root(t), "build", "venv", "bin", "python")
		if _, err := os.Stat(python); err != nil {
			t.Skip("needs Python with numpy, pyarrow, pandas and polars: run `make venv`, or set ENCAS_PYTHON")
		}
	}
	if out, err := exec.Command(python, "-c", "import numpy, pyarrow, pandas, polars").CombinedOutput(); err != nil {
		t.Fatalf("%s lacks what the tests cross-check with: %v\n%s", python, err, out)
	}
	return python
}

// root returns the folder of go.mod.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}
