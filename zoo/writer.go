package zoo

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// A Writer changes a zoo. There is one at a time for each zoo, over all processes.
// Its methods may be called from several goroutines.
type Writer struct {
	z    *Zoo
	hold *hold

	mu     sync.Mutex
	open   map[string]*ModelWriter
	labels map[string][]uint16 // of the splits whose index is written
	added  map[string]bool     // splits, by this writer
	kept   int                 // bytes of lists held by open models
	lists  bool                // models get top-K lists alone
	shut   bool
}

// maxKept bounds the memory for the search indexes that are made along with their
// models. Any other index is built from the archive when it is needed.
const maxKept = 64 << 20

// Write begins changing the zoo: it takes the lock, reads the metadata anew, and
// removes what a killed writer left. The error wraps ErrLocked while another writer
// holds the zoo.
func (z *Zoo) Write() (*Writer, error) {
	h, err := z.hold()
	if err != nil {
		return nil, err
	}
	if err = z.load(); err == nil {
		err = z.makeFolders(z.splits)
	}
	if err == nil {
		err = z.clean()
	}
	if err != nil {
		h.Close()
		return nil, err
	}
	return &Writer{z: z, hold: h, open: map[string]*ModelWriter{}, labels: map[string][]uint16{}, added: map[string]bool{}}, nil
}

// Close drops models that were not committed, none of which may be in use, and
// releases the lock.
func (w *Writer) Close() error {
	w.mu.Lock()
	open := slices.Collect(maps.Values(w.open))
	shut := w.shut
	w.shut = true
	w.mu.Unlock()
	if shut {
		return nil
	}
	for _, m := range open {
		m.Abort()
	}
	return w.hold.Close()
}

// Discard is Close, after which there is no zoo any more if there are no models in it.
func (w *Writer) Discard() error {
	if len(w.z.Models()) > 0 || len(w.z.Damaged()) > 0 {
		return w.Close()
	}
	for _, s := range w.z.Splits() {
		if err := w.RemoveSplit(s.Name); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	if err := w.usable(); err != nil {
		return errors.Join(err, w.Close())
	}
	err := remove(w.z.headPath())
	for _, empty := range []string{"models", "splits", "archive", "index"} {
		os.Remove(filepath.Join(w.z.dir, empty))
	}
	err = errors.Join(err, w.Close(), remove(filepath.Join(w.z.dir, "lock")))
	os.Remove(w.z.dir) // unless there is something of others in it
	return err
}

var errClosed = errors.New("zoo: the writer is closed")

// usable reports whether the zoo may still be changed.
func (w *Writer) usable() error {
	if w.shut {
		return errClosed
	}
	return w.hold.mustBe()
}

// AddSplit adds a split. Labels are below the number of classes. ids names the
// samples: it is nil or has one text for each; an empty one is replaced by the
// row's number, and no two may be equal. Adding a split again does nothing; the
// same name with other samples is an error, unless no model has predictions on the old
// split, which then is replaced.
func (w *Writer) AddSplit(name string, labels []uint16, ids []string) error {
	return w.addSplit(name, len(labels), labels, ids)
}

// AddUnlabelled adds a split of so many samples without labels, as AddSplit does.
func (w *Writer) AddUnlabelled(name string, samples int, ids []string) error {
	return w.addSplit(name, samples, nil, ids)
}

// addSplit adds a split; labels are nil if there are none.
func (w *Writer) addSplit(name string, samples int, labels []uint16, ids []string) error {
	if err := CheckSplitName(name); err != nil {
		return err
	}
	ids, err := checkIDs(name, samples, ids)
	if err != nil {
		return err
	}
	if err := checkLabels(name, w.z.classes, labels, ids); err != nil {
		return err
	}
	s := Split{Name: name, Samples: samples, Fingerprint: fingerprint(labels, ids), Unlabelled: labels == nil}

	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return err
	}
	if old, err := w.z.Split(name); err == nil && old != s && w.unused(name) {
		if err := w.dropSplit(name); err != nil {
			return err
		}
	}
	splits := w.z.Splits()
	for _, old := range splits {
		switch {
		case old == s:
			w.added[name] = true
			return nil
		case old.Name == name && old.Samples != s.Samples:
			return fmt.Errorf("zoo: the split %q already has %d samples, not %d; choose another name, or remove that split first", name, old.Samples, s.Samples)
		case old.Name == name && old.Unlabelled != s.Unlabelled:
			return fmt.Errorf("zoo: the split %q already exists %s labels; choose another name, or remove that split first", name, withOrWithout(!old.Unlabelled))
		case old.Name == name:
			return fmt.Errorf("zoo: the split %q already exists with other labels or sample ids; choose another name, or remove that split first", name)
		case strings.EqualFold(old.Name, name):
			return fmt.Errorf("zoo: the split %q differs from %q in case only; choose another name", name, old.Name)
		}
	}
	if err := w.z.makeFolders([]Split{s}); err != nil {
		return err
	}
	path := w.z.splitPath(name)
	f, err := writeSplit(path, name, labels, ids)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := f.Place(); err != nil {
		return err
	}
	splits = append(splits, s)
	sortSplits(splits)
	if err := w.z.writeHead(splits); err != nil {
		return err
	}
	w.z.mu.Lock()
	w.z.splits = splits
	w.z.mu.Unlock()
	w.added[name] = true
	return nil
}

