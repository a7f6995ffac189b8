package front

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/lock"
	"github.com/encas-zoo/encas-zoo/internal/seal"
)

// A Folder is a run folder that is being written. It is made before the search starts,
// so that a search whose results could not be written fails at once.
type Folder struct {
	Dir     string
	made    bool // by CreateFolder
	earlier bool // it holds an earlier run, which goes when the first of this one is written
	lock    *lock.Lock
}

// ErrInUse: another process writes to the run folder.
var ErrInUse = errors.New("another search writes to this run folder")

// An Earlier says what may be done with an earlier run in the folder of a new one.
type Earlier int

const (
	Refuse   Earlier = iota // nothing: name another folder
	Replace                 // all of it goes once there is something of the new one
	Continue                // it is the same run
)

// CreateFolder makes a run folder; if dir is "" a new one in runs/ of the working
// directory, named after the time and the algorithm. A folder with anything but an earlier
// run in it is refused, and so is one with an earlier run unless that may be replaced or
// continued: a folder never has parts of two runs. The folder is locked until Discard, and the
// error wraps ErrInUse if another search has it.
func CreateFolder(dir string, now time.Time, algorithm string, earlier Earlier) (*Folder, error) {
	if dir != "" {
		return useFolder(dir, earlier)
	}
	if err := os.MkdirAll("runs", 0o777); err != nil {
		return nil, err
	}
	base := filepath.Join("runs", now.Format("20060102-150405")+"-"+algorithm)
	for i := 1; ; i++ {
		dir = base
		if i > 1 {
			dir += "-" + strconv.Itoa(i)
		}
		if err := os.Mkdir(dir, 0o777); errors.Is(err, os.ErrExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		f, err := useFolder(dir, Refuse)
		if err == nil {
			f.made = true
		}
		return f, err
	}
}

func useFolder(dir string, earlier Earlier) (*Folder, error) {
	_, err := os.Stat(dir)
	f := &Folder{Dir: dir, made: errors.Is(err, os.ErrNotExist)}
	if f.lock, err = lockFolder(dir); err != nil {
		return nil, err
	}
	if err := f.use(earlier); err != nil {
		f.Discard()
		return nil, err
	}
	return f, nil
}

// lockFolder locks a folder, which it makes if it is missing.
func lockFolder(dir string) (*lock.Lock, error) {
	l, err := lock.Folder(dir)
	if errors.Is(err, lock.ErrInUse) {
		err = fmt.Errorf("%s: %w: wait until it ends, or name another folder", dir, ErrInUse)
	}
	return l, err
}

// use prepares the folder, which is locked, for a run.
func (f *Folder) use(earlier Earlier) error {
	dir := f.Dir
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	holds := func(names ...string) bool {
		return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return slices.Contains(names, e.Name()) })
	}
	isRun := holds(RunFile, FrontFile, StateFile)
	if isRun && earlier == Refuse {
		return fmt.Errorf("%s has %s --force replaces it; or name another folder", dir, describeEarlier(dir, holds(StateFile)))
	}
	for _, e := range entries {
		if !isRun && !atomicfile.IsTemporary(e.Name()) {
			return fmt.Errorf("%s is neither empty nor the folder of an earlier run: name another one", dir)
		}
	}
	if err := atomicfile.RemoveAbandoned(dir); err != nil { // left by a run that was killed
		return err
	}
	probe, err := atomicfile.Create(filepath.Join(dir, RunFile))
	if err != nil {
		return err
	}
	probe.Discard()
	f.earlier = isRun && earlier == Replace
	return nil
}

// describeEarlier names the earlier run in a folder and, if it is not done, what continues it.
func describeEarlier(dir string, hasState bool) string {
	what, done := "an earlier run", !hasState
	if f, err := ReadFront(dir); err == nil {
		done = done || !f.Interrupted
		if p := f.Parts; p != nil && len(p.Searched) == 1 {
			what = fmt.Sprintf("part %d of %d of an earlier search", p.Searched[0], p.Of)
		}
	}
	if done {
		return what + ":"
	}
	return what + ", which is not done: --resume with this folder continues it,"
}

