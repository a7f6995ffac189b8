package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// A searchLine shows the progress of a search and what it has found.
type searchLine struct {
	*ui.Progress
	budget string        // " within 300 gflops", "" without one
	limit  time.Duration // 0: none
	begin  time.Time
	first  int64  // evaluations at the beginning: those of a search that is resumed
	phase  string // the unit of the present phase
	done   int64  // of its units
	left   ui.Left
}

// since returns how many evaluations were made in which time.
func (l *searchLine) since(evaluations int64, now time.Time) (int64, time.Duration) {
	if l.begin.IsZero() {
		l.begin, l.first = now, evaluations
	}
	return evaluations - l.first, now.Sub(l.begin)
}

func (t *terminal) newSearchLine(o *optimizeOptions) *searchLine {
	l := &searchLine{Progress: t.err.Progress("searching", ""), limit: o.Time}
	if o.MaxCost > 0 {
		l.budget = strings.TrimSuffix(fmt.Sprintf(" within %g %s", o.MaxCost, o.Cost), " ")
	}
	return l
}

func (l *searchLine) update(now optimize.Progress, samples int) {
	parts := l.parts(now, samples, time.Now())
	l.Show(func() []string { return parts })
}

// parts are what is shown at a moment, the most important first: a narrow terminal cuts off
// the end.
func (l *searchLine) parts(now optimize.Progress, samples int, moment time.Time) (parts []string) {
	evaluations, searching := l.since(now.Evaluations, moment)
	// Phases of one unit may follow each other.
	if l.phase != now.Unit || now.Done < l.done {
		l.left = ui.Left{}
	}
	l.phase, l.done = now.Unit, now.Done
	left, known := l.left.Of(now.Done, now.Total, moment)
	if evaluations > 0 && searching > 0 {
		parts = append(parts, ui.Large(float64(evaluations)/searching.Seconds())+" cascades/s")
	}
	// No search knows how many phases will follow.
	if l.limit > 0 && searching < l.limit {
		parts = append(parts, "about "+ui.About(l.limit-searching)+" left")
	} else if l.limit > 0 {
		parts = append(parts, "ending")
	} else if known {
		parts = append(parts, "phase: about "+ui.About(left)+" left")
	}
	if now.Correct > 0 {
		parts = append(parts, fmt.Sprintf("hypervolume %.4f", now.Hypervolume),
			"best "+percent(float64(now.Correct)/float64(samples))+l.budget)
	}
	if now.Total > 1 {
		parts = append(parts, fmt.Sprintf("%d %% of %s %s", 100*now.Done/now.Total, ui.Count(now.Total), now.Unit))
	}
	return parts
}
