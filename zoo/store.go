package zoo

import (
	"context"
	"errors"
	"io"
	"maps"
)

// A Store keeps the files of a zoo as objects, under the names that they have in its folder, with
// slashes. An object is there as a whole or not at all, and is replaced as a whole. The methods are
// called from several goroutines. Errors of objects that are not there wrap fs.ErrNotExist.
type Store interface {
	// String names the store in messages. With a slash and a name it names an object.
	String() string
	// List calls f with the name, without its folder, of every object of a folder.
	List(ctx context.Context, folder string, f func(name string) error) error
	// Stat describes an object.
	Stat(ctx context.Context, name string) (Object, error)
	// Get writes the content of an object to w, whose error it returns as it is.
	Get(ctx context.Context, name string, w io.Writer) (version string, err error)
	// Put makes or replaces an object. It calls sent, which may be nil, with the number of bytes
	// that were sent since the last call.
	Put(ctx context.Context, name string, o Object, content io.ReaderAt, sent func(n int64)) error
	// Swap replaces an object that still has a version, "" for none. If it has another one by
	// now the error wraps ErrConflict.
	Swap(ctx context.Context, name string, o Object, content io.ReaderAt, version string) error
}

// ErrConflict is wrapped by the error of a Swap that came too late, and of a Get of an object that was
// replaced before all of it was there.
var ErrConflict = errors.New("zoo: replaced by another writer")

// An Object is what a Store knows of one.
type Object struct {
	Size   int64
	SHA256 string // in hexadecimal, "" if that is not known
}

// transfers is how many objects are sent or fetched at a time.
const transfers = 8

// TransferOptions are those of Push and Pull. Every function may be nil; they are called one call
// at a time.
type TransferOptions struct {
	// Select chooses among the models; nil: all.
	Select   func([]Model) ([]Model, error)
	Compared func(done, total int)                 // models, or their files, that were looked at
	Progress func(done, total int64, model string) // bytes of predictions
	Note     func(text string)                     // one sentence on a choice that was made
}

// atMost writes so many bytes to w; what is more is errTooLong.
type atMost struct {
	w    io.Writer
	left int64
}

var errTooLong = errors.New("it is longer than it may be")

func (a *atMost) Write(p []byte) (int, error) {
	fits := p[:min(int64(len(p)), a.left)]
	n, err := a.w.Write(fits)
	a.left -= int64(n)
	if err == nil && len(fits) < len(p) {
		err = errTooLong
	}
	return n, err
}

// selected is the zoo as it is now with some of its models, those that were left out as damaged
// among them.
func (z *Zoo) selected(choose func([]Model) ([]Model, error)) (*Zoo, error) {
	models, damaged := z.Models(), z.Damaged()
	z.mu.RLock()
	defer z.mu.RUnlock()
	n := &Zoo{dir: z.dir, classes: z.classes, splits: z.splits, classNames: z.classNames, models: map[string]Model{}, damaged: map[string]*DamagedModel{}}
	if choose == nil {
		n.models, n.damaged = maps.Clone(z.models), maps.Clone(z.damaged)
		return n, nil
	}
	for _, d := range damaged {
		if d.Name != "" {
			models = append(models, Model{Name: d.Name})
		}
	}
	chosen, err := choose(models)
	if err != nil {
		return nil, err
	}
	for _, m := range chosen {
		if d := z.damaged[slug(m.Name)]; d != nil {
			n.damaged[slug(m.Name)] = d
		} else {
			n.models[m.Name] = m
		}
	}
	return n, nil
}
