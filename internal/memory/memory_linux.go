package memory

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Spare returns how much memory there is for this process, in bytes; 0 if that is unknown.
func Spare() int64 {
	spare := int64(math.MaxInt64)
	meminfo, _ := os.ReadFile("/proc/meminfo")
	if _, after, ok := strings.Cut(string(meminfo), "MemAvailable:"); ok {
		var kilobytes int64
		if _, err := fmt.Sscan(after, &kilobytes); err == nil {
			spare = kilobytes << 10
		}
	}
	limit, _ := os.ReadFile("/sys/fs/cgroup/memory.max") // "max" without one
	if n, err := strconv.ParseInt(strings.TrimSpace(string(limit)), 10, 64); err == nil {
		spare = min(spare, n)
	}
	if left, limited := AddressSpace(); limited {
		spare = min(spare, left)
	}
	if spare == math.MaxInt64 {
		return 0 // unknown
	}
	return spare
}

// AddressSpace returns how many bytes of address space the process may still reserve, and
// whether there is a limit (ulimit -v).
func AddressSpace() (left int64, limited bool) {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) != nil || limit.Cur > math.MaxInt64 {
		return 0, false
	}
	var pages int64
	statm, _ := os.ReadFile("/proc/self/statm")
	fmt.Sscan(string(statm), &pages)
	return max(0, int64(limit.Cur)-pages*int64(os.Getpagesize())), true
}
