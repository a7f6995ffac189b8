package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// A Machine is where a report was made.
type Machine struct {
	CPU     string   `json:"cpu"`
	Cores   int      `json:"cores"`
	Caches  []string `json:"caches,omitempty"`
	Memory  string   `json:"memory,omitempty"`
	System  string   `json:"system"`
	Go      string   `json:"go"`
	Kernels []string `json:"kernels"` // the paths this machine can run
	Load    string   `json:"load,omitempty"`
}

// String is the machine in a line.
func (m Machine) String() string {
	parts := []string{m.CPU, fmt.Sprintf("%d cores", m.Cores)}
	if m.Memory != "" {
		parts = append(parts, m.Memory)
	}
	return strings.Join(append(parts, m.System, m.Go, "kernels "+strings.Join(m.Kernels, " ")), ", ")
}

func thisMachine() Machine {
	m := Machine{
		CPU:    "unknown",
		Cores:  runtime.NumCPU(),
		System: runtime.GOOS + "/" + runtime.GOARCH,
		Go:     runtime.Version(),
	}
	for _, p := range kernel.Paths() {
		m.Kernels = append(m.Kernels, p.String())
	}
	if name := procField("/proc/cpuinfo", "model name"); name != "" {
		m.CPU = name
	}
	if total := procField("/proc/meminfo", "MemTotal"); total != "" {
		if kb, err := strconv.Atoi(strings.TrimSuffix(total, " kB")); err == nil {
			m.Memory = number(float64(kb)/(1<<20)) + " GiB"
		}
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System += ", Linux " + strings.TrimSpace(string(b))
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(b))[:3], " ")
	}
	caches, _ := filepath.Glob("/sys/devices/system/cpu/cpu0/cache/index*")
	for _, dir := range caches {
		level, kind, size := line(dir, "level"), line(dir, "type"), line(dir, "size")
		if kind != "Instruction" && size != "" {
			m.Caches = append(m.Caches, "L"+level+" "+size)
		}
	}
	return m
}

// line returns the content of a one-line file, or nothing.
func line(dir, name string) string {
	b, _ := os.ReadFile(filepath.Join(dir, name))
	return strings.TrimSpace(string(b))
}

// procField returns the first value of a key in a file of "key : value" lines, or
// nothing where there is no such file.
func procField(path, key string) string {
	b, _ := os.ReadFile(path)
	for l := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// revision names the source in the working folder, as far as git knows it. (A
// program started with go run carries no revision of its own.)
func revision() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty=-changed", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func today() string { return time.Now().UTC().Format("2006-01-02") }
