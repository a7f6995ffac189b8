package front

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// Run is the content of run.json: how a front was made. The command line alone repeats
// the run; Options has the values of the flags that were not given, too.
type Run struct {
	Version     int                `json:"version"`
	Command     []string           `json:"command"`
	Program     string             `json:"encas_zoo"`
	Go          string             `json:"go"`
	Started     time.Time          `json:"started"`
	Zoo         string             `json:"zoo"` // folder, whatever the working directory is
	Fingerprint string             `json:"fingerprint"`
	Split       string             `json:"split"`
	Options     any                `json:"options"`
	Seed        uint64             `json:"seed"`
	Evaluations int64              `json:"evaluations"`
	Interrupted bool               `json:"interrupted"`
	Corrected   int                `json:"corrected,omitempty"` // cascades with other results on the search index
	Curve       []CurvePoint       `json:"curve,omitempty"`     // quality of the front over the search
	Seconds     map[string]float64 `json:"seconds"`             // by part of the work
	Machine     Machine            `json:"machine"`
	Table       string             `json:"table,omitempty"`  // SHA-256 of front.csv, by Folder.Write; "" of an older version
	Inputs      string             `json:"inputs,omitempty"` // of a part of a search: SHA-256 over samples, models, outputs and costs
	Joined      []string           `json:"joined,omitempty"` // the run folders of the parts that were merged
}

// Limits returns the limits of the search as its options have them; none if r is nil.
func (r *Run) Limits() (l Limits) {
	if r == nil {
		return Limits{}
	}
	options, err := json.Marshal(r.Options)
	if err != nil || json.Unmarshal(options, &l) != nil {
		return Limits{}
	}
	return l
}

// CurvePoint is the quality of the front at one moment of the search.
type CurvePoint struct {
	Evaluations int64   `json:"evaluations"`
	Seconds     float64 `json:"seconds"`
	Linear      float64 `json:"hypervolume"`     // over cost
	Log         float64 `json:"hypervolume_log"` // over the logarithm of cost
}

// Machine describes the machine of a run.
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

// cpuName returns the processor's name on Linux, "" elsewhere.
func cpuName() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// ProgramVersion is the version of the running program, which names the commit it was
// built from if that is known.
func ProgramVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return cmp.Or(info.Main.Version, "(devel)")
	}
	return "unknown"
}

// ReadRun reads run.json of a run folder. Its content is for people to read; of all that
// the program does only the headline depends on it, by [Run.Limits], and the merging of parts.
func ReadRun(dir string) (*Run, error) {
	run := new(Run)
	err := open(dir, RunFile, func(r io.Reader) error {
		data, err := readAll(r, maxRunBytes)
		if err != nil {
			return err
		}
		return decodeRun(data, run)
	})
	if err != nil {
		return nil, err
	}
	return run, nil
}

// decodeRun reads run.json.
func decodeRun(data []byte, run *Run) error {
	var head struct {
		Started *time.Time `json:"started"`
	}
	if err := decodeSealed(data, &head); err != nil {
		return err
	}
	if head.Started == nil { // as in any other file of a run folder
		return errors.New("not the description of a run: the field \"started\" is missing")
	}
	return decode(data, run)
}
