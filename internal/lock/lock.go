// Package lock keeps two processes from writing to one place at the same time. What a process
// has locked is free again when it ends, however it ends.
package lock

import (
	"errors"
	"os"

	"github.com/gofrs/flock"
)

// ErrInUse: another process has the lock.
var ErrInUse = errors.New("in use by another process")

// A Lock is one that is held. A nil one is that of a file system without locks.
type Lock struct {
	lock *flock.Flock
	file string // to be removed; "" for none
}

// Folder makes a folder if it is missing and locks it, without waiting. The lock is on the
// folder itself, so that it leaves nothing behind. The error is ErrInUse if another process has
// it; the lock is nil if the file system has no such locks.
func Folder(dir string) (*Lock, error) {
	lock, err := take(func() (*flock.Flock, error) {
		return flock.New(dir, flock.SetFlag(os.O_RDONLY)), os.MkdirAll(dir, 0o777)
	})
	if errors.As(err, new(unsupported)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Lock{lock: lock}, nil
}

// File makes a file and locks it, as Folder locks a folder. Unlock removes it. That of a process
// that was killed stays, and keeps nobody out.
func File(path string) (*Lock, error) {
	l, err := Kept(path)
	if errors.As(err, new(unsupported)) {
		os.Remove(path)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l.file = path
	return l, nil
}

// Kept is File for a file that stays, on a file system that must have locks.
func Kept(path string) (*Lock, error) {
	lock, err := take(func() (*flock.Flock, error) {
		return flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o666)), nil
	})
	if err != nil {
		return nil, err
	}
	return &Lock{lock: lock}, nil
}

// unsupported is the error of a lock on a file that is there.
type unsupported struct{ error }

func (u unsupported) Unwrap() error { return u.error }

// take locks what open names, which it makes if it is missing.
func take(open func() (*flock.Flock, error)) (*flock.Flock, error) {
	for {
		lock, err := open()
		if err != nil {
			return nil, err
		}
		switch ok, err := lock.TryLock(); {
		case errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist):
			return nil, err
		case err != nil:
			return nil, unsupported{err}
		case !ok:
			return nil, ErrInUse
		}
		locked, err := lock.Stat()
		there, errThere := os.Stat(lock.Path())
		if err == nil && errThere == nil && os.SameFile(locked, there) {
			return lock, nil
		}
		if errors.Is(errThere, os.ErrNotExist) {
			errThere = nil // who had it removed it in between
		}
		if err := errors.Join(err, errThere, lock.Unlock()); err != nil {
			return nil, err
		}
	}
}

// Unlock gives the lock back.
func (l *Lock) Unlock() error {
	if l == nil {
		return nil
	}
	if l.file != "" {
		os.Remove(l.file)
	}
	return l.lock.Unlock()
}
