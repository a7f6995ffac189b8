package study

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/encas-zoo/encas-zoo/bundle"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// BundleOptions say what Bundle writes.
type BundleOptions struct {
	Number    int              // of the cascade in the front; not used if Cascade is set
	Cascade   *cascade.Cascade // any cascade of the zoo's models, such as a single one
	Dir       string           // the folder to write
	Replace   bool             // an earlier bundle there
	ModelsDir string           // where to look for files that are not where they were; may be ""

	// Extract writes a subnet of a supernet, a model of the zoo, to a file of its own, and
	// refuses a calibration that is not the zoo's, as ingest.Extractor does. It is nil if there
	// are no images to recalibrate batch norms on.
	Extract func(ctx context.Context, model string, s classifier.Source, calibration, file string) error
}

// Bundle writes a cascade of a run, with the files of its models if they were ingested, to a
// folder that needs nothing else to run.
func Bundle(ctx context.Context, z *zoo.Zoo, source report.Source, o BundleOptions, w Watch) (*bundle.Bundle, error) {
	if err := bundle.Check(o.Dir, o.Replace); err != nil {
		return nil, err
	}
	f := source.Front
	e, err := exported(ctx, z, f, o, w)
	if err != nil {
		return nil, err
	}
	b := &bundle.Bundle{Export: *e, Cascade: e.Point.Cascade, ClassNames: z.ClassNames()}
	var sources []classifier.Source
	imported := ""
	for _, s := range e.Stages {
		m, err := z.Model(s.Model)
		if err != nil {
			return nil, err
		}
		model, source, err := bundledModel(m, o.ModelsDir)
		if err != nil {
			return nil, err
		}
		if model == nil {
			imported = m.Name
		}
		b.Stages = append(b.Stages, bundle.Stage{ExportedStage: s, Model: model})
		sources = append(sources, source)
	}
	if imported != "" {
		w.note("model %q was imported: the bundle has no files of models, and only a program with models of its own can run it (encas_zoo.load in Python)", imported)
		for i := range b.Stages {
			b.Stages[i].Model = nil
		}
	}
	files, remove, err := modelFiles(ctx, b, sources, o, w)
	defer remove()
	if err != nil {
		return nil, err
	}
	if err := addPromise(ctx, z, f, b, w); err != nil {
		return nil, err
	}
	if b.Certified, err = certifications(source.Dir, b); err != nil {
		return nil, err
	}
	update, stop := w.task("copying models", "bytes")
	defer stop()
	err = bundle.Write(o.Dir, b, files, o.Replace, func(done, of int64) { update(done, of, "") })
	return b, err
}

// TritonRepository writes a cascade of a run, whose models were ingested, to the folder of o as
// a model repository of Triton.
func TritonRepository(ctx context.Context, z *zoo.Zoo, source report.Source, o BundleOptions, w Watch) (*bundle.Bundle, error) {
	repository := o.Dir
	if err := bundle.CheckTriton(repository); err != nil {
		return nil, err
	}
	o.Dir = bundle.TritonFolder(repository)
	b, err := Bundle(ctx, z, source, o, w)
	if err == nil {
		err = bundle.MakeTriton(repository, b)
	}
	if err != nil {
		return nil, errors.Join(err, bundle.RemoveTriton(repository))
	}
	return b, nil
}

