package zoo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/internal/shell"
)

// MergeOptions are those of Merge. Either function may be nil; they are called one call at a
// time.
type MergeOptions struct {
	Progress func(done, total int, model string) // models that are taken over
	Note     func(text string)                   // one sentence on a choice that was made
}

// Merged is what became of the models of the zoos that Merge joined.
type Merged struct {
	Added   []string // or given further splits or columns
	Skipped []string // the zoo had all of them already
	Failed  []MergeFailure
	Linked  int64 // bytes of predictions that are a second name of the source's files
	Copied  int64 // and of those that had to be copied
}

// A MergeFailure is a model that was not taken over, or perhaps not all of it.
type MergeFailure struct {
	Model string
	Err   error
}

// Merge adds the models of several zoos to the zoo in dir, which is made if there is none. It
// is for zoos of shards, written by processes that need no common lock.
//
// Zoos can be merged that have the same number of classes, do not call a class what another
// one calls another class, and have the same samples wherever their splits have the same name.
// A model that several of them have must have the same outputs, byte for byte, on the splits
// that they share, and be the same by the columns that tell models apart; its predictions on
// others are put together. Of its other columns, such as measured times, those of the first
// zoo that has them stay. If any of that is not so, the error says of what, and nothing is merged.
//
// Files of predictions are compared with their SHA-256 and become a second name of those of
// the source, or are copied where file systems have no such names. What is damaged in one zoo is
// taken from another that has it; a model of which none has all fails, and the others go on. Each
// model appears as a whole; the same call completes one that was stopped.
func Merge(ctx context.Context, dir string, sources []*Zoo, o MergeOptions) (Merged, error) {
	if len(sources) == 0 {
		return Merged{}, errors.New("zoo: no zoos to merge")
	}
	if err := notAmong(dir, sources); err != nil {
		return Merged{}, err
	}
	return newMerge(o, adviceOnMerge).into(ctx, dir, sources)
}

func newMerge(o MergeOptions, a advice) *merge {
	return &merge{options: o, advice: a, splits: map[string]splitOf{}, models: map[string]*joining{}}
}

// into merges zoos into the one in dir.
func (m *merge) into(ctx context.Context, dir string, sources []*Zoo) (Merged, error) {
	target, err := Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return m.intoNew(ctx, dir, sources)
	}
	if err != nil {
		return m.result, err
	}
	if m.w, err = target.Write(); err != nil {
		return m.result, err
	}
	m.target = target
	if err = m.plan(ctx, slices.Concat([]*Zoo{target}, sources)); err == nil {
		err = m.run(ctx)
	}
	return m.result, errors.Join(err, m.w.Close())
}

// intoNew merges zoos into one that is made, and stays if a model gets into it.
func (m *merge) intoNew(ctx context.Context, dir string, sources []*Zoo) (Merged, error) {
	if err := m.plan(ctx, sources); err != nil {
		return m.result, err
	}
	target, err := Create(dir, sources[0].classes)
	if err != nil {
		return m.result, err
	}
	if m.w, err = target.Write(); err != nil {
		return m.result, err
	}
	err = m.run(ctx)
	return m.result, errors.Join(err, m.w.Discard())
}

// notAmong refuses to merge a zoo into itself, or into a folder in it.
func notAmong(dir string, sources []*Zoo) error {
	for _, z := range sources {
		if held, err := z.Holds(dir); err != nil {
			return err
		} else if held {
			if filepath.Clean(dir) == filepath.Clean(z.dir) {
				return fmt.Errorf("zoo: %s is one of the zoos to merge, and cannot be merged into itself: name another folder, or leave it out of those to merge, to add the others to it", dir)
			}
			return fmt.Errorf("zoo: %s is the zoo %s, which is one of those to merge, or in it: name another folder, or leave this zoo out", dir, z.dir)
		}
	}
	return nil
}

// merge is a Merge on its way.
type merge struct {
	options MergeOptions
	advice  advice
	target  *Zoo // nil if it is made
	w       *Writer
	fetch   *fetching // where the sources' files are, but for those of their metadata; nil: in their folders
	replace bool      // models of the target by those of the sources
	binding bool      // all splits of the target: it has more models than are known

	names  []string            // of the classes, nil if no zoo has any
	splits map[string]splitOf  // that the merged zoo will have
	models map[string]*joining // by name

	mu     sync.Mutex
	done   int
	result Merged
}

