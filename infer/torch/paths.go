package torch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/python"
)

// Every torch has a shim of its own in the user's cache folder, named after the version
// and the folder of that torch: building one for another Python leaves those there are.
const (
	shimPrefix = "libencas_torch-"
	// oldName is that of the one shim there was in earlier versions.
	oldName = "libencas_torch.so"
)

// cacheFolder is where shims are looked for and built.
func cacheFolder() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for the torch library; set ENCAS_TORCH_SHIM to a file name: %w", err)
	}
	return filepath.Join(dir, "encas-zoo"), nil
}

// defaultPath is where the shim of a torch is built: $ENCAS_TORCH_SHIM, or its file in
// the user's cache folder.
func (t installation) defaultPath() (string, error) {
	if path := os.Getenv("ENCAS_TORCH_SHIM"); path != "" {
		return path, nil
	}
	dir, err := cacheFolder()
	return filepath.Join(dir, t.fileName()), err
}

var notPlain = regexp.MustCompile(`[^A-Za-z0-9.+_-]`)

func (t installation) fileName() string {
	key := sha256.Sum256([]byte(t.Lib))
	return shimPrefix + notPlain.ReplaceAllString(t.Version, "_") + "-" + hex.EncodeToString(key[:4]) + ".so"
}

// locate is what a Python is asked of its torch where there is no time to import it.
const locate = `import importlib.util, json, os, re
root = os.path.dirname(importlib.util.find_spec("torch").origin)
with open(os.path.join(root, "version.py")) as f:
    version = re.search(r"^__version__ *= *['\"]([^'\"]*)", f.read(), re.M).group(1)
print(json.dumps({"Lib": os.path.realpath(os.path.join(root, "lib")), "Version": version}))`

// Find returns the shim to open: $ENCAS_TORCH_SHIM, else that of the torch that the
// interpreter has, else the one built last. note, if not empty, says that it is for another torch
// than Python's. Without a shim the error is ErrNoShim.
func Find(ctx context.Context, interpreter string) (path, note string, err error) {
	if disabled != nil {
		return "", "", disabled
	}
	if path := os.Getenv("ENCAS_TORCH_SHIM"); path != "" {
		return path, "", nil
	}
	dir, err := cacheFolder()
	if err != nil {
		return "", "", err
	}
	newest := newestShim(dir)
	if newest == "" {
		return "", "", fmt.Errorf("%w: no library in %s; %s", ErrNoShim, dir, howToBuild)
	}
	if interpreter == "" {
		return newest, "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var t installation
	out, err := python.Command(ctx, interpreter, locate).Output()
	if err != nil || json.Unmarshal(out, &t) != nil {
		return newest, "", nil // it has no torch
	}
	if path := filepath.Join(dir, t.fileName()); exists(path) {
		return path, "", nil
	}
	return newest, fmt.Sprintf("models run on another torch than the %s of %s; for that one run `encas-zoo shim build --python %s`", t.Version, interpreter, interpreter), nil
}

// howToBuild ends the messages about a shim that is not there.
const howToBuild = "run `encas-zoo shim build` (after installing torch: on Debian libtorch-dev and libopenblas0-pthread, elsewhere `pip install torch`)"

// newestShim is the shim of a folder that was built last, one of an earlier version only
// if there is no other; "" if there is none.
func newestShim(dir string) (path string) {
	found, _ := filepath.Glob(filepath.Join(dir, shimPrefix+"*.so"))
	var last time.Time
	for _, p := range found {
		if info, err := os.Stat(p); err == nil && info.ModTime().After(last) {
			path, last = p, info.ModTime()
		}
	}
	if old := filepath.Join(dir, oldName); path == "" && exists(old) {
		return old
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
