//go:build unix

package crash

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

const childVariable = "ENCAS_CRASH_TEST"

func TestMain(m *testing.M) {
	if what := os.Getenv(childVariable); what != "" {
		exitCode = 1 // as Catch(1) in a program
		if os.Getenv(Debug) != "" {
			exitCode = 0
		}
		defer Guard()()
		fail(what)
		return
	}
	os.Exit(m.Run())
}

// fail fails on this goroutine or on others.
func fail(what string) {
	what, elsewhere := strings.CutSuffix(what, " elsewhere")
	do := map[string]func(){
		"index": func() { _ = []int{}[len(os.Args)] },
		"text":  func() { panic("text of\na bug") },
		"nil":   func() { print(*(*int)(nil)) },
		"cut":   func() { readCut() },
		"none":  func() {},
	}[what]
	if !elsewhere {
		do()
		return
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			defer Guard()()
			do()
		})
	}
	wait.Wait()
}

// readCut reads a mapped file that has become shorter.
func readCut() {
	f, err := os.Create(filepath.Join(os.TempDir(), "cut"))
	if err != nil {
		panic(err)
	}
	f.Truncate(1 << 20)
	data, err := unix.Mmap(int(f.Fd()), 0, 1<<20, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	f.Truncate(0)
	print(data[1<<19])
}

// Whatever panics, and on whichever goroutine, is one sentence and exit code 1, or the stack if
// asked for.
func TestGuard(t *testing.T) {
	t.Parallel()
	for what, want := range map[string]string{
		"index": "internal/crash.fail.func1, line 35: runtime error: index out of range",
		"text":  ": text of a bug. Please report", "nil": "nil pointer dereference",
		"cut": "error: a file that was being read was cut short by another program", "none": "",
	} {
		for _, where := range []string{"", " elsewhere"} {
			for _, debug := range []string{"", "1"} {
				c := exec.Command(os.Args[0])
				c.Env = append(os.Environ(), childVariable+"="+what+where, Debug+"="+debug, "TMPDIR="+t.TempDir())
				b, _ := c.CombinedOutput()
				out, code := string(b), c.ProcessState.ExitCode()
				switch {
				case what == "none":
					if code != 0 || out != "" {
						t.Errorf("%s%s: %d %s", what, where, code, out)
					}
				case debug != "":
					if code != 2 || !strings.Contains(out, "goroutine ") {
						t.Errorf("%s%s with the stack: %d %s", what, where, code, out)
					}
				case code != 1 || !strings.Contains(out, want) || strings.Count(out, "\n") != 1:
					t.Errorf("%s%s: %d %s", what, where, code, out)
				}
			}
		}
	}
}

// A test is no program: its panics stay.
func TestCatchInATest(t *testing.T) {
	Catch(1)
	if exitCode != 0 {
		t.Error("panics are caught in a test")
	}
}