// advice is what to do where a zoo does not agree with one before it.
type advice struct {
	classes string
	splits  func(z, before *Zoo, split string) string
	models  func(z, before *Zoo, model string) string
	columns string // which one is kept
}

var adviceOnMerge = advice{
	classes: "leave one of them out",
	splits: func(z, _ *Zoo, split string) string {
		return fmt.Sprintf("leave one of them out, or remove the split from one, with all predictions on it, as with encas-zoo zoo remove --zoo %s --split %s --force", shell.Word(z.dir), shell.Word(split))
	},
	models: func(z, _ *Zoo, model string) string {
		return fmt.Sprintf("nothing was merged; remove what is not to be kept, as with encas-zoo zoo remove --zoo %s -- %s", shell.Word(z.dir), shell.Word(model))
	},
	columns: "that of the first zoo is kept",
}

// A splitOf is a split and the zoos that have it.
type splitOf struct {
	Split
	zoos []*Zoo
}

// A joining is a model put together from several zoos.
type joining struct {
	model Model             // as it will be
	first *Zoo              // whose columns it has
	from  map[string][]*Zoo // by split, which zoos have its predictions there
	there bool              // the target has all of it
	asked bool              // one of the sources has it
}

func (m *merge) note(format string, args ...any) {
	if m.options.Note != nil {
		m.options.Note(fmt.Sprintf(format, args...))
	}
}

// plan puts together what the merged zoo will have, or finds out why that cannot be. If there
// is a target it is the first of the zoos.
func (m *merge) plan(ctx context.Context, zoos []*Zoo) error {
	if err := m.planClasses(zoos); err != nil {
		return err
	}
	if err := m.planSplits(zoos); err != nil {
		return err
	}
	return m.planModels(ctx, zoos)
}

func (m *merge) planClasses(zoos []*Zoo) error {
	named := zoos[0]
	for _, z := range zoos {
		if z.classes != zoos[0].classes {
			return fmt.Errorf("zoo: %s has %d classes and %s has %d: %s", zoos[0].dir, zoos[0].classes, z.dir, z.classes, m.advice.classes)
		}
		names := z.ClassNames()
		if m.names == nil {
			m.names, named = names, z
		}
		if err := CheckAliases(m.names, names); err != nil {
			return fmt.Errorf("zoo: the classes of %s are not in the order of those of %s: %w; %s", z.dir, named.dir, err, m.advice.classes)
		}
		if names != nil && !slices.Equal(names, m.names) {
			m.note("%s has other names of the classes than %s: those of %s are kept", z.dir, named.dir, named.dir)
		}
	}
	return nil
}

// planSplits gathers the splits. Those without predictions bind nobody: they are left out if
// another zoo has other samples of that name.
func (m *merge) planSplits(zoos []*Zoo) error {
	var unused []splitOf
	for _, z := range zoos {
		used := z.usedSplits()
		for _, s := range z.Splits() {
			if !used[s.Name] && (z != m.target || !m.binding) {
				unused = append(unused, splitOf{s, []*Zoo{z}})
			} else if err := m.addSplit(s, z); err != nil {
				return fmt.Errorf("%w; %s", err, m.advice.splits(z, zoos[0], s.Name))
			}
		}
	}
	for _, s := range unused {
		if err := m.addSplit(s.Split, s.zoos[0]); err != nil {
			m.note("the split %s of %s, on which no model has predictions, is left out: %v", s.Name, s.zoos[0].dir, err)
		}
	}
	return nil
}

// usedSplits are those on which a model has predictions.
func (z *Zoo) usedSplits() map[string]bool {
	used := map[string]bool{}
	for _, m := range z.Models() {
		for split := range m.Splits {
			used[split] = true
		}
	}
	return used
}

