package ui

import (
	"fmt"
	"strings"
	"time"
)

// How often a progress line is renewed on a terminal, and repeated elsewhere.
const (
	onTerminal = 100 * time.Millisecond
	elsewhere  = 10 * time.Second
)

// Progress shows how far a piece of work has come: on a terminal in one line that
// is rewritten, elsewhere in a plain line every ten seconds, so that short work
// leaves no line in a log.
type Progress struct {
	c           *Console
	what, units string
	start       time.Time
	first       int64 // done at the first update, the work of an earlier run
	shown       time.Time
	started     bool
	note        string
}

// Progress begins a piece of work that is counted in units ("models").
func (c *Console) Progress(what, units string) *Progress {
	now := c.now()
	return &Progress{c: c, what: what, units: units, start: now, shown: now}
}

// Update says how much is done of how much; total 0 means that nobody knows. The
// note, "" for none, stands at the line's end.
func (p *Progress) Update(done, total int64, note string) {
	c := p.c
	if c.quiet {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if !p.started {
		p.started, p.first, p.start = true, done, now
	}
	p.note = note
	width := c.width()
	if width > 0 {
		if now.Sub(p.shown) >= onTerminal {
			p.shown = now
			c.show(Fit(p.line(done, total, now), width-1))
		}
	} else if now.Sub(p.shown) >= elsewhere {
		p.shown = now
		c.put(p.line(done, total, now) + "\n")
	}
}

// Stop takes the line away. The caller says what came of the work.
func (p *Progress) Stop() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.c.width() > 0 {
		p.c.show("")
	}
}

func (p *Progress) line(done, total int64, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", p.what, Count(done))
	if total > 0 {
		fmt.Fprintf(&b, " of %s", Count(total))
	}
	fmt.Fprintf(&b, " %s", p.units)
	if total > 0 {
		fmt.Fprintf(&b, ", %d %%", 100*done/total)
	}
	elapsed := now.Sub(p.start).Seconds()
	if fresh := done - p.first; fresh > 0 && elapsed > 0 {
		rate := float64(fresh) / elapsed
		fmt.Fprintf(&b, ", %s/s", Number(rate))
		if left := total - done; left > 0 {
			fmt.Fprintf(&b, ", %s left", Duration(time.Duration(float64(left)/rate*float64(time.Second))))
		}
	}
	if p.note != "" {
		fmt.Fprintf(&b, ", %s", Safe(p.note))
	}
	return b.String()
}
