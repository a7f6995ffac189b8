package zoo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/internal/lock"
	"github.com/encas-zoo/encas-zoo/internal/process"
)

// A hold is the right of one writer to change a zoo. The lock on the file lock would be
// enough where all writers see each other's locks; some file systems keep locks to one
// machine, or mount, and a person may delete the file. So each writer also has a file of its
// own, which says who it is and which it writes anew twice a minute: its record. Who finds
// the record of another that may be alive lets it go on. A writer whose record is gone was
// taken for dead, and changes nothing any more.
type hold struct {
	lock   *lock.Lock
	record string // path
	stop   func() // ends the beats
}

const (
	beatEvery = 30 * time.Second
	// deadAfter is how long a writer is silent before it is taken for dead. One on this
	// machine that has ended is known to be dead at once.
	deadAfter = 15 * time.Minute
)

// recordName is the form of a record's name.
var recordName = regexp.MustCompile(`^writer-[0-9a-f]{16}\.json$`)

// A writerRecord says who holds a zoo.
type writerRecord struct {
	process.ID
	Lock string `json:"lock"` // which file lock it has locked, "" if that has no identity
}

// hold takes the zoo without waiting. The error wraps ErrLocked while another writer has it.
func (z *Zoo) hold() (*hold, error) {
	path := filepath.Join(z.dir, "lock")
	l, err := lock.Kept(path)
	switch {
	case errors.Is(err, lock.ErrInUse):
		return nil, fmt.Errorf("%w: %s; wait until it ends", ErrLocked, z.dir)
	case err != nil:
		return nil, fmt.Errorf("zoo: lock %s: %w", path, err)
	}
	h := &hold{l, filepath.Join(z.dir, "writer-"+atomicfile.RandomName()+".json"), func() {}}
	if err := h.begin(z); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// begin writes the record and looks for others.
func (h *hold) begin(z *Zoo) error {
	me := writerRecord{process.This(), process.FileIdentity(filepath.Join(z.dir, "lock"))}
	data, err := json.Marshal(me)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(h.record, data); err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	// Its own record first: of two that begin at once, one at least sees the other.
	if err := z.findOthers(h.record, me); err != nil {
		return err
	}
	h.beat(data)
	return nil
}

// findOthers looks for the records of other writers. Those of dead ones it removes.
func (z *Zoo) findOthers(own string, me writerRecord) error {
	now, err := os.Stat(own) // by the clock of the file system
	if err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	entries, err := os.ReadDir(z.dir)
	if err != nil {
		return fmt.Errorf("zoo: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(z.dir, e.Name())
		if !recordName.MatchString(e.Name()) || path == own {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("zoo: %w", err)
		}
		other, seen := readRecord(path), now.ModTime().Sub(info.ModTime())
		if seen < deadAfter && !other.ended(me) {
			return fmt.Errorf("%w: %s, by process %d on %s, heard of %v ago; wait until it ends, or, if it was killed, remove %s",
				ErrLocked, z.dir, other.PID, other.Name(), max(seen, 0).Round(time.Second), path)
		}
		if err := remove(path); err != nil {
			return err
		}
	}
	return nil
}

// readRecord reads the record of another writer. One that cannot be read is of nobody known.
func readRecord(path string) (r writerRecord) {
	data, err := readBytes(path)
	if err != nil || json.Unmarshal(data, &r) != nil {
		return writerRecord{}
	}
	return r
}

// ended reports whether the writer of a record is certain to have ended, for one who has
// locked the file lock.
func (r writerRecord) ended(me writerRecord) bool {
	if r.Near(me.ID) {
		return !r.Runs()
	}
	// In a container its number means nothing here, but on one machine two cannot have
	// locked the same file.
	return r.Machine == me.Machine && r.Lock != "" && r.Lock == me.Lock
}

// beat writes the record anew from time to time, so that its time tells that the writer
// lives.
func (h *hold) beat(data []byte) {
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		defer crash.Guard()()
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			// Not made anew if it is gone.
			if f, err := os.OpenFile(h.record, os.O_WRONLY, 0); err == nil {
				f.Write(data)
				f.Close()
			}
		}
	})
	h.stop = sync.OnceFunc(func() {
		close(done)
		wait.Wait()
	})
}

// mustBe is the error of a writer that another took for dead.
func (h *hold) mustBe() error {
	if _, err := os.Stat(h.record); err != nil {
		return fmt.Errorf("%w: another writer has taken the zoo over, because this one was silent, or somebody removed %s; nothing more is written: start again", ErrLocked, h.record)
	}
	return nil
}

// Close gives the zoo back.
func (h *hold) Close() error {
	h.stop()
	return errors.Join(remove(h.record), h.lock.Unlock())
}