func (m *merge) addSplit(s Split, z *Zoo) error {
	for _, have := range m.splits {
		if have.Name != s.Name && strings.EqualFold(have.Name, s.Name) {
			return fmt.Errorf("zoo: the split %q of %s and %q of %s differ in case only", have.Name, have.zoos[0].dir, s.Name, z.dir)
		}
	}
	have, ok := m.splits[s.Name]
	switch {
	case ok && have.Samples != s.Samples:
		return fmt.Errorf("zoo: the split %q has %d samples in %s and %d in %s", s.Name, have.Samples, have.zoos[0].dir, s.Samples, z.dir)
	case ok && have.Split != s:
		return fmt.Errorf("zoo: the split %q has other labels or sample ids in %s than in %s", s.Name, z.dir, have.zoos[0].dir)
	}
	m.splits[s.Name] = splitOf{s, append(have.zoos, z)}
	return nil
}

// planModels puts models together, in the order of the zoos.
func (m *merge) planModels(ctx context.Context, zoos []*Zoo) error {
	var conflicts []string
	advised := ""
	kept, added, dropped := columnsOf{}, columnsOf{}, columnsOf{}
	conflict := func(z, before *Zoo, model, difference string) {
		conflicts = append(conflicts, fmt.Sprintf("the model %q of %s %s in %s", clip(model, 200), z.dir, difference, before.dir))
		if advised == "" {
			advised = m.advice.models(z, before, model)
		}
	}
	for _, z := range zoos {
		for _, model := range z.Models() {
			j := m.models[model.Name]
			if j == nil {
				m.models[model.Name] = m.begin(z, model)
				continue
			}
			if m.replace && j.first == m.target {
				if lacks := j.lacking(model); lacks != "" {
					conflict(z, j.first, model.Name, lacks)
					continue
				}
				dropped.add(model.Name, j.onlyColumns(model))
				m.models[model.Name] = m.begin(z, model).insteadOf(j.model)
				continue
			}
			j.asked = true
			if difference := j.differs(model); difference != "" {
				conflict(z, j.first, model.Name, difference)
				continue
			}
			more, others := j.add(z, model)
			added.add(model.Name, more)
			kept.add(model.Name, others)
		}
	}
	const few = 4
	if n := len(conflicts); n > 0 {
		more := ""
		if n > few {
			more = fmt.Sprintf("; and so on: %d models in all", n)
		}
		return fmt.Errorf("zoo: %s%s: %s", strings.Join(conflicts[:min(n, few)], "; "), more, advised)
	}
	for _, column := range slices.Sorted(maps.Keys(kept)) {
		m.note("the column %s of %d models has another value in another zoo: %s", column, len(kept[column]), m.advice.columns)
	}
	for _, column := range slices.Sorted(maps.Keys(added)) {
		m.note("the column %s of %d models is that of a later zoo: those before have none", column, len(added[column]))
	}
	for _, column := range slices.Sorted(maps.Keys(dropped)) {
		m.note("the column %s of %d models that are replaced is dropped: those in their place have none", column, len(dropped[column]))
	}
	m.planDamaged(ctx, zoos)
	asked := false
	for _, j := range m.models {
		asked = asked || j.asked
	}
	if !asked && len(m.result.Failed) == 0 {
		return fmt.Errorf("zoo: %s: there is no model to merge", zoos[len(zoos)-1].dir)
	}
	return nil
}

// columnsOf are columns with the models of which something is to be said.
type columnsOf map[string]map[string]bool

func (c columnsOf) add(model string, columns []string) {
	for _, column := range columns {
		if c[column] == nil {
			c[column] = map[string]bool{}
		}
		c[column][model] = true
	}
}

// begin begins a model that no zoo before z had.
func (m *merge) begin(z *Zoo, model Model) *joining {
	j := &joining{model: model, first: z, from: map[string][]*Zoo{}, there: z == m.target, asked: z != m.target}
	for split, a := range model.Splits {
		j.from[split] = []*Zoo{z}
		a.Second = a.Second && j.there
		model.Splits[split] = a
	}
	return j
}

// lacking says what would be lost if another model took the place of this one, "" if nothing would.
func (j *joining) lacking(other Model) string {
	for _, split := range slices.Sorted(maps.Keys(j.model.Splits)) {
		if _, ok := other.Splits[split]; !ok {
			return fmt.Sprintf("does not have the predictions on the split %q that are", split)
		}
	}
	return ""
}

