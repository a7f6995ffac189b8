package zoo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/internal/seal"
)

// Verify reads everything: the metadata against their checksums, the ids, and labels, of every split against its
// fingerprint, and every archive against its size and SHA-256 and row by row. It
// returns all problems, joined. report, which may be nil, is called with how many
// archives are done. Of models that have lists alone these are checked; how many they are is
// reported through Notify.
func (z *Zoo) Verify(ctx context.Context, report func(done, total int)) error {
	type item struct {
		m Model
		s Split
	}
	var items []item
	var problems []error
	splits := z.Splits()
	if err := z.verifyMetadata(); err != nil {
		problems = append(problems, err)
	}
	for _, s := range splits {
		if _, _, err := z.readSplit(s); err != nil {
			problems = append(problems, err)
		}
	}
	for _, m := range z.Models() {
		for _, s := range splits {
			if _, ok := m.Splits[s.Name]; ok {
				items = append(items, item{m, s})
			}
		}
	}
	found := make([]error, len(items))
	err := parallel(ctx, len(items), report, func(i int) error {
		found[i] = z.verifyArchive(ctx, items[i].m, items[i].s)
		return context.Cause(ctx)
	})
	if err != nil {
		return err
	}
	alone := 0
	for _, i := range items {
		if i.m.Splits[i.s.Name].IndexOnly {
			alone++
		}
	}
	if alone > 0 {
		z.note("of %d of %d predictions there are the lists of the %d largest classes alone, which were checked, and no full outputs to verify", alone, len(items), z.ListLength())
	}
	return errors.Join(append(problems, found...)...)
}

// verifyMetadata reads the metadata anew, and notes what has no checksum.
func (z *Zoo) verifyMetadata() error {
	now, err := Open(z.dir)
	if err != nil {
		return err
	}
	if err := now.anyDamaged(); err != nil {
		return err
	}
	older := []string{}
	paths := []string{now.headPath()}
	for _, m := range now.Models() {
		paths = append(paths, now.modelPath(slug(m.Name)))
	}
	for _, path := range paths {
		data, err := readBytes(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since
		}
		if err != nil {
			return err
		}
		if sealed, err := seal.Check(data); err == nil && !sealed {
			older = append(older, filepath.Base(path))
		}
	}
	if len(older) > 0 {
		z.note("%d of %d files of metadata have no checksum, so that damage to what they say would not be seen: an older program wrote them, or a person edited them (%s)", len(older), len(paths), FewNames(older))
	}
	return nil
}

func (z *Zoo) verifyArchive(ctx context.Context, m Model, s Split) error {
	a := m.Splits[s.Name]
	if err := z.verifyFile(ctx, z.predictionsPath(s.Name, m.Name, a), a); err != nil {
		return fmt.Errorf("model %q, split %q: %w", clip(m.Name, 200), s.Name, z.orChanged(m, s, err))
	}
	if a.IndexOnly {
		ix, err := z.loadIndex(ctx, m, s)
		if err != nil {
			return fmt.Errorf("model %q, split %q: %w", clip(m.Name, 200), s.Name, z.orChanged(m, s, err))
		}
		return ix.unmap()
	}
	r, err := z.predictions(ctx, m.Name, s.Name)
	if err != nil {
		return err
	}
	defer r.Close()
	for ctx.Err() == nil {
		if _, err := r.readLists(nil, 0); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("model %q, split %q: %w", clip(m.Name, 200), s.Name, z.withRemedy(m.Name, err))
		}
	}
	return context.Cause(ctx)
}

// verifyFile compares a file with its size and SHA-256.
func (z *Zoo) verifyFile(ctx context.Context, path string, a Archive) error {
	z.checked.forget(path)
	f, err := regular.Open(path)
	if err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	defer f.Close()
	return z.checkContent(ctx, f, a)
}