// exported is the cascade that is asked for, as export writes it.
func exported(ctx context.Context, z *zoo.Zoo, f *front.Front, o BundleOptions, w Watch) (*front.Export, error) {
	if o.Cascade == nil {
		return f.Export(o.Number)
	}
	for i, p := range f.Points {
		if p.String() == o.Cascade.String() {
			return f.Export(i)
		}
	}
	e, err := EvaluateCascade(ctx, z, f.Split.Name, f.Cost, *o.Cascade, w)
	if err != nil {
		return nil, err
	}
	p := e.Cascades[0].Point
	if len(p.Stages) == 1 {
		i := slices.IndexFunc(f.Models, func(m front.Model) bool { return m.Name == p.Stages[0].Model })
		if i >= 0 && f.Models[i].Expected != nil {
			x := &front.Expected{Accuracy: *f.Models[i].Expected}
			if d := f.Drawn(); d != nil {
				x.Interval[0], x.Interval[1] = stats.Wilson(int(math.Round(x.Accuracy*float64(d.Measured))), d.Measured, confidenceLevel)
			} else {
				x.Interval[0], x.Interval[1] = stats.OnOthers(x.Accuracy, p.Samples, confidenceLevel)
			}
			p.Expected = x
		}
	}
	return f.ExportOther(p), nil
}

// bundledModel returns how a model of the zoo is run, and its file or that of its supernet; nil
// if it was imported.
func bundledModel(m zoo.Model, modelsDir string) (*bundle.Model, classifier.Source, error) {
	var kept classifier.Source
	text := m.Columns[zoo.ColumnRecipe]
	if text == "" {
		if m.Columns[zoo.ColumnPreprocessing] != "" {
			return nil, kept, fmt.Errorf("model %q was ingested by an earlier version, which did not keep how it is run: run the same ingest again with --replace", m.Name)
		}
		return nil, kept, nil
	}
	if err := json.Unmarshal([]byte(text), &kept); err != nil {
		return nil, kept, fmt.Errorf("model %q: its column %s: %w", m.Name, zoo.ColumnRecipe, err)
	}
	model := &bundle.Model{Recipe: kept.Recipe, Origin: bundle.Origin{
		Source: m.Columns[zoo.ColumnSource], Architecture: m.Columns[zoo.ColumnArchitecture], Tag: m.Columns[zoo.ColumnTag],
		Version: m.Columns[zoo.ColumnLibraryVersion], License: m.Columns[zoo.ColumnLicense], Checkpoint: m.Columns[zoo.ColumnCheckpoint],
		Supernet: m.Columns[zoo.ColumnSupernet], Genome: m.Columns[zoo.ColumnGenome], Calibration: m.Columns[zoo.ColumnCalibration],
	}}
	var err error
	kept.File, err = findFile(m, kept, modelsDir)
	return model, kept, err
}

// modelFiles returns the file of each stage's model, after extracting those of subnets; remove
// removes these.
func modelFiles(ctx context.Context, b *bundle.Bundle, sources []classifier.Source, o BundleOptions, w Watch) (files []string, remove func(), err error) {
	dir := ""
	remove = func() { os.RemoveAll(dir) }
	extracted := map[string]string{} // by the model's name
	for i := range b.Stages {
		s, source := &b.Stages[i], sources[i]
		name := s.ExportedStage.Model
		file := source.File
		if s.Model != nil && source.Genome != "" {
			if o.Extract == nil {
				return nil, remove, fmt.Errorf("model %q is a subnet of %s, whose batch norms have to be recalibrated once more: name the images that ingest recalibrated them on with --calibrate", name, source.File)
			}
			if dir == "" {
				if dir, err = os.MkdirTemp("", "encas-bundle"); err != nil {
					return nil, remove, err
				}
			}
			if file = extracted[name]; file == "" {
				file = filepath.Join(dir, fmt.Sprintf("%d.pt", i))
				if err := o.Extract(ctx, name, source, s.Origin.Calibration, file); err != nil {
					return nil, remove, err
				}
				extracted[name] = file
			}
			if s.Origin.Checkpoint, err = export.Checkpoint(file); err != nil {
				return nil, remove, err
			}
		}
		files = append(files, file)
	}
	if o.Extract != nil && len(extracted) == 0 {
		w.note("no subnet of a supernet has to be extracted: --calibrate has no effect")
	}
	return files, remove, nil
}

