package study

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/optimize"
)

// Watch receives progress, notes and warnings while something is done. Functions that
// are nil are not called.
type Watch struct {
	Note func(text string) // one sentence on something done unasked
	Warn func(text string) // one sentence on something missing or left out

	// Task is called when work begins that is counted in units. It returns the functions
	// to call with the progress and the item in work, and at the end.
	Task func(name, units string) (update func(done, total int64, at string), stop func())

	// Search is called with the progress of a search over so many samples.
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

// An InputError is about an option whose value cannot be used.
type InputError struct {
	Option string // as flags have it, such as max-cost
	Value  string // as given; "" if the message does not need it
	Err    error
	Known  []string // possible values, if they are few
}

func (e *InputError) Error() string {
	value := strconv.Quote(e.Value)
	if _, err := strconv.ParseFloat(e.Value, 64); err == nil || e.Value == "" {
		value = e.Value // a number
	}
	return fmt.Sprintf("%s: %v", strings.TrimSpace(e.Option+" "+value), e.Err)
}

func (e *InputError) Unwrap() error { return e.Err }

func inputf(option, value, format string, args ...any) error {
	return &InputError{Option: option, Value: value, Err: fmt.Errorf(format, args...)}
}
