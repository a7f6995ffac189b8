package ingest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/infer/torch"
)

// looked is the number of images, at least, of which the outputs tell whether they are
// logits, if there are as many: those of one may be anything by chance.
const looked = 8

// probe finds out on the first batch whether a model is a classifier of the zoo's
// classes whose output is a function of the image alone, how many images it takes at a
// time, and what is to be done with its outputs. What it refuses has not been stored.
func (r *runner) probe(m *running, b *batch) (err error) {
	p := m.planned
	size := p.setting.Size()
	// One image first: a model that cannot run at all fails here, before the batch size
	// is blamed.
	alone, width, err := m.outputs(b.pixels[:size], make([]float32, r.classes))
	if err != nil {
		return inTraining(err)
	}
	if err := r.fit(m, width); err != nil {
		return err
	}
	if m.costs.counts, err = m.Count(p.setting.Height, p.setting.Width); err != nil {
		return fmt.Errorf("counting its multiply-adds: %w", err)
	}
	if m.costs.counts.MACs == 0 && p.gflops == 0 {
		r.log("%s: none of its operators was counted as multiply-adds; write gflops= in its line, or search by another cost (--cost latency_ms)", p.name)
	}
	rows, err := r.firstRows(m, b)
	if err != nil {
		return err
	}
	n := len(rows) / width
	again, _, err := m.outputs(b.pixels[:n*size], make([]float32, n*width))
	if err != nil {
		return err
	}
	if d := difference(rows, again, width); d > r.rounding(m) {
		return fmt.Errorf("its output depends on chance: the same %s gave outputs that differ by %s of their range (dropout? traced in training mode?); call model.eval() before it is traced or scripted", imagesOf(n), percent(d))
	}
	if err := r.probeBatch(m, b, alone, rows); err != nil {
		return err
	}
	for first := n; first < min(looked, b.n); first += n {
		more, _, err := m.outputs(b.pixels[first*size:min(first+n, b.n)*size], make([]float32, (min(first+n, b.n)-first)*width))
		if err != nil {
			return err
		}
		rows = append(rows, more...)
	}
	if m.Head.Activation, err = activation(p.activation, rows, width); err != nil {
		return err
	}
	if p.activation == "" && m.Head.Activation == classifier.None {
		what := "and are stored as they are"
		if m.Head.ClassMap != nil {
			what = "to which softmax is not applied again"
		}
		r.log("%s: its outputs are probabilities (it ends with softmax) %s", p.name, what)
	}
	return nil
}

// outputs runs as many images as there are pixels of.
func (m *running) outputs(pixels []byte, room []float32) (rows []float32, width int, err error) {
	return m.Raw(pixels, len(pixels)/m.setting.Size(), room)
}

// firstRows returns the outputs for as many of the first images as the model takes at a
// time: fewer than it should if the device has no more room, and one if it was made for
// one and more fail.
func (r *runner) firstRows(m *running, b *batch) ([]float32, error) {
	p := m.planned
	for {
		n := min(p.batch, b.n)
		rows, width, err := m.outputs(b.pixels[:n*p.setting.Size()], make([]float32, n*m.Width))
		if err == nil && width != m.Width {
			err = fmt.Errorf("%w: it gives %s, and %d for one alone", torch.ErrBadOutput, numbers(width), m.Width)
		}
		switch {
		case errors.Is(err, torch.ErrOutOfMemory) && p.batch > 1:
			r.halve(p)
		case err != nil && n > 1 && !errors.Is(err, torch.ErrOutOfMemory):
			p.batch, p.oneByOne = 1, true
			r.log("%s: runs one image at a time, as it does not run %d at a time (%v)", p.name, n, err)
		default:
			return rows, err
		}
	}
}

// probeBatch compares the output for an image alone with that in a pair, whose other
// image is its negative, and those for the first and last image of a batch with theirs
// alone. A model that runs one image at a time all the same may differ.
func (r *runner) probeBatch(m *running, b *batch, alone, rows []float32) error {
	p := m.planned
	size, width := p.setting.Size(), m.Width
	n := len(rows) / width
	worst := 0.0
	pair := slices.Concat(b.pixels[:size], b.pixels[:size])
	for i := range size {
		pair[size+i] = ^pair[i]
	}
	// A device without room for two, or a model that takes one alone, has no pairs.
	if two, _, err := m.outputs(pair, make([]float32, 2*width)); err == nil && len(two) == 2*width {
		worst = difference(alone, two[:width], width)
	}
	if n > 1 {
		last, _, err := m.outputs(b.pixels[(n-1)*size:n*size], make([]float32, width))
		if err != nil {
			return err
		}
		worst = max(worst, difference(alone, rows[:width], width), difference(last, rows[(n-1)*width:], width))
	}
	if !(worst > r.rounding(m)) {
		return nil
	}
	what := fmt.Sprintf("its output for an image depends on the other images of the batch: beside them it differs by %s of its range from that alone (batch norm in training mode?)", percent(worst))
	if p.oneByOne {
		r.log("%s: %s; it runs one image at a time", p.name, what)
		return nil
	}
	return fmt.Errorf("%s; call model.eval() before it is traced or scripted, or, if it is meant for one image at a time, write batch=1 in its line", what)
}

