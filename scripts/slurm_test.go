package scripts

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A cluster is a Slurm that scripts/slurm started, and a list of models for its tasks.
type cluster struct {
	t   *testing.T
	dir string // what tasks see: encas-zoo, list.txt, images, parts
	at  string // what Slurm writes
	env []string
}

// TestSlurm runs ingest in job arrays of a real Slurm, each task with a zoo of its own, and
// merges these: arrays that are whole, or have gaps, steps and throttles; a task that is killed
// and requeued, a node that dies while a model runs, and a model that fails everywhere. Another
// array searches in parts.
func TestSlurm(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a cluster")
	}
	if runtime.GOOS != "linux" {
		t.Skip("Slurm is for Linux")
	}
	c := newCluster(t)
	t.Run("tasks", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T){"whole": c.whole, "gaps": c.gaps, "steps": c.steps, "killed": c.killed, "requeued": c.requeued, "searched": c.searched} {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(t) })
		}
	})
	t.Run("node dies", c.nodeDies) // with all that others would run on it
}

const (
	slurmNodes  = 3
	slurmModels = 11 // and one that fails
	slurmParts  = 4
	slowPart    = 3 // the part of a model that takes some seconds
)

// newCluster starts a cluster, and skips the test if there is no Slurm.
func newCluster(t *testing.T) *cluster {
	shim := torchtest.Fake(t)
	at := t.TempDir()
	startService(t, nil, "./slurm", at, fmt.Sprint(slurmNodes), "600")
	c := &cluster{t: t, dir: t.TempDir(), at: at, env: append(os.Environ(), "SLURM_CONF="+filepath.Join(at, "slurm.conf"), "ENCAS_TORCH_SHIM="+shim, "ENCAS_ZOO=")}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(c.dir, "encas-zoo"), "../cmd/encas-zoo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	check(t, os.Rename(torchtest.Pictures(t, 40, 5), filepath.Join(c.dir, "images")))
	var list strings.Builder
	for i := range slurmModels {
		text := fmt.Sprintf("fake seed %d", i)
		if i%slurmParts == slowPart {
			text += " sleep 20000"
		}
		check(t, os.WriteFile(filepath.Join(c.dir, fmt.Sprintf("m%d.pt", i)), []byte(text), 0o666))
		fmt.Fprintf(&list, "m%d.pt size=8\n", i)
	}
	check(t, os.WriteFile(filepath.Join(c.dir, "bad.pt"), []byte("fake fail"), 0o666))
	list.WriteString("bad.pt size=8\n")
	check(t, os.WriteFile(filepath.Join(c.dir, "list.txt"), []byte(list.String()), 0o666))
	return c
}

// slurm runs one of Slurm's commands.
func (c *cluster) slurm(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// An array is a job array that was submitted.
type array struct {
	*cluster
	t    *testing.T
	id   string
	name string // of its folders
}

// submit submits an array of which each task ingests its part of the list into a zoo of its
// own, named after the task.
func (c *cluster) submit(t *testing.T, name, tasks, flags string) *array {
	t.Helper()
	return c.submitTo(t, name, tasks, "./encas-zoo ingest list.txt --data search=images --batch 4 --zoo "+name+"/$SLURM_ARRAY_TASK_ID "+flags)
}

// submitTo submits an array of tasks that run a command and have a folder of a name.
func (c *cluster) submitTo(t *testing.T, name, tasks, command string) *array {
	t.Helper()
	check(t, os.MkdirAll(filepath.Join(c.dir, name), 0o777))
	script := filepath.Join(c.dir, name+".sh")
	check(t, os.WriteFile(script, []byte(`#!/bin/bash
echo "began as process $$ on $SLURMD_NODENAME, restart ${SLURM_RESTART_COUNT:-0}"
`+command+`
code=$?
echo "ended with $code"
exit $code
`), 0o777))
	id := c.slurm(t, "sbatch", "--parsable", "--requeue", "--open-mode=append", "--array="+tasks, "--chdir="+c.dir, "--output="+filepath.Join(c.dir, name, "%a.out"), script)
	return &array{c, t, id, name}
}

// said is what a task has written.
func (a *array) said(task int) string {
	data, _ := os.ReadFile(filepath.Join(a.dir, a.name, fmt.Sprintf("%d.out", task)))
	return string(data)
}

// until waits for something, for two minutes at most.
func (a *array) until(what string, happened func() bool) {
	a.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !happened(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			logs, _ := exec.Command("sh", "-c", "tail -n 30 "+a.at+"/log/slurmctld "+a.dir+"/"+a.name+"/*.out").CombinedOutput()
			a.t.Fatalf("%s: not in two minutes\n%s", what, logs)
		}
	}
}

