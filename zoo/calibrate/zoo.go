package calibrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// Temperature returns the temperature that was given to the stored outputs of a model,
// and false if they are as the model gives them.
func Temperature(m zoo.Model) (float64, bool) {
	if _, ok := m.Columns[zoo.ColumnCalibratedFrom]; !ok {
		return 0, false
	}
	t, err := strconv.ParseFloat(m.Columns[zoo.ColumnTemperature], 64)
	return t, err == nil && t > 0 && !math.IsInf(t, 0)
}

// Options are those of Zoo.
type Options struct {
	Split  string      // whose labels temperatures are fitted on
	Models []zoo.Model // of the source
	// Progress receives how many rows of how many are read, and the model that was
	// worked on last, one call at a time. It may be nil.
	Progress func(rows, of int64, model string)
}

// A Result is the outcome for a model.
type Result struct {
	Model       string
	Answers     bool    // copied as it is: there is no distribution to calibrate
	Skipped     bool    // it already existed
	Temperature float64 // of what gives distributions
	Errors      []Error // on every split with labels that the model has, by name; none for answers
}

// Error is the expected calibration error of a model on a split.
type Error struct {
	Split         string
	Before, After float64
}

// Zoo writes a zoo with the models of a zoo, calibrated, to the folder dir, and
// completes it if an earlier call was stopped. Nothing is written if one of the models
// cannot be calibrated, or dir has models that were made from anything else. Results are in the order of the models.
func Zoo(ctx context.Context, from *zoo.Zoo, dir string, o Options) ([]Result, error) {
	split, err := from.Labelled(o.Split)
	if err != nil {
		return nil, err
	}
	for _, m := range o.Models {
		if err := check(m, split.Name); err != nil {
			return nil, err
		}
	}
	to, err := target(from, dir, split)
	if err != nil {
		return nil, err
	}
	w, err := to.Write()
	if err != nil {
		return nil, err
	}
	j := &job{from: from, to: to, w: w, split: split, options: o, labels: map[string][]uint16{}}
	err = j.run(ctx)
	return j.results, errors.Join(err, w.Close())
}

// check reports why a model cannot be calibrated on a split.
func check(m zoo.Model, split string) error {
	leave := fmt.Sprintf("leave it out with --models '!%s'", m.Name)
	for name, a := range m.Splits {
		if a.IndexOnly {
			return fmt.Errorf("model %q has lists of its largest classes only on the split %q: there are no full outputs to calibrate; %s", m.Name, name, leave)
		}
	}
	if _, ok := m.Splits[split]; !ok && !m.Answers {
		return fmt.Errorf("model %q has no predictions on the split %q to fit its temperature on; %s, or choose another --split", m.Name, split, leave)
	}
	if _, ok := m.Columns[zoo.ColumnCalibratedFrom]; ok {
		return fmt.Errorf("model %q is already calibrated; calibrate the zoo that it was made from", m.Name)
	}
	if t, ok := m.Columns[zoo.ColumnTemperature]; ok && !m.Answers {
		return fmt.Errorf("model %q already has a column %q, with %q: calibration writes one of that name; import the model without it, or %s", m.Name, zoo.ColumnTemperature, t, leave)
	}
	return nil
}

// target opens the zoo in dir, or makes it, and reports what keeps it from taking the
// calibrated models.
func target(from *zoo.Zoo, dir string, split zoo.Split) (*zoo.Zoo, error) {
	if held, err := from.Holds(dir); err != nil {
		return nil, err
	} else if held {
		return nil, fmt.Errorf("%s is the zoo to calibrate, or in it: choose another folder for the calibrated one", dir)
	}
	to, err := zoo.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return zoo.Create(dir, from.Classes())
	}
	if err != nil {
		return nil, err
	}
	if to.Classes() != from.Classes() {
		return nil, fmt.Errorf("the zoo in %s has %d classes, not %d: choose another folder", dir, to.Classes(), from.Classes())
	}
	for _, s := range to.Splits() {
		if have, err := from.Split(s.Name); err != nil || have != s {
			return nil, fmt.Errorf("the zoo in %s has other samples on the split %q: choose another folder", dir, s.Name)
		}
	}
	for _, m := range to.Models() {
		source, err := from.Model(m.Name)
		if err != nil || m.Columns[zoo.ColumnCalibratedFrom] != origin(source, from, split) {
			return nil, fmt.Errorf("the zoo in %s has a model %q that was not made from this zoo as it is now, with --split %s: choose another folder, or remove the model there first", dir, m.Name, split.Name)
		}
	}
	return to, nil
}

