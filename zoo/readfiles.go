package zoo

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/crash"
)

// readFiles are the models' files that were read, so that a writer that adds one of many
// thousand models does not read those of all others anew.
type readFiles struct {
	mu    sync.Mutex
	files map[string]readFile // by name
}

// A readFile is a model as its file describes it.
type readFile struct {
	name  string
	model Model
	info  fs.FileInfo
	at    time.Time
}

// file reads a model's file, unless it is known and the system says that it is as it was.
func (r *readFiles) file(path string) (readFile, error) {
	name := filepath.Base(path)
	r.mu.Lock()
	f, known := r.files[name]
	r.mu.Unlock()
	if known {
		now, err := os.Stat(path)
		// What was new when it was read may have changed since within one tick of the clock.
		if err == nil && os.SameFile(f.info, now) && now.Size() == f.info.Size() && now.ModTime().Equal(f.info.ModTime()) && f.at.Sub(now.ModTime()) >= settled {
			return f, nil
		}
	}
	at := time.Now()
	data, info, err := readWhole(path)
	if err != nil {
		return readFile{}, err
	}
	m, err := decodeModel(path, data)
	if err != nil {
		return readFile{}, err // and read again, whenever the zoo is
	}
	return readFile{name, m, info, at}, nil
}

// keep replaces what is known.
func (r *readFiles) keep(files []readFile) {
	known := make(map[string]readFile, len(files))
	for _, f := range files {
		if f.info != nil {
			known[f.name] = f
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files = known
}

// readers is how many files are read at a time: on a network most of the time is waiting.
const readers = 16

// each calls f for 0 to n-1, from several goroutines.
func each(n int, f func(i int)) {
	var wait sync.WaitGroup
	workers := max(readers, runtime.GOMAXPROCS(0))
	for w := range min(workers, n) {
		wait.Go(func() {
			defer crash.Guard()()
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wait.Wait()
}
