package zoo

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

// FormatVersion is the version of the folder's layout that this package writes, and
// the newest it reads.
const FormatVersion = 1

// A Zoo is an open zoo. Opening one reads its metadata only. All methods may be
// called from several goroutines.
type Zoo struct {
	dir     string
	classes int

	mu         sync.RWMutex
	splits     []Split // by name
	models     map[string]Model
	damaged    map[string]*DamagedModel // by slug: left out
	classNames []string                 // nil if unknown
	notify     func(string)

	read      readFiles // models' files, as they were when they were read last
	checked   checkedFiles
	unwritten sync.Once // that it was said that the search index cannot be written
}

// zooFile is the JSON form of the zoo's own metadata.
type zooFile struct {
	Format     int              `json:"format"`
	Classes    int              `json:"classes"`
	ClassNames []string         `json:"class_names,omitempty"`
	Splits     map[string]Split `json:"splits"`
}

// Create makes a zoo for classifiers of the given number of classes in dir, which
// must be empty or not exist. The error wraps fs.ErrExist if there is a zoo
// already.
func Create(dir string, classes int) (*Zoo, error) {
	if err := checkClasses(classes); err != nil {
		return nil, err
	}
	if err := atomicfile.MakeDirs(dir); err != nil {
		return nil, err
	}
	// Twice: a folder with other files must not get a lock file, and another Create may
	// come in between.
	if err := vacant(dir); err != nil {
		return nil, err
	}
	z := &Zoo{dir: dir, classes: classes, models: map[string]Model{}}
	h, err := z.hold()
	if err != nil {
		return nil, err
	}
	defer h.Close()
	if err := vacant(dir); err != nil {
		return nil, err
	}
	if err := z.writeHead(nil); err != nil {
		return nil, err
	}
	return z, nil
}

func checkClasses(classes int) error {
	if classes < 2 || classes > MaxClasses {
		return fmt.Errorf("zoo: %d classes: a zoo has 2 to %d", classes, MaxClasses)
	}
	return nil
}

// vacant reports whether dir holds nothing but what a killed Create leaves. In a
// folder with other files, writers could mistake those for leftovers.
func vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "zoo.json" }) {
		return fmt.Errorf("zoo: %s: there already is a zoo: %w", dir, fs.ErrExist)
	}
	for _, e := range entries {
		if e.Name() != "lock" && !recordName.MatchString(e.Name()) && !atomicfile.IsTemporary(e.Name()) {
			return fmt.Errorf("zoo: %s is not empty (it has %q): choose a new folder", dir, e.Name())
		}
	}
	return nil
}

// Open opens the zoo in dir. It reads the metadata of the models and no
// predictions. Models whose files are damaged are left out: see Damaged. The error wraps fs.ErrNotExist if there is no zoo, and
// ErrNewerFormat if a newer program wrote it.
func Open(dir string) (*Zoo, error) {
	z := &Zoo{dir: dir}
	if err := z.load(); err != nil {
		return nil, err
	}
	return z, nil
}

// noZoo is the error of a folder that holds no zoo.
type noZoo struct{ dir string }

func (e noZoo) Error() string { return fmt.Sprintf("zoo: there is no zoo in %s", e.dir) }
func (e noZoo) Unwrap() error { return fs.ErrNotExist }

// load reads all metadata anew, as it was at one moment: if a writer changes it meanwhile,
// it is read again. A writer that never stops is not waited for, unless it has
// changed the splits that the models were read against.
func (z *Zoo) load() error {
	const most, patient = 50, 5
	for try := 1; ; try++ {
		before := z.moment()
		n, err := readZoo(z.dir, &z.read)
		after := z.moment()
		if before != after && (try < patient || before.head != after.head || err != nil) && try < most {
			time.Sleep(time.Duration(try) * time.Millisecond)
			continue
		}
		if err != nil {
			return err
		}
		return z.become(n)
	}
}

// A moment tells states of a zoo's metadata apart.
type moment struct{ head, models string }

func (z *Zoo) moment() (m moment) {
	if data, err := readBytes(z.headPath()); err == nil {
		m.head = string(data)
	}
	if info, err := os.Stat(filepath.Join(z.dir, "models")); err == nil {
		m.models = info.ModTime().String()
	}
	return m
}

func (z *Zoo) headPath() string { return filepath.Join(z.dir, "zoo.json") }