// origin identifies what a calibrated model is made from: the split, the outputs and the
// columns. It begins with the name of the split.
func origin(m zoo.Model, from *zoo.Zoo, split zoo.Split) string {
	h := sha256.New()
	fmt.Fprintf(h, "1 %q %q %q\n", split.Name, split.Fingerprint, m.Name)
	for _, s := range from.Splits() {
		if a, ok := m.Splits[s.Name]; ok {
			fmt.Fprintf(h, "%q %q %q\n", s.Name, s.Fingerprint, a.SHA256)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(m.Columns)) {
		fmt.Fprintf(h, "%q %q\n", c, m.Columns[c])
	}
	return split.Name + " " + hex.EncodeToString(h.Sum(nil))
}

// A job is one calibration on its way.
type job struct {
	from, to *zoo.Zoo
	w        *zoo.Writer
	split    zoo.Split
	options  Options
	labels   map[string][]uint16 // by split; unlabelled ones have none
	results  []Result

	mu       sync.Mutex
	rows, of int64
}

// maxThreads bounds the models in work at a time, and so the memory.
const maxThreads = 4

func (j *job) run(ctx context.Context) error {
	if names := j.from.ClassNames(); names != nil {
		if err := j.w.SetClassNames(names); err != nil {
			return err
		}
	}
	for _, s := range j.from.Splits() {
		if err := j.copySplit(s); err != nil {
			return err
		}
	}
	for _, m := range j.options.Models {
		for _, a := range m.Splits {
			j.of += int64(a.Rows)
		}
	}
	j.results = make([]Result, len(j.options.Models))
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(min(runtime.GOMAXPROCS(0), maxThreads))
	for i, m := range j.options.Models {
		g.Go(func() error {
			defer crash.Guard()()
			err := working.Err()
			if err == nil {
				j.results[i], err = j.model(working, m)
			}
			return err
		})
	}
	err := g.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return fmt.Errorf("stopped with %d models in %s; the same command again does the rest: %w", len(j.to.Models()), j.to.Dir(), ctx.Err())
	}
	return err
}

func (j *job) copySplit(s zoo.Split) error {
	if s.Unlabelled {
		ids, err := j.from.IDs(s.Name)
		if err != nil {
			return err
		}
		return j.w.AddUnlabelled(s.Name, s.Samples, ids)
	}
	labels, ids, err := j.from.Labels(s.Name)
	if err != nil {
		return err
	}
	j.labels[s.Name] = labels
	return j.w.AddSplit(s.Name, labels, ids)
}

// model calibrates one model, or only measures it if it already exists.
func (j *job) model(ctx context.Context, m zoo.Model) (Result, error) {
	r := Result{Model: m.Name, Answers: m.Answers, Skipped: j.to.HasModel(m.Name)}
	var err error
	switch {
	case m.Answers:
	case r.Skipped:
		there, err := j.to.Model(m.Name)
		if err != nil {
			return r, err
		}
		var ok bool
		if r.Temperature, ok = Temperature(there); !ok {
			return r, fmt.Errorf("model %q in %s has lost its temperature: remove it there, and run the command again", m.Name, j.to.Dir())
		}
	default:
		if r.Temperature, err = j.temperature(ctx, m); err != nil {
			return r, err
		}
	}
	var mw *zoo.ModelWriter
	if !r.Skipped {
		n := zoo.Model{Name: m.Name, Answers: m.Answers, Columns: map[string]string{zoo.ColumnCalibratedFrom: origin(m, j.from, j.split)}}
		for column, value := range m.Columns {
			if m.Answers || !strings.HasPrefix(column, zoo.ColumnImportedPrefix) {
				n.Columns[column] = value
			}
		}
		if !m.Answers {
			n.Columns[zoo.ColumnTemperature] = Text(r.Temperature)
		}
		if mw, err = j.w.NewModel(n); err != nil {
			return r, err
		}
		defer mw.Abort()
	}
	for _, split := range slices.Sorted(maps.Keys(m.Splits)) {
		if m.Answers {
			err = j.copyAnswers(ctx, m.Name, split, mw)
		} else {
			e := Error{Split: split}
			e.Before, e.After, err = j.scale(ctx, m.Name, split, NewScaler(r.Temperature), mw)
			if j.labels[split] != nil {
				r.Errors = append(r.Errors, e)
			}
		}
		if err != nil {
			return r, err
		}
	}
	if mw != nil {
		err = mw.Commit()
	}
	return r, err
}

