package torch

import (
	"strings"
	"testing"
)

func TestFlaws(t *testing.T) {
	for version, want := range map[string]int{"1.12.1": 4, "1.13.0a0": 4, "1.13.1": 3, "2.1.2+cpu": 3, "2.2.0": 1, "2.5.1+cu124": 1, "2.6.0": 0, "2.10.0.dev2": 0, "fake": 0, "": 0} {
		if got := strings.Count(Flaws(version), "CVE-"); got != want {
			t.Errorf("%q has %d known vulnerabilities instead of %d", version, got, want)
		}
	}
}