// readHead reads zoo.json.
func readHead(dir string) (*Zoo, error) {
	n := &Zoo{dir: dir, models: map[string]Model{}, damaged: map[string]*DamagedModel{}}
	head := n.headPath()
	data, err := readBytes(head)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noZoo{dir}
	}
	if err != nil {
		return nil, err
	}
	var f zooFile
	if err := decodeJSON(head, data, &f, &f.Format); err != nil {
		return nil, err
	}
	if f.Classes < 2 || f.Classes > MaxClasses {
		return nil, damage{fmt.Errorf("zoo: %s is damaged: %d classes", head, f.Classes)}
	}
	n.classes, n.classNames = f.Classes, f.ClassNames
	if f.ClassNames != nil {
		if err := checkClassNames(f.ClassNames, f.Classes); err != nil {
			return nil, damage{fmt.Errorf("zoo: %s is damaged: %w", head, err)}
		}
	}
	for name, s := range f.Splits {
		if err := CheckSplitName(name); err != nil {
			return nil, damage{fmt.Errorf("zoo: %s is damaged: %w", head, err)}
		}
		if s.Samples < 1 || s.Samples > maxSamples || !isSHA256(s.Fingerprint) {
			return nil, damage{fmt.Errorf("zoo: %s is damaged: the split %q has %d samples and the fingerprint %q", head, name, s.Samples, clip(s.Fingerprint, 64))}
		}
		s.Name = name
		n.splits = append(n.splits, s)
	}
	sortSplits(n.splits)
	return n, nil
}

// readZoo reads all metadata, but for the files of models that have not changed since they were
// read.
func readZoo(dir string, read *readFiles) (*Zoo, error) {
	n, err := readHead(dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(dir, "models"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("zoo: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		base, ok := strings.CutSuffix(e.Name(), ".json")
		return !ok || !isSlug(base)
	})
	files := make([]readFile, len(entries))
	failed := make([]error, len(entries))
	each(len(entries), func(i int) {
		path := filepath.Join(dir, "models", entries[i].Name())
		if files[i], failed[i] = read.file(path); failed[i] == nil {
			failed[i] = n.fits(path, files[i].model)
		}
	})
	read.keep(files)
	for i, e := range entries {
		switch err := failed[i]; {
		case err == nil:
			n.models[files[i].model.Name] = files[i].model
		case errors.Is(err, fs.ErrNotExist): // removed since the folder was read
		case errors.As(err, new(damage)):
			base := strings.TrimSuffix(e.Name(), ".json")
			n.damaged[base] = n.damagedModel(base, err)
		default:
			return nil, err
		}
	}
	return n, nil
}

// become takes over what was read.
func (z *Zoo) become(n *Zoo) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	switch z.classes {
	case 0:
		z.classes = n.classes
	case n.classes:
	default:
		return fmt.Errorf("zoo: %s has been replaced by a zoo of %d classes since it was opened", z.dir, n.classes)
	}
	z.splits, z.models, z.damaged, z.classNames = n.splits, n.models, n.damaged, n.classNames
	return nil
}

// writeHead writes zoo.json with the given splits.
func (z *Zoo) writeHead(splits []Split) error {
	f := zooFile{Format: FormatVersion, Classes: z.classes, ClassNames: z.ClassNames(), Splits: map[string]Split{}}
	for _, s := range splits {
		f.Splits[s.Name] = s
	}
	return writeJSON(z.headPath(), f)
}

// Dir returns the zoo's folder, as it was given.
func (z *Zoo) Dir() string { return z.dir }

// Holds reports whether dir, which need not be there, is the zoo's folder or in it: whoever removes
// the zoo removes what is written there.
func (z *Zoo) Holds(dir string) (bool, error) {
	own, err := os.Stat(z.dir)
	if err != nil {
		return false, fmt.Errorf("zoo: %w", err)
	}
	at, err := filepath.Abs(dir)
	if err != nil {
		return false, fmt.Errorf("zoo: %w", err)
	}
	for { // up to what is there, which links may lead to
		real, err := filepath.EvalSymlinks(at)
		if err == nil {
			at = real
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			return false, fmt.Errorf("zoo: %s: %w", dir, err)
		}
		at = filepath.Dir(at)
	}
	for ; ; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil && os.SameFile(own, info) {
			return true, nil
		}
		if at == filepath.Dir(at) {
			return false, nil
		}
	}
}

// Classes returns the number of classes, C.
func (z *Zoo) Classes() int { return z.classes }

