package kernel

import (
	"fmt"
	"os"
)

// EnvKernel is the environment variable that chooses the path by name.
const EnvKernel = "ENCAS_KERNEL"

// Path is one implementation of all kernels. They differ in speed only.
type Path int

// The paths, those of a processor slowest first.
const (
	Generic Path = iota // Go
	AVX2                // AVX2, F16C, BMI2, POPCNT
	AVX512              // AVX-512 F, BW, CD, DQ, VL, VBMI, VBMI2
	NEON                // arm64; some kernels, the others are those in Go
)

var pathNames = [...]string{Generic: "generic", AVX2: "avx2", AVX512: "avx512", NEON: "neon"}

func (p Path) String() string { return pathNames[p] }

// active is the path in use, chosen once at start.
var active, envErr = choose(os.Getenv(EnvKernel), Paths())

// Active returns the path in use: the fastest this machine can run, or the one
// that the environment variable ENCAS_KERNEL names.
func Active() Path { return active }

// CheckEnv returns an error when ENCAS_KERNEL names a path that does not exist or
// that this machine cannot run; the fastest path is in use then.
func CheckEnv() error { return envErr }

func choose(name string, paths []Path) (Path, error) {
	fastest := paths[len(paths)-1]
	if name == "" {
		return fastest, nil
	}
	for _, p := range paths {
		if p.String() == name {
			return p, nil
		}
	}
	return fastest, fmt.Errorf("%s=%s: this machine and build can run %v", EnvKernel, name, paths)
}

// Force makes p the path in use, for tests that compare paths, and returns a
// function that restores the one before. It panics when p is not one of Paths,
// and must not be called while kernels run.
func Force(p Path) (restore func()) {
	before := active
	for _, q := range Paths() {
		if q == p {
			active = p
			return func() { active = before }
		}
	}
	panic(fmt.Sprintf("kernel: Force(%v): not on this machine", p))
}
