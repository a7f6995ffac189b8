package zoo

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// maxSamples bounds a split: sample numbers are kept in 32 bits.
const maxSamples = math.MaxInt32

// A Split is a named set of samples in a fixed order, labelled or not.
type Split struct {
	Name string `json:"-"`
	// Samples is their number, N.
	Samples int `json:"samples"`
	// Fingerprint is the SHA-256, in hexadecimal, of the labels, if there are any, and
	// sample ids in their order.
	Fingerprint string `json:"fingerprint"`
	// Unlabelled: it is not known what the samples are.
	Unlabelled bool `json:"unlabelled,omitempty"`
}

func sortSplits(s []Split) {
	slices.SortFunc(s, func(a, b Split) int { return cmp.Compare(a.Name, b.Name) })
}

func (z *Zoo) splitPath(name string) string {
	return filepath.Join(z.dir, "splits", name+".parquet")
}

// Labelled returns the split of that name. The error wraps ErrNoLabels if it has no
// labels, ErrNoSplit if there is none.
func (z *Zoo) Labelled(split string) (Split, error) {
	s, err := z.Split(split)
	if err == nil && s.Unlabelled {
		err = fmt.Errorf("%w: %q in %s; choose a split with labels", ErrNoLabels, clip(split, 80), z.dir)
	}
	return s, err
}

// Labels returns the label and the id of every sample of a split. The file is
// checked against the split's fingerprint. The error wraps ErrNoLabels if the split has
// none.
func (z *Zoo) Labels(split string) (labels []uint16, ids []string, err error) {
	s, err := z.Labelled(split)
	if err != nil {
		return nil, nil, err
	}
	return z.readSplit(s)
}

// IDs returns the id of every sample of a split, labelled or not, checked as by Labels.
func (z *Zoo) IDs(split string) ([]string, error) {
	s, err := z.Split(split)
	if err != nil {
		return nil, err
	}
	_, ids, err := z.readSplit(s)
	return ids, err
}

// readSplit reads and checks the labels, nil if there are none, and ids of a split.
func (z *Zoo) readSplit(s Split) (labels []uint16, ids []string, err error) {
	path := z.splitPath(s.Name)
	labels, ids, err = readSplit(path, s, z.classes)
	if got := fingerprint(labels, ids); err == nil && got != s.Fingerprint {
		err = damage{fmt.Errorf("zoo: %s is damaged: the fingerprint of its labels and ids begins with %.12s, in zoo.json with %.12s", path, got, s.Fingerprint)}
	}
	if err != nil {
		return nil, nil, z.orResplit(s, err)
	}
	return labels, ids, nil
}

func fingerprint(labels []uint16, ids []string) string {
	h := sha256.New()
	hashInts(h, uint64(len(labels)))
	for _, l := range labels {
		h.Write([]byte{byte(l), byte(l >> 8)})
	}
	hashText(h, ids...)
	return hex.EncodeToString(h.Sum(nil))
}

// checkIDs checks the ids of the samples of a new split, and returns them with the row's
// number in place of empty ones.
func checkIDs(name string, samples int, ids []string) ([]string, error) {
	switch {
	case samples < 1:
		return nil, fmt.Errorf("zoo: split %q has no samples", name)
	case samples > maxSamples:
		return nil, fmt.Errorf("zoo: split %q has %d samples, at most %d are allowed", name, samples, maxSamples)
	case ids != nil && len(ids) != samples:
		return nil, fmt.Errorf("zoo: split %q has %d samples and %d sample ids", name, samples, len(ids))
	}
	full := make([]string, samples)
	copy(full, ids)
	for i, id := range full {
		switch {
		case id == "":
			full[i] = strconv.Itoa(i)
		case len(id) > maxName:
			return nil, fmt.Errorf("zoo: split %q, row %d: the sample id has %d bytes, at most %d are allowed", name, i, len(id), maxName)
		case !utf8.ValidString(id):
			return nil, fmt.Errorf("zoo: split %q, row %d: the sample id %q is not valid UTF-8", name, i, clip(id, 80))
		}
	}
	if ids != nil {
		if err := checkUnique(name, full); err != nil {
			return nil, err
		}
	}
	return full, nil
}

// checkLabels checks the labels of a new split.
func checkLabels(name string, classes int, labels []uint16, ids []string) error {
	for i, l := range labels {
		if err := outputs.CheckLabel(int64(l), classes); err != nil {
			return fmt.Errorf("zoo: split %q, row %d (sample %q): %w", name, i, clip(ids[i], 80), err)
		}
	}
	return nil
}

// checkUnique sorts row numbers, which takes a fraction of the memory of a map.
func checkUnique(name string, ids []string) error {
	order := make([]int32, len(ids))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(strings.Compare(ids[a], ids[b]), cmp.Compare(a, b))
	})
	for i := 1; i < len(order); i++ {
		if a, b := order[i-1], order[i]; ids[a] == ids[b] {
			return fmt.Errorf("zoo: split %q: rows %d and %d have the same sample id %q", name, a, b, clip(ids[a], 80))
		}
	}
	return nil
}
