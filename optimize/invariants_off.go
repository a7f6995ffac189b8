//go:build !invariants

package optimize

// invariants has archives check what they are given, for tests: go test -tags invariants.
const invariants = false