// wait waits until the tasks have ended as often as is said, and returns the last exit code of
// each.
func (a *array) wait(tasks ...int) (codes map[int]int) {
	a.t.Helper()
	codes = map[int]int{}
	a.until(fmt.Sprintf("the end of %v", tasks), func() bool {
		for _, task := range tasks {
			ends := ended.FindAllStringSubmatch(a.said(task), -1)
			if len(ends) == 0 {
				return false
			}
			codes[task], _ = strconv.Atoi(ends[len(ends)-1][1])
		}
		return a.slurm(a.t, "squeue", "--noheader", "--jobs="+a.id, "--states=PD,R,CG,CF") == ""
	})
	return codes
}

var (
	began = regexp.MustCompile(`began as process (\d+) on (\w+), restart (\d+)`)
	ended = regexp.MustCompile(`ended with (\d+)`)
)

// merged merges the zoos of the tasks and checks that these are the models of some parts.
func (a *array) merged(parts ...int) *zoo.Zoo {
	a.t.Helper()
	var zoos []*zoo.Zoo
	for _, dir := range globbed(a.t, filepath.Join(a.dir, a.name, "*", "zoo.json")) {
		z, err := zoo.Open(filepath.Dir(dir))
		check(a.t, err)
		zoos = append(zoos, z)
	}
	out := filepath.Join(a.dir, a.name+"-merged")
	check(a.t, os.RemoveAll(out))
	_, err := zoo.Merge(a.t.Context(), out, zoos, zoo.MergeOptions{})
	check(a.t, err)
	z, err := zoo.Open(out)
	check(a.t, err)
	check(a.t, z.Verify(a.t.Context(), nil))
	var want []string
	for i := range slurmModels {
		if slices.Contains(parts, i%slurmParts) {
			want = append(want, fmt.Sprintf("m%d", i))
		}
	}
	slices.Sort(want)
	if got := names(z.Models()); !slices.Equal(got, want) {
		a.t.Errorf("the merged zoo has %q instead of %q", got, want)
	}
	return z
}

func globbed(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	check(t, err)
	return paths
}

// expectParts tests that each task names its part.
func (a *array) expectParts(parts map[int]int) {
	a.t.Helper()
	for task, part := range parts {
		if want := fmt.Sprintf("part %d of %d", part, slurmParts); !strings.Contains(a.said(task), want) {
			a.t.Errorf("task %d does not say %q: %s", task, want, a.said(task))
		}
	}
}

// A whole array, of which two tasks run at a time, needs no --shard. A model that fails
// everywhere fails in one task, by name.
func (c *cluster) whole(t *testing.T) {
	a := c.submit(t, "whole", fmt.Sprintf("0-%d%%2", slurmParts-1), "")
	codes := a.wait(0, 1, 2, 3)
	if want := map[int]int{0: 0, 1: 0, 2: 0, 3: 3}; fmt.Sprint(codes) != fmt.Sprint(want) {
		t.Errorf("exit codes %v instead of %v", codes, want)
	}
	if !strings.Contains(a.said(3), "bad: ") || strings.Contains(a.said(0), "bad: ") {
		t.Errorf("the model that fails: %s", a.said(3))
	}
	a.expectParts(map[int]int{0: 0, 1: 1, 2: 2, 3: 3})
	z := a.merged(0, 1, 2, 3)

	// One process gives the same outputs.
	cmd := exec.Command(filepath.Join(c.dir, "encas-zoo"), "ingest", "list.txt", "--data", "search=images", "--batch", "4", "--zoo", "alone")
	cmd.Dir, cmd.Env = c.dir, c.env
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 3 {
		t.Fatalf("%v: %s", err, out)
	}
	alone, err := zoo.Open(filepath.Join(c.dir, "alone"))
	check(t, err)
	for _, m := range z.Models() {
		if other, err := alone.Model(m.Name); err != nil || m.Splits["search"].SHA256 != other.Splits["search"].SHA256 {
			t.Errorf("%s has other outputs in the merged zoo (%v)", m.Name, err)
		}
	}
}

// An array with gaps does not say how many parts there are, and is told.
func (c *cluster) gaps(t *testing.T) {
	a := c.submit(t, "untold", "0,2", "")
	if codes := a.wait(0, 2); codes[0] != 2 || codes[2] != 2 || !strings.Contains(a.said(2), "--shard /N, N above 2") {
		t.Errorf("exit codes %v: %s", codes, a.said(2))
	}
	a = c.submit(t, "gaps", "0,2", fmt.Sprintf("--shard /%d", slurmParts))
	a.wait(0, 2)
	a.expectParts(map[int]int{0: 0, 2: 2})
	a.merged(0, 2)
	// The rest, later.
	b := c.submit(t, "gaps", "1,3", fmt.Sprintf("--shard /%d", slurmParts))
	b.wait(1, 3)
	b.expectParts(map[int]int{1: 1, 3: 3})
	b.merged(0, 1, 2, 3)
}

// An array with steps has as many parts as tasks.
func (c *cluster) steps(t *testing.T) {
	a := c.submit(t, "steps", "0-30:10%3", "")
	a.wait(0, 10, 20, 30)
	a.expectParts(map[int]int{0: 0, 10: 1, 20: 2, 30: 3})
	a.merged(0, 1, 2, 3)
}

