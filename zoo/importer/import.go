package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/internal/shell"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/inspect"
)

// Options are those of Import.
type Options struct {
	// Splits cuts the samples into splits; see ParseSplits. It may be empty for a
	// source that has splits of its own, which then keep their names.
	Splits []Cut
	// Seed draws the samples of shares.
	Seed uint64
	// ClassNames are what the classes are called, one a class; nil leaves the zoo's.
	ClassNames []string
	// Replace puts predictions in the place of others that the zoo has of the same models,
	// and labels in that of others of a split whose models are all in the source. Otherwise
	// these are an error.
	Replace bool
	// KeepLists keeps the largest classes of outputs alone: see [zoo.Writer.KeepLists].
	KeepLists bool
	// Threads is how many models are imported at a time; 0 chooses.
	Threads int
	// Progress is called as rows are written and models finished, one call at a
	// time. It may be nil.
	Progress func(Progress)
}

// Progress is how far an import is. Models that are skipped count in Skipped alone.
type Progress struct {
	Model        string // the model that was worked on last
	Models, Todo int    // models imported so far, and to import in all
	Skipped      int    // models that were in the zoo already
	Rows, OfRows int64  // rows read so far, and to read in all
}

// A Summary is what an import did.
type Summary struct {
	Imported int // models added, added to, or replaced
	Skipped  int // models that were there already, with the same content
	Updated  int // models of which columns were added or corrected
	Rows     int64
	Splits   []zoo.Split
	// Warnings are sentences about things that look wrong but may be intended.
	Warnings []string
}

// maxThreads bounds the models written at a time, and so the memory.
const maxThreads = 4

// Import adds the models of a source to the zoo in dir, which is made if there is
// none. One model after the other becomes part of the zoo, so that an import
// that was stopped keeps what it finished, and the same import again does the rest:
// a model is skipped if it is in the zoo with, for every split, the same content.
// Content is recognised by what the zoo kept of it, such as a hash of the file, in the
// column imported.<split>. A model that lacks a split gets it. A model that is there with
// other predictions is an error before anything is written, unless they are to be replaced.
// Other values of its columns are taken over, but for those that a person has set in the
// zoo.
func Import(ctx context.Context, dir string, src *Source, opt Options) (Summary, error) {
	plan, err := newPlan(src.Sets, opt.Splits, opt.Seed)
	if err != nil {
		return Summary{}, err
	}
	if len(src.Models) == 0 {
		return Summary{}, errors.New("the source has no models")
	}
	if split := plan.lackLabels(src.Sets); split != "" {
		return Summary{}, fmt.Errorf("the source was opened without labels, which split %q needs", split)
	}
	if left, all := plan.left(); left > 0 {
		src.notes = append(src.notes, fmt.Sprintf("%d of %d samples are in no split", left, all))
	}
	classes := src.Classes
	z, err := zoo.Open(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		z = nil
	case err != nil:
		return Summary{}, err
	case z.Classes() != classes && (src.Exact || z.Classes() < classes):
		return Summary{}, fmt.Errorf("the zoo in %s has %d classes, but %s has %d: import into another zoo", dir, z.Classes(), src.Models[0].File, classes)
	default:
		classes = z.Classes()
	}
	if z != nil {
		if err := src.follow(z, opt); err != nil {
			return Summary{}, err
		}
	}
	if n := len(opt.ClassNames); opt.ClassNames != nil && n != classes {
		return Summary{}, fmt.Errorf("there are %d classes and names for %d", classes, n)
	}
	if z != nil {
		if err := sameClasses(z.ClassNames(), opt.ClassNames); err != nil {
			return Summary{}, err
		}
	}
	// Most mistakes, such as logits taken for probabilities, show in the first row.
	// Found here they leave no zoo behind, and no model.
	src.forget()
	if err := tryAll(src, plan, z, classes); err != nil {
		return Summary{}, err
	}
	made := z == nil
	if made {
		if z, err = zoo.Create(dir, classes); err != nil {
			return Summary{}, err
		}
	}
	w, err := z.Write()
	if err != nil {
		return Summary{}, err
	}
	if opt.ClassNames == nil && z.ClassNames() == nil && len(src.named) == classes {
		opt.ClassNames = src.named
	}
	w.KeepLists(opt.KeepLists)
	j := job{src: src, plan: plan, classes: classes, z: z, w: w, opt: opt}
	if opt.KeepLists && !z.ListsSmaller() {
		j.summary.Warnings = append(j.summary.Warnings, fmt.Sprintf("all %d classes are kept: lists of the largest would take more", classes))
	}
	if err = j.run(ctx); err != nil && made {
		return j.summary, errors.Join(err, w.Discard())
	}
	return j.summary, errors.Join(err, w.Close())
}

