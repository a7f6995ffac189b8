//go:build !purego

package kernel

// Paths returns the paths that this machine and build can run, slowest first. Every arm64 has NEON.
func Paths() []Path { return []Path{Generic, NEON} }
