package zoo

import (
	"cmp"
	"fmt"
	"os"
	"strings"
)

// A process identifies a process among those of all machines.
type process struct {
	Host    string `json:"host"`
	Machine string `json:"machine"`           // and since when it runs, if the system says so
	Space   string `json:"space,omitempty"`   // of process numbers: containers have their own
	Started string `json:"started,omitempty"` // tells it from others that had its number
	PID     int    `json:"pid"`
}

// thisProcess identifies this process.
func thisProcess() process {
	host, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, _ := os.Readlink("/proc/self/ns/pid")
	p := process{Host: host, Machine: cmp.Or(strings.TrimSpace(string(boot)), host), Space: space, PID: os.Getpid()}
	p.Started = started(p.PID)
	return p
}

// name is what the process's machine is called.
func (p process) name() string { return cmp.Or(p.Host, "a machine without a name") }

// sees reports whether p's number means the same process to q.
func (p process) sees(q process) bool {
	return p.Machine == q.Machine && p.Space == q.Space && p.Host == q.Host
}

// runs reports whether the process still runs, for one who sees it.
func (p process) runs() bool { return processRuns(p.PID) && started(p.PID) == p.Started }

// started returns when a process began, as Linux counts it; "" elsewhere.
func started(pid int) string {
	const field = 22 // of proc_pid_stat(5); the second may have spaces
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < field-2 {
		return ""
	}
	return fields[field-3]
}
