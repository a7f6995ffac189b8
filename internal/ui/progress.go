package ui

import (
	"fmt"
	"strings"
	"time"
)

// How often a progress line is rewritten on a terminal, and repeated elsewhere.
const (
	onTerminal = 100 * time.Millisecond
	elsewhere  = 10 * time.Second
)

// Progress shows how much of some work is done: on a terminal in one line that is
// rewritten, elsewhere in a plain line every ten seconds, so that short work leaves
// no line in a log.
type Progress struct {
	c           *Console
	what, units string
	amount      func(int64) string // what is counted, without its units
	start       time.Time
	first       int64 // done at the first update, by an earlier run
	left        Left
	shown       time.Time
	started     bool
}

// Progress starts work that is counted in units ("models").
func (c *Console) Progress(what, units string) *Progress {
	now := c.now()
	return &Progress{c: c, what: what, units: " " + units, amount: Count[int64], start: now, shown: now}
}

// ProgressOfBytes starts work that is counted in bytes.
func (c *Console) ProgressOfBytes(what string) *Progress {
	p := c.Progress(what, "")
	p.units, p.amount = "", Bytes
	return p
}

// Update shows how much is done of a total, 0 if that is unknown. The note, "" for
// none, ends the line.
func (p *Progress) Update(done, total int64, note string) {
	p.c.mu.Lock()
	if !p.started {
		p.started, p.first, p.start = true, done, p.c.now()
	}
	left, known := p.left.Of(done, total, p.c.now())
	p.c.mu.Unlock()
	p.Show(func() []string {
		parts := p.parts(done, total, p.c.now())
		if known {
			parts = append(parts, "about "+About(left)+" left")
		}
		if note != "" {
			parts = append(parts, note)
		}
		return parts
	})
}

// Show shows the parts, separated by commas. It calls parts only when the line is due
// to be rewritten.
func (p *Progress) Show(parts func() []string) {
	c := p.c
	if c.quiet {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now, width := c.now(), c.width()
	pause := elsewhere
	if width > 0 {
		pause = onTerminal
	}
	if now.Sub(p.shown) < pause {
		return
	}
	p.shown = now
	line := p.what + ": " + Safe(strings.Join(parts(), ", "))
	if width > 0 {
		c.show(Fit(line, width-1))
	} else {
		c.put(line + "\n")
	}
}

// Stop removes the line. The caller reports the result.
func (p *Progress) Stop() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.c.width() > 0 {
		p.c.show("")
	}
}

func (p *Progress) parts(done, total int64, now time.Time) []string {
	amount := p.amount(done)
	if total > 0 {
		amount += " of " + p.amount(total)
	}
	parts := []string{amount + p.units}
	if total > 1 {
		parts = append(parts, fmt.Sprintf("%d %%", 100*done/total))
	}
	elapsed := now.Sub(p.start).Seconds()
	if fresh := done - p.first; fresh > 0 && elapsed > 0 {
		rate := Number(float64(fresh) / elapsed)
		if p.units == "" {
			rate = p.amount(int64(float64(fresh) / elapsed))
		}
		parts = append(parts, rate+"/s")
	}
	return parts
}
