package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/encas-zoo/encas-zoo/optimize"
)

// Some figures need a process of their own: the memory that a search takes cannot
// be told apart in one that has done other things before. childEnv holds the job
// of such a process.
const childEnv = "ENCAS_BENCH_CHILD"

// A job is a search for a child to run.
type job struct {
	Dir     string
	Models  int // how many of the zoo's
	Longest int // chain
	Threads int
}

// An answer is what the child says of it on standard output.
type answer struct {
	Seconds     float64
	Evaluations int64
	Front       int    // cascades on it
	Proof       string // what is proven
	PeakRSS     string // of the process, "" where the system does not say
}

// child runs the job in the environment, if there is one.
func child(ctx context.Context) (handled bool, err error) {
	text := os.Getenv(childEnv)
	if text == "" {
		return false, nil
	}
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return true, fmt.Errorf("%s: %w", childEnv, err)
	}
	s, err := openSearchable(ctx, j.Dir)
	if err != nil {
		return true, err
	}
	p, err := s.part(j.Models, len(s.labels))
	if err != nil {
		return true, err
	}
	r, err := optimize.Search(ctx, p, optimize.Options{
		Algorithm: "exact", MaxModels: j.Longest, Grid: optimize.FineGrid(), Threads: j.Threads,
	})
	if err != nil {
		return true, err
	}
	return true, json.NewEncoder(os.Stdout).Encode(answer{
		Seconds: r.Elapsed.Seconds(), Evaluations: r.Evaluations, Front: len(r.Front), Proof: r.Proof.String(),
		PeakRSS: strings.TrimSuffix(procField("/proc/self/status", "VmHWM"), " kB"),
	})
}

// inChild runs a job in a process of its own.
func inChild(ctx context.Context, j job) (answer, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return answer{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return answer{}, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return answer{}, fmt.Errorf("search in a process of its own: %w", err)
	}
	var a answer
	return a, json.Unmarshal(out, &a)
}
