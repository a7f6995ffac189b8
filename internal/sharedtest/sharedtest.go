// Package sharedtest finds the reference data that some tests compare with: a
// folder named shared beside the repository's root. It is too large for the
// repository, and a user's clone has none.
package sharedtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the absolute path of shared/data/name, and skips the test where
// there is none.
func Dir(t testing.TB, name string) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		parent := filepath.Dir(root)
		if parent == root {
			t.Fatal("no go.mod above the test's folder")
		}
		root = parent
	}
	dir := filepath.Join(filepath.Dir(root), "shared", "data", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("needs the reference data in %s beside the repository: %v", filepath.Join("shared", "data", name), err)
	}
	return dir
}
