package torch

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/encas-zoo/encas-zoo/infer/python"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

//go:embed shim/encas_torch.h shim/encas_torch.cpp
var source embed.FS

var sourceNames = []string{"shim/encas_torch.h", "shim/encas_torch.cpp"}

// BuildOptions say what the shim is compiled for. The zero value compiles it for
// the torch of the system's Python, or Debian's libtorch, into $ENCAS_TORCH_SHIM or the
// user's cache folder.
type BuildOptions struct {
	Python   string // an interpreter that can import torch
	Compiler string // g++ by default, or $CXX
	Out      string
}

// An installation is a torch to compile against.
type installation struct {
	Include []string
	Lib     string // folder of libtorch.so
	RPath   bool   // whether the loader needs the path of Lib
	ABI     int    // _GLIBCXX_USE_CXX11_ABI
	Version string
}

// WriteSource writes the shim's header and C++ file into a folder, to be compiled by
// other means.
func WriteSource(dir string) error {
	for _, name := range sourceNames {
		text, err := source.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// SourceHash identifies the version of the shim's source.
func SourceHash() string {
	h := sha256.New()
	for _, name := range sourceNames {
		text, err := source.ReadFile(name)
		if err != nil {
			panic(err) // embedded
		}
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// describe is what a Python is asked of its torch.
const describe = `import json, os, torch
root = os.path.dirname(torch.__file__)
include = os.path.join(root, "include")
print(json.dumps({
    "Include": [include, os.path.join(include, "torch", "csrc", "api", "include")],
    "Lib": os.path.realpath(os.path.join(root, "lib")),
    "RPath": True,
    "ABI": int(torch._C._GLIBCXX_USE_CXX11_ABI),
    "Version": torch.__version__,
}))`

// Build compiles the shim and returns its path. log, if not nil, receives the
// compiler's command line.
func Build(ctx context.Context, o BuildOptions, log func(string)) (path string, err error) {
	o.Compiler = cmp.Or(o.Compiler, os.Getenv("CXX"), "g++")
	torch, err := find(ctx, o.Python)
	if err != nil {
		return "", err
	}
	if o.Out == "" {
		if o.Out, err = torch.defaultPath(); err != nil {
			return "", err
		}
	}
	dir, err := os.MkdirTemp("", "encas-shim")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if err := WriteSource(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(o.Out), 0o777); err != nil {
		return "", err
	}
	temp := filepath.Join(dir, "shim.so")
	args := torch.arguments(filepath.Join(dir, "encas_torch.cpp"), temp)
	if log != nil {
		log(o.Compiler + " " + strings.Join(args, " "))
	}
	cmd := exec.CommandContext(ctx, o.Compiler, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", fmt.Errorf("no C++ compiler %s; install one (on Debian: apt-get install g++) or set CXX", o.Compiler)
		}
		return "", fmt.Errorf("compiling for torch %s: %w\n%s", torch.Version, err, firstErrors(out.String()))
	}
	library, err := os.ReadFile(temp)
	if err != nil {
		return "", err
	}
	// Not written in place: a run that has the old library open goes on.
	return o.Out, atomicfile.WriteFile(o.Out, library)
}

// arguments are the compiler's. Without NDEBUG a struct of torch's headers has
// another layout than in its library; with --as-needed the linker would drop
// libtorch, and CUDA with it.
func (t installation) arguments(cpp, out string) []string {
	std := "-std=c++17"
	if newer(t.Version, 2, 10) {
		std = "-std=c++20"
	}
	args := []string{"-O2", "-DNDEBUG", std, "-fPIC", "-shared", "-fvisibility=hidden",
		fmt.Sprintf("-D_GLIBCXX_USE_CXX11_ABI=%d", t.ABI), cpp}
	for _, dir := range t.Include {
		args = append(args, "-isystem", dir)
	}
	args = append(args, "-L"+t.Lib)
	if t.RPath {
		args = append(args, "-Wl,-rpath,"+t.Lib, "-Wl,--disable-new-dtags")
	}
	return append(args, "-Wl,--no-as-needed", "-ltorch", "-ltorch_cpu", "-lc10", "-o", out)
}

// newer reports whether a version is major.minor or above.
func newer(version string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(version, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a > major || a == major && b >= minor
}

// firstErrors cuts a compiler's output down to its errors.
func firstErrors(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "error") || strings.Contains(line, "cannot find") {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
		if len(lines) == 10 {
			break
		}
	}
	if len(lines) == 0 {
		return strings.TrimSpace(out)
	}
	return strings.Join(lines, "\n")
}

// find asks an interpreter for its torch. Without one it tries the system's interpreter,
// then the places where Debian's libtorch-dev puts its files.
func find(ctx context.Context, interpreter string) (installation, error) {
	if interpreter != "" {
		return ask(ctx, interpreter)
	}
	for _, interpreter := range []string{"python3", "/usr/bin/python3"} {
		if t, err := ask(ctx, interpreter); err == nil {
			return t, nil
		}
	}
	libs, _ := filepath.Glob("/usr/lib/*/libtorch.so")
	if _, err := os.Stat("/usr/include/torch/script.h"); err == nil && len(libs) > 0 {
		return installation{
			Include: []string{"/usr/include", "/usr/include/torch/csrc/api/include"},
			Lib:     filepath.Dir(libs[0]), ABI: 1, Version: "of Debian",
		}, nil
	}
	return installation{}, errors.New("no torch found; install one (pip install torch, or on Debian apt-get install libtorch-dev libopenblas0-pthread) and name its Python with --python" + python.Hint())
}

func ask(ctx context.Context, interpreter string) (installation, error) {
	var t installation
	cmd := python.Command(ctx, interpreter, describe)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return t, fmt.Errorf("%s has no torch: %s (%w)%s", interpreter, lines[len(lines)-1], err, python.Hint())
	}
	if err := json.Unmarshal(out, &t); err != nil {
		return t, fmt.Errorf("%s describes its torch as %q: %w", interpreter, out, err)
	}
	if _, err := os.Stat(filepath.Join(t.Include[0], "torch", "script.h")); err != nil {
		return t, fmt.Errorf("the torch of %s has no C++ headers (on Debian: apt-get install libtorch-dev): %w", interpreter, err)
	}
	return t, nil
}
