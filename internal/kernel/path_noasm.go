//go:build (!amd64 && !arm64) || purego

package kernel

// Paths returns the paths that this machine and build can run, slowest first.
func Paths() []Path { return []Path{Generic} }
