package ingest

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

// BackgroundFirst stands in a list for a file of classes: output 0 is the background, which
// is no class, and output 1 is class 0.
const BackgroundFirst = "background-first"

// A head is what a list says of a model whose outputs are not the zoo's classes.
type head struct {
	classes string             // of the list: a file or BackgroundFirst; "" if outputs are classes
	file    importer.ClassFile // read by readHead
}

// background reports whether output 0 is the background.
func (h head) background() bool { return h.classes == BackgroundFirst }

// applyTo leaves of what a model's file says about its outputs what is true of classes.
func (h head) applyTo(p *planned) {
	m := &p.meta
	switch {
	case h.classes == "":
	case !h.background():
		m.Classes, m.Labels = 0, nil // the file says which output is what
	default:
		m.Classes = max(m.Classes-1, 0)
		if len(m.Labels) > 0 {
			m.Labels = m.Labels[1:]
		}
	}
}

// suspectBackground says so if the first model, which alone says how many classes a new
// zoo has, has one output more than the labels need: output 0 may be the background.
func (r *runner) suspectBackground(first *planned) {
	said := r.o.Classes != 0 || slices.ContainsFunc(r.splits, func(s *split) bool { return s.given.Classes != 0 })
	if used := r.classesUsed(); !said && used > 0 && first.meta.Classes == used+1 && first.head.classes == "" {
		r.log("%s has %d outputs, and the labels go up to %d: if its output 0 is a background class, the labels are wrong for it; start again with a new --zoo, and classes=%s in its line",
			first.name, first.meta.Classes, used-1, BackgroundFirst)
	}
}

// readHead reads the file that says which classes of the zoo a model's outputs are.
func (r *runner) readHead(p *planned) (err error) {
	h := &p.head
	if h.classes == "" || h.background() {
		return nil
	}
	if h.file, err = importer.ReadClassFile(h.classes, r.zoo.ClassNames()); err != nil {
		return err
	}
	if n := h.file.Classes(); n > r.classes {
		return fmt.Errorf("%s names class %d, and the zoo has %d classes, counted from 0", h.classes, n-1, r.classes)
	}
	return nil
}

// column is what the zoo keeps of it.
func (h head) column() string {
	if h.classes == "" || h.background() {
		return h.classes
	}
	return h.file.Hash()
}

// fit finds out which class each of so many outputs of a model is.
func (r *runner) fit(m *running, outputs int) error {
	h := m.head
	m.Width = outputs
	switch {
	case outputs == 1:
		return fmt.Errorf("%w: it gives one number an image, and the zoo has %d classes", torch.ErrBadOutput, r.classes)
	case h.classes == "" && outputs == r.classes+1:
		return fmt.Errorf("%w: it gives %s, and the zoo has %d classes, one less: output 0 is often a background class; if it is, write classes=%s in its line, and else classes=FILE, a CSV file with the columns output and class",
			torch.ErrBadOutput, numbers(outputs), r.classes, BackgroundFirst)
	case h.classes == "" && outputs != r.classes:
		return fmt.Errorf("%w: it gives %s, and the zoo has %d classes (without its classifier a model gives features; if they are other classes, write classes=FILE in its line, a CSV file with the columns output and class)",
			torch.ErrBadOutput, numbers(outputs), r.classes)
	case h.classes == "":
		return nil
	case h.background() && outputs != r.classes+1:
		return fmt.Errorf("%w: classes=%s means that it gives %d numbers an image, for the background and the zoo's %d classes, and it gives %d", torch.ErrBadOutput, BackgroundFirst, r.classes+1, r.classes, outputs)
	case h.background():
		m.Outputs.ClassMap = importer.ClassMap{-1}
		for class := range r.classes {
			m.Outputs.ClassMap = append(m.Outputs.ClassMap, int32(class))
		}
		return nil
	}
	if err := h.file.Fits("it", outputs); err != nil {
		return fmt.Errorf("%w: %w", torch.ErrBadOutput, err)
	}
	m.Outputs.ClassMap = h.file.Widen(outputs)
	if out := m.Outputs.ClassMap.LeftOut(); out > 0 {
		r.log("%s: %d of its %d outputs are no class in %s, and left out", m.name, out, outputs, filepath.Base(h.classes))
	}
	if n := m.Outputs.ClassMap.Without(r.classes); n > 0 {
		r.log("%s: %s makes no output one of %d of the zoo's %d classes, which get probability 0", m.name, filepath.Base(h.classes), n, r.classes)
	}
	return nil
}