// difference is the largest between two times the same rows, as a part of the largest
// range of a row. What is infinite or not a number in both is no difference; a row with
// a number that is none is left to those who know its image.
func difference(a, b []float32, classes int) float64 {
	worst, span := 0.0, 0.0
	for i := 0; i+classes <= len(a); i += classes {
		low, high, most := math.Inf(1), math.Inf(-1), 0.0
		for j := range classes {
			x, y := float64(a[i+j]), float64(b[i+j])
			if x != y {
				most = max(most, math.Abs(x-y)) // NaN stays
			}
			if !math.IsInf(x, 0) {
				low, high = min(low, x), max(high, x)
			}
		}
		if math.IsNaN(most) {
			continue
		}
		worst, span = max(worst, most), max(span, high-low)
	}
	if worst == 0 {
		return 0
	}
	return worst / span
}

// rounding is how far the outputs of one image may be apart, as a part of their range,
// for no other reason than rounding: torch adds up in another order for another number
// of images, and a GPU in another one each time. Operators that choose the quantisation of
// their inputs do so for all images of a batch together.
func (r *runner) rounding(m *running) float64 {
	if r.o.Precision != torch.Float32 || m.costs.counts.Quantized > 0 {
		return 0.05
	}
	return 0.01
}

// inTraining adds what to do to the errors that only a model in training mode has.
func inTraining(err error) error {
	if strings.Contains(err.Error(), "when training") {
		return fmt.Errorf("%w (it is in training mode; call model.eval() before it is traced or scripted)", err)
	}
	return err
}

// learnClasses asks a model how many classes there are, where neither the zoo nor the
// data nor what is known of the model says so.
func (r *runner) learnClasses(ctx context.Context, p *planned) error {
	imagenet := r.imagenetOnly()
	known := func(s *split) bool { return s.Classes != 0 && !(imagenet && s.ClassNames != nil) }
	if r.zoo != nil || r.o.Classes != 0 || p.meta.Classes != 0 || slices.ContainsFunc(r.splits, known) {
		return nil
	}
	if p.head.classes != "" && !p.head.background() {
		return fmt.Errorf("its outputs are mapped to classes by %s, and neither zoo nor data say how many there are; give their number with --classes", p.head.classes)
	}
	model, err := classifier.Load(r.shim, p.path, r.o.Device, p.recipe, 0)
	if err != nil {
		return err
	}
	m := &running{planned: p, Classifier: model}
	defer m.close()
	var classes int
	stop := eachBatch(ctx, r.splits[0].Head(1), p.setting, 1, 1, func(b *batch) error {
		_, classes, err = m.outputs(b.pixels, nil)
		return nil
	})
	if stop != nil {
		return &runError{stop}
	}
	if err != nil {
		return inTraining(err)
	}
	if classes == 1 {
		return fmt.Errorf("%w: it gives one number an image, and a zoo has two classes or more", torch.ErrBadOutput)
	}
	if p.head.background() {
		classes--
	}
	if used := r.classesUsed(); used > 0 && 2*used < classes && !(imagenet && classes == len(ImageNet())) {
		return fmt.Errorf("it gives %s, and the labels of the data go up to %d: they may be features; write --classes %d if they are classes", numbers(classes), used-1, classes)
	}
	p.meta.Classes = classes
	r.log("%s gives %s: the zoo has %d classes", p.name, numbers(classes), classes)
	return nil
}

// classesUsed is one more than the largest label.
func (r *runner) classesUsed() (n int) {
	for _, s := range r.splits {
		for _, label := range s.Labels {
			n = max(n, int(label)+1)
		}
	}
	return n
}

func numbers(n int) string {
	if n == 1 {
		return "one number an image"
	}
	return fmt.Sprintf("%d numbers an image", n)
}

func imagesOf(n int) string {
	if n == 1 {
		return "image"
	}
	return fmt.Sprintf("%d images", n)
}

func percent(x float64) string {
	if x >= 1 {
		return fmt.Sprintf("%.0f %%", 100*x)
	}
	return fmt.Sprintf("%.2g %%", 100*x)
}