// running waits until a task runs a model for some time, and returns its process and its
// node.
func (a *array) running(task, restart int) (pid int, node string) {
	a.t.Helper()
	a.until("the beginning of a task", func() bool {
		for _, m := range began.FindAllStringSubmatch(a.said(task), -1) {
			if m[3] == strconv.Itoa(restart) {
				pid, _ = strconv.Atoi(m[1])
				node = m[2]
			}
		}
		return pid != 0 && strings.Contains(a.said(task), "part ")
	})
	time.Sleep(time.Second) // into the model
	return pid, node
}

// processes returns those of a task: the script, what it started, and Slurm's that started it.
func processes(script int) (pids []int) {
	parent := func(pid int) int {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, after, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(after)
		if len(fields) < 2 {
			return 0
		}
		n, _ := strconv.Atoi(fields[1])
		return n
	}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && parent(pid) == script {
			pids = append(pids, pid)
		}
	}
	return append(pids, script, parent(script))
}

// A task that is killed in a model is requeued by hand and does its part.
func (c *cluster) killed(t *testing.T) {
	a := c.submit(t, "killed", fmt.Sprint(slowPart), fmt.Sprintf("--shard /%d", slurmParts))
	pid, _ := a.running(slowPart, 0)
	for _, p := range processes(pid)[:1] {
		check(t, syscall.Kill(p, syscall.SIGKILL))
	}
	if codes := a.wait(slowPart); codes[slowPart] != 137 {
		t.Errorf("exit codes %v", codes)
	}
	c.slurm(t, "scontrol", "requeue", a.id+"_"+fmt.Sprint(slowPart))
	a.running(slowPart, 1)
	a.until("the second end", func() bool { return strings.Contains(a.said(slowPart), "ended with 3") })
	a.merged(slowPart)
}

// A task that Slurm takes away, as for a job of more importance, does its part when it
// begins again.
func (c *cluster) requeued(t *testing.T) {
	a := c.submit(t, "requeued", fmt.Sprint(slowPart), fmt.Sprintf("--shard /%d", slurmParts))
	a.running(slowPart, 0)
	c.slurm(t, "scontrol", "requeue", a.id+"_"+fmt.Sprint(slowPart))
	a.running(slowPart, 1)
	a.until("the second end", func() bool { return strings.Contains(a.said(slowPart), "ended with 3") })
	a.merged(slowPart)
}

// Tasks search parts, some later than others; one that is done and begins again changes nothing. The
// merged front is that of one search.
func (c *cluster) searched(t *testing.T) {
	command := `run=shards/$SLURM_ARRAY_TASK_ID
test -e $run/search.json && to=--resume || to=--out
./encas-zoo optimize --zoo example --algorithm exact --shard /4 $to $run`
	run := func(code int, args ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(c.dir, "encas-zoo"), args...)
		cmd.Dir, cmd.Env = c.dir, c.env
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != code {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	a := c.submitTo(t, "shards", "0,2-3", command)
	if codes := a.wait(0, 2, 3); codes[0]+codes[2]+codes[3] != 0 || !strings.Contains(a.said(2), "Part 2 of 4 ") {
		t.Errorf("exit codes %v: %s", codes, a.said(2))
	}
	run(3, "front", "merge", "shards/0", "shards/2", "shards/3", "--out", "front")
	c.slurm(t, "scontrol", "requeue", a.id+"_2")
	a.until("the second end", func() bool { return strings.Count(a.said(2), "ended with 0") == 2 })
	c.submitTo(t, "shards", "1", command).wait(1)
	run(0, "front", "merge", "shards/0", "shards/1", "shards/2", "shards/3", "--out", "front", "--force")
	run(0, "optimize", "--zoo", "example", "--algorithm", "exact", "--out", "at once")
	want, err := os.ReadFile(filepath.Join(c.dir, "at once", "front.json"))
	check(t, err)
	if got, err := os.ReadFile(filepath.Join(c.dir, "front", "front.json")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the merged front is another one (%v)", err)
	}
}

// A node dies with all that runs on it while a model runs; Slurm notices, and another node
// does the part.
func (c *cluster) nodeDies(t *testing.T) {
	a := c.submit(t, "dead", fmt.Sprint(slowPart), fmt.Sprintf("--shard /%d", slurmParts))
	pid, node := a.running(slowPart, 0)
	data, err := os.ReadFile(filepath.Join(c.at, node+".started"))
	check(t, err)
	daemon, err := strconv.Atoi(strings.TrimSpace(string(data)))
	check(t, err)
	all := append(processes(pid), daemon)
	slices.Reverse(all) // so that none notices the end of another
	for _, p := range all {
		syscall.Kill(p, syscall.SIGKILL)
	}
	_, other := a.running(slowPart, 1)
	if other == node {
		t.Errorf("it runs on %s again", node)
	}
	a.until("the end", func() bool { return strings.Contains(a.said(slowPart), "ended with 3") })
	a.merged(slowPart)
}