// onlyColumns are those that another model does not have.
func (j *joining) onlyColumns(other Model) (columns []string) {
	for column := range j.model.Columns {
		if _, ok := other.Columns[column]; !ok && !strings.HasPrefix(column, ColumnSetPrefix) {
			columns = append(columns, column)
		}
	}
	return columns
}

// insteadOf has the predictions that differ from those of a model under the names that these
// do not have.
func (j *joining) insteadOf(old Model) *joining {
	for split, a := range j.model.Splits {
		if there, ok := old.Splits[split]; ok {
			a.Second = there.Second != (a.SHA256 != there.SHA256 || a.Bytes != there.Bytes || a.IndexOnly != there.IndexOnly)
			j.model.Splits[split] = a
		}
	}
	return j
}

// planDamaged reports models whose files cannot be read, unless it is certain that nothing is
// missing without them. What the target cannot read is not replaced, unless that is asked for.
func (m *merge) planDamaged(ctx context.Context, zoos []*Zoo) {
	models := map[string]*joining{} // by the name of their file
	for name, j := range m.models {
		models[slug(name)+".json"] = j
	}
	for _, z := range zoos {
		for _, d := range z.Damaged() {
			j := models[filepath.Base(d.Path)]
			if j == nil {
				if z != m.target {
					m.fail(cmp.Or(d.Name, d.Path), d)
				}
				continue
			}
			name := j.model.Name
			_, err := z.Model(name)
			switch {
			case z == m.target && m.replace:
			case z == m.target:
				delete(m.models, name)
				m.fail(name, err)
			case j.hasAll(ctx, z):
				j.asked = true
			default:
				m.fail(name, fmt.Errorf("%w. Other zoos have this model, but perhaps not all that this one has of it", err))
			}
		}
	}
}

// fail reports a model, once.
func (m *merge) fail(model string, err error) {
	for i, f := range m.result.Failed {
		if f.Model == model {
			m.result.Failed[i].Err = fmt.Errorf("%w; %w", f.Err, err)
			return
		}
	}
	m.result.Failed = append(m.result.Failed, MergeFailure{model, err})
}

// hasAll reports whether a model is certain to have all predictions that a zoo has of it, whose
// file there cannot be read: it has some on every split of the zoo, and they are the zoo's.
func (j *joining) hasAll(ctx context.Context, z *Zoo) bool {
	for _, s := range z.Splits() {
		a, ok := j.model.Splits[s.Name]
		found := false
		for _, path := range z.predictionsPaths(s.Name, j.model.Name) {
			if _, err := os.Lstat(path); err != nil || !a.IndexOnly && path == z.listsPath(s.Name, j.model.Name, false) {
				continue // or an index, perhaps
			}
			if !ok || z.verifyFile(ctx, path, a) != nil {
				return false
			}
			found = true
		}
		if !found {
			return false
		}
	}
	return true
}

// tellApart are the columns by which two models of one name are different ones, whatever
// splits they have predictions on.
var tellApart = []string{ColumnCheckpoint, ColumnPreprocessing, ColumnPrecision, ColumnClassMap, ColumnActivation, ColumnSupernet, ColumnConfig,
	ColumnGenome, ColumnCalibration, ColumnTemperature, ColumnCalibratedFrom}

// differs says in what another zoo's model of the same name is another one, "" if it is not.
func (j *joining) differs(other Model) string {
	if j.model.Answers != other.Answers {
		return "gives answers in one zoo and probabilities"
	}
	for _, column := range tellApart {
		if j.model.Columns[column] != other.Columns[column] {
			return fmt.Sprintf("is not the one (another %s)", column)
		}
	}
	for _, split := range slices.Sorted(maps.Keys(other.Splits)) {
		a, ok := j.model.Splits[split]
		b := other.Splits[split]
		if ok && (a.SHA256 != b.SHA256 || a.Bytes != b.Bytes || a.IndexOnly != b.IndexOnly) {
			return fmt.Sprintf("has other outputs on the split %q than", split)
		}
	}
	return ""
}

