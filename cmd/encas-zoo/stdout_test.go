package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// With --json a command that fails writes nothing to standard output, and one that has
// more to say than its result says it on standard error.
func TestJSONAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := makeOutputs(filepath.Join(dir, "made"), 3, 60, 3); err != nil {
		t.Fatal(err)
	}
	program(t, dir, "import", "--zoo", "z", "--format", "npy", "--split", "search", "made", "-q")
	program(t, dir, "optimize", "--zoo", "z", "--algorithm", "exact", "--out", "run", "-q")
	run := func(args ...string) (stdout, stderr string, failed bool) {
		cmd := exec.Command("encas-zoo", append(args, "--json")...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "ENCAS_ZOO="+filepath.Join(dir, "nowhere"))
		var out, err strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &err
		failed = cmd.Run() != nil
		return out.String(), err.String(), failed
	}
	for _, name := range commandNames(newApp(os.Stdout, os.Stderr)) {
		for _, args := range [][]string{{}, {"nowhere"}, {"--no-such-flag"}} {
			if name == "shim build" && len(args) == 0 {
				continue // which works where there is a torch
			}
			stdout, stderr, failed := run(append(strings.Fields(name), args...)...)
			if !failed || stdout != "" || !strings.HasPrefix(stderr, "error: ") {
				t.Errorf("%s %v: failed %v with\n%q on standard output and\n%q on standard error", name, args, failed, stdout, stderr)
			}
		}
	}
	for _, test := range []struct {
		args   []string
		stderr string
		stdout bool
	}{
		{[]string{"optimize", "--zoo", "z", "--algorithm", "exact", "--out", "run", "--force"}, "tried ", true},
		{[]string{"evaluate", "--zoo", "z", "--split", "search", "run"}, "", true},
		{[]string{"report", "--zoo", "z", "run"}, "warning: ", true}, // no split test
		{[]string{"report", "--zoo", "z", "run", "--out", "page.json"}, "wrote page.json\n", false},
		{[]string{"export", "run", "--pick", "0", "--out", "cascade.json"}, "wrote cascade.json\n", false},
		{[]string{"zoo", "info", "--zoo", "z", "--agreement", "agreement.svg"}, "", true},
	} {
		stdout, stderr, failed := run(test.args...)
		if failed || !strings.Contains(stderr, test.stderr) {
			t.Errorf("%v: failed %v with %q on standard error", test.args, failed, stderr)
		}
		if test.stdout {
			decode(t, strings.Join(test.args, " "), stdout)
		} else if stdout != "" {
			t.Errorf("%v: wrote %q to standard output beside the file", test.args, stdout)
		}
	}
	if stdout, _, failed := run("report", "--zoo", "z", "run", "--format", "html"); !failed || stdout != "" {
		t.Errorf("--json with another format: failed %v, wrote %q", failed, stdout)
	}
}