// spell calls the columns of models as those of the zoo are called.
func (s *Source) spell(z *zoo.Zoo) {
	names := z.ColumnNames()
	for i, m := range s.Models {
		columns := make(map[string]string, len(m.Columns))
		for column, value := range m.Columns {
			columns[names.Of(column)] = value
		}
		s.Models[i].Columns = columns
	}
}

// sameClasses refuses names that the classes of a zoo have, in another order.
func sameClasses(have, given []string) error {
	if have == nil || given == nil || slices.Equal(have, given) {
		return nil
	}
	numbers := newClassNames(have).number
	var moved []string
	for i, name := range given {
		old, ok := numbers[name]
		if !ok {
			return nil // they are called otherwise from now on
		}
		if old != i && old != shared {
			moved = append(moved, fmt.Sprintf("%s is class %d of the zoo and %d here", name, old, i))
		}
	}
	if moved == nil {
		return nil
	}
	return fmt.Errorf("the names of the classes are in another order than the zoo's: %s; the outputs must be in the zoo's order, as --map-classes can put them", some(moved))
}

// follow puts the samples in the order of the zoo's split that they all become, if it has
// the same ones.
func (s *Source) follow(z *zoo.Zoo, opt Options) error {
	cuts := opt.Splits
	if len(cuts) != 1 || cuts[0] != (Cut{Split: cuts[0].Split, Unlabelled: cuts[0].Unlabelled}) || len(s.Sets) != 1 || s.Sets[0].IDs == nil {
		return nil
	}
	split, set := cuts[0].Split, &s.Sets[0]
	if there, err := z.Split(split); err != nil || there.Samples != len(set.IDs) {
		return nil // which is said when it is added
	}
	idsOf := z.IDs
	if opt.Replace {
		idsOf = z.IDsToRelabel // an import that was stopped may have begun to replace the labels
	}
	ids, err := idsOf(split)
	if err != nil || slices.Equal(ids, set.IDs) {
		return err
	}
	places := make(map[string]int32, len(ids))
	for i, id := range ids {
		places[id] = int32(i)
	}
	to := make([]int32, len(ids))
	labels := make([]uint16, len(set.Labels))
	for i, id := range set.IDs {
		place, ok := places[id]
		if !ok {
			return nil
		}
		to[i] = place
		if set.Labels != nil {
			labels[place] = set.Labels[i]
		}
	}
	set.IDs = ids
	if set.Labels != nil {
		set.Labels = labels
	}
	for i := range s.Models {
		m := &s.Models[i]
		if m.order == nil {
			m.order = to
			continue
		}
		order := make([]int32, len(m.order))
		for row, place := range m.order {
			if order[row] = place; place >= 0 {
				order[row] = to[place]
			}
		}
		m.order = order
	}
	s.notes = append(s.notes, fmt.Sprintf("put in the order of the zoo's split %s", split))
	return nil
}

// tryAll reads the first row of the models that the zoo, if there is one, lacks.
func tryAll(src *Source, p *plan, z *zoo.Zoo, classes int) error {
	var wrong []string // files that are not what the others are
	var first error
	tried := 0
	for i, m := range src.Models {
		set := p.lacking(z, m.Name)
		if set < 0 {
			continue
		}
		tried++
		err := tryFirst(src, i, set, classes)
		unlike := (*unlikeError)(nil)
		switch {
		case err == nil:
		case !errors.As(err, &unlike) || !unlike.option:
			return err
		default:
			first = cmp.Or(first, err)
			wrong = append(wrong, m.File)
		}
	}
	if first == nil || len(wrong) == len(src.Models) && tried == len(src.Models) {
		return first
	}
	return fmt.Errorf("%w. The other models are what this import takes them for, so no option is right for all of them: first import by itself, with the option that it needs: %s; then all as now, which leaves alone what is in the zoo",
		first, some(wrong))
}