// Temperatures are fitted on about maxValues values, at least minSamples samples.
const (
	maxValues  = 1 << 22
	minSamples = 256
)

// temperature fits the temperature of a model, on samples evenly spread over the split
// if it has very many values.
func (j *job) temperature(ctx context.Context, m zoo.Model) (float64, error) {
	classes, labels := j.from.Classes(), j.labels[j.split.Name]
	take := min(len(labels), max(maxValues/classes, minSamples))
	rows := make([]uint16, 0, take*classes)
	taken := make([]uint16, 0, take)
	err := j.eachRow(ctx, m.Name, j.split.Name, func(i int, row []uint16) error {
		if spread(i, take, len(labels)) {
			rows = append(rows, row...)
			taken = append(taken, labels[i])
		}
		return nil
	}, func(int) {})
	if err != nil {
		return 0, err
	}
	return Fit(taken, rows, classes), nil
}

// spread reports whether sample i is among take samples evenly spread over n.
func spread(i, take, n int) bool {
	at := func(i int) int64 { return int64(i) * int64(take) / int64(n) }
	return at(i+1) > at(i)
}

// scale writes the outputs of a model on a split at another temperature, unless mw is
// nil, and returns the expected calibration errors before and after, which mean nothing
// without labels.
func (j *job) scale(ctx context.Context, model, split string, s *Scaler, mw *zoo.ModelWriter) (before, after float64, err error) {
	labels := j.labels[split]
	scaled := make([]uint16, j.from.Classes())
	var was, is Reliability
	err = j.eachRow(ctx, model, split, func(i int, row []uint16) error {
		if err := s.Apply(scaled, row); err != nil {
			return fmt.Errorf("model %q, split %q, row %d: %w", model, split, i, err)
		}
		if labels != nil {
			was.Add(row, labels[i])
			is.Add(scaled, labels[i])
		}
		if mw == nil {
			return nil
		}
		return mw.WriteRow(split, scaled)
	}, func(rows int) { j.report(rows, model) })
	return was.Error(), is.Error(), err
}

// eachRow calls f for every stored output and read with the number of those that were
// read at a time.
func (j *job) eachRow(ctx context.Context, model, split string, f func(i int, row []uint16) error, read func(rows int)) error {
	classes := j.from.Classes()
	batch := make([]uint16, max(1, 1<<16/classes)*classes)
	i := 0
	return j.eachBatch(ctx, model, split, read, func(r *zoo.Reader) (int, error) {
		n, err := r.ReadRows(batch)
		for k := range n {
			if err := f(i+k, batch[k*classes:(k+1)*classes]); err != nil {
				return 0, err
			}
		}
		i += n
		return n, err
	})
}

// copyAnswers copies the answers of a model on a split, unless mw is nil.
func (j *job) copyAnswers(ctx context.Context, model, split string, mw *zoo.ModelWriter) error {
	read := func(rows int) { j.report(rows, model) }
	if mw == nil {
		s, err := j.from.Split(split)
		read(s.Samples)
		return err
	}
	var labels, confidences [4096]uint16
	return j.eachBatch(ctx, model, split, read, func(r *zoo.Reader) (int, error) {
		n, err := r.ReadAnswers(labels[:], confidences[:])
		for i := range n {
			if err := mw.WriteAnswer(split, labels[i], confidences[i]); err != nil {
				return 0, err
			}
		}
		return n, err
	})
}

// eachBatch calls next, which reads some of a model's predictions, up to their end, and
// read with the number that it returned.
func (j *job) eachBatch(ctx context.Context, model, split string, read func(rows int), next func(r *zoo.Reader) (int, error)) (err error) {
	r, err := j.from.Predictions(model, split)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := next(r)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		read(n)
	}
}

// report counts rows that are done.
func (j *job) report(rows int, model string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rows += int64(rows)
	if j.options.Progress != nil {
		j.options.Progress(j.rows, j.of, model)
	}
}