// files are all that this program writes to a run folder, the last to be removed last.
func files() []string {
	return append(append([]string{FrontFile, CertifiedFile, CSVFile, ReportFile}, pictures()...), StateFile, RunFile)
}

// pictures are the plots that the command report writes.
func pictures() []string { return []string{"front.svg", "front.png", "front.pdf"} }

// clear removes an earlier run that is to be replaced.
func (f *Folder) clear() error {
	if !f.earlier {
		return nil
	}
	for _, name := range files() {
		if err := os.Remove(filepath.Join(f.Dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	f.earlier = false
	return nil
}

// Discard gives the folder back, and removes it if it was empty and nothing was written.
func (f *Folder) Discard() {
	defer f.lock.Unlock()
	if f.made {
		os.Remove(f.Dir) // fails if there is anything in it
	}
}

// SaveState saves the state of an unfinished search, for ReadState.
func (f *Folder) SaveState(state []byte) error {
	return f.write([]string{StateFile}, [][]byte{state})
}

// write writes files, which are complete before an earlier run goes and the first of them
// gets its name. What is stale goes then, too.
func (f *Folder) write(names []string, contents [][]byte, stale ...string) error {
	var files []*atomicfile.File
	defer func() {
		for _, file := range files {
			file.Discard()
		}
	}()
	for i, name := range names {
		file, err := atomicfile.Create(filepath.Join(f.Dir, name))
		if err != nil {
			return err
		}
		files = append(files, file)
		file.Write(contents[i])
		if err := file.Sync(); err != nil {
			return err
		}
	}
	if err := f.clear(); err != nil {
		return err
	}
	for _, name := range stale {
		if err := os.Remove(filepath.Join(f.Dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	for _, file := range files {
		if err := file.Place(); err != nil {
			return err
		}
	}
	return nil
}

// Begun reports whether a folder is that of a search that has no front yet: it has its state, or
// nothing in it but what is being written.
func Begun(dir string) bool {
	entries, err := os.ReadDir(dir)
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == name })
	}
	if has(StateFile) {
		return !has(FrontFile)
	}
	return err == nil && !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !atomicfile.IsTemporary(e.Name()) })
}

// DropState removes the state of a finished search.
func (f *Folder) DropState() error {
	if f.earlier {
		return nil // it is that of the earlier run
	}
	err := os.Remove(filepath.Join(f.Dir, StateFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// ReadState reads the state that an interrupted search left in a run folder.
func ReadState(dir string) (state []byte, err error) {
	err = open(dir, StateFile, func(r io.Reader) error {
		state, err = readAll(r, maxStateBytes)
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil, noState(dir)
	}
	return state, err
}

// noState says why a run folder has no state.
func noState(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("%s has no search to resume: there is no such folder", dir)
	}
	l, err := lockFolder(dir)
	if err != nil {
		return err // another search has not saved one yet
	}
	defer l.Unlock()
	if _, err := os.Stat(filepath.Join(dir, FrontFile)); err == nil {
		return fmt.Errorf("%s has no search to resume: it is done", dir)
	}
	return fmt.Errorf("%s has no search to resume: none began there, or it ended before it was saved", dir)
}

// Write fills the folder, and sets run.Table. Each file appears whole or not at all, front.json
// last. What was certified of an earlier front, and its report, go.
func (f *Folder) Write(front *Front, run *Run) error {
	var table bytes.Buffer
	errTable := front.WriteCSV(&table)
	run.Table = tableHash(table.Bytes())
	runJSON, errRun := encodeSealed(run)
	frontJSON, errFront := encodeSealed(front)
	if err := errors.Join(errTable, errRun, errFront); err != nil {
		return err
	}
	return f.write([]string{RunFile, CSVFile, FrontFile}, [][]byte{runJSON, table.Bytes(), frontJSON}, append(pictures(), CertifiedFile, ReportFile)...)
}

// Writable reports what Write could not write of a run.
func Writable(run *Run) error {
	_, err := encode(run, "")
	return err
}

// encodeSealed writes JSON with a checksum in it.
func encodeSealed(v any) ([]byte, error) {
	data, err := encode(v, " ")
	if err != nil {
		return nil, err
	}
	return seal.Seal(data), nil
}

// encode writes JSON that people can read, too.
func encode(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return b.Bytes(), err
}
