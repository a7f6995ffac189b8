// Package memory says how much memory the process may still take.
package memory

import "runtime/debug"

// Limit makes the garbage collector work harder before the address space of the process, if
// ulimit -v limits it, is used up: Go's runtime aborts when it is.
func Limit() {
	if left, limited := AddressSpace(); limited && debug.SetMemoryLimit(-1) > left {
		debug.SetMemoryLimit(max(left*6/10, 32<<20))
	}
}