// lacking returns a set of the source on which the zoo has no predictions of a model, -1 if
// there is none.
func (p *plan) lacking(z *zoo.Zoo, model string) int {
	for number, split := range p.names {
		if z == nil {
			return p.set[number]
		}
		have, err := z.Model(model)
		if _, ok := have.Splits[split]; err != nil || !ok {
			return p.set[number]
		}
	}
	return -1
}

// tryFirst reads the first row of a model's file.
func tryFirst(src *Source, model, set, classes int) error {
	rows, err := src.rows[model](set)
	if err != nil {
		return err
	}
	err = rows.Next(newRow(src.Models[model], classes))
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: there are no rows", src.Models[model].File)
	}
	return errors.Join(err, rows.Close())
}

// newRow makes a row that fits a model's stream.
func newRow(m Model, classes int) []uint16 {
	if m.Answers {
		return make([]uint16, 2)
	}
	return make([]uint16, classes)
}

// A job is one import on its way.
type job struct {
	src     *Source
	plan    *plan
	classes int
	z       *zoo.Zoo
	w       *zoo.Writer
	opt     Options
	summary Summary
	columns map[string]map[string]string // to be set, by model

	mu       sync.Mutex // guards what follows, and Warnings, while models are imported
	progress Progress
}

// A task is a model to import and the splits that it still needs.
type task struct {
	model  int
	extend bool
	need   []bool   // by number of the split in the plan
	again  []string // splits on which the zoo has other predictions
}

func (j *job) run(ctx context.Context) error {
	if j.opt.ClassNames != nil {
		if err := j.w.SetClassNames(j.opt.ClassNames); err != nil {
			return err
		}
	}
	j.src.spell(j.z)
	tasks, err := j.tasks()
	if err != nil {
		return err
	}
	if err := j.checkShared(); err != nil {
		return err
	}
	if err := j.addSplits(); err != nil {
		return err
	}
	if len(j.columns) > 0 {
		if err := j.w.SetColumns(j.columns); err != nil {
			return err
		}
		j.summary.Updated = len(j.columns)
	}
	j.progress.Todo = len(tasks)
	j.progress.Skipped = len(j.src.Models) - len(tasks)
	j.summary.Skipped = j.progress.Skipped
	for _, t := range tasks {
		for set := range j.plan.of {
			if j.needs(t, set) {
				j.progress.OfRows += int64(len(j.plan.of[set]))
			}
		}
	}
	j.report(func(*Progress) {})

	err = j.importAll(ctx, tasks)
	j.summary.Imported, j.summary.Rows = j.progress.Models, j.progress.Rows
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stopped with %d of %d models in the zoo; the same import again does the rest: %w",
			j.summary.Skipped+j.summary.Imported, len(j.src.Models), err)
	}
	return err
}

// addSplits adds the splits of the plan to the zoo.
func (j *job) addSplits() error {
	for number, name := range j.plan.names {
		set := j.src.Sets[j.plan.set[number]]
		labels, ids := j.samples(number)
		_, err := j.z.Split(name)
		there := err == nil
		if j.plan.bare[number] {
			err = j.w.AddUnlabelled(name, len(ids), ids)
		} else {
			err = j.w.AddSplit(name, labels, ids)
		}
		if there && j.opt.Replace && !j.plan.bare[number] && len(j.absent(name)) == 0 {
			relabelled, failed := j.relabel(name, labels, ids, err)
			if failed != nil {
				return failed
			}
			if relabelled {
				err = nil
			}
		}
		switch {
		case err != nil && there:
			if other := j.otherSamples(name, labels, ids, set); other != nil {
				return other
			}
			return fmt.Errorf("%s: %w, or, to add models to it, cut the same samples with the same --split and --seed", set.File, err)
		case err != nil && set.IDs != nil:
			return fmt.Errorf("%s: %w", set.IDFile, err)
		case err != nil:
			return fmt.Errorf("%s: %w", set.File, err)
		}
		s, err := j.z.Split(name)
		if err != nil {
			return err
		}
		j.summary.Splits = append(j.summary.Splits, s)
	}
	return nil
}

