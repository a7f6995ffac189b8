// Package example holds two small real zoos, so that a search can be tried at once: 44
// classifiers of handwritten digits, from decision trees to convolutional networks, whose
// costs span six orders of magnitude, and a dozen networks on CIFAR-10. The README beside
// this file, and that in cifar10, say how they were made.
package example

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

var (
	//go:embed digits.npz
	digitsOutputs []byte
	//go:embed models.csv
	digitsModels []byte
	//go:embed cifar10/cifar10.npz
	cifar10Outputs []byte
	//go:embed cifar10/models.csv
	cifar10Models []byte
)

// An embedded zoo is kept as a user would import it.
type embedded struct {
	name            string // as --zoo takes it
	outputs, models []byte
	classes         []string // what they are called, nil if they are numbers
}

var digits = embedded{name: "example", outputs: digitsOutputs, models: digitsModels}

var cifar10 = embedded{name: "cifar10", outputs: cifar10Outputs, models: cifar10Models, classes: []string{
	"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}}

// splits is how the samples of a zoo are cut, class by class: half of them to search on
// and half to test with.
var splits = []importer.Cut{{Split: "search", Share: 0.5}, {Split: "test", Share: 0.5}}

const seed = 1

// Names are what the zoos are called, the one to use by default first.
func Names() []string { return []string{digits.name, cifar10.name} }

// Open opens the zoo of handwritten digits, with the splits search and test. The first use
// makes it, which takes about a second, in the folder encas-zoo of the user's cache;
// several processes may do so at once. Where the cache cannot be written it is made
// in a new temporary folder, which stays.
func Open(ctx context.Context) (*zoo.Zoo, error) { return digits.open(ctx) }

// OpenNamed opens the zoo of a name, as [Open] does. It is an error if there is none.
func OpenNamed(ctx context.Context, name string) (*zoo.Zoo, error) {
	for _, e := range []embedded{digits, cifar10} {
		if e.name == name {
			return e.open(ctx)
		}
	}
	return nil, fmt.Errorf("example zoo: no zoo called %q is built in: there are %s", name, strings.Join(Names(), " and "))
}

// Name returns the name of a zoo that is one of these, or "".
func Name(z *zoo.Zoo) string {
	for _, e := range []embedded{digits, cifar10} {
		if filepath.Base(z.Dir()) == e.folder() {
			return e.name
		}
	}
	return ""
}

// Owns reports whether a folder is one in which a zoo that is built in is kept.
func Owns(dir string) bool {
	base := filepath.Base(filepath.Clean(dir))
	return base == digits.folder() || base == cifar10.folder()
}

func (e embedded) open(ctx context.Context) (*zoo.Zoo, error) {
	if cache, err := os.UserCacheDir(); err == nil {
		z, err := e.openIn(ctx, filepath.Join(cache, "encas-zoo"))
		if !errors.Is(err, errNotWritable) {
			return z, err
		}
	}
	temp, err := os.MkdirTemp("", "encas-zoo-")
	if err != nil {
		return nil, fmt.Errorf("example zoo: neither the user's cache nor the temporary folder can be written: %w", err)
	}
	return e.openIn(ctx, temp)
}

// errNotWritable: no folder can be made in the given one.
var errNotWritable = errors.New("the folder cannot be written")

// openIn opens the zoo in the folder parent and makes it if it is missing.
func (e embedded) openIn(ctx context.Context, parent string) (*zoo.Zoo, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("example zoo: %w: %w", errNotWritable, err)
	}
	dir := filepath.Join(parent, e.folder())
	z, err := zoo.Open(dir)
	if err == nil {
		for _, damaged := range z.Damaged() {
			err = damaged.Err
		}
	}
	if err == nil {
		return z, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("example zoo: %w (delete the folder %s: it is then made again)", err, dir)
	}
	removeAbandoned(parent)
	// Made beside its place and moved there as a whole, so that no half-made zoo is seen.
	temp, err := os.MkdirTemp(parent, ".example-")
	if err != nil {
		return nil, fmt.Errorf("example zoo: %w: %w", errNotWritable, err)
	}
	defer os.RemoveAll(temp)
	made := filepath.Join(temp, "zoo")
	if err := e.build(ctx, filepath.Join(temp, "source"), made); err != nil {
		return nil, fmt.Errorf("example zoo: %w", err)
	}
	if err := os.Rename(made, dir); err != nil {
		// Somebody else was faster: theirs is the same.
		if z, openErr := zoo.Open(dir); openErr == nil {
			return z, nil
		}
		return nil, fmt.Errorf("example zoo: %w", err)
	}
	return zoo.Open(dir)
}

// removeAbandoned removes what was being made when its process was killed: no zoo
// takes an hour.
func removeAbandoned(parent string) {
	made, _ := filepath.Glob(filepath.Join(parent, ".example-*"))
	for _, dir := range made {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Hour {
			os.RemoveAll(dir)
		}
	}
}

// build writes the embedded files to the folder source and imports them into a new
// zoo in dir.
func (e embedded) build(ctx context.Context, source, dir string) error {
	if err := os.Mkdir(source, 0o700); err != nil {
		return err
	}
	archive := filepath.Join(source, "outputs.npz")
	if err := os.WriteFile(archive, e.outputs, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(source, "models.csv"), e.models, 0o600); err != nil {
		return err
	}
	src, err := importer.Open("npz", []string{archive}, importer.OpenOptions{})
	if err != nil {
		return err
	}
	_, err = importer.Import(ctx, dir, src, importer.Options{Splits: splits, Seed: seed, ClassNames: e.classes})
	return errors.Join(err, src.Close())
}

// folder is what the zoo's folder is called: differently for other predictions, splits or
// formats, so that each version of the program finds its own in the cache.
func (e embedded) folder() string {
	h := sha256.New()
	fmt.Fprintf(h, "format %d, splits %v, seed %d, %d and %d bytes\n", zoo.FormatVersion, splits, seed, len(e.outputs), len(e.models))
	h.Write(e.outputs)
	h.Write(e.models)
	return e.name + "-" + hex.EncodeToString(h.Sum(nil)[:8])
}