// NewModel begins a new model with the given name, columns and kind of output. The
// error wraps ErrModelExists if there is one of that name.
func (w *Writer) NewModel(m Model) (*ModelWriter, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	m = m.clone()
	m.Splits = map[string]Archive{}
	return w.begin(m, false)
}

// ExtendModel begins adding predictions on further splits to an existing model.
func (w *Writer) ExtendModel(name string) (*ModelWriter, error) {
	m, err := w.z.Model(name)
	if err != nil {
		return nil, err
	}
	return w.begin(m, true)
}

// ReplaceModel begins a model that replaces the one of its name, which stays until
// Commit: at every moment there is exactly one of the two. If there is none of that
// name it is NewModel. It may be one that was left out because its file is damaged.
func (w *Writer) ReplaceModel(m Model) (*ModelWriter, error) {
	old, err := w.z.Model(m.Name)
	if errors.Is(err, ErrNoModel) {
		return w.NewModel(m)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m = m.clone()
	m.Splits = map[string]Archive{}
	mw, err := w.begin(m, true)
	if err != nil {
		return nil, err
	}
	mw.old = old.Splits
	return mw, nil
}

// ReplacePredictions begins other predictions of a model on some of its splits. Its columns
// and its predictions on the others stay, as all of it does until Commit. It may get
// predictions on further splits, too.
func (w *Writer) ReplacePredictions(name string, splits []string) (*ModelWriter, error) {
	m, err := w.z.Model(name)
	if err != nil {
		return nil, err
	}
	m = m.clone()
	old := map[string]Archive{}
	for _, split := range splits {
		if a, ok := m.Splits[split]; ok {
			old[split] = a
			delete(m.Splits, split)
		}
	}
	mw, err := w.begin(m, true)
	if err != nil {
		return nil, err
	}
	mw.old = old
	return mw, nil
}

// KeepLists says whether models that are begun from now on keep the top-K lists of their outputs
// alone, a few bytes a sample instead of all classes, or everything. Answers, and outputs where
// lists are not smaller, are kept as they are. The lists of a model are in memory until Commit.
func (w *Writer) KeepLists(alone bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lists = alone
}

// begin makes a ModelWriter; known allows a model of that name.
func (w *Writer) begin(m Model, known bool) (*ModelWriter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.shut:
		return nil, errClosed
	case w.open[m.Name] != nil:
		return nil, fmt.Errorf("%w: %q is being written", ErrModelExists, m.Name)
	case !known && w.z.HasModel(m.Name):
		return nil, fmt.Errorf("%w: %q in %s; remove it first, or choose another name", ErrModelExists, m.Name, w.z.dir)
	}
	w.z.mu.RLock()
	err := w.z.asDamaged(m.Name)
	w.z.mu.RUnlock()
	if !known && err != nil {
		return nil, err
	}
	mw := &ModelWriter{w: w, model: m, lists: w.lists && !m.Answers && w.z.ListsSmaller(), splits: map[string]*splitWriter{}}
	w.open[m.Name] = mw
	return mw, nil
}

