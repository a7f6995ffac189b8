// Package example holds a small real zoo, so that a search can be tried at once:
// 44 classifiers of handwritten digits, from decision trees to convolutional
// networks, whose costs span six orders of magnitude. The README beside this file
// says how they were made.
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
	"time"

	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

//go:embed digits.npz
var predictions []byte

//go:embed models.csv
var models []byte

// splits is how the 1,797 samples are cut: 899 to search on and 898 to test with.
var splits = []importer.Cut{{Split: "search", Share: 0.5}, {Split: "test", Share: 0.5}}

const seed = 1

// Open opens the example zoo, with the splits search and test. The first use makes
// it, which takes about a second, in the folder encas-zoo of the user's cache;
// several processes may do so at once. Where the cache cannot be written it is made
// in a new temporary folder, which stays.
func Open(ctx context.Context) (*zoo.Zoo, error) {
	if cache, err := os.UserCacheDir(); err == nil {
		z, err := openIn(ctx, filepath.Join(cache, "encas-zoo"))
		if !errors.Is(err, errNotWritable) {
			return z, err
		}
	}
	temp, err := os.MkdirTemp("", "encas-zoo-")
	if err != nil {
		return nil, fmt.Errorf("example zoo: neither the user's cache nor the temporary folder can be written: %w", err)
	}
	return openIn(ctx, temp)
}

// Is reports whether a zoo is the example.
func Is(z *zoo.Zoo) bool { return filepath.Base(z.Dir()) == "example-"+contentHash() }

// errNotWritable: no folder can be made in the given one.
var errNotWritable = errors.New("the folder cannot be written")

// openIn opens the example zoo in the folder parent and makes it if it is missing.
func openIn(ctx context.Context, parent string) (*zoo.Zoo, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("example zoo: %w: %w", errNotWritable, err)
	}
	dir := filepath.Join(parent, "example-"+contentHash())
	z, err := zoo.Open(dir)
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
	if err := build(ctx, filepath.Join(temp, "source"), made); err != nil {
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
func build(ctx context.Context, source, dir string) error {
	if err := os.Mkdir(source, 0o700); err != nil {
		return err
	}
	archive := filepath.Join(source, "digits.npz")
	if err := os.WriteFile(archive, predictions, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(source, "models.csv"), models, 0o600); err != nil {
		return err
	}
	src, err := importer.Open("npz", []string{archive}, importer.OpenOptions{})
	if err != nil {
		return err
	}
	_, err = importer.Import(ctx, dir, src, importer.Options{Splits: splits, Seed: seed})
	return errors.Join(err, src.Close())
}

// contentHash differs between zoos of other predictions, splits or formats, so that each
// version of the program finds its own in the cache.
func contentHash() string {
	h := sha256.New()
	fmt.Fprintf(h, "format %d, splits %v, seed %d, %d and %d bytes\n", zoo.FormatVersion, splits, seed, len(predictions), len(models))
	h.Write(predictions)
	h.Write(models)
	return hex.EncodeToString(h.Sum(nil)[:8])
}
