package front

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"
)

// Run is the content of run.json: how a front came about. The command line alone
// repeats the run; Options has the values of the flags that were left out.
type Run struct {
	Version     int                `json:"version"`
	Command     []string           `json:"command"`
	Program     string             `json:"encas_zoo"`
	Go          string             `json:"go"`
	Started     time.Time          `json:"started"`
	Zoo         string             `json:"zoo"` // folder
	Fingerprint string             `json:"fingerprint"`
	Split       string             `json:"split"`
	Options     any                `json:"options"`
	Seed        uint64             `json:"seed"`
	Evaluations int64              `json:"evaluations"`
	Interrupted bool               `json:"interrupted"`
	Corrected   int                `json:"corrected,omitempty"` // cascades the search index saw differently
	Curve       []CurvePoint       `json:"curve,omitempty"`     // how the front grew
	Seconds     map[string]float64 `json:"seconds"`             // by part of the work
	Machine     Machine            `json:"machine"`
}

// CurvePoint says how good the front was at one moment of the search.
type CurvePoint struct {
	Evaluations int64   `json:"evaluations"`
	Seconds     float64 `json:"seconds"`
	Linear      float64 `json:"hypervolume"`     // over cost
	Log         float64 `json:"hypervolume_log"` // over the logarithm of cost
}

// Machine is where a run ran.
type Machine struct {
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	CPU     string `json:"cpu,omitempty"`
	Cores   int    `json:"cores"`
	Threads int    `json:"threads"` // that the run was allowed
}

// ThisMachine describes the machine the program runs on.
func ThisMachine(threads int) Machine {
	return Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: cpuName(), Cores: runtime.NumCPU(), Threads: threads}
}

// ProgramVersion is the version of the program that runs, with the commit it was
// built from where that is known.
func ProgramVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && version == "(devel)" {
			return version + " " + s.Value
		}
	}
	return version
}

// maxRunBytes bounds what is read of a run.json: a run writes some kilobytes.
const maxRunBytes = 64 << 20

// ReadRun reads run.json of a run folder. Nothing depends on what it says: it is for
// people to read.
func ReadRun(dir string) (*Run, error) {
	path := filepath.Join(dir, RunFile)
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxRunBytes+1))
	if err == nil && len(data) > maxRunBytes {
		err = errors.New("far larger than a run writes it")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := new(Run)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, jsonError(data, err))
	}
	return r, nil
}