// relabel replaces the labels of a split that has others, which is why it could not be added, or
// that an import left damaged which was stopped when it replaced them. It does nothing if the
// split has other samples.
func (j *job) relabel(split string, labels []uint16, ids []string, others error) (done bool, err error) {
	_, _, damaged := j.z.Labels(split)
	if others == nil && damaged == nil {
		return false, nil
	}
	err = j.w.SetLabels(split, labels, ids)
	switch {
	case err == nil:
		j.src.notes = append(j.src.notes, fmt.Sprintf("the labels of the split %s were replaced", split))
		return true, nil
	case !errors.Is(err, zoo.ErrOtherSamples) && !errors.Is(err, zoo.ErrNoLabels):
		return false, err
	case others == nil:
		return false, damaged
	}
	return false, nil
}

// absent are the models of the zoo that have predictions on a split and are not in the source.
func (j *job) absent(split string) []string {
	have, _ := j.z.ModelsOn(split)
	return slices.DeleteFunc(have, func(name string) bool {
		return slices.ContainsFunc(j.src.Models, func(m Model) bool { return m.Name == name })
	})
}

// samples are the labels, if it gets any, and ids of a split of the plan.
func (j *job) samples(number int) (labels []uint16, ids []string) {
	set := j.src.Sets[j.plan.set[number]]
	count := 0
	for _, of := range j.plan.of[j.plan.set[number]] {
		if int(of) == number {
			count++
		}
	}
	ids = make([]string, 0, count)
	if !j.plan.bare[number] {
		labels = make([]uint16, 0, count)
	}
	for row, of := range j.plan.of[j.plan.set[number]] {
		if int(of) != number {
			continue
		}
		if !j.plan.bare[number] {
			labels = append(labels, set.Labels[row])
		}
		// Without ids the row's number identifies a sample.
		id := strconv.Itoa(row)
		if set.IDs != nil {
			id = set.IDs[row]
		}
		ids = append(ids, id)
	}
	return labels, ids
}

// checkShared looks for samples of new splits that other splits of the zoo have already, as
// those have that one share is drawn from twice. Who names rows, or all samples, may mean it.
func (j *job) checkShared() error {
	for number, name := range j.plan.names {
		if _, err := j.z.Split(name); err == nil {
			continue
		}
		for _, other := range j.z.Splits() {
			if slices.Contains(j.plan.names, other.Name) {
				continue // of which the plan has no sample twice
			}
			shared, err := j.shared(number, other)
			if err != nil {
				return err
			}
			switch what := fmt.Sprintf("%d samples of the split %q are in the zoo's split %q, too", shared, name, other.Name); {
			case shared == 0:
			case j.opt.Splits != nil && j.opt.Splits[number].Share != 0 && !j.plan.bare[number]:
				return fmt.Errorf("%s: shares of two imports are drawn from all samples; name all splits in one, with the same --seed, as in --split %s=SHARE --split %s=%v (what is there already is skipped)",
					what, other.Name, name, j.opt.Splits[number].Share)
			default:
				j.summary.Warnings = append(j.summary.Warnings, what+": neither is a test of the other")
			}
		}
	}
	return nil
}

// shared counts the samples of a split of the plan that a split of the zoo has, as far as it
// is certain: that is of the same files, or has the same rows and labels.
func (j *job) shared(number int, other zoo.Split) (int, error) {
	there, err := j.z.IDs(other.Name)
	if err != nil {
		return 0, err
	}
	labels, ids := j.samples(number)
	sameFile := false
	for i, m := range j.src.Models {
		have, err := j.z.Model(m.Name)
		if err != nil || have.Columns[zoo.ColumnImportedPrefix+other.Name] == "" {
			continue
		}
		content, err := j.src.content(i, j.plan.set[number])
		if err != nil {
			return 0, err
		}
		sameFile = content == have.Columns[zoo.ColumnImportedPrefix+other.Name]
		break
	}
	if !sameFile {
		// The same rows of another model? Rows that follow each other prove nothing.
		if !slices.Equal(ids, there) || countRows(ids) || other.Unlabelled {
			return 0, nil
		}
		theirs, _, err := j.z.Labels(other.Name)
		if err != nil || !slices.Equal(labels, theirs) {
			return 0, err
		}
		return len(ids), nil
	}
	known := make(map[string]bool, len(there))
	for _, id := range there {
		known[id] = true
	}
	count := 0
	for _, id := range ids {
		if known[id] {
			count++
		}
	}
	return count, nil
}

