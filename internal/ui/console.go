// Package ui writes for people: results, notes, warnings and the progress of long
// work. On a terminal it rewrites lines and uses colour, and it escapes whatever
// could do more to the terminal than show text.
package ui

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Console is one place to write to, standard output or standard error. It may be
// used from several goroutines.
type Console struct {
	mu     sync.Mutex
	out    io.Writer
	width  func() int // columns of the terminal; 0 without one
	person bool       // reads it, on a terminal of any kind
	colour bool
	quiet  bool
	now    func() time.Time
	line   string // the progress line on the terminal
	err    error  // the first of writing
}

// NewConsole returns a console on f. A quiet one shows neither notes nor progress.
// There is no colour if f is not a terminal, $NO_COLOR is set or $TERM is dumb.
func NewConsole(f *os.File, quiet bool) *Console {
	c := &Console{out: f, quiet: quiet, now: time.Now, width: func() int { return 0 }}
	c.person = term.IsTerminal(int(f.Fd()))
	if c.person && os.Getenv("TERM") != "dumb" {
		c.colour = os.Getenv("NO_COLOR") == ""
		c.width = func() int {
			if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
				return w
			}
			return 80
		}
	}
	return c
}

// text is text that is safe to write unchanged.
type text string

// Bold makes s, for Printf, bold on a terminal with colour.
func (c *Console) Bold(s string) fmt.Stringer { return c.style("1", s) }

// Dim makes s, for Printf, faint on a terminal with colour.
func (c *Console) Dim(s string) fmt.Stringer { return c.style("2", s) }

func (c *Console) style(code, s string) text {
	if !c.colour {
		return text(Safe(s))
	}
	return text("\x1b[" + code + "m" + Safe(s) + "\x1b[0m")
}

func (t text) String() string { return string(t) }

// Printf writes a result. Strings among the arguments are made Safe, so that no
// name can move the cursor or break the line; errors keep their line breaks.
func (c *Console) Printf(format string, args ...any) {
	clean := make([]any, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			clean[i] = Safe(arg)
		case error:
			clean[i] = safeLines(arg.Error())
		default:
			clean[i] = arg
		}
	}
	c.write(fmt.Sprintf(format, clean...))
}

// Text writes finished lines that may be for another program, such as CSV: unchanged,
// except that a terminal gets nothing that could do more to it than show a character.
func (c *Console) Text(lines string) {
	if c.person {
		lines = safeLines(lines)
	}
	c.write(lines)
}

// Notef writes a line that explains what happens, unless the console is quiet.
func (c *Console) Notef(format string, args ...any) {
	if !c.quiet {
		c.Printf(format+"\n", args...)
	}
}

// Warnf writes a warning, on a quiet console too.
func (c *Console) Warnf(format string, args ...any) {
	c.Printf("warning: "+format+"\n", args...)
}

// Err returns the first error of writing, such as a full disk if the output is
// redirected to a file.
func (c *Console) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// write prints finished text above the progress line.
func (c *Console) write(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line != "" {
		s = eraseLine + s + c.line
	}
	c.put(s)
}

// put writes and records the first error. The caller holds the lock.
func (c *Console) put(s string) {
	if _, err := io.WriteString(c.out, s); err != nil && c.err == nil {
		c.err = err
	}
}

const eraseLine = "\r\x1b[K"

// show replaces the progress line by line, which may be empty.
func (c *Console) show(line string) {
	if c.line != "" || line != "" {
		c.put(eraseLine + line)
	}
	c.line = line
}
