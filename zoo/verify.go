package zoo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// Verify reads everything: the ids, and labels, of every split against its
// fingerprint, and every archive against its size and SHA-256 and row by row. It
// returns all problems, joined. report, which may be nil, is called with how many
// archives are done. Of a model that has a search index only, the index is checked;
// this is reported through Notify.
func (z *Zoo) Verify(ctx context.Context, report func(done, total int)) error {
	type item struct {
		m Model
		s Split
	}
	var items []item
	var problems []error
	splits := z.Splits()
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
	return errors.Join(append(problems, found...)...)
}

func (z *Zoo) verifyArchive(ctx context.Context, m Model, s Split) error {
	a := m.Splits[s.Name]
	path := z.archivePath(s.Name, m.Name, a.Second)
	if a.IndexOnly {
		path = z.indexPath(s.Name, m.Name)
	}
	if err := verifyFile(ctx, path, a); err != nil {
		return fmt.Errorf("model %q, split %q: %w", clip(m.Name, 200), s.Name, err)
	}
	if a.IndexOnly {
		ix, err := z.loadIndex(m, s)
		if err != nil {
			return fmt.Errorf("model %q, split %q: %w", clip(m.Name, 200), s.Name, err)
		}
		z.note("model %q, split %q: there is a search index only, no full outputs to verify", clip(m.Name, 200), s.Name)
		return ix.unmap()
	}
	r, err := z.Predictions(m.Name, s.Name)
	if err != nil {
		return err
	}
	defer r.Close()
	for ctx.Err() == nil {
		if _, err := r.readLists(nil, 0); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("model %q, split %q: %w", clip(m.Name, 200), s.Name, err)
		}
	}
	return context.Cause(ctx)
}

// verifyFile compares a file with its size and SHA-256.
func verifyFile(ctx context.Context, path string, a Archive) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	if info.Size() != a.Bytes {
		return fmt.Errorf("zoo: %s has %d bytes instead of %d: it is damaged; remove the model and import it again", path, info.Size(), a.Bytes)
	}
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for ctx.Err() == nil {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			if hex.EncodeToString(h.Sum(nil)) != a.SHA256 {
				return fmt.Errorf("zoo: %s is damaged: its SHA-256 is not the one it was written with; remove the model and import it again", path)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("zoo: %w", err)
		}
	}
	return context.Cause(ctx)
}