// otherSamples says how samples differ from those of the zoo's split of that name; nil if
// that is not known.
func (j *job) otherSamples(split string, labels []uint16, ids []string, set Set) error {
	var thereLabels []uint16
	there, err := j.z.IDs(split)
	if s, known := j.z.Split(split); err == nil && known == nil && !s.Unlabelled {
		thereLabels, _, err = j.z.Labels(split)
	}
	if err != nil {
		return nil // its own error says enough
	}
	numbered := func(ids []string) bool {
		return !slices.ContainsFunc(ids, func(id string) bool { _, err := strconv.Atoi(id); return err != nil })
	}
	switch named := !numbered(there); {
	case named && set.IDs == nil:
		return fmt.Errorf("%s: its samples have no ids, but those of the zoo's split %q have (%s): add a column id with these, or a file ids.npy to arrays, so that each row finds its sample", set.File, split, zoo.FewNames(there))
	case !named && set.IDs != nil && !numbered(ids):
		return fmt.Errorf("%s: its samples have ids (%s), but those of the zoo's split %q have none and are numbered as their rows were: if the rows are in the same order, leave the ids out here; else import all models with ids into another split", set.IDFile, zoo.FewNames(ids), split)
	}
	places := make(map[string]int, len(there))
	for i, id := range there {
		places[id] = i
	}
	var strange, relabelled, missing []string
	here := make(map[string]bool, len(ids))
	for i, id := range ids {
		here[id] = true
		k, ok := places[id]
		switch {
		case !ok:
			strange = append(strange, id)
		case labels != nil && thereLabels != nil && labels[i] != thereLabels[k]:
			relabelled = append(relabelled, fmt.Sprintf("%s is %d there and %d here", id, thereLabels[k], labels[i]))
		}
	}
	switch {
	case set.IDs != nil && len(strange) > 0:
		return fmt.Errorf("%s: %d of the %d samples are not among the %d of the zoo's split %q (%s): to add models to it, give them its samples; for others, name another split",
			set.IDFile, len(strange), len(ids), len(there), split, zoo.FewNames(strange))
	case set.IDs != nil && len(ids) < len(there):
		for _, id := range there {
			if !here[id] {
				missing = append(missing, id)
			}
		}
		return fmt.Errorf("%s: %d of the %d samples of the zoo's split %q are missing (%s): add them, or name another split", set.IDFile, len(missing), len(there), split, zoo.FewNames(missing))
	case len(ids) == len(there) && len(strange) == 0 && len(relabelled) > 0:
		remedy := "if these are correct, replace those of the zoo with --replace"
		if absent := j.absent(split); len(absent) > 0 {
			remedy += fmt.Sprintf(", with the predictions of all models on this split, of which %d are not here (%s)", len(absent), some(absent))
		}
		return fmt.Errorf("%s: %d of the %d samples have other labels than in the zoo's split %q (%s): %s; else correct them, or name another split", set.File, len(relabelled), len(ids), split, some(relabelled), remedy)
	}
	return nil
}

