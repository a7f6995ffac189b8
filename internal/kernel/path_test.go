package kernel

import (
	"testing"
)

// eachPath runs a test on every path of this machine.
func eachPath(t *testing.T, test func(t *testing.T)) {
	for _, p := range Paths() {
		t.Run(p.String(), func(t *testing.T) {
			defer Force(p)()
			test(t)
		})
	}
}

// eachPathBench is eachPath for benchmarks.
func eachPathBench(b *testing.B, bench func(b *testing.B)) {
	for _, p := range Paths() {
		b.Run(p.String(), func(b *testing.B) {
			defer Force(p)()
			bench(b)
		})
	}
}

func TestForceRestores(t *testing.T) {
	before := Active()
	for _, p := range Paths() {
		restore := Force(p)
		if Active() != p {
			t.Errorf("Force(%v) left %v active", p, Active())
		}
		restore()
		if Active() != before {
			t.Errorf("restored %v, want %v", Active(), before)
		}
	}
}

func TestChoose(t *testing.T) {
	all := []Path{Generic, AVX2, AVX512}
	for _, c := range []struct {
		name  string
		paths []Path
		want  Path
		ok    bool
	}{
		{"", all, AVX512, true},
		{"", all[:1], Generic, true},
		{"generic", all, Generic, true},
		{"avx2", all, AVX2, true},
		{"avx512", all, AVX512, true},
		{"avx512", all[:2], AVX2, false},
		{"AVX2", all, AVX512, false},
		{"neon", all[:1], Generic, false},
	} {
		got, err := choose(c.name, c.paths)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("choose(%q, %v) = %v, %v", c.name, c.paths, got, err)
		}
	}
}