// add adds another zoo's predictions of the model, and the columns that it does not have. It
// returns these, and those that have another value.
func (j *joining) add(z *Zoo, other Model) (added, differ []string) {
	for split, a := range other.Splits {
		j.from[split] = append(j.from[split], z)
		_, ok := j.model.Splits[split]
		for _, prefix := range []string{ColumnDataPrefix, ColumnImportedPrefix} {
			value, known := other.Columns[prefix+split]
			if _, has := j.model.Columns[prefix+split]; known && !(ok && has) {
				j.set(prefix+split, value)
			}
		}
		if !ok {
			a.Second = false
			j.model.Splits[split] = a
			j.there = false
		}
	}
	for column, value := range other.Columns {
		if strings.HasPrefix(column, ColumnDataPrefix) || strings.HasPrefix(column, ColumnImportedPrefix) || strings.HasPrefix(column, ColumnSetPrefix) {
			continue
		}
		own, has := j.model.Columns[column]
		switch {
		case !has:
			j.set(column, value)
			if mark, ok := other.Columns[ColumnSetPrefix+column]; ok {
				j.set(ColumnSetPrefix+column, mark)
			}
			added = append(added, column)
		case own != value:
			differ = append(differ, column)
		}
	}
	return added, differ
}

// set sets a column of the model, which the target does not have so.
func (j *joining) set(column, value string) {
	if j.model.Columns == nil {
		j.model.Columns = map[string]string{}
	}
	j.model.Columns[column] = value
	j.there = false
}

// run takes over what was planned.
func (m *merge) run(ctx context.Context) error {
	if m.names != nil && m.w.z.ClassNames() == nil {
		if err := m.w.SetClassNames(m.names); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.splits)) {
		if err := m.takeSplit(ctx, m.splits[name]); err != nil {
			return err
		}
	}
	var todo []*joining
	for _, name := range slices.Sorted(maps.Keys(m.models)) {
		switch j := m.models[name]; {
		case !j.asked:
		case j.there:
			m.result.Skipped = append(m.result.Skipped, name)
		default:
			todo = append(todo, j)
		}
	}
	workers := runtime.GOMAXPROCS(0)
	if m.fetch != nil {
		workers = max(workers, transfers)
		m.fetch.total = m.toFetch(todo)
	}
	err := parallelBy(ctx, workers, len(todo), nil, func(i int) error { return m.take(ctx, todo[i], len(todo)) })
	slices.Sort(m.result.Added)
	slices.SortFunc(m.result.Failed, func(a, b MergeFailure) int { return strings.Compare(a.Model, b.Model) })
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return fmt.Errorf("stopped with %d models in %s; the same command again does the rest: %w", len(m.w.z.Models()), m.w.z.dir, context.Cause(ctx))
	}
	return err
}

// takeSplit takes a split over from the first zoo that has it undamaged, unless the target has it.
func (m *merge) takeSplit(ctx context.Context, s splitOf) error {
	if slices.Contains(s.zoos, m.w.z) {
		return nil
	}
	var bad error
	for _, z := range s.zoos {
		read := z.readSplit
		if m.fetch != nil {
			read = func(s Split) ([]uint16, []string, error) { return m.fetch.samples(ctx, z, s) }
		}
		labels, ids, err := read(s.Split)
		if err == nil {
			m.instead(bad, z)
			return m.w.addSplit(s.Name, s.Samples, labels, ids)
		}
		bad = cmp.Or(bad, err)
	}
	return bad
}

// instead notes that something was damaged, if it was, and taken from another zoo.
func (m *merge) instead(bad error, z *Zoo) {
	if bad != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.note("%v; that of %s was taken", bad, z.dir)
	}
}