// tasks compares the source with the zoo and returns what is left to do.
func (j *job) tasks() ([]task, error) {
	var tasks []task
	for i, m := range j.src.Models {
		t := task{model: i, need: slices.Repeat([]bool{true}, len(j.plan.names))}
		if !j.z.HasModel(m.Name) {
			if _, err := j.z.Model(m.Name); errors.As(err, new(*zoo.DamagedModel)) && !j.opt.Replace {
				return nil, err
			}
			tasks = append(tasks, t)
			continue
		}
		have, err := j.z.Model(m.Name)
		if err != nil {
			return nil, err
		}
		if t.extend = true; have.Answers != m.Answers {
			return nil, j.another(m, "another kind of output")
		}
		if err := j.compareColumns(have, m); err != nil {
			return nil, err
		}
		for number, split := range j.plan.names {
			if _, ok := have.Splits[split]; !ok {
				continue
			}
			here, err := j.src.content(i, j.plan.set[number])
			if err != nil {
				return nil, err
			}
			switch there := have.Columns[zoo.ColumnImportedPrefix+split]; {
			case here == there:
				t.need[number] = false
			case sameOutputs(here, there):
				t.need[number] = false
				j.src.note(fmt.Sprintf("in the zoo already, on the split %s, from the same file with another activation", split), m.File)
			case j.opt.Replace:
				t.again = append(t.again, split)
			default:
				return nil, fmt.Errorf("%s: the zoo already has a model %q, with other predictions on the split %q (there %s, here %s): if these are to replace them, add --replace; if this is another model, rename it",
					m.File, m.Name, split, cmp.Or(there, "not from an import"), here)
			}
		}
		if slices.Contains(t.need, true) {
			tasks = append(tasks, t)
		}
	}
	return tasks, nil
}

// applied is what content says of an activation.
var applied = regexp.MustCompile(", (softmax|sigmoid|log) applied")

// sameOutputs reports whether two contents are of one file, of which only one import says an
// activation: what is in the zoo was checked to be right for it.
func sameOutputs(here, there string) bool {
	return applied.MatchString(here) != applied.MatchString(there) && applied.ReplaceAllString(here, "") == applied.ReplaceAllString(there, "")
}

// another is the error of a model that cannot be the one of its name in the zoo.
func (j *job) another(m Model, what string) error {
	return fmt.Errorf("%s: the zoo already has a model %q, with %s: rename this one, or remove that one first: encas-zoo zoo remove --zoo %s %s", m.File, m.Name, what, shell.Word(j.z.Dir()), shell.Word(m.Name))
}

// compareColumns notes which columns of a model are to be set in the zoo. A person who has
// set one there knows better.
func (j *job) compareColumns(have zoo.Model, m Model) error {
	for _, column := range slices.Sorted(maps.Keys(m.Columns)) {
		value, old := m.Columns[column], have.Columns[column]
		switch {
		case value == old:
			continue
		case zoo.KeptColumn(column):
			return j.another(m, fmt.Sprintf("%q in the column %q instead of %q", old, column, value))
		case have.Columns[zoo.ColumnSetPrefix+column] != "":
			j.summary.Warnings = append(j.summary.Warnings, fmt.Sprintf("%s of %s is %s, as it was set in the zoo, and %s in the list: it stays; correct the list, or take it over: encas-zoo zoo set --zoo %s %s %s",
				column, m.Name, old, value, shell.Word(j.z.Dir()), shell.Word(m.Name), shell.Word(column+"="+value)))
			continue
		case old == "":
			j.src.note("set "+column, m.Name)
		default:
			j.src.note(fmt.Sprintf("%s corrected from %s to %s", column, old, value), m.Name)
		}
		if j.columns == nil {
			j.columns = map[string]map[string]string{}
		}
		if j.columns[m.Name] == nil {
			j.columns[m.Name] = map[string]string{}
		}
		j.columns[m.Name][column] = value
	}
	return nil
}

// needs reports whether a task reads a set of the source.
func (j *job) needs(t task, set int) bool {
	for number, need := range t.need {
		if need && j.plan.set[number] == set {
			return true
		}
	}
	return false
}

// importAll works on several models at a time. The models of the zoo do not depend
// on how many. The first error, in the order of the models, is returned.
func (j *job) importAll(ctx context.Context, tasks []task) error {
	threads := j.opt.Threads
	if threads <= 0 {
		threads = min(runtime.GOMAXPROCS(0), maxThreads)
	}
	errs := make([]error, len(tasks))
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(threads)
	for i, t := range tasks {
		g.Go(func() error {
			defer crash.Guard()()
			if errs[i] = working.Err(); errs[i] == nil {
				errs[i] = j.importModel(working, t)
			}
			return errs[i]
		})
	}
	_ = g.Wait()
	// A model stopped because another failed is not what went wrong.
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	if j.progress.Models == len(tasks) {
		return nil
	}
	return cmp.Or(ctx.Err(), context.Canceled)
}

