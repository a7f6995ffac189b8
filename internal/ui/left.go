package ui

import (
	"math"
	"time"
)

// A Left estimates how long work will take that is done unit by unit. Units take different
// times, so that an estimate from what is done so far jumps: this one moves slowly, and there
// is none before something is known, nor once the time estimated is over and work goes on.
type Left struct {
	begin, last time.Time
	first       int64         // done at the beginning, by an earlier run
	left        time.Duration // estimated last; 0: not yet
}

// How an estimate moves: not before so long and so large a part of the work, then to the
// new one in about so long.
const (
	leftAfter = time.Second
	leftPart  = 0.02
	leftMoves = 15 * time.Second
	leftLeast = 500 * time.Millisecond // what is less is over
)

// Of returns how long it will take from now on to do the rest of a total; ok is false if
// that cannot be told yet.
func (l *Left) Of(done, total int64, now time.Time) (left time.Duration, ok bool) {
	if l.begin.IsZero() {
		l.begin, l.last, l.first = now, now, done
	}
	worked, fresh, rest := now.Sub(l.begin), done-l.first, total-done
	if rest <= 0 || fresh <= 0 || worked < leftAfter || float64(fresh) < leftPart*float64(total-l.first) {
		return 0, false
	}
	measured := time.Duration(float64(worked) / float64(fresh) * float64(rest))
	passed := now.Sub(l.last)
	l.last = now
	if l.left == 0 {
		l.left = measured
	} else {
		moved := 1 - math.Exp(-float64(passed)/float64(leftMoves))
		expected := l.left - passed
		l.left = max(0, expected+time.Duration(moved*float64(measured-expected)))
	}
	return l.left, l.left >= leftLeast
}

// About writes how long something will take, as precisely as that is known.
func About(d time.Duration) string {
	for _, u := range []struct{ from, unit time.Duration }{
		{10 * time.Minute, 5 * time.Minute}, {2 * time.Minute, time.Minute}, {20 * time.Second, 5 * time.Second}, {0, time.Second},
	} {
		if d >= u.from {
			d = max(time.Second, d.Round(u.unit))
			break
		}
	}
	switch {
	case d < 2*time.Minute:
		return Count(int64(d/time.Second)) + " s"
	case d < 2*time.Hour:
		return Count(int64(d/time.Minute)) + " min"
	}
	return Count(int64(d.Round(time.Hour)/time.Hour)) + " h"
}