// take takes one model over. Only what is wrong with the target is an error.
func (m *merge) take(ctx context.Context, j *joining, of int) error {
	linked, copied, err := m.takeFiles(ctx, j)
	if err == nil {
		err = m.w.publish(j.model)
	}
	var bad *sourceError
	if err != nil && !errors.As(err, &bad) {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done++
	if bad != nil {
		m.fail(j.model.Name, bad.error)
	} else {
		m.result.Added = append(m.result.Added, j.model.Name)
		m.result.Linked += linked
		m.result.Copied += copied
	}
	if m.options.Progress != nil {
		m.options.Progress(m.done, of, j.model.Name)
	}
	return nil
}

// A sourceError is about a file that was to be merged, and not about the merged zoo.
type sourceError struct{ error }

func (e *sourceError) Unwrap() error { return e.error }

// takeFiles gives the predictions of a model their names in the merged zoo.
func (m *merge) takeFiles(ctx context.Context, j *joining) (linked, copied int64, err error) {
	var files []*atomicfile.File
	defer func() {
		for _, f := range files {
			f.Discard()
		}
	}()
	taken := map[string]*Zoo{} // by split
	for split, zoos := range j.from {
		if slices.Contains(zoos, m.w.z) {
			continue
		}
		f, from, err := m.takeOne(ctx, j.model, m.splits[split].Split, zoos)
		if err != nil {
			return 0, 0, err
		}
		files, taken[split] = append(files, f), from
		if err := f.Sync(); err != nil {
			return 0, 0, err
		}
		if f.Linked() {
			linked += f.Size()
		} else {
			copied += f.Size()
		}
	}
	if err := m.w.hold.mustBe(); err != nil {
		return 0, 0, err
	}
	for _, f := range files {
		if err := f.Place(); err != nil {
			return 0, 0, err
		}
	}
	for split, from := range taken {
		if !j.model.Splits[split].IndexOnly {
			m.takeIndex(ctx, j.model.Name, split, from)
		}
	}
	return linked, copied, nil
}

// takeOne begins the file of a model's predictions on a split from the first of the zoos in which
// it is undamaged.
func (m *merge) takeOne(ctx context.Context, model Model, s Split, zoos []*Zoo) (f *atomicfile.File, from *Zoo, err error) {
	var bad *sourceError
	for _, z := range zoos {
		f, err := m.takeFile(ctx, model, s, z)
		if err == nil {
			if bad != nil {
				m.instead(bad, z)
			}
			return f, z, nil
		}
		var here *sourceError
		if !errors.As(err, &here) {
			return nil, nil, err
		}
		bad = cmp.Or(bad, here)
	}
	return nil, nil, bad
}

// takeFile begins the file of a model's predictions on a split that a zoo has.
func (m *merge) takeFile(ctx context.Context, model Model, s Split, from *Zoo) (*atomicfile.File, error) {
	there, err := from.Model(model.Name)
	if err != nil {
		return nil, &sourceError{err}
	}
	a := there.Splits[s.Name]
	source, path := from.predictionsPath(s.Name, model.Name, a), m.w.z.predictionsPath(s.Name, model.Name, Archive{IndexOnly: a.IndexOnly})
	if m.fetch != nil {
		f, err := m.fetch.file(ctx, model.Name, source, a, path)
		if errors.As(err, new(damage)) {
			err = &sourceError{err}
		}
		return f, err
	}
	bad := func(err error) error { return &sourceError{from.orChanged(there, s, err)} }
	in, err := regular.Open(source)
	if err != nil {
		return nil, bad(fmt.Errorf("zoo: %w", err))
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || info.Size() != a.Bytes {
		return nil, bad(damage{fmt.Errorf("zoo: %s does not have the %d bytes that it was written with: it is damaged, or of another model", source, a.Bytes)})
	}
	f, err := atomicfile.Take(ctx, in, path)
	if file := (*fs.PathError)(nil); errors.As(err, &file) && file.Path == source {
		return nil, bad(fmt.Errorf("zoo: %w", err))
	}
	if err != nil {
		return nil, err
	}
	if f.SHA256() != a.SHA256 {
		f.Discard()
		return nil, bad(damage{fmt.Errorf("zoo: %s is damaged: its SHA-256 is not the one it was written with", source)})
	}
	return f, nil
}

// takeIndex takes a search index over, if there is one. If that fails it is built when it is
// needed; its checksum shows whether it is correct.
func (m *merge) takeIndex(ctx context.Context, model, split string, from *Zoo) {
	in, err := regular.Open(from.indexPath(split, model))
	if err != nil {
		return
	}
	defer in.Close()
	f, err := atomicfile.Take(ctx, in, m.w.z.indexPath(split, model))
	if err != nil {
		return
	}
	defer f.Discard()
	if f.Close() == nil {
		f.Rename()
	}
}