// importModel writes one model.
func (j *job) importModel(ctx context.Context, t task) (err error) {
	m := j.src.Models[t.model]
	var mw *zoo.ModelWriter
	switch {
	case t.again != nil:
		mw, err = j.w.ReplacePredictions(m.Name, t.again)
	case t.extend:
		mw, err = j.w.ExtendModel(m.Name)
	default:
		begin := j.w.NewModel
		if j.opt.Replace {
			begin = j.w.ReplaceModel // it may be there and damaged
		}
		mw, err = begin(zoo.Model{Name: m.Name, Answers: m.Answers, Columns: m.Columns})
	}
	if err != nil {
		return err
	}
	defer mw.Abort()
	var answered, truth []uint16
	for set := range j.src.Sets {
		if !j.needs(t, set) {
			continue
		}
		answers, labels, err := j.importSet(ctx, mw, t, set)
		if err != nil {
			return err
		}
		answered, truth = append(answered, answers...), append(truth, labels...)
		content, err := j.src.content(t.model, set)
		if err != nil {
			return err
		}
		for number, split := range j.plan.names {
			if t.need[number] && j.plan.set[number] == set {
				mw.SetColumn(zoo.ColumnImportedPrefix+split, content)
			}
		}
	}
	if err := mw.Commit(); err != nil {
		return fmt.Errorf("%s: %w", m.File, err)
	}
	warning := suspect(answered, truth, j.classes, m.Answers)
	j.report(func(p *Progress) {
		p.Model = m.Name
		p.Models++
		if warning != "" {
			j.summary.Warnings = append(j.summary.Warnings, m.File+": "+warning)
		}
	})
	return nil
}

// suspect says what looks wrong with a model's answers; "" if nothing does. alone reports
// whether it gives nothing else.
func suspect(answers, labels []uint16, classes int, alone bool) string {
	correct := 0
	for i, label := range labels {
		if answers[i] == label {
			correct++
		}
	}
	if alone && len(labels) >= 20 && correct == len(labels) {
		return fmt.Sprintf("its answers are correct on all %d samples: are they the true labels? Call the column with what the model answers prediction", correct)
	}
	if says, ok := inspect.PermutedColumns(answers, labels, classes); ok {
		return says
	}
	guess := float64(len(labels)) / float64(classes)
	if len(labels) >= 100 && float64(correct) <= guess+3*math.Sqrt(guess) {
		return fmt.Sprintf("correct on %d of %d samples, no better than guessing: are its rows and the labels in the same order?", correct, len(labels))
	}
	return ""
}

// importSet writes a model's predictions on one set and returns its answers to the
// samples written, and their labels.
func (j *job) importSet(ctx context.Context, mw *zoo.ModelWriter, t task, set int) (answers, labels []uint16, err error) {
	const batch = 256 // rows between two reports
	m, s, of := j.src.Models[t.model], j.src.Sets[set], j.plan.of[set]
	rows, err := j.src.Rows(t.model, set)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := newRow(m, j.classes)
	for i, number := range of {
		if err := rows.Next(row); err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("%s: it has %d rows instead of %d", m.File, i, len(of))
			}
			return nil, nil, err
		}
		if number != none && t.need[number] {
			split, label := j.plan.names[number], row[0]
			if m.Answers {
				err = mw.WriteAnswer(split, row[0], row[1])
			} else {
				err = mw.WriteRow(split, row)
				label = uint16(outputs.Top(row))
			}
			if err != nil {
				return nil, nil, fmt.Errorf("%s: row %d: %w", m.File, i, err)
			}
			if s.Labels != nil {
				answers, labels = append(answers, label), append(labels, s.Labels[i])
			}
		}
		if done := i + 1; done%batch == 0 || done == len(of) {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
			j.report(func(p *Progress) {
				p.Model = m.Name
				p.Rows += int64((done-1)%batch + 1)
			})
		}
	}
	if err := rows.Next(row); !errors.Is(err, io.EOF) {
		if err == nil {
			err = fmt.Errorf("%s: it has more than %d rows", m.File, len(of))
		}
		return nil, nil, err
	}
	return answers, labels, nil
}

// report changes the progress and passes it on.
func (j *job) report(change func(*Progress)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.progress)
	if j.opt.Progress != nil {
		j.opt.Progress(j.progress)
	}
}
