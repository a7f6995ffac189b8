//go:build !linux

package memory

// Spare returns 0: how much memory there is for this process is unknown.
func Spare() int64 { return 0 }

// AddressSpace returns how many bytes of address space the process may still reserve, and
// whether there is a limit.
func AddressSpace() (left int64, limited bool) { return 0, false }
