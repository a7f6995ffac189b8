// Package process tells processes apart, also those of other machines and containers, and
// whether one has ended.
package process

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"sync"
)

// An ID identifies a process among those of all machines.
type ID struct {
	Host    string `json:"host"`
	Machine string `json:"machine"`           // and since when it runs, if the system says so
	Space   string `json:"space,omitempty"`   // of process numbers: containers have their own
	Started string `json:"started,omitempty"` // tells it from others that had its number
	PID     int    `json:"pid"`
}

// This identifies this process.
func This() ID { return this() }

var this = sync.OnceValue(func() ID {
	host, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, _ := os.Readlink("/proc/self/ns/pid")
	p := ID{Host: host, Machine: cmp.Or(strings.TrimSpace(string(boot)), host), Space: space, PID: os.Getpid()}
	p.Started = started(p.PID)
	return p
})

// Name is what the process's machine is called.
func (p ID) Name() string { return cmp.Or(p.Host, "a machine without a name") }

// Near reports whether the number of p means the same process to q.
func (p ID) Near(q ID) bool {
	return p.Machine == q.Machine && p.Space == q.Space && p.Host == q.Host
}

// Runs reports whether the process may still run, for one that is near. If it is not known when
// the process of its number began (/proc may not be there, or not be readable), it may be the same.
func (p ID) Runs() bool {
	if !Exists(p.PID) {
		return false
	}
	now := started(p.PID)
	return now == "" || p.Started == "" || now == p.Started
}

// started returns when a process began, as Linux counts it; "" elsewhere.
func started(pid int) string {
	const field = 22 // of proc_pid_stat(5); the second may have spaces
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // from the third on
	if len(fields) <= field-3 {
		return ""
	}
	return fields[field-3]
}
