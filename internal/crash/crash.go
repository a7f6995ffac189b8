// Package crash turns panics, of whichever goroutine, into one sentence and an exit code. It
// does so for programs that ask for it: a test sees every panic as it is.
package crash

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
)

// Debug is the environment variable that, if set, leaves panics as they are, with their stacks.
const Debug = "ENCAS_DEBUG"

var (
	exitCode int // 0: panics are left as they are
	once     sync.Once
)

// Catch makes Guard end the process with an exit code, unless this is a test or the user wants
// to see the stack. It must be called before any goroutine is started.
func Catch(code int) {
	if os.Getenv(Debug) == "" && !testing.Testing() {
		exitCode = code
	}
}

// Guard begins every goroutine, the first one, too: defer crash.Guard()().
func Guard() (end func()) {
	if exitCode == 0 {
		return func() {}
	}
	// A page of a mapped file that has been cut short, or whose disk fails, is a panic then, and
	// no fatal error.
	debug.SetPanicOnFault(true)
	return func() {
		if reason := recover(); reason != nil {
			once.Do(func() {
				fmt.Fprintln(os.Stderr, "error:", sentence(reason))
				os.Exit(exitCode)
			})
			select {} // another goroutine is ending the process
		}
	}
}

// sentence says what a panic means for a user.
func sentence(reason any) string {
	if fault, ok := reason.(interface{ Addr() uintptr }); ok && fault.Addr() > 1<<16 {
		return "a file that was being read was cut short by another program, or its disk failed; check the zoo with 'encas-zoo zoo verify --zoo DIR' and run the same command again"
	}
	return fmt.Sprintf("this is a bug in encas-zoo: %s: %s. Please report it with what the same command says if the environment variable %s is 1", place(), strings.Join(strings.Fields(fmt.Sprint(reason)), " "), Debug)
}

// place is the function that panicked, and its line.
func place() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	panicked := false
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicked = true
		case panicked && !strings.HasPrefix(f.Function, "runtime."):
			return fmt.Sprintf("%s, line %d", f.Function, f.Line)
		}
		if !more {
			return "somewhere"
		}
	}
}
