package zoo

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// ClassNames returns the names of the classes, in their order,
// or nil if unknown.
func (z *Zoo) ClassNames() []string {
	z.mu.RLock()
	defer z.mu.RUnlock()
	return slices.Clone(z.classNames)
}

// SetClassNames sets the names of the classes: any texts that are valid UTF-8 and not
// empty, at most 4096 bytes each, one per class. Two classes may have one name. What is
// added by name later depends on them, what is there does not, and neither does the zoo's
// fingerprint.
func (w *Writer) SetClassNames(names []string) error {
	if err := checkClassNames(names, w.z.classes); err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return err
	}
	before := w.z.ClassNames()
	if slices.Equal(before, names) {
		return nil
	}
	w.z.setClassNames(slices.Clone(names))
	if err := w.z.writeHead(w.z.Splits()); err != nil {
		w.z.setClassNames(before)
		return err
	}
	return nil
}

func (z *Zoo) setClassNames(names []string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.classNames = names
}

func checkClassNames(names []string, classes int) error {
	if len(names) != classes {
		return fmt.Errorf("%d class names, but the zoo has %d classes", len(names), classes)
	}
	for i, name := range names {
		switch {
		case name == "":
			return fmt.Errorf("class %d has an empty name", i)
		case len(name) > maxName:
			return fmt.Errorf("the name %q... of class %d has %d bytes, at most %d are allowed", clip(name, 40), i, len(name), maxName)
		case !utf8.ValidString(name):
			return fmt.Errorf("the name %q of class %d is not valid UTF-8", clip(name, 80), i)
		}
	}
	return nil
}
