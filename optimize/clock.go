package optimize

import "time"

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

// ofSearch returns the time for the search: half of the limit, from the start on, if there
// are folds to take the other half.
func (c *clock) ofSearch(folds int) time.Duration {
	if c.limit == 0 || folds == 0 {
		return c.limit
	}
	c.begun = time.Now()
	c.given = max(c.limit/2-c.begun.Sub(c.start), c.limit/leastSearch)
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
