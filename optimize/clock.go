package optimize

import (
	"context"
	"time"
)

// A clock shares a limit on time out, so that a search ends within about that: all of it,
// with its folds and what follows on full outputs. Nobody knows how long reading those
// takes, nor how long a fold takes to begin; what the first takes the next is taken to take.
type clock struct {
	limit   time.Duration // 0: none
	start   time.Time
	begun   time.Time     // the work whose time was shared out last
	given   time.Duration // to it
	closing time.Duration // what followed the search: the caller reads full outputs, too
	around  time.Duration // what a fold takes beyond its time
}

// The least parts of the limit that a search, and all its folds together, are given.
const (
	leastSearch = 4
	leastFolds  = 20
)

func newClock(o Options) *clock { return &clock{limit: o.Time, start: time.Now()} }

// end is when the limit is reached; the zero time if there is none.
func (c *clock) end() time.Time {
	if c.limit == 0 {
		return time.Time{}
	}
	return c.start.Add(c.limit)
}

// closingTime is how long what follows a search may take once it is to be over. What it is not
// enough for is left out: see [run.points].
const closingTime = 400 * time.Millisecond

// until returns a context that ends with ctx, and a moment after the end unless that is zero.
func until(ctx context.Context, end time.Time) (context.Context, context.CancelFunc) {
	if end.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end.Add(closingTime))
}

// Closing returns a context for what follows a search, here and at its caller's: it ends a moment
// after ctx and after the end, unless that is zero.
func Closing(ctx context.Context, end time.Time) (context.Context, context.CancelFunc) {
	closing, cancel := until(context.WithoutCancel(ctx), end)
	closing, stop := context.WithCancel(closing)
	unheard := context.AfterFunc(ctx, func() { time.AfterFunc(closingTime, stop) })
	return closing, func() { unheard(); stop(); cancel() }
}

// ofSearch returns the time for the search: half of the limit, from the start on, if there
// are folds to take the other half.
func (c *clock) ofSearch(folds int) time.Duration {
	if c.limit == 0 || folds == 0 {
		return c.limit
	}
	c.begun = time.Now()
	c.given = max(c.limit/2-c.begun.Sub(c.start), c.limit/leastSearch, 1) // 0 is no limit
	return c.given
}

// searched marks the end of the search and of what followed it.
func (c *clock) searched() {
	c.closing = max(0, time.Since(c.begun)-c.given)
}

// ofFold returns the time for a fold of which so many are left, 0 if there is no limit.
func (c *clock) ofFold(left int) time.Duration {
	if c.limit == 0 {
		return 0
	}
	c.begun = time.Now()
	rest := c.limit - c.begun.Sub(c.start) - c.closing
	return max(rest/time.Duration(left)-c.around, c.limit/time.Duration(leastFolds*left), time.Millisecond)
}

// folded marks the end of a fold that was given so much time.
func (c *clock) folded(given time.Duration) {
	if c.limit > 0 {
		c.around = max(0, time.Since(c.begun)-given)
	}
}
