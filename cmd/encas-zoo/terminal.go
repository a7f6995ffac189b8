package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A terminal is where a command writes: results to out, everything else to err. With
// --json, out gets one JSON value and nothing else.
type terminal struct {
	out, err *ui.Console
	json     bool
	file     *os.File // standard output

	mu   sync.Mutex
	said map[string]bool // notes and warnings
}

// once reports whether a text is said for the first time.
func (t *terminal) once(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	again := t.said[text]
	t.said[text] = true
	return !again
}

// terminalKey is the key of a command's terminal in the metadata of the app.
const terminalKey = "terminal"

// on makes the action of a command: what it does on a terminal.
func on(do func(c *cli.Context, t *terminal) error) cli.ActionFunc {
	return func(c *cli.Context) error { return do(c, newTerminal(c)) }
}

// onZoo makes the action of a command that takes a zoo and no arguments.
func onZoo(do func(c *cli.Context, t *terminal, z *zoo.Zoo) error) cli.ActionFunc {
	return on(func(c *cli.Context, t *terminal) error {
		if err := noArguments(c); err != nil {
			return err
		}
		z, err := t.openZoo(c)
		if err != nil {
			return err
		}
		return do(c, t, z)
	})
}

// noArguments refuses arguments of a command that takes none.
func noArguments(c *cli.Context) error {
	if !c.Args().Present() {
		return nil
	}
	arg, hint := c.Args().First(), ""
	takesZoo := slices.ContainsFunc(c.Command.Flags, func(flag cli.Flag) bool { return slices.Contains(flag.Names(), "zoo") })
	if takesZoo && !c.IsSet("zoo") && (study.IsExample(arg) || isZoo(arg)) {
		hint = fmt.Sprintf("; did you mean %q?", "--zoo "+shellPath(arg))
	}
	return usagef("unexpected argument %q%s", arg, hint)
}

func newTerminal(c *cli.Context) *terminal {
	stdout, stderr := c.App.Writer.(*os.File), c.App.ErrWriter.(*os.File)
	t := &terminal{
		out:  ui.NewConsole(stdout, false),
		err:  ui.NewConsole(stderr, c.Bool("quiet")),
		json: c.Bool("json"),
		file: stdout,
		said: map[string]bool{},
	}
	c.App.Metadata[terminalKey] = t
	return t
}

// watch shows progress, notes and warnings, each of the latter once.
func (t *terminal) watch() study.Watch {
	return study.Watch{
		Note: func(text string) {
			if t.once(text) {
				t.err.Notef("%s", words(text))
			}
		},
		Warn: func(text string) {
			if t.once(text) {
				t.err.Warnf("%s", words(text))
			}
		},
		Task: func(name, units string) (func(done, total int64, at string), func()) {
			p := t.err.Progress(name, units)
			return p.Update, p.Stop
		},
	}
}

// localZoo is the default folder of the zoo.
const localZoo = "zoo"

// exampleError refuses to write to a zoo that is built in, which a flag named.
func exampleError(flag string) error {
	return usagef("the example zoos are part of the program: name a folder of your own with --%s", flag)
}

// zooFolder returns the zoo to use, a folder or one of [study.Examples], and whether the user
// chose it.
func zooFolder(c *cli.Context) (dir string, chosen bool) {
	if c.IsSet("zoo") {
		return ownFirst(c.String("zoo")), true
	}
	if dir := os.Getenv("ENCAS_ZOO"); dir != "" {
		return ownFirst(dir), true
	}
	if isZoo(localZoo) {
		return localZoo, false
	}
	return study.Example, false
}

// ownFirst returns the zoo of a name: a folder that is called as one that is built in, other
// than the default one, comes before that. People call theirs cifar10.
func ownFirst(dir string) string {
	if study.IsExample(dir) && dir != study.Example {
		if isZoo(dir) {
			return "." + string(filepath.Separator) + dir
		}
	}
	return dir
}

// isZoo reports whether a folder has a zoo.
func isZoo(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "zoo.json"))
	return err == nil
}

// ownZoo returns the folder of the zoo to fill.
func ownZoo(c *cli.Context) (string, error) {
	dir, chosen := zooFolder(c)
	switch {
	case dir == "" || dir == study.Example && chosen:
		return "", exampleError("zoo")
	case !chosen:
		return localZoo, nil
	}
	return dir, nil
}

// openZoo opens the zoo to use, and notes which one it is if the user did not choose it.
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
	if chosen && !c.IsSet("zoo") && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("$ENCAS_ZOO: %w", err)
	}
	return z, err
}

// openZooOf opens the zoo of --zoo, else that of a run.
func (t *terminal) openZooOf(c *cli.Context, run report.Source) (*zoo.Zoo, error) {
	if c.IsSet("zoo") || run.Run == nil {
		return t.openZoo(c)
	}
	return study.ZooOfRun(c.Context, run, otherZoos(c), t.watch())
}

// otherZoos returns where the zoo of a run may be if it has moved.
func otherZoos(c *cli.Context) []string {
	if dir, _ := zooFolder(c); !study.IsExample(dir) {
		return []string{dir}
	}
	return nil
}

// give writes a command's result: as JSON with --json, else by show.
func (t *terminal) give(result any, show func()) error {
	if t.json {
		return t.writeJSON(result)
	}
	show()
	return nil
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

// writeJSONText writes finished JSON. Characters that could do more to a terminal than
// show are escaped, which is the same text to a program.
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

// wrote says that a file was written.
func (t *terminal) wrote(path string) {
	if t.json {
		t.err.Notef("wrote %s", path)
	} else {
		t.out.Printf("wrote %s\n", path)
	}
}

// percent writes a share, points a difference of two shares in percentage points.
func percent(share float64) string     { return fmt.Sprintf("%.2f %%", 100*share) }
func points(difference float64) string { return fmt.Sprintf("%+.2f", 100*difference) }

// between writes an interval of shares.
func between(i [2]float64) string { return fmt.Sprintf("%.2f..%.2f", 100*i[0], 100*i[1]) }
