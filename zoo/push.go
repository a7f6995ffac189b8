package zoo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/regular"
)

// PushOptions are those of Push.
type PushOptions struct {
	TransferOptions
	// Replace puts the models in the place of those of the same names, and sends all of their files.
	Replace bool
}

// Pushed is what became of the models of a zoo that was pushed.
type Pushed struct {
	Added   []string // or a part of them that was missing
	Skipped []string // all of them was there
	Failed  []MergeFailure
	Sent    int64 // bytes of predictions
	Objects int   // that were written
}

// Push adds the models of a zoo to the one in a store, or makes that. What must agree is as for
// Merge, the zoo in the store being the one that is merged into. Only what is not there is sent: an
// object is the file if both have the same size and SHA-256. A model of which a file is damaged
// fails, and the others go on. Each model appears as a whole; the same call completes one that was
// stopped, and several may push to one store.
func Push(ctx context.Context, z *Zoo, store Store, o PushOptions) (Pushed, error) {
	from, err := z.selected(o.Select)
	if err != nil {
		return Pushed{}, err
	}
	if len(from.models)+len(from.damaged) == 0 {
		return Pushed{}, fmt.Errorf("zoo: %s: there is no model to push", z.dir)
	}
	p := &push{from: from, store: store, options: o, unnamed: map[string]bool{}}
	err = p.settle(ctx)
	if err == nil {
		err = p.compare(ctx)
	}
	if err == nil {
		err = p.send(ctx)
	}
	if err == nil {
		err = p.confirm(ctx)
	}
	slices.Sort(p.result.Added)
	slices.SortFunc(p.result.Failed, func(a, b MergeFailure) int { return strings.Compare(a.Model, b.Model) })
	again := "the same command again does the rest"
	if o.Replace {
		again = "the same command again sends everything anew"
	}
	switch {
	case ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)):
		err = fmt.Errorf("stopped with %d of %d models in %s; %s: %w", len(p.result.Added)+len(p.result.Skipped), len(from.models), store, again, context.Cause(ctx))
	case err != nil && len(p.result.Added) > 0:
		err = fmt.Errorf("%w; %d models were pushed, and %s", err, len(p.result.Added), again)
	}
	return p.result, err
}

// push is a Push on its way.
type push struct {
	from    *Zoo
	store   Store
	options PushOptions

	splits    []Split           // of the zoo in the store, as far as this push knows
	unnamed   map[string]bool   // those that zoo.json did not name when this push put their samples there
	versions  map[string]string // of the objects that were there
	shipments []*shipment

	mu          sync.Mutex
	result      Pushed
	done, total int64
}

// A shipment is a model and what is missing of it in the store.
type shipment struct {
	model    Model           // as it will be there
	files    map[string]bool // splits whose predictions are to be sent
	describe bool            // its own file is, too
}

// settle is begin, and again if another push changes zoo.json at the same moment.
func (p *push) settle(ctx context.Context) error {
	const most = 50
	for try := 1; ; try++ {
		err := p.begin(ctx)
		if !errors.Is(err, ErrConflict) || try == most {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(rand.N(time.Duration(min(try, 10)) * 50 * time.Millisecond)):
		}
	}
}

