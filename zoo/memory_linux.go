package zoo

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// spareMemory returns how much memory there is for this process, in bytes.
func spareMemory() int64 {
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
	if spare == math.MaxInt64 {
		return 0 // unknown
	}
	return spare
}
