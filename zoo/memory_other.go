//go:build unix && !linux

package zoo

// spareMemory returns how much memory there is for this process, in bytes, at the least.
func spareMemory() int64 { return 2 << 30 }
