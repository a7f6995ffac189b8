package scripts

import (
	"bufio"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// startService starts a script that runs until its standard input ends, and waits for its line
// "ready", of which it returns the rest. It skips the test if the script ends with 77: what it needs
// is not installed.
func startService(t *testing.T, env []string, script string, args ...string) (about string) {
	t.Helper()
	start := exec.Command(script, args...)
	start.Env = env
	hold, err := start.StdinPipe()
	check(t, err)
	out, err := start.StdoutPipe()
	check(t, err)
	var complaints strings.Builder
	start.Stderr = &complaints
	check(t, start.Start())
	line, _ := bufio.NewReader(out).ReadString('\n')
	about, ready := strings.CutPrefix(line, "ready")
	if !ready {
		err := start.Wait()
		if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == 77 {
			t.Skip(strings.TrimSpace(complaints.String()))
		}
		t.Fatalf("%v: %s", err, &complaints)
	}
	t.Cleanup(func() {
		hold.Close()
		if err := start.Wait(); err != nil {
			t.Errorf("%v: %s", err, &complaints)
		}
	})
	go io.Copy(io.Discard, out)
	return strings.TrimSpace(about)
}
