package memory

import (
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Spare returns how much memory there is for this process, in bytes; 0 if that is unknown.
func Spare() int64 {
	meminfo, _ := os.ReadFile("/proc/meminfo")
	groups, _ := os.ReadFile("/proc/self/cgroup")
	spare := spareInGroups("/sys/fs/cgroup", string(groups))
	if kilobytes, ok := field(string(meminfo), "MemAvailable:"); ok {
		spare = min(spare, kilobytes<<10)
	}
	if left, limited := AddressSpace(); limited {
		spare = min(spare, left)
	}
	if spare == math.MaxInt64 {
		return 0
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

// spareInGroups returns what the control groups that a process is in, as /proc/PID/cgroup
// lists them, leave it: a group, or one that it is within, may have a limit.
func spareInGroups(root, groups string) int64 {
	spare := int64(math.MaxInt64)
	for line := range strings.Lines(groups) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(line, ":")
		// Version 2, alone or beside version 1, then that.
		places, limit, used, cache := []string{root, filepath.Join(root, "unified")}, "memory.max", "memory.current", "inactive_file"
		switch {
		case controllers == "":
		case slices.Contains(strings.Split(controllers, ","), "memory"):
			places, limit, used, cache = []string{filepath.Join(root, "memory")}, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
		default:
			continue
		}
		for _, place := range places {
			// A container may see its own group as the root of all.
			for at := path.Clean("/" + group); ; at = path.Dir(at) {
				dir := filepath.Join(place, at)
				if most, ok := number(filepath.Join(dir, limit)); ok {
					n, _ := number(filepath.Join(dir, used))
					stat, _ := os.ReadFile(filepath.Join(dir, "memory.stat"))
					reclaimable, _ := field(string(stat), cache)
					spare = min(spare, max(0, most-max(0, n-reclaimable)))
				}
				if at == "/" {
					break
				}
			}
		}
	}
	return spare
}

// number reads a file that holds a number; one that says "max" holds none.
func number(path string) (int64, bool) {
	text, _ := os.ReadFile(path)
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// field returns the number after a name at the beginning of a line.
func field(text, name string) (n int64, ok bool) {
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, name); found && strings.HasPrefix(rest, " ") {
			_, err := fmt.Sscan(rest, &n)
			return n, err == nil
		}
	}
	return 0, false
}
