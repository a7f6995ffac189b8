package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/internal/seal"
)

// partial is what the folder of an unfinished bundle is called, or ends with.
const partial = ".partial"

// Write writes a bundle into a folder that is new or empty or, with replace, has an earlier
// bundle, which stays as it is until the new one is complete. files has the file of each stage's
// model, "" for none; the bundle's File fields are filled in. copied, which may be nil, is
// called with the bytes copied so far, and those of all files.
func Write(dir string, b *Bundle, files []string, replace bool, copied func(done, of int64)) (err error) {
	earlier, err := checkPlace(dir, replace)
	if err != nil {
		return err
	}
	b.Dir = dir
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	// Inside the folder, which may be a file system of its own; beside it if all of it is to be
	// replaced. Its name is always the same, so that what a killed process left is found.
	stage := filepath.Join(dir, partial)
	if earlier {
		stage = besides(dir, partial)
	}
	if err := os.RemoveAll(stage); err != nil {
		return err
	}
	if err := os.MkdirAll(stage, 0o777); err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	if err := fill(stage, b, files, copied); err != nil {
		return err
	}
	if earlier {
		err = swap(dir, stage)
	} else {
		err = moveInto(dir, stage)
	}
	if err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(dir))
}

// swap replaces a folder by another one.
func swap(dir, with string) error {
	old := besides(dir, ".replaced")
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(dir, old); err != nil {
		return err
	}
	if err := os.Rename(with, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	return os.RemoveAll(old)
}

// moveInto moves what a folder holds into another one, cascade.json last: without it that is
// no bundle.
func moveInto(dir, from string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	last := func(e os.DirEntry) int {
		if e.Name() == CascadeFile {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(entries, func(a, b os.DirEntry) int { return last(a) - last(b) })
	for _, e := range entries {
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return atomicfile.SyncDir(dir)
}

// besides is the path of a hidden folder beside dir, which is absolute.
func besides(dir, suffix string) string {
	return filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+suffix)
}

// Check returns the error that Write would have because of what is in the folder now.
func Check(dir string, replace bool) error {
	_, err := checkPlace(dir, replace)
	return err
}

// checkPlace reports whether there is an earlier bundle that may be replaced; an error if
// there is something else.
func checkPlace(dir string, replace bool) (earlier bool, err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == partial })
	if len(entries) == 0 {
		return false, nil
	}
	own := []string{CascadeFile, ClassesFile, ReadmeFile, ModelsDir}
	for _, e := range entries {
		if !slices.Contains(own, e.Name()) {
			return false, fmt.Errorf("%s is neither empty nor a bundle (it has %s): name another folder", dir, e.Name())
		}
	}
	if _, err := Read(dir); err != nil {
		return false, fmt.Errorf("%s is neither empty nor a bundle that can be read (%w): name another folder", dir, err)
	}
	if !replace {
		return false, fmt.Errorf("%s has an earlier bundle: --force replaces it; or name another folder", dir)
	}
	return true, nil
}

// fill writes the files of a bundle into an empty folder.
func fill(dir string, b *Bundle, files []string, copied func(done, of int64)) error {
	if err := os.Mkdir(filepath.Join(dir, ModelsDir), 0o777); err != nil {
		return err
	}
	c := copier{dir: dir, written: map[string]File{}, taken: map[string]bool{}, copied: copied}
	for _, path := range files {
		if info, err := os.Stat(path); err == nil {
			c.total += info.Size()
		}
	}
	for i := range b.Stages {
		if b.Stages[i].Model == nil {
			continue
		}
		f, err := c.copy(files[i], b.Stages[i].ExportedStage.Model)
		if err != nil {
			return err
		}
		b.Stages[i].Model.File = f
	}
	if len(c.written) == 0 {
		if err := os.Remove(filepath.Join(dir, ModelsDir)); err != nil {
			return err
		}
	}
	b.ClassesSHA256 = ""
	if b.ClassNames != nil {
		names := []byte(strings.Join(b.ClassNames, "\n") + "\n")
		b.ClassesSHA256 = hashOf(names)
		if err := atomicfile.WriteFile(filepath.Join(dir, ClassesFile), names); err != nil {
			return err
		}
	}
	readme, err := b.readme()
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, ReadmeFile), readme); err != nil {
		return err
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(b); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, CascadeFile), seal.Seal(text.Bytes()))
}

// A copier copies the files of models, each once.
type copier struct {
	dir         string
	written     map[string]File // by where they come from
	taken       map[string]bool // names
	copied      func(done, of int64)
	done, total int64
}

// copy copies the file of a model, and names it after it.
func (c *copier) copy(from, model string) (f File, err error) {
	if f, ok := c.written[from]; ok {
		return f, nil
	}
	name := plain(model)
	for n := 2; c.taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", plain(model), n)
	}
	c.taken[name] = true
	f.Path = ModelsDir + "/" + name + ".pt"
	in, err := regular.Open(from)
	if err != nil {
		return f, err
	}
	defer in.Close()
	out, err := atomicfile.Create(filepath.Join(c.dir, filepath.FromSlash(f.Path)))
	if err != nil {
		return f, err
	}
	defer out.Discard()
	if _, err := io.Copy(&counting{out, c}, in); err != nil {
		return f, err
	}
	if err := out.Sync(); err != nil {
		return f, err
	}
	f.Bytes, f.SHA256 = out.Size(), out.SHA256()
	if err := out.Place(); err != nil {
		return f, err
	}
	c.written[from] = f
	return f, nil
}

// counting counts what is written.
type counting struct {
	io.Writer
	c *copier
}

func (w *counting) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if w.c.done += int64(n); w.c.copied != nil {
		w.c.copied(w.c.done, max(w.c.done, w.c.total))
	}
	return n, err
}

// plain makes a readable and safe file name of a model's name.
func plain(model string) string {
	name := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, model)
	name = strings.TrimLeft(name[:min(len(name), 100)], ".")
	if name == "" {
		name = "model"
	}
	return name
}

// Verify reads the files of the models, each once, and returns an error if one is not the one that was
// written.
func (b *Bundle) Verify() error {
	seen := map[File]bool{}
	for _, s := range b.Stages {
		if s.Model == nil || seen[s.File] {
			continue
		}
		seen[s.File] = true
		if err := b.verify(s.File); err != nil {
			return fmt.Errorf("model %q: %w", s.ExportedStage.Model, err)
		}
	}
	return nil
}

func (b *Bundle) verify(want File) error {
	path := b.Path(want)
	if info, err := os.Lstat(filepath.Dir(path)); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", filepath.Dir(path)) // but perhaps a link out of the bundle
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	if info.Size() != want.Bytes {
		return fmt.Errorf("%s has %d bytes and not %d: it is not the file that was bundled; export the bundle again", path, info.Size(), want.Bytes)
	}
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want.SHA256 {
		return fmt.Errorf("%s has the SHA-256 %s and not %s: it is not the file that was bundled; export the bundle again", path, got, want.SHA256)
	}
	return nil
}
