package optimize

import (
	"testing"
	"time"
)

// Search, folds and what follows on full outputs share the limit; work that takes longer than
// it was given takes from what comes after it.
func TestClockSharesTheLimit(t *testing.T) {
	t.Parallel()
	near := func(got, want time.Duration) bool { return (got - want).Abs() < 200*time.Millisecond }
	c := newClock(Options{Time: 20 * time.Second})
	c.start = c.start.Add(-2 * time.Second) // of preparing
	if got := c.ofSearch(5); !near(got, 8*time.Second) {
		t.Errorf("the search has %v", got)
	}
	c.begun = c.begun.Add(-11 * time.Second) // 8 of searching, 3 on full outputs
	c.start = c.start.Add(-11 * time.Second)
	c.searched()
	if !near(c.closing, 3*time.Second) {
		t.Errorf("%v are kept for the end", c.closing)
	}
	given := c.ofFold(5)
	if !near(given, 4*time.Second/5) {
		t.Errorf("the first fold has %v", given)
	}
	c.begun, c.start = c.begun.Add(-given-200*time.Millisecond), c.start.Add(-given-200*time.Millisecond)
	c.folded(given)
	if got := c.ofFold(4); !near(got, 3*time.Second/4-200*time.Millisecond) {
		t.Errorf("the second fold has %v", got)
	}
	c.start = c.start.Add(-time.Minute)
	if got := c.ofFold(4); got <= 0 {
		t.Errorf("late, a fold has %v", got)
	}

	if c := newClock(Options{}); c.ofSearch(5) != 0 || c.ofFold(5) != 0 {
		t.Error("without a limit there is one")
	}
	if c := newClock(Options{Time: time.Second}); c.ofSearch(0) != time.Second {
		t.Error("without folds the search has not all of the time")
	}
}
