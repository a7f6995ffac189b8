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
	budget        string        // " within 300 gflops", "" without one
	limit         time.Duration // 0: none
	search, phase pace          // a resumed search begins with its earlier evaluations
}

// A pace is work that is being done: how much was done when it began.
type pace struct {
	name  string
	done  int64
	begin time.Time
}

// since returns how much was done in which time. Another name begins new work.
func (p *pace) since(name string, done int64, now time.Time) (int64, time.Duration) {
	if p.begin.IsZero() || p.name != name {
		*p = pace{name, done, now}
	}
	return done - p.done, now.Sub(p.begin)
}

func (t *terminal) newSearchLine(o *optimizeOptions) *searchLine {
	l := &searchLine{Progress: t.err.Progress("searching", ""), limit: o.Time}
	if o.MaxCost > 0 {
		l.budget = strings.TrimSuffix(fmt.Sprintf(" within %g %s", o.MaxCost, o.Cost), " ")
	}
	return l
}

func (l *searchLine) update(now optimize.Progress, samples int) {
	moment := time.Now()
	evaluations, searching := l.search.since("", now.Evaluations, moment)
	done, working := l.phase.since(now.Unit, now.Done, moment)
	// The most important parts first: a narrow terminal cuts off the end.
	l.Show(func() (parts []string) {
		if evaluations > 0 && searching > 0 {
			parts = append(parts, ui.Large(float64(evaluations)/searching.Seconds())+" cascades/s")
		}
		// No search knows how many phases will follow.
		if l.limit > 0 {
			parts = append(parts, "at most "+ui.Duration(max(0, l.limit-searching))+" left")
		} else if done > 0 && working > 0 && now.Total > 0 {
			parts = append(parts, "phase: "+ui.Duration(time.Duration(float64(working)/float64(done)*float64(now.Total-now.Done)))+" left")
		}
		if now.Correct > 0 {
			parts = append(parts, fmt.Sprintf("hypervolume %.4f", now.Hypervolume),
				"best "+percent(float64(now.Correct)/float64(samples))+l.budget)
		}
		if now.Total > 0 {
			parts = append(parts, fmt.Sprintf("%d %% of %s %s", 100*now.Done/now.Total, ui.Count(now.Total), now.Unit))
		}
		return parts
	})
}
