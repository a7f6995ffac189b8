// Package python starts Python so that it runs the program it is given and the packages of
// the interpreter that was named, and nothing that merely lies around: neither modules of the
// current folder nor those of PYTHONPATH.
package python

import (
	"context"
	_ "embed"
	"os"
	"os/exec"
)

// prelude adds to the search path of an isolated interpreter what a user chose on purpose.
//
//go:embed prelude.py
var prelude string

// Folders is the environment variable that names further folders of packages.
const Folders = "ENCAS_PYTHONPATH"

// Command returns a command that runs a script, isolated: with the packages of the interpreter,
// those of the user's own site-packages, if plain Python would see these, and those in the
// folders of [Folders].
func Command(ctx context.Context, interpreter, script string) *exec.Cmd {
	return exec.CommandContext(ctx, interpreter, "-I", "-u", "-c", prelude+script)
}

// Hint ends the message about a package that the interpreter lacks: the user may have meant
// one that plain Python would have found. It is empty if PYTHONPATH is not set.
func Hint() string {
	if os.Getenv("PYTHONPATH") == "" {
		return ""
	}
	return "; PYTHONPATH is not used, but packages are also looked for in the folders of " + Folders + ": export " + Folders + `="$PYTHONPATH"`
}
