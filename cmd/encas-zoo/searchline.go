package main

import (
	"fmt"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// A searchLine is the line that says how far a search has come and what it has found.
type searchLine struct {
	*ui.Progress
	budget string        // " within 300 gflops", "" without one
	time   time.Duration // to search; 0: no limit
	end    time.Time     // of that

	begin time.Time // of the phase that unit names
	unit  string
	first int64 // done when it began

	// Of the search as a whole; a resumed one begins with the evaluations of before.
	started          bool
	evaluations      int64
	evaluationsBegan time.Time
}

func (t *terminal) newSearchLine(o *optimizeOptions) *searchLine {
	l := &searchLine{Progress: t.err.Progress("searching", ""), time: o.Time}
	if o.MaxCost > 0 {
		l.budget = fmt.Sprintf(" within %g %s", o.MaxCost, o.Cost)
	}
	return l
}

func (l *searchLine) update(now optimize.Progress, samples int) {
	moment := time.Now()
	if !l.started {
		l.started, l.evaluations, l.evaluationsBegan = true, now.Evaluations, moment
		if l.time > 0 {
			l.end = moment.Add(l.time)
		}
	}
	if now.Unit != l.unit {
		l.unit, l.begin, l.first = now.Unit, moment, now.Done
	}
	l.Show(func() []string { return l.parts(now, samples, moment) })
}

// parts says what a person wants to know, the most important first: a narrow terminal
// cuts the line's end off.
func (l *searchLine) parts(now optimize.Progress, samples int, moment time.Time) []string {
	var parts []string
	if s := moment.Sub(l.evaluationsBegan).Seconds(); s > 0 && now.Evaluations > l.evaluations {
		parts = append(parts, ui.Large(float64(now.Evaluations-l.evaluations)/s)+" cascades/s")
	}
	if left := l.left(now, moment); left != "" {
		parts = append(parts, left)
	}
	if now.Correct > 0 {
		parts = append(parts, fmt.Sprintf("hypervolume %.4f", now.Hypervolume),
			"best "+percent(float64(now.Correct)/float64(samples))+l.budget)
	}
	if now.Total > 0 {
		parts = append(parts, fmt.Sprintf("%d %% of %s %s", 100*now.Done/now.Total, ui.Count(now.Total), now.Unit))
	}
	return parts
}

// left says how much time is left: of the limit where there is one, else of the phase
// at the speed it has. How many phases will follow no search knows.
func (l *searchLine) left(now optimize.Progress, moment time.Time) string {
	if !l.end.IsZero() {
		return "at most " + ui.Duration(max(0, l.end.Sub(moment))) + " left"
	}
	fresh, elapsed := now.Done-l.first, moment.Sub(l.begin)
	if fresh <= 0 || elapsed <= 0 || now.Total <= 0 {
		return ""
	}
	return "phase: " + ui.Duration(time.Duration(float64(elapsed)/float64(fresh)*float64(now.Total-now.Done))) + " left"
}
