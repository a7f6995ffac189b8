package torch

import (
	"fmt"
	"slices"
	"strings"
)

// flaws are published vulnerabilities that a file of a model can exploit, and the first
// version of torch without them.
var flaws = []struct {
	name  string
	fixed [3]int
}{
	{"CVE-2022-45907", [3]int{1, 13, 1}},
	{"CVE-2024-31580", [3]int{2, 2, 0}},
	{"CVE-2024-31583", [3]int{2, 2, 0}},
	{"CVE-2025-32434", [3]int{2, 6, 0}},
}

// Flaws returns a warning about a version of torch whose published vulnerabilities files of
// models can exploit; "" if none is known.
func Flaws(version string) string {
	var v [3]int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2]); n < 2 {
		return "" // a version that is not one, such as a test's
	}
	var names []string
	for _, f := range flaws {
		if slices.Compare(v[:], f.fixed[:]) < 0 {
			names = append(names, f.name)
		}
	}
	if names == nil {
		return ""
	}
	return fmt.Sprintf("torch %s has known vulnerabilities (%s): run only files of models that you trust, with it or any other torch (docs/security.md)", version, strings.Join(names, ", "))
}
