package zoo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

// A stage is a folder with the metadata of a zoo that is in a store, so that what is read and
// checked of a zoo in a folder is read and checked of that, too.
type stage struct {
	store Store
	dir   string
	zoo   *Zoo // nil if there is none

	mu       sync.Mutex
	versions map[string]string // of the objects that are there
	bytes    int64             // of metadata
}

// What is kept of the list of a store, and fetched of metadata, is bounded: it is all read into memory.
const (
	maxModels   = 1 << 20
	maxMetadata = 1 << 30
)

// newStage fetches the metadata of the zoo in a store: of all models, or of those that have one of
// the names, if they are there. The caller removes it.
func newStage(ctx context.Context, store Store, names []string, report func(done, total int)) (*stage, error) {
	dir, err := os.MkdirTemp("", "encas-zoo-")
	if err != nil {
		return nil, stagingError{err}
	}
	s := &stage{store: store, dir: dir, versions: map[string]string{}}
	if err := s.read(ctx, names, report); err != nil {
		err = s.located(err)
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

func (s *stage) remove() error { return os.RemoveAll(s.dir) }

func (s *stage) read(ctx context.Context, names []string, report func(done, total int)) error {
	if err := atomicfile.MakeDirs(filepath.Join(s.dir, "models"), filepath.Join(s.dir, "splits")); err != nil {
		return stagingError{err}
	}
	// Before anything else, to find out whether there is a zoo, and after the models' files, so that it
	// has the splits of those that were pushed meanwhile.
	err := s.getMetadata(ctx, "zoo.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	files, err := s.modelFiles(ctx, names)
	if err != nil {
		return err
	}
	err = parallelBy(ctx, readers, len(files), report, func(i int) error {
		err := s.getMetadata(ctx, files[i])
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err == nil {
		err = s.getMetadata(ctx, "zoo.json")
	}
	if err == nil {
		s.zoo, err = Open(s.dir)
	}
	if errors.As(err, new(damage)) {
		err = fmt.Errorf("%w; put the zoo.json of a zoo that has all of its splits in its place", err)
	}
	return err
}

// getMetadata fetches a file of metadata. Of one that is too long enough is fetched to find that out.
func (s *stage) getMetadata(ctx context.Context, name string) error {
	n, err := s.get(ctx, name, maxJSON+1)
	if errors.Is(err, errTooLong) {
		err = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes += n; err == nil && s.bytes > maxMetadata {
		err = fmt.Errorf("zoo: %s/models has more than %d bytes of metadata: it is no zoo", s.store, maxMetadata)
	}
	return err
}

// modelFiles are the objects of the models of these names, or of all that there are.
func (s *stage) modelFiles(ctx context.Context, names []string) (files []string, err error) {
	for _, name := range names {
		files = append(files, path.Join("models", slug(name)+".json"))
	}
	if names != nil {
		return files, nil
	}
	seen := 0
	err = s.store.List(ctx, "models", func(name string) error {
		if seen++; seen > maxModels {
			return fmt.Errorf("zoo: %s/models has more than %d objects: it is no zoo", s.store, maxModels)
		}
		if base, ok := strings.CutSuffix(name, ".json"); ok && isSlug(base) {
			files = append(files, path.Join("models", name))
		}
		return nil
	})
	return files, err
}

// get fetches an object of at most so many bytes into the folder, and returns how many it has. One
// that is replaced meanwhile is fetched anew.
func (s *stage) get(ctx context.Context, name string, most int64) (n int64, err error) {
	for range 5 {
		if n, err = s.getOnce(ctx, name, most); !errors.Is(err, ErrConflict) {
			break
		}
	}
	return n, err
}

func (s *stage) getOnce(ctx context.Context, name string, most int64) (n int64, err error) {
	f, err := os.Create(filepath.Join(s.dir, filepath.FromSlash(name)))
	if err != nil {
		return 0, stagingError{err}
	}
	to := &atMost{f, most}
	version, err := s.store.Get(ctx, name, to)
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) && failed.Path == f.Name() {
		err = stagingError{err}
	}
	if closed := f.Close(); err == nil && closed != nil {
		err = stagingError{closed}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versions[name] = version
	if errors.Is(err, fs.ErrNotExist) {
		delete(s.versions, name)
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return most - to.left, err
}

// A stagingError is about the folder itself, and not about what the store has: it is of no kind that
// an error of that may be.
type stagingError struct{ error }

func (e stagingError) Error() string {
	return fmt.Sprintf("zoo: the temporary folder for metadata and samples (TMPDIR names another one): %v", e.error)
}

// A locatedError is an error about files of a stage, worded for the objects that these are.
type locatedError struct {
	text string
	err  error
}

func (e *locatedError) Error() string { return e.text }
func (e *locatedError) Unwrap() error { return e.err }

// located words an error about the folder as one about the store.
func (s *stage) located(err error) error {
	if err == nil || !s.concerns(err) || errors.As(err, new(stagingError)) {
		return err
	}
	return &locatedError{s.name(err.Error()), err}
}

func (s *stage) concerns(err error) bool { return strings.Contains(err.Error(), s.dir) }
func (s *stage) name(text string) string { return strings.ReplaceAll(text, s.dir, s.store.String()) }

// failures words what is wrong with models in the store, with what mends it.
func (s *stage) failures(failed []MergeFailure) {
	for i, f := range failed {
		if !s.concerns(f.Err) {
			continue
		}
		text := f.Err.Error()
		if d := (*DamagedModel)(nil); errors.As(f.Err, &d) {
			text = d.Err.Error()
		}
		if !errors.Is(f.Err, ErrConflict) {
			text += "; zoo push --replace from a zoo that has the model, with all of its splits, mends it"
		}
		failed[i] = MergeFailure{s.name(f.Model), &locatedError{s.name(text), f.Err}}
	}
}

// A fetching gets the files of predictions of a zoo whose metadata are in a stage.
type fetching struct {
	*stage
	progress func(done, total int64, model string)

	mu          sync.Mutex
	done, total int64
}

// file begins the file at path, which has the content of the one that is called source in the stage.
// If that is not what it should be the error is damage.
func (f *fetching) file(ctx context.Context, model, source string, a Archive, path string) (*atomicfile.File, error) {
	name, err := filepath.Rel(f.dir, source)
	if err != nil {
		return nil, fmt.Errorf("zoo: %w", err)
	}
	to, err := atomicfile.Create(path)
	if err != nil {
		return nil, err
	}
	_, err = f.store.Get(ctx, filepath.ToSlash(name), &atMost{counted{to, func(n int64) { f.count(n, model) }}, a.Bytes})
	switch {
	case to.Err() != nil:
		err = to.Err()
	case errors.Is(err, fs.ErrNotExist):
		err = damage{fmt.Errorf("zoo: there is no %s", source)}
	case errors.Is(err, ErrConflict):
		err = damage{fmt.Errorf("zoo: %s was replaced meanwhile: the same command again gets it: %w", source, ErrConflict)}
	case errors.Is(err, errTooLong), err == nil && to.Size() != a.Bytes:
		err = damage{fmt.Errorf("zoo: %s does not have the %d bytes that it was written with: it is damaged, or was replaced meanwhile", source, a.Bytes)}
	case err == nil && to.SHA256() != a.SHA256:
		err = damage{fmt.Errorf("zoo: %s is damaged, or was replaced meanwhile: its SHA-256 is not the one it was written with", source)}
	}
	if err != nil {
		to.Discard()
		return nil, err
	}
	return to, nil
}

// counted tells how many bytes go to a file.
type counted struct {
	*atomicfile.File
	written func(n int64)
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.File.Write(p)
	c.written(int64(n))
	return n, err
}

func (f *fetching) count(n int64, model string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done += n
	if f.progress != nil {
		f.progress(f.done, f.total, model)
	}
}

// samples fetches the samples of a split of a zoo whose metadata are in the stage, and reads them.
func (f *fetching) samples(ctx context.Context, z *Zoo, s Split) (labels []uint16, ids []string, err error) {
	_, err = f.get(ctx, path.Join("splits", s.Name+".parquet"), maxSplitFile(s))
	if errors.Is(err, errTooLong) {
		err = damage{fmt.Errorf("zoo: %s/splits/%s.parquet is longer than %d samples need, or than there is memory for: it is damaged, or make room for it", f.store, s.Name, s.Samples)}
	}
	if err == nil {
		labels, ids, err = z.readSplit(s)
	}
	if errors.As(err, new(damage)) || errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; zoo push --replace from a zoo that has the split mends it", err)
	}
	return labels, ids, err
}

// maxSplitFile bounds the file of a split: each sample has a label and an id, and all of it is read into memory.
func maxSplitFile(s Split) int64 {
	most := int64(s.Samples)*(maxName+16) + 1<<20
	if spare := spareMemory(); spare > 0 {
		most = min(most, spare)
	}
	return most
}
