package serve

import (
	"cmp"
	"fmt"
	"runtime"

	"github.com/encas-zoo/encas-zoo/bundle"
	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/zoo/calibrate"
)

// A Place is what models run on.
type Place struct {
	Shim    *torch.Shim
	Device  string // cpu, cuda, cuda:1
	Threads int    // of torch on a CPU; 0 for all
}

// Models are the loaded models of a bundle.
type Models struct {
	stages []Stage
	loaded []*classifier.Classifier
}

// Load loads the models of a bundle whose files have been verified, each once. They must be
// closed, after the engines that run them.
func Load(b *bundle.Bundle, at Place) (_ *Models, err error) {
	if err := b.CanRun(); err != nil {
		return nil, err
	}
	m := &Models{}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	known := map[string]*classifier.Classifier{} // by the model's name
	for i, s := range b.Stages {
		name := s.ExportedStage.Model
		c := known[name]
		if c == nil {
			if c, err = classifier.Load(at.Shim, b.Path(s.File), at.Device, s.Recipe, b.Classes); err != nil {
				return nil, fmt.Errorf("stage %d, model %s: %w", i+1, name, err)
			}
			known[name] = c
			m.loaded = append(m.loaded, c)
		}
		stage := Stage{Model: c}
		if stage.Input, err = s.Input.Preprocessing(); err != nil {
			return nil, err
		}
		if s.Temperature != 0 {
			stage.Model = &calibrated{c, calibrate.NewScaler(s.Temperature), b.Classes}
		}
		m.stages = append(m.stages, stage)
	}
	return m, nil
}

// Close frees the models.
func (m *Models) Close() {
	for _, c := range m.loaded {
		c.Close()
	}
}

// Start starts an engine for the whole cascade of a bundle.
func (m *Models) Start(b *bundle.Bundle, at Place, o Options) (*Engine, error) {
	threads := cmp.Or(at.Threads, runtime.NumCPU())
	o.Start = func() {
		if err := at.Shim.Threads(threads); err != nil && o.Log != nil {
			o.Log(fmt.Sprintf("the number of torch's threads stays as it is: %v", err))
		}
	}
	return New(b.Cascade, b.Classes, m.stages, o)
}

// calibrated is a model whose probabilities get a temperature, as they did in the zoo.
type calibrated struct {
	Model
	scaler  *calibrate.Scaler
	classes int
}

func (c *calibrated) Classify(pixels []byte, n int, probs []uint16) error {
	if err := c.Model.Classify(pixels, n, probs); err != nil {
		return err
	}
	for i := range n {
		row := probs[i*c.classes:][:c.classes]
		if err := c.scaler.Apply(row, row); err != nil {
			return &classifier.RowError{Row: i, Err: err}
		}
	}
	return nil
}
