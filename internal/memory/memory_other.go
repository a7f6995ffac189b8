//go:build !linux

package memory

// Spare returns how much memory there is for this process, in bytes, at the least.
func Spare() int64 { return 2 << 30 }

// AddressSpace returns how many bytes of address space the process may still reserve, and
// whether there is a limit.
func AddressSpace() (left int64, limited bool) { return 0, false }
