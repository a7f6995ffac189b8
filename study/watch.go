package study

import (
	"fmt"
	"strconv"

	"github.com/encas-zoo/encas-zoo/optimize"
)

// Watch says whom to tell what goes on while something is done. A function that is nil
// is not called: the zero Watch tells nobody.
type Watch struct {
	Note func(text string) // one sentence about what is done without having been asked for
	Warn func(text string) // one sentence about what is missing or was left out

	// Task is told that work begins, counted in units, and returns whom to tell how far
	// it has come, with what is at hand, and when it ends.
	Task func(name, units string) (update func(done, total int64, at string), stop func())

	// Search is told how far a search over so many samples has come.
	Search func(now optimize.Progress, samples int)
}

func (w Watch) note(format string, args ...any) {
	if w.Note != nil {
		w.Note(fmt.Sprintf(format, args...))
	}
}

func (w Watch) warn(format string, args ...any) {
	if w.Warn != nil {
		w.Warn(fmt.Sprintf(format, args...))
	}
}

func (w Watch) task(name, units string) (update func(done, total int64, at string), stop func()) {
	if w.Task == nil {
		return func(int64, int64, string) {}, func() {}
	}
	return w.Task(name, units)
}

// An InputError says which option cannot be carried out as it was given, and why.
type InputError struct {
	Option string // as flags have it, such as max-cost
	Value  string // that was given; "" if that says nothing
	Err    error
	Known  []string // values that can be carried out, if there are few enough to tell
}

func (e *InputError) Error() string {
	value := strconv.Quote(e.Value)
	if _, err := strconv.ParseFloat(e.Value, 64); err == nil {
		value = e.Value
	}
	if e.Value == "" {
		return fmt.Sprintf("%s: %v", e.Option, e.Err)
	}
	return fmt.Sprintf("%s %s: %v", e.Option, value, e.Err)
}

func (e *InputError) Unwrap() error { return e.Err }

func inputf(option, value, format string, args ...any) error {
	return &InputError{Option: option, Value: value, Err: fmt.Errorf(format, args...)}
}