// AddIndexOnly adds a model that has top-K lists and no full outputs: for every split
// named in lists, the lists of all its samples. Such a model can be searched at full
// speed and takes a hundredth of the space, but has no full outputs to read back or
// check results on. It is meant for simulated zoos.
func (w *Writer) AddIndexOnly(m Model, lists map[string]Lists) error {
	mw, err := w.NewModel(m)
	if err != nil {
		return err
	}
	defer mw.Abort()
	if len(lists) == 0 {
		return fmt.Errorf("zoo: model %q has no lists", m.Name)
	}
	var written []*atomicfile.File
	defer func() {
		for _, f := range written {
			f.Discard()
		}
	}()
	model := mw.model
	for split, l := range lists {
		s, err := w.z.Split(split)
		if err != nil {
			return err
		}
		if err := outputs.CheckLists(&l, s.Samples, w.z.classes); err != nil {
			return fmt.Errorf("zoo: model %q, split %q: %w", m.Name, split, err)
		}
		a := Archive{Rows: s.Samples, IndexOnly: true}
		labels, err := w.labelsOf(s)
		if err != nil {
			return err
		}
		f, sum, err := createIndex(w.z.listsPath(split, m.Name, false), l, labels, w.z.indexMeta(a, s))
		if err != nil {
			return err
		}
		written = append(written, f)
		if err := f.Sync(); err != nil {
			return err
		}
		a.Bytes, a.SHA256, a.CRC32C = f.Size(), f.SHA256(), sum
		model.Splits[split] = a
	}
	for _, f := range written {
		if err := f.Place(); err != nil {
			return err
		}
	}
	return w.publish(model)
}

// publish makes m part of the zoo; its files are in place.
func (w *Writer) publish(m Model) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return err
	}
	if err := w.z.writeModel(m); err != nil {
		return err
	}
	w.z.mu.Lock()
	defer w.z.mu.Unlock()
	w.z.models[m.Name] = m
	delete(w.z.damaged, slug(m.Name))
	return nil
}

// index writes the search index of a model's archive.
func (w *Writer) index(l Lists, model string, s Split, a Archive) error {
	labels, err := w.labelsOf(s)
	if err != nil {
		return err
	}
	return w.z.saveIndex(w.z.indexPath(s.Name, model), l, labels, w.z.indexMeta(a, s))
}

func withOrWithout(has bool) string {
	if has {
		return "with"
	}
	return "without"
}

// labelsOf returns the labels of a split, nil if it has none, read once.
func (w *Writer) labelsOf(s Split) ([]uint16, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if labels, ok := w.labels[s.Name]; ok {
		return labels, nil
	}
	labels, _, err := w.z.readSplit(s)
	if err == nil {
		w.labels[s.Name] = labels
	}
	return labels, err
}

// keep reserves n more bytes of lists, and reports whether there was room.
func (w *Writer) keep(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept+n > maxKept {
		return false
	}
	w.kept += n
	return true
}

