package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// A pythonPackage is what some suites need a Python with.
type pythonPackage struct {
	name     string
	variable string // of the environment, that names its Python
	pip      string // what pip is to install
}

var pythonPackages = []pythonPackage{
	{"numpy", "ENCAS_PYTHON", "numpy"},
	{"torch", "ENCAS_TORCH_PYTHON", "numpy torch"},
}

// defaultPythons are what make makes, the folder that howToInstall proposes, and the system's.
const defaultPythons = "build/venv/bin/python,build/torch/bin/python,build/peers/bin/python,python3,/usr/bin/python3"

// pythons finds the Python interpreters that have a package, each once.
type pythons struct {
	list    []string // to look in; nil for the packages' variables and defaultPythons
	without []string // packages that are not looked for
	found   map[string]foundPython
}

// A foundPython is the interpreter that has a package, or none and what was tried.
type foundPython struct {
	path  string
	tried []string
}

// parsePythons reads the flags -python and -without.
func parsePythons(list, without string) (*pythons, error) {
	p := &pythons{found: map[string]foundPython{}}
	if list != "" {
		p.list = strings.Split(list, ",")
	}
	for name := range strings.SplitSeq(without, ",") {
		if name == "" {
			continue
		}
		if !slices.ContainsFunc(pythonPackages, func(k pythonPackage) bool { return k.name == name }) {
			return nil, fmt.Errorf("-without %s: it takes numpy, torch or both, with a comma", name)
		}
		p.without = append(p.without, name)
	}
	return p, nil
}

// A noPython is the reason why nothing can be run that needs a package.
type noPython string

func (e noPython) Error() string { return string(e) }

// with returns the first interpreter that has numpy and the package of that name, or a noPython.
func (p *pythons) with(ctx context.Context, name string) (string, error) {
	if slices.Contains(p.without, name) {
		return "", noPython("left out by -without " + name)
	}
	f, ok := p.found[name]
	if !ok {
		f = p.look(ctx, name)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		p.found[name] = f
	}
	if f.path == "" {
		return "", noPython("no Python with " + name + " was found")
	}
	return f.path, nil
}

func (p *pythons) look(ctx context.Context, name string) (f foundPython) {
	list := p.list
	if list == nil {
		list = strings.Split(defaultPythons, ",")
		k := pythonPackages[slices.IndexFunc(pythonPackages, func(k pythonPackage) bool { return k.name == name })]
		if named := os.Getenv(k.variable); named != "" {
			list = append([]string{named}, list...)
		}
	}
	for _, python := range list {
		path, err := exec.LookPath(python)
		if err != nil {
			f.tried = append(f.tried, python+": not there")
			continue
		}
		if out, err := exec.CommandContext(ctx, path, "-c", "import numpy, "+name).CombinedOutput(); err != nil {
			f.tried = append(f.tried, path+": "+cmp.Or(lastLine(out), err.Error()))
			continue
		}
		f.path = path
		return f
	}
	return f
}

func lastLine(text []byte) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(lines[len(lines)-1])
}

// announce says what the suites cannot have: what was left out on purpose in a line, and what
// was not with all that is needed to have it. It returns the packages that are missing.
func (p *pythons) announce(ctx context.Context, chosen []suite, out io.Writer) (missing []string, err error) {
	for _, k := range pythonPackages {
		var wanting []string
		for _, s := range chosen {
			if slices.Contains(s.needs(), k.name) {
				wanting = append(wanting, s.name)
			}
		}
		if len(wanting) == 0 {
			continue
		}
		_, err := p.with(ctx, k.name)
		if why, ok := errors.AsType[noPython](err); !ok {
			if err != nil {
				return nil, err
			}
			continue
		} else if slices.Contains(p.without, k.name) {
			fmt.Fprintf(out, "%s is %s: rows that need it will be empty (%s)\n", k.name, why, strings.Join(wanting, ", "))
			continue
		}
		missing = append(missing, k.name)
		fmt.Fprintf(out, "\n*** NO PYTHON WITH %s: parts of these suites cannot be measured: %s\n", strings.ToUpper(k.name), strings.Join(wanting, ", "))
		for _, tried := range p.found[k.name].tried {
			fmt.Fprintf(out, "***   looked in %s\n", tried)
		}
		if p.list != nil {
			fmt.Fprintf(out, "*** Only what -python lists was looked in. Add a Python that has %s to it, or leave it out and do as follows.\n", k.name)
		}
		fmt.Fprint(out, k.howToInstall())
	}
	if len(missing) > 0 {
		names := strings.Join(missing, ",")
		fmt.Fprintf(out, "*** To leave that out on purpose: go run ./benchmarks -without %s, or make bench BENCHFLAGS=\"-without %s\"\n", names, names)
		fmt.Fprint(out, "*** Without any of these the other figures are measured, and the exit code is 1.\n")
	}
	return missing, nil
}

// howToInstall is what to type to have the package where it is looked for.
func (k pythonPackage) howToInstall() string {
	return fmt.Sprintf(`*** To have %[1]s, type one of these in this folder:
***     apt-get update && apt-get install -y python3-%[1]s    # Debian, as root
***     python3 -m venv build/peers && build/peers/bin/pip install %[3]s    # needs python3-venv on Debian
***     export %[2]s=/path/to/python    # a Python that has it, and numpy
`, k.name, k.variable, k.pip)
}
