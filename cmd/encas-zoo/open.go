package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/example"
)

// exampleZoo is what --zoo takes for the zoo that is built in. A folder of that
// name is ./example.
const exampleZoo = "example"

// localZoo is the folder of the zoo where nobody names one.
const localZoo = "zoo"

func zooFlag() cli.Flag {
	return &cli.StringFlag{Name: "zoo", Usage: "the zoo's folder `DIR`, or 'example' for the one built in (default: $ENCAS_ZOO, else ./zoo, else the example)"}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "write JSON and nothing else to standard output"}
}

func quietFlag() cli.Flag {
	return &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show no notes and no progress"}
}

// zooFolder returns the zoo that a command is to use, a folder or exampleZoo, and
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
	return exampleZoo, false
}

// openZoo opens the zoo a command is to use and says which one it is where nobody
// chose it.
func (t *terminal) openZoo(c *cli.Context) (*zoo.Zoo, error) {
	dir, chosen := zooFolder(c)
	switch {
	case dir == "":
		return nil, usagef("--zoo is empty: name a folder")
	case dir == exampleZoo:
		if !chosen {
			t.err.Notef("no --zoo, no $ENCAS_ZOO and no zoo in ./zoo: using the example zoo")
		}
		z, err := example.Open(c.Context)
		if err == nil {
			t.relay(z)
		}
		return z, err
	case !chosen:
		t.err.Notef("using the zoo in ./%s", dir)
	}
	z, err := zoo.Open(dir)
	if errors.Is(err, fs.ErrNotExist) && chosen {
		return nil, usageError{err}
	}
	if err != nil {
		return nil, err
	}
	t.relay(z)
	return z, nil
}

// relay shows what the zoo does by itself.
func (t *terminal) relay(z *zoo.Zoo) {
	z.Notify(func(note string) { t.err.Notef("%s", note) })
}

// writeJSON writes a command's result for programs.
func writeJSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	return writeJSONText(b.Bytes())
}

// writeJSONText writes finished JSON. Characters that do more to a terminal than show
// are escaped: to a program that is the same text.
func writeJSONText(data []byte) error {
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
	_, err := io.WriteString(os.Stdout, b.String())
	return err
}