// findFile returns the file of a model, which must have the weights that it was ingested with.
func findFile(m zoo.Model, kept classifier.Source, modelsDir string) (string, error) {
	candidates := []string{kept.File}
	if modelsDir != "" {
		candidates = append(candidates, filepath.Join(modelsDir, filepath.Base(kept.File)))
	}
	for _, path := range candidates {
		checkpoint, err := export.Checkpoint(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if checkpoint != m.Columns[zoo.ColumnCheckpoint] {
			return "", fmt.Errorf("model %q: the weights in %s are not those it was ingested with: ingest it again with --replace", m.Name, path)
		}
		return path, nil
	}
	return "", fmt.Errorf("model %q: its file %s is not there any more: name the folder that it is in now with --models-dir", m.Name, kept.File)
}

// addPromise adds what to expect of the cascade, by the samples of a split that it was not
// chosen on if the zoo has one with outputs of all of its models, else by those searched.
func addPromise(ctx context.Context, z *zoo.Zoo, f *front.Front, b *bundle.Bundle, w Watch) error {
	searched, err := z.Split(f.Split.Name)
	if err != nil {
		return err
	}
	split := f.Split.Name
	if unseen, err := unseenSplit(ctx, z, searched, Watch{}); err != nil {
		return err
	} else if unseen != "" && hasAll(z, b.Cascade, unseen) {
		split = unseen
	}
	costs := map[string]float64{}
	for _, s := range b.Stages {
		costs[s.ExportedStage.Model] = s.Cost
	}
	s, stop, err := storedSplit(z, split, costs, w)
	if err != nil {
		return err
	}
	defer stop()
	tally, err := s.Tally(ctx, b.Cascade, bundle.Bins)
	if err != nil {
		return err
	}
	p := &bundle.Promise{Split: split, Searched: split == f.Split.Name, Samples: len(s.Labels), Correct: tally.Correct, Cost: tally.Cost, Reach: tally.Reach}
	p.Accuracy = tally.Accuracy()
	p.Interval[0], p.Interval[1] = stats.Wilson(tally.Correct, tally.Samples, confidenceLevel)
	if x := b.Expected; p.Searched && x != nil {
		p.Accuracy, p.Interval = x.Accuracy, x.Interval
	}
	b.Promise = p
	for i := range b.Stages {
		b.Stages[i].Histogram = tally.Histograms[i]
	}
	return nil
}

// hasAll reports whether the zoo has full outputs of all models of a cascade on a split.
func hasAll(z *zoo.Zoo, c cascade.Cascade, split string) bool {
	return !slices.ContainsFunc(c.Stages, func(s cascade.Stage) bool {
		m, err := z.Model(s.Model)
		_, ok := m.Splits[split]
		return err != nil || !ok || cutShort(z, m, split)
	})
}

// certifications are what the run folder has certified of the cascade: what was tested or, if
// none of that is of this cascade, the steps of the staircase. Either holds all at once with
// the confidence stated, both together do not.
func certifications(dir string, b *bundle.Bundle) ([]bundle.Certification, error) {
	c, err := front.ReadCertificate(dir)
	if errors.Is(err, fs.ErrNotExist) || b.Number < 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []bundle.Certification
	add := func(t front.Tested, claim front.Claim) {
		all = append(all, bundle.Certification{
			Confidence: c.Confidence, Claim: claim, Reference: c.Reference.Model, Split: c.Split.Name,
			Samples: t.Samples, Correct: t.Correct, Accuracy: t.Accuracy, Saving: t.Saving,
		})
	}
	for _, t := range c.Tested {
		if t.Number == b.Number && t.Text == b.Text && t.Certified {
			add(t, c.Claim)
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	for _, step := range c.Staircase {
		if t := step.Cheapest; t != nil && t.Number == b.Number && t.Text == b.Text {
			claim := c.Claim
			claim.Margin = &step.Margin
			add(*t, claim)
		}
	}
	return all, nil
}
