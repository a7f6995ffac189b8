package zoo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/internal/shell"
)

// openArchive opens the archive of a model on a split, which must be the file that the
// model's file names: by its size and SHA-256, and by what it says that it is of.
func (z *Zoo) openArchive(ctx context.Context, m Model, s Split, columns ...column) (*table, error) {
	a := m.Splits[s.Name]
	t, err := openTable(z.archivePath(s.Name, m.Name, a.Second), s.Samples, columns...)
	if err != nil {
		return nil, z.orChanged(m, s, err)
	}
	err = t.isOf(m.Name, s.Name)
	if err == nil {
		err = z.checkContent(ctx, t.f, a)
	}
	if err != nil {
		t.close()
		return nil, z.orChanged(m, s, err)
	}
	return t, nil
}

// isOf checks what the file says that it is of.
func (t *table) isOf(model, split string) error {
	return t.try(func() error {
		for _, want := range []struct{ key, value string }{{"model", model}, {"split", split}} {
			if says := t.p.Metadata(want.key); says != nil && *says != want.value {
				return fmt.Errorf("it is of the %s %q instead of %q", want.key, clip(*says, 200), clip(want.value, 200))
			}
		}
		return nil
	})
}

// withRemedy adds to the error of predictions that are damaged, or not there, what to do about
// them. An import takes them for what they were: it skips a model that is there.
func (z *Zoo) withRemedy(model string, err error) error {
	if !errors.As(err, new(damage)) && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, regular.ErrNotRegular) {
		return err
	}
	return fmt.Errorf("%w; restore the file, or remove the model with `encas-zoo zoo remove --zoo %s -- %s` and import or ingest it again",
		err, shell.Word(z.dir), shell.Word(model))
}

// checkContent compares an open file with the size and SHA-256 that it was written with.
// Once it was right it is not read again until the system says that it was changed.
func (z *Zoo) checkContent(ctx context.Context, f *os.File, a Archive) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	if err := checkSize(f, a); err != nil {
		return err
	}
	if z.checked.has(f.Name(), info, a.SHA256) {
		return nil
	}
	at := time.Now()
	sum, err := hashFile(ctx, f)
	if err != nil {
		return err
	}
	if sum != a.SHA256 {
		return damage{fmt.Errorf("zoo: %s is damaged: its SHA-256 is not the one it was written with", f.Name())}
	}
	if at.Sub(info.ModTime()) >= settled {
		z.checked.add(f.Name(), info, sum)
	}
	return nil
}

// checkSize compares an open file with the size that it was written with.
func checkSize(f *os.File, a Archive) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() != a.Bytes {
		return damage{fmt.Errorf("zoo: %s has %d bytes instead of %d: it is damaged, or of another model", f.Name(), info.Size(), a.Bytes)}
	}
	return nil
}

// hashFile returns the SHA-256 of an open file, and leaves its position.
func hashFile(ctx context.Context, f *os.File) (string, error) {
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for at := int64(0); ; {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		n, err := f.ReadAt(buf, at)
		h.Write(buf[:n])
		at += int64(n)
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", fmt.Errorf("zoo: %w", err)
		}
	}
}

// checkedFiles are files whose content was found to be right.
type checkedFiles struct {
	mu    sync.Mutex
	files map[string]checkedFile // by path
}

type checkedFile struct {
	info   os.FileInfo
	sha256 string
}

// settled is how old a file must be for its time to tell every later change.
const settled = 2 * time.Second

func (c *checkedFiles) add(path string, info os.FileInfo, sha256 string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = map[string]checkedFile{}
	}
	c.files[path] = checkedFile{info, sha256}
}

func (c *checkedFiles) has(path string, now os.FileInfo, sha256 string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was, ok := c.files[path]
	return ok && was.sha256 == sha256 && os.SameFile(was.info, now) && was.info.ModTime().Equal(now.ModTime()) && was.info.Size() == now.Size()
}

// forget has a file read again.
func (c *checkedFiles) forget(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.files, path)
}

// orChanged returns ErrChanged instead of the error of reading predictions if a writer has
// replaced or removed them since the zoo was opened, and else the error with a remedy.
func (z *Zoo) orChanged(m Model, s Split, err error) error {
	now, readErr := z.currentModel(m.Name)
	switch {
	case errors.Is(readErr, os.ErrNotExist), readErr == nil && now.Splits[s.Name] != m.Splits[s.Name]:
		return fmt.Errorf("%w: the predictions of the model %q on %q were replaced or removed; start again", ErrChanged, clip(m.Name, 200), s.Name)
	}
	return z.withRemedy(m.Name, z.orResplit(s, err))
}

// orResplit is orChanged for the samples of a split.
func (z *Zoo) orResplit(s Split, err error) error {
	head, readErr := readHead(z.dir)
	if readErr != nil {
		return err
	}
	if now, ok := head.split(s.Name); !ok || now != s {
		return fmt.Errorf("%w: the split %q was replaced or removed; start again", ErrChanged, s.Name)
	}
	return err
}

// currentModel reads a model's file as it is now.
func (z *Zoo) currentModel(name string) (modelFile, error) {
	path := z.modelPath(slug(name))
	data, err := readBytes(path)
	if err != nil {
		return modelFile{}, err
	}
	var f modelFile
	err = decodeJSON(path, data, &f, &f.Format)
	return f, err
}
