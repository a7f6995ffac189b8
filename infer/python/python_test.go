package python_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/python"
)

// module puts a module that says where it is from into a folder.
func module(t *testing.T, name, folder string) string {
	t.Helper()
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".py"), []byte("here = __file__\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return folder
}

func output(t *testing.T, dir, interpreter, script string) string {
	t.Helper()
	c := python.Command(context.Background(), interpreter, script)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// Nothing of the current folder or of PYTHONPATH is run, be it called like a module of
// Python's own or like torch; what the user named or installed is.
func TestCommand(t *testing.T) {
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	home := t.TempDir()
	t.Setenv("PYTHONUSERBASE", home)
	out, err := exec.Command(interpreter, "-m", "site", "--user-site").Output()
	if err != nil {
		t.Skipf("no site-packages of the user: %v", err)
	}
	user := module(t, "encas_user", strings.TrimSpace(string(out)))
	named := module(t, "encas_named", t.TempDir())
	hidden := module(t, "encas_hidden", t.TempDir())
	here := module(t, "encas_here", t.TempDir())
	for _, name := range []string{"json", "torch", "site", "os"} {
		module(t, name, here)
		module(t, name, hidden)
	}
	t.Setenv("PYTHONPATH", hidden+":")
	t.Setenv(python.Folders, named+":relative:")
	module(t, "encas_relative", filepath.Join(here, "relative"))
	got := output(t, here, interpreter, `
import importlib, json, os, site, sys
for name in "encas_user", "encas_named", "encas_hidden", "encas_here", "encas_relative", "torch":
    try:
        print(name, os.path.dirname(importlib.import_module(name).here))
    except Exception as err:
        print(name, "-")
for module in json, os, site:
    print(hasattr(module, "here"))
`)
	want := strings.Join([]string{"encas_user " + user, "encas_named " + named, "encas_hidden -", "encas_here -", "encas_relative -", "torch -", "False", "False", "False"}, "\n")
	if got != want {
		t.Errorf("got\n%s\ninstead of\n%s", got, want)
	}
	if !strings.Contains(python.Hint(), python.Folders) {
		t.Error("PYTHONPATH is not mentioned")
	}

	// A virtual environment sees its own packages alone, as it does without us.
	venv := filepath.Join(t.TempDir(), "venv")
	if out, err := exec.Command(interpreter, "-m", "venv", "--without-pip", venv).CombinedOutput(); err != nil {
		t.Skipf("no virtual environments: %v: %s", err, out)
	}
	got = output(t, here, filepath.Join(venv, "bin", "python"), "import importlib.util as u, sys\nprint(u.find_spec('encas_user'), sys.prefix)")
	if got != "None "+venv {
		t.Error(got)
	}
}

// The order of the search path is that of Python without us.
func TestCommandKeepsTheOrder(t *testing.T) {
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	t.Setenv("PYTHONUSERBASE", t.TempDir())
	t.Setenv("PYTHONPATH", "")
	out, err := exec.Command(interpreter, "-m", "site", "--user-site").Output()
	if err != nil {
		t.Skipf("no site-packages of the user: %v", err)
	}
	module(t, "encas_user", strings.TrimSpace(string(out)))
	const show = "import sys\nprint([p for p in sys.path if p])"
	want, err := exec.Command(interpreter, "-c", show).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := output(t, t.TempDir(), interpreter, show); got != strings.TrimSpace(string(want)) {
		t.Errorf("got %s instead of %s", got, want)
	}
}