// Splits returns the splits, sorted by name.
func (z *Zoo) Splits() []Split {
	z.mu.RLock()
	defer z.mu.RUnlock()
	return slices.Clone(z.splits)
}

// Split returns the split of that name, or an error that wraps ErrNoSplit.
func (z *Zoo) Split(name string) (Split, error) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	if s, ok := z.split(name); ok {
		return s, nil
	}
	if len(z.splits) == 0 {
		return Split{}, fmt.Errorf("%w: %q; the zoo in %s has no splits yet", ErrNoSplit, clip(name, 80), z.dir)
	}
	var names []string
	for _, s := range z.splits {
		names = append(names, s.Name)
	}
	return Split{}, fmt.Errorf("%w: %q; the zoo in %s has: %s", ErrNoSplit, clip(name, 80), z.dir, strings.Join(names, ", "))
}

func (z *Zoo) split(name string) (Split, bool) {
	for _, s := range z.splits {
		if s.Name == name {
			return s, true
		}
	}
	return Split{}, false
}

// Models returns the models, sorted by name.
func (z *Zoo) Models() []Model {
	z.mu.RLock()
	defer z.mu.RUnlock()
	models := make([]Model, 0, len(z.models))
	for _, name := range slices.Sorted(maps.Keys(z.models)) {
		models = append(models, z.models[name].clone())
	}
	return models
}

// Model returns the model of that name, or an error that wraps ErrNoModel or is a DamagedModel.
func (z *Zoo) Model(name string) (Model, error) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	m, ok := z.models[name]
	if err := z.asDamaged(name); err != nil {
		return Model{}, err
	}
	if !ok {
		return Model{}, fmt.Errorf("%w: %q in %s", ErrNoModel, clip(name, 200), z.dir)
	}
	return m.clone(), nil
}

// HasModel reports whether the zoo has a model of that name.
func (z *Zoo) HasModel(name string) bool {
	z.mu.RLock()
	defer z.mu.RUnlock()
	_, ok := z.models[name]
	return ok
}

// Fingerprint returns a hash, in hexadecimal, over everything a search can depend
// on: classes, splits, and of every model the name, the columns and the hashes of
// its archives. It does not depend on the order in which models were added, nor on the
// folder.
func (z *Zoo) Fingerprint() string {
	z.mu.RLock()
	defer z.mu.RUnlock()
	h := sha256.New()
	hashInts(h, FormatVersion, uint64(z.classes), uint64(len(z.splits)), uint64(len(z.models)))
	for _, s := range z.splits {
		hashText(h, s.Name, s.Fingerprint)
		hashInts(h, uint64(s.Samples))
	}
	for _, name := range slices.Sorted(maps.Keys(z.models)) {
		m := z.models[name]
		var answers uint64
		if m.Answers {
			answers = 1
		}
		hashText(h, m.Name)
		hashInts(h, answers, uint64(len(m.Columns)), uint64(len(m.Splits)))
		for _, c := range slices.Sorted(maps.Keys(m.Columns)) {
			hashText(h, c, m.Columns[c])
		}
		for _, s := range slices.Sorted(maps.Keys(m.Splits)) {
			hashText(h, s, m.Splits[s].SHA256)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hashText adds texts to h, each with its length before it, so that no two lists
// of texts give the same bytes.
func hashText(h hash.Hash, texts ...string) {
	for _, s := range texts {
		hashInts(h, uint64(len(s)))
		h.Write([]byte(s))
	}
}

func hashInts(h hash.Hash, values ...uint64) {
	var b [8]byte
	for _, v := range values {
		binary.LittleEndian.PutUint64(b[:], v)
		h.Write(b[:])
	}
}

// Notify sets the function that receives notes, one sentence each, about what the zoo
// did by itself: an index rebuilt because it was damaged, an index kept in memory because
// the folder cannot be written. It may be called from several goroutines, one call
// at a time. Without one, or with nil, the notes are dropped.
func (z *Zoo) Notify(f func(note string)) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.notify = nil
	if f != nil {
		var one sync.Mutex
		z.notify = func(note string) {
			one.Lock()
			defer one.Unlock()
			f(note)
		}
	}
}

func (z *Zoo) note(format string, args ...any) {
	z.mu.RLock()
	f := z.notify
	z.mu.RUnlock()
	if f != nil {
		f(fmt.Sprintf(format, args...))
	}
}
