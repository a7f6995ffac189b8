package ingest

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

// What stands in a list for a file of classes.
const (
	// BackgroundFirst: output 0 is the background, which is no class, and output 1 is class 0.
	BackgroundFirst = "background-first"
	// ImageNetHead: the outputs are those of the ImageNet head of their number, as timm names
	// them.
	ImageNetHead = "imagenet"
)

// byName is what the zoo keeps of a model whose outputs are mapped to classes by name.
const byName = "by name"

// A head is what is known of a model whose outputs are not the zoo's classes.
type head struct {
	classes string             // of the list: a file, BackgroundFirst or ImageNetHead; "" if nothing is said
	file    importer.ClassFile // read by readHead
	byName  bool               // the outputs have names, and those of the zoo's classes are looked for
	heads   [][][]string       // the names of ImageNet heads, if the model itself has none
}

// fromFile reports whether a file says which output is which class.
func (h head) fromFile() bool { return h.classes != "" && !h.background() && h.classes != ImageNetHead }

// background reports whether output 0 is the background.
func (h head) background() bool { return h.classes == BackgroundFirst }

// applyTo leaves of what a model's file says about its outputs what is true of classes.
func (h head) applyTo(p *planned) {
	m := &p.meta
	switch {
	case h.fromFile():
		m.Classes, m.Labels, m.Aliases = 0, nil, nil // the file says which output is what
	case h.classes == ImageNetHead:
		m.Classes = 0 // the zoo may have others
	case h.background():
		m.Classes = max(m.Classes-1, 0)
		if len(m.Labels) == 0 {
			break
		}
		m.Labels = m.Labels[1:]
		for i := range m.Aliases {
			m.Aliases[i] = m.Aliases[i][1:]
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

// readHead finds out what says which classes of the zoo a model's outputs are, and reads it
// if it is a file.
func (r *runner) readHead(p *planned) (err error) {
	h := &p.head
	if !h.fromFile() {
		h.byName = h.classes == ImageNetHead || h.classes == "" && len(p.meta.Labels) > 0 && p.meta.Classes != r.classes && r.zoo.ClassNames() != nil
		if h.classes == ImageNetHead && r.zoo.ClassNames() == nil {
			return fmt.Errorf("classes=%s looks for the zoo's classes by name, and they have none; %s", ImageNetHead, remedy)
		}
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
	switch {
	case h.byName:
		return byName
	case h.fromFile():
		return h.file.Hash()
	}
	return h.classes
}

// fit finds out which class each of so many outputs of a model is.
func (r *runner) fit(m *running, outputs int) error {
	h := m.head
	m.Width = outputs
	switch {
	case outputs == 1:
		return fmt.Errorf("%w: it gives one number an image, and the zoo has %d classes", torch.ErrBadOutput, r.classes)
	case h.byName:
		return r.fitByName(m, outputs)
	case h.classes == "" && outputs == r.classes+1:
		return fmt.Errorf("%w: it gives %s, and the zoo has %d classes, one less: output 0 is often a background class; if it is, write classes=%s in its line, and else classes=FILE, a CSV file with the columns output and class",
			torch.ErrBadOutput, numbers(outputs), r.classes, BackgroundFirst)
	case h.classes == "" && outputs != r.classes:
		return fmt.Errorf("%w: it gives %s, and the zoo has %d classes (without its classifier a model gives features; if they are other classes, write classes=FILE in its line, a CSV file with the columns output and class, or, for a head of ImageNet-21k or -12k, classes=%s)",
			torch.ErrBadOutput, numbers(outputs), r.classes, ImageNetHead)
	case h.classes == "":
		return r.order(m)
	case h.background() && outputs != r.classes+1:
		return fmt.Errorf("%w: classes=%s means that it gives %d numbers an image, for the background and the zoo's %d classes, and it gives %d", torch.ErrBadOutput, BackgroundFirst, r.classes+1, r.classes, outputs)
	case h.background():
		m.Head.ClassMap = importer.ClassMap{-1}
		for class := range r.classes {
			m.Head.ClassMap = append(m.Head.ClassMap, int32(class))
		}
		return r.order(m)
	}
	if err := h.file.Fits("it", outputs); err != nil {
		return fmt.Errorf("%w: %w", torch.ErrBadOutput, err)
	}
	m.Head.ClassMap = h.file.Widen(outputs)
	if out := m.Head.ClassMap.LeftOut(); out > 0 {
		r.log("%s: %d of its %d outputs are no class in %s, and left out", m.name, out, outputs, filepath.Base(h.classes))
	}
	if n := m.Head.ClassMap.Without(r.classes); n > 0 {
		r.log("%s: %s makes no output one of %d of the zoo's %d classes, which get probability 0", m.name, filepath.Base(h.classes), n, r.classes)
	}
	return nil
}

// rarely is the part of the zoo's classes, one in rarely, that a model may not know if its
// outputs are mapped by name: ImageNet-21k lacks one of the 1,000, and ImageNet-12k seven.
const rarely = 20

// fitByName finds out which class each output of a model is by its names. The model knows
// all of the zoo's classes but a few, or the zoo has all of the model's.
func (r *runner) fitByName(m *running, outputs int) error {
	lists := m.meta.Names()
	if len(lists) == 0 {
		lists = m.head.imageNet(outputs)
	}
	switch {
	case len(lists) == 0:
		return fmt.Errorf("%w: it gives %s, and timm knows no ImageNet head of so many", torch.ErrBadOutput, numbers(outputs))
	case len(lists[0]) != outputs:
		return fmt.Errorf("%w: it gives %s, and names %d", torch.ErrBadOutput, numbers(outputs), len(lists[0]))
	}
	names := r.zoo.ClassNames()
	of, found := outputsOf(names, lists)
	strange := without(names, of)
	if found < outputs && len(strange)*rarely > len(names) {
		return fmt.Errorf("%w: it gives %s, called %s, and knows %d of the zoo's %d classes by name, not %s; write classes=FILE in its line, a CSV file with the columns output and class",
			torch.ErrBadOutput, numbers(outputs), zoo.FewNames(lists[0]), found, len(names), zoo.FewNames(strange))
	}
	m.Head.ClassMap = slices.Repeat(importer.ClassMap{-1}, outputs)
	for class, output := range of {
		if output >= 0 {
			m.Head.ClassMap[output] = int32(class)
		}
	}
	note := ""
	if out := m.Head.ClassMap.LeftOut(); out > 0 {
		note = fmt.Sprintf("; the other %d are left out", out)
	}
	none, one, several := byOutputs(strange, lists)
	for _, of := range []struct {
		names []string
		what  string
	}{{none, "no output is"}, {one, "one output is, and several classes are,"}, {several, "several outputs are"}} {
		if len(of.names) > 0 {
			note += fmt.Sprintf("; %s called %s, which get probability 0", of.what, zoo.FewNames(of.names))
		}
	}
	r.log("%s: %d of its %d outputs are classes of the zoo by name%s", m.name, found, outputs, note)
	return nil
}

// byOutputs parts names of classes that have no output by how many are called so.
func byOutputs(names []string, lists [][]string) (none, one, several []string) {
	most := map[string]int{}
	for _, list := range lists {
		counts := map[string]int{}
		for _, name := range list {
			key := plainLabel(name)
			counts[key]++
			most[key] = max(most[key], counts[key])
		}
	}
	for _, name := range names {
		switch most[plainLabel(name)] {
		case 0:
			none = append(none, name)
		case 1:
			one = append(one, name)
		default:
			several = append(several, name)
		}
	}
	return none, one, several
}

// imageNet returns the names of the ImageNet head of so many outputs, if timm knows one.
func (h head) imageNet(outputs int) [][]string {
	for _, names := range h.heads {
		if len(names) > 0 && len(names[0]) == outputs {
			return names
		}
	}
	return nil
}
