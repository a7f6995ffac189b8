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
)

// A Folder is a run folder that is being made. Making it before the search starts
// shows at once that results can be written.
type Folder struct {
	Dir  string
	made bool // by us
}

// CreateFolder makes a run folder. Where dir is "" it is a new one in runs/ of the
// working directory, named after the time and the algorithm. An earlier run's
// folder may be used again; a folder with anything else in it may not.
func CreateFolder(dir string, now time.Time, algorithm string) (*Folder, error) {
	if dir != "" {
		return useFolder(dir)
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
		err := os.Mkdir(dir, 0o777)
		if err == nil {
			return &Folder{dir, true}, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, err
		}
	}
}

func useFolder(dir string) (*Folder, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &Folder{dir, true}, os.MkdirAll(dir, 0o777)
	case err != nil:
		return nil, err
	}
	isRun := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == RunFile || e.Name() == StateFile })
	if len(entries) > 0 && !isRun {
		return nil, fmt.Errorf("%s is neither empty nor the folder of an earlier run: name another", dir)
	}
	return &Folder{dir, false}, nil
}

// Discard removes the folder where CreateFolder made it and nothing was written.
func (f *Folder) Discard() {
	if f.made {
		os.Remove(f.Dir) // refuses where there is something in it
	}
}

// SaveState keeps the state of a search that is not done, for ReadState.
func (f *Folder) SaveState(state []byte) error {
	return atomicfile.WriteFile(filepath.Join(f.Dir, StateFile), state)
}

// DropState removes the state of a search that is done.
func (f *Folder) DropState() error {
	err := os.Remove(filepath.Join(f.Dir, StateFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// ReadState reads the state that an interrupted search left in a run folder.
func ReadState(dir string) ([]byte, error) {
	file, err := os.Open(filepath.Join(dir, StateFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s has no search to resume: it is done, or never began: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	state, err := io.ReadAll(io.LimitReader(file, maxStateBytes+1))
	if err == nil && len(state) > maxStateBytes {
		err = errors.New("far larger than a search writes it")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return state, nil
}

// Write fills the folder. Each file appears whole or not at all, front.json last.
func (f *Folder) Write(front *Front, run *Run) error {
	var table bytes.Buffer
	if err := front.WriteCSV(&table); err != nil {
		return err
	}
	runJSON, err := encode(run)
	if err != nil {
		return err
	}
	frontJSON, err := encode(front)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{
		{RunFile, runJSON},
		{CSVFile, table.Bytes()},
		{FrontFile, frontJSON},
	} {
		if err := atomicfile.WriteFile(filepath.Join(f.Dir, file.name), file.data); err != nil {
			return err
		}
	}
	return nil
}

// encode writes JSON for people to read, too.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// encodeLine is encode on one line: what a MarshalJSON gives is indented by its caller.
func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