// RemoveModels removes models with their predictions. The error wraps ErrNoModel, and
// nothing is removed, if there is none of one of the names. If the process is killed the
// next writer removes what is left of those that it came to; see [Zoo.HasRemains].
func (w *Writer) RemoveModels(names ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return err
	}
	models := make([]Model, len(names))
	var damaged []string
	for i, name := range names {
		if w.open[name] != nil {
			return fmt.Errorf("zoo: the model %q is being written", name)
		}
		var err error
		if models[i], err = w.z.Model(name); errors.As(err, new(*DamagedModel)) {
			damaged = append(damaged, name)
			models[i].Name = name
		} else if err != nil {
			return err
		}
	}
	// Without its JSON file a model does not exist. All of these first: as long as one is
	// there, so are the remains of those before it.
	for _, m := range models {
		if err := w.dropModel(m.Name); err != nil {
			return err
		}
	}
	for _, m := range models {
		for split, a := range m.Splits {
			for _, p := range []string{w.z.predictionsPath(split, m.Name, a), w.z.indexPath(split, m.Name)} {
				if err := remove(p); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range damaged {
		if err := w.removeDamaged(name); err != nil {
			return err
		}
	}
	return nil
}

// RemoveModel removes one model.
func (w *Writer) RemoveModel(name string) error { return w.RemoveModels(name) }

// HasRemains reports whether there are predictions of a model that does not exist: its
// removal, or its import, was interrupted. The next writer removes them.
func (z *Zoo) HasRemains(name string) bool {
	if z.HasModel(name) {
		return false
	}
	for _, s := range z.Splits() {
		for _, path := range append(z.predictionsPaths(s.Name, name), z.indexPath(s.Name, name)) {
			if _, err := os.Stat(path); err == nil {
				return true
			}
		}
	}
	return false
}

// makeFolders makes the folders that models with predictions on splits need.
func (z *Zoo) makeFolders(splits []Split) error {
	dirs := []string{filepath.Join(z.dir, "models"), filepath.Join(z.dir, "splits")}
	for _, s := range splits {
		dirs = append(dirs, filepath.Join(z.dir, "archive", s.Name), filepath.Join(z.dir, "index", s.Name))
	}
	return atomicfile.MakeDirs(dirs...)
}

// clean removes what killed writers and index builders left behind. Only who holds the zoo
// calls it: no other writer lives, so that nothing it finds will be published; but readers
// may be building indexes. It knows every file it may remove by the form of its name; others
// are left alone.
func (z *Zoo) clean() error {
	keep := map[string]bool{}
	for _, s := range z.splits {
		keep[z.splitPath(s.Name)] = true
	}
	for name, m := range z.models {
		for split, a := range m.Splits {
			keep[z.predictionsPath(split, name, a)] = true
			if !a.IndexOnly {
				keep[z.indexPath(split, name)] = true
			}
		}
	}
	type folder struct {
		path, extension string
		ours            func(base string) bool // is such a file one of this package's?
	}
	none := func(string) bool { return false }
	// Of a model that was left out it is not known which splits it has.
	isSplit := func(base string) bool { return len(z.damaged) == 0 && CheckSplitName(base) == nil }
	isArchive := func(base string) bool { return isSlug(strings.TrimSuffix(base, secondName)) }
	isIndex := func(base string) bool { return isArchive(strings.TrimSuffix(base, indexName)) }
	folders := []folder{{"models", "", none}, {"splits", ".parquet", isSplit}}
	for _, s := range z.splits {
		folders = append(folders, folder{filepath.Join("archive", s.Name), ".parquet", isArchive},
			folder{filepath.Join("index", s.Name), ".arrow", isIndex})
	}
	// Whoever is about to ask for the zoo writes its record beside zoo.json.
	shared := []string{"."}
	for _, s := range z.splits {
		shared = append(shared, filepath.Join("index", s.Name))
	}
	for _, name := range shared {
		if err := atomicfile.RemoveAbandoned(filepath.Join(z.dir, name)); err != nil {
			return fmt.Errorf("zoo: %w", err)
		}
	}
	for _, f := range folders {
		entries, err := os.ReadDir(filepath.Join(z.dir, f.path))
		if err != nil {
			return fmt.Errorf("zoo: %w", err)
		}
		for _, e := range entries {
			path := filepath.Join(z.dir, f.path, e.Name())
			base, ours := strings.CutSuffix(e.Name(), f.extension)
			ours = ours && f.ours(base) || atomicfile.IsTemporary(e.Name()) && f.extension != ".arrow"
			if !ours || keep[path] || z.damaged[strings.TrimSuffix(strings.TrimSuffix(base, secondName), indexName)] != nil || !e.Type().IsRegular() {
				continue
			}
			if err := remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove removes a file if it is there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("zoo: %w", err)
	}
	return nil
}
