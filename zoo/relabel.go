package zoo

import (
	"errors"
	"fmt"
	"slices"
)

// ErrOtherSamples is wrapped by the error of labels for samples that a split does not have.
var ErrOtherSamples = errors.New("zoo: the split has other samples, or has them in another order")

// SetLabels corrects the labels of a split that has some. ids are those of its samples, in
// their order, by which a caller shows that it means these. Predictions stay, as they do not
// depend on labels; search indexes are built anew when they are needed. The error wraps
// ErrOtherSamples or ErrNoLabels if the split is another one. If the process is killed between
// the two files that change, the split is damaged until the same call, for which IDsToRelabel
// has the ids.
func (w *Writer) SetLabels(name string, labels []uint16, ids []string) error {
	s, err := w.z.Labelled(name)
	if err != nil {
		return err
	}
	if ids, err = checkIDs(name, len(labels), ids); err != nil {
		return err
	}
	if err := checkLabels(name, w.z.classes, labels, ids); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return err
	}
	if len(w.open) > 0 {
		return fmt.Errorf("zoo: the labels of the split %q cannot be set while models are being written", name)
	}
	path := w.z.splitPath(name)
	if _, there, err := readSplit(path, s, w.z.classes); err != nil {
		return err
	} else if !slices.Equal(there, ids) {
		return fmt.Errorf("%w: %q", ErrOtherSamples, name)
	}
	for _, m := range w.z.Models() {
		if m.Splits[name].IndexOnly {
			return fmt.Errorf("zoo: the labels of the split %q are part of the index of %q, which has no outputs: they cannot be set", name, m.Name)
		}
	}
	f, err := writeSplit(path, name, labels, ids)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := f.Place(); err != nil {
		return err
	}
	s.Fingerprint = fingerprint(labels, ids)
	splits := slices.DeleteFunc(w.z.Splits(), func(old Split) bool { return old.Name == name })
	splits = append(splits, s)
	sortSplits(splits)
	if err := w.z.writeHead(splits); err != nil {
		return err
	}
	w.z.mu.Lock()
	w.z.splits = splits
	w.z.mu.Unlock()
	delete(w.labels, name)
	return nil
}

// IDsToRelabel returns the ids of a split's samples for SetLabels, also if a call that was to
// replace the labels was stopped half-way: they are not compared with the fingerprint, which
// is that of other labels then. It is for nothing else.
func (z *Zoo) IDsToRelabel(split string) ([]string, error) {
	s, err := z.Split(split)
	if err != nil {
		return nil, err
	}
	_, ids, err := readSplit(z.splitPath(split), s, z.classes)
	return ids, err
}