// confirm looks whether zoo.json names the splits of what was sent. Where a server takes no
// conditions, or not strictly, another push may have replaced it by one without them.
func (p *push) confirm(ctx context.Context) error {
	const most = 50
	for try := 1; try <= most; try++ {
		s, err := newStage(ctx, p.store, []string{}, nil)
		if err != nil {
			return err
		}
		lost := s.zoo == nil || slices.ContainsFunc(p.splits, func(split Split) bool {
			there, ok := s.zoo.split(split.Name)
			return !ok || there != split
		})
		if err := s.remove(); err != nil {
			return err
		}
		if !lost {
			return p.confirmSamples(ctx)
		}
		failed := p.result.Failed
		err = p.settle(ctx)
		p.result.Failed = failed
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("zoo: %s/zoo.json: other pushes replace it again and again: push again when they have ended", p.store)
}

// confirmSamples puts the samples of new splits there again if another push, which had not seen them in
// zoo.json either and fails now, has put others in their place.
func (p *push) confirmSamples(ctx context.Context) error {
	for _, split := range p.splits {
		if p.unnamed[split.Name] {
			same := func(there, own Object) bool { return there == own }
			if err := p.sendSplit(ctx, split, same); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin finds out what is to be sent, and puts the splits and zoo.json into the store, so that they
// are there before the models. If another push changes zoo.json meanwhile the error wraps ErrConflict.
func (p *push) begin(ctx context.Context) error {
	s, err := newStage(ctx, p.store, append([]string{}, slices.Sorted(maps.Keys(p.from.models))...), nil)
	if err != nil {
		return err
	}
	defer s.remove()
	advice := adviceOnPush
	if p.options.Replace {
		advice.models = func(*Zoo, *Zoo, string) string {
			return "nothing was pushed, because that would be lost; push from a zoo that has all splits of its models, and leave others out with --models"
		}
	}
	m := newMerge(MergeOptions{}, advice)
	if note := p.options.Note; note != nil {
		m.options.Note = func(text string) { note(s.name(text)) }
	}
	zoos := []*Zoo{p.from}
	if s.zoo != nil {
		m.target, m.binding, m.replace = s.zoo, true, p.options.Replace
		zoos = []*Zoo{s.zoo, p.from}
	}
	if err := m.plan(ctx, zoos); err != nil {
		return s.located(err)
	}
	s.failures(m.result.Failed)
	p.result.Failed = m.result.Failed
	p.versions, p.splits, p.shipments = s.versions, nil, nil
	for _, split := range m.splits {
		p.splits = append(p.splits, split.Split)
	}
	for _, name := range slices.Sorted(maps.Keys(m.models)) {
		if j := m.models[name]; j.asked {
			p.shipments = append(p.shipments, p.shipment(j))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.splits)) {
		// Those that zoo.json names may have been written by another version.
		known := false
		if s.zoo != nil {
			_, known = s.zoo.split(name)
		}
		will := func(there, own Object) bool { return !p.options.Replace && (known || there == own) }
		if err := p.sendSplit(ctx, m.splits[name].Split, will); err != nil {
			return err
		}
		p.unnamed[name] = p.unnamed[name] || !known
	}
	return p.sendHead(ctx, s, m)
}

var adviceOnPush = advice{
	classes: "push to another place",
	splits:  func(_, _ *Zoo, _ string) string { return "push to another place" },
	models: func(z, _ *Zoo, _ string) string {
		return "nothing was pushed; --replace puts those of " + z.dir + " in their place, and --models leaves some out"
	},
	columns: "that of the zoo that is pushed to is kept, unless --replace is given",
}

// shipment is all of a model, as far as the zoo has it.
func (p *push) shipment(j *joining) *shipment {
	files := map[string]bool{}
	for split := range p.from.models[j.model.Name].Splits {
		files[split] = true
	}
	return &shipment{j.model, files, !j.there}
}

// sendSplit puts the samples of a split into the store, unless those that are there will do.
func (p *push) sendSplit(ctx context.Context, split Split, willDo func(there, own Object) bool) error {
	if have, ok := p.from.split(split.Name); !ok || have != split {
		return nil
	}
	file := p.from.splitPath(split.Name)
	f, err := regular.Open(file)
	if err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	sum, err := hashFile(ctx, f)
	if err != nil {
		return err
	}
	o := Object{info.Size(), sum}
	there, err := p.store.Stat(ctx, objectName(p.from, file))
	if err == nil && willDo(there, o) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, _, err := p.from.readSplit(split); err != nil {
		return err
	}
	return p.put(ctx, objectName(p.from, file), o, f, nil)
}

// sendHead puts zoo.json into the store, if it is not there as it should be.
func (p *push) sendHead(ctx context.Context, s *stage, m *merge) error {
	f := zooFile{Format: FormatVersion, Classes: p.from.classes, ClassNames: m.names, Splits: map[string]Split{}}
	for name, split := range m.splits {
		f.Splits[name] = split.Split
	}
	if s.zoo != nil && len(s.zoo.splits) == len(f.Splits) && slices.Equal(s.zoo.classNames, f.ClassNames) {
		return nil
	}
	data, err := encodeJSON("zoo.json", f)
	if err != nil {
		return err
	}
	return p.swap(ctx, "zoo.json", data)
}

// compare leaves of the shipments what is not in the store.
func (p *push) compare(ctx context.Context) error {
	if p.options.Replace {
		return nil
	}
	return parallelBy(ctx, transfers, len(p.shipments), p.options.Compared, func(i int) error {
		s := p.shipments[i]
		for split := range s.files {
			a := s.model.Splits[split]
			there, err := p.store.Stat(ctx, p.predictions(s.model, split))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if err == nil && there == (Object{a.Bytes, a.SHA256}) {
				delete(s.files, split)
			}
		}
		return nil
	})
}

// predictions is the name of the object with a model's predictions on a split.
func (p *push) predictions(m Model, split string) string {
	return objectName(p.from, p.from.predictionsPath(split, m.Name, m.Splits[split]))
}

// objectName is the name in a store of a file of a zoo.
func objectName(z *Zoo, file string) string {
	name, err := filepath.Rel(z.dir, file)
	if err != nil {
		panic(err) // it is made of the folder
	}
	return filepath.ToSlash(name)
}

// send sends the shipments.
func (p *push) send(ctx context.Context) error {
	var todo []*shipment
	for _, s := range p.shipments {
		if len(s.files) == 0 && !s.describe {
			p.result.Skipped = append(p.result.Skipped, s.model.Name)
			continue
		}
		todo = append(todo, s)
		for split := range s.files {
			p.total += s.model.Splits[split].Bytes
		}
	}
	return parallelBy(ctx, transfers, len(todo), nil, func(i int) error {
		err := p.sendModel(ctx, todo[i])
		var bad *sourceError
		if err != nil && !errors.As(err, &bad) {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if name := todo[i].model.Name; bad != nil {
			p.result.Failed = append(p.result.Failed, MergeFailure{name, bad.error})
		} else {
			p.result.Added = append(p.result.Added, name)
		}
		return nil
	})
}

// sendModel sends a model, its own file last. A sourceError is about a file of the zoo.
func (p *push) sendModel(ctx context.Context, s *shipment) error {
	for _, split := range slices.Sorted(maps.Keys(s.files)) {
		if err := p.sendPredictions(ctx, s.model, split); err != nil {
			return err
		}
	}
	if !s.describe {
		return nil
	}
	name := path.Join("models", slug(s.model.Name)+".json")
	data, err := encodeJSON(name, modelJSON(s.model))
	if err != nil {
		return err
	}
	if err := p.swap(ctx, name, data); errors.Is(err, ErrConflict) {
		return fmt.Errorf("another push has changed the model %q meanwhile: %w", clip(s.model.Name, 200), err)
	} else if err != nil {
		return err
	}
	return nil
}

func (p *push) sendPredictions(ctx context.Context, m Model, split string) error {
	own := p.from.models[m.Name]
	a := own.Splits[split]
	bad := func(err error) error {
		if ctx.Err() != nil {
			return err
		}
		if s, ok := p.from.split(split); ok {
			err = p.from.orChanged(own, s, err)
		}
		return &sourceError{err}
	}
	f, err := regular.Open(p.from.predictionsPath(split, m.Name, a))
	if err != nil {
		return bad(fmt.Errorf("zoo: %w", err))
	}
	defer f.Close()
	if err := p.from.checkContent(ctx, f, a); err != nil {
		return bad(err)
	}
	if err := p.put(ctx, p.predictions(m, split), Object{a.Bytes, a.SHA256}, f, func(n int64) { p.count(n, m.Name) }); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.Sent += a.Bytes
	return nil
}

// put puts an object into the store.
func (p *push) put(ctx context.Context, name string, o Object, content io.ReaderAt, sent func(n int64)) error {
	if err := p.store.Put(ctx, name, o, content, sent); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.Objects++
	return nil
}

// swap puts an object with metadata into the store, if it is as it was. It may be there already: another
// push, or a request of this one whose answer was lost, was first.
func (p *push) swap(ctx context.Context, name string, data []byte) error {
	sum := sha256.Sum256(data)
	o := Object{int64(len(data)), hex.EncodeToString(sum[:])}
	err := p.store.Swap(ctx, name, o, bytes.NewReader(data), p.versions[name])
	if errors.Is(err, ErrConflict) {
		if there, failed := p.store.Stat(ctx, name); failed == nil && there == o {
			return nil
		}
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.Objects++
	return nil
}

// count counts bytes of predictions that were sent; some are sent again after an error.
func (p *push) count(n int64, model string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if p.options.Progress != nil {
		p.options.Progress(min(p.done, p.total), p.total, model)
	}
}
