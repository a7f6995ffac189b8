package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A terminal is where a command writes: results to out, everything else to err.
// With --json out stays empty but for one JSON value.
type terminal struct {
	out, err *ui.Console
	json     bool
	file     *os.File // standard output
}

// terminalKey is where a command's terminal lies in the metadata of the app.
const terminalKey = "terminal"

func newTerminal(c *cli.Context) *terminal {
	stdout, stderr := c.App.Writer.(*os.File), c.App.ErrWriter.(*os.File)
	t := &terminal{
		out:  ui.NewConsole(stdout, false),
		err:  ui.NewConsole(stderr, c.Bool("quiet")),
		json: c.Bool("json"),
		file: stdout,
	}
	c.App.Metadata[terminalKey] = t
	return t
}

// watch shows what goes on.
func (t *terminal) watch() study.Watch {
	return study.Watch{
		Note: func(text string) { t.err.Notef("%s", text) },
		Warn: func(text string) { t.err.Warnf("%s", text) },
		Task: func(name, units string) (func(done, total int64, at string), func()) {
			p := t.err.Progress(name, units)
			return p.Update, p.Stop
		},
	}
}

// localZoo is the folder of the zoo if nobody names one.
const localZoo = "zoo"

// zooFolder returns the zoo that a command is to use, a folder or [study.Example], and
// whether somebody chose it.
func zooFolder(c *cli.Context) (dir string, chosen bool) {
	if c.IsSet("zoo") {
		return c.String("zoo"), true
	}
	if dir := os.Getenv("ENCAS_ZOO"); dir != "" {
		return dir, true
	}
	if _, err := os.Stat(filepath.Join(localZoo, "zoo.json")); err == nil {
		return localZoo, false
	}
	return study.Example, false
}

// ownZoo returns the folder of the zoo that a command is to fill.
func ownZoo(c *cli.Context) (string, error) {
	dir, chosen := zooFolder(c)
	switch {
	case dir == "" || dir == study.Example && chosen:
		return "", usagef("the example zoo is part of the program: name a folder of your own with --zoo")
	case !chosen:
		return localZoo, nil
	}
	return dir, nil
}

// openZoo opens the zoo a command is to use and says which one it is if nobody chose
// it.
func (t *terminal) openZoo(c *cli.Context) (*zoo.Zoo, error) {
	dir, chosen := zooFolder(c)
	switch {
	case dir == "":
		return nil, usagef("--zoo is empty: name a folder")
	case dir == study.Example && !chosen:
		t.err.Notef("no --zoo, no $ENCAS_ZOO and no zoo in ./zoo: using the example zoo")
	case !chosen:
		t.err.Notef("using the zoo in ./%s", dir)
	}
	z, err := study.Open(c.Context, dir, t.watch())
	if errors.Is(err, fs.ErrNotExist) && chosen && dir != study.Example {
		return nil, usageError{err}
	}
	return z, err
}

// writeJSON writes a command's result for programs.
func (t *terminal) writeJSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	return t.writeJSONText(b.Bytes())
}

// writeJSONText writes finished JSON. Characters that do more to a terminal than show
// are escaped: to a program that is the same text.
func (t *terminal) writeJSONText(data []byte) error {
	var b strings.Builder
	for _, r := range string(data) {
		switch {
		case r == '\n' || r == '\t' || strconv.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	_, err := t.file.WriteString(b.String())
	return err
}

// percent writes a share, points a difference of two shares in percentage points.
func percent(share float64) string     { return fmt.Sprintf("%.2f %%", 100*share) }
func points(difference float64) string { return fmt.Sprintf("%+.2f", 100*difference) }

// between writes an interval of shares.
func between(i [2]float64) string { return fmt.Sprintf("%.2f..%.2f", 100*i[0], 100*i[1]) }
