//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// Paths returns the paths that this machine and build can run, slowest first.
func Paths() []Path { return paths }

var paths = detect()

func detect() []Path {
	x, p := &cpu.X86, []Path{Generic}
	if !(x.HasAVX2 && x.HasF16C && x.HasBMI1 && x.HasBMI2 && x.HasPOPCNT) {
		return p
	}
	p = append(p, AVX2)
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512CD && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VBMI && x.HasAVX512VBMI2 {
		p = append(p, AVX512)
	}
	return p
}
