package main

import (
	"embed"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

// The scripts ask the program itself what may come next: see completeWord.
//
//go:embed completion
var completionScripts embed.FS

var shells = []string{"bash", "zsh", "fish"}

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script that lets a shell complete command lines",
		UsageText: "bash|zsh|fish",
		Description: `With the script commands, flags and what follows them are completed: algorithms,
formats, splits, run folders in ./runs, and the models of the zoo that --zoo or
$ENCAS_ZOO names or that is in ./zoo.`,
		CustomHelpTemplate: commandHelp(`
source <(encas-zoo completion bash)                  this shell alone, bash or zsh
encas-zoo completion bash > ~/.local/share/bash-completion/completions/encas-zoo
encas-zoo completion zsh > "${fpath[1]}/_encas-zoo"
encas-zoo completion fish > ~/.config/fish/completions/encas-zoo.fish`),
		Action: func(c *cli.Context) error {
			shell := c.Args().First()
			if c.NArg() != 1 || !slices.Contains(shells, shell) {
				return usagef("name one shell: %s", strings.Join(shells, ", "))
			}
			script, err := completionScripts.ReadFile("completion/encas-zoo." + shell)
			if err != nil {
				return err
			}
			_, err = c.App.Writer.Write(script)
			return err
		},
	}
}

// completeWord is the first word of the command line with which the scripts ask what
// may come next. The words typed so far follow, the last of them, which may be empty,
// is to be completed. The answer's first line says what else the shell may offer; the
// others have a word each and, after a tab, what it means.
const completeWord = "__complete"

// What the shell may offer beside the words.
const (
	nothingElse = "none"
	files       = "files"
	folders     = "folders"
)

// An offer is what may come next.
type offer struct {
	others string
	words  []string
	what   map[string]string // words mean
}

// complete answers a script.
func complete(app *cli.App, typed []string, out io.Writer) error {
	o := offers(app, typed)
	var b strings.Builder
	b.WriteString(o.others + "\n")
	current := typed[len(typed)-1]
	for _, word := range o.words {
		// A name that is not one line would be taken for two.
		if strings.HasPrefix(word, current) && word == ui.Safe(word) {
			b.WriteString(strings.TrimSuffix(word+"\t"+ui.Safe(o.what[word]), "\t") + "\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// offers says what may stand where the last word of a command line stands.
func offers(app *cli.App, typed []string) offer {
	l := line{level: app.Commands}
	takesValue := flagsOfAll(app)
	current, before := typed[len(typed)-1], typed[:len(typed)-1]
	values := map[string]string{} // of the flags before
	pending, flagsEnded := "", false
	for _, word := range before {
		name, value, given := strings.Cut(strings.TrimLeft(word, "-"), "=")
		switch {
		case pending != "":
			values[pending], pending = word, ""
		case flagsEnded || word == "-" || !strings.HasPrefix(word, "-"):
			if l.word(word) != nil {
				return offer{others: nothingElse} // no such command
			}
		case word == "--":
			flagsEnded = true
		case given:
			values[name] = value
		case takesValue[name]:
			pending = name
		}
	}
	name, value, given := strings.Cut(strings.TrimLeft(current, "-"), "=")
	switch {
	case pending != "":
		return l.values(pending, current, values)
	case flagsEnded || !strings.HasPrefix(current, "-"):
		return l.arguments(values)
	case given:
		o := l.values(name, value, values)
		for i, word := range o.words {
			o.words[i] = current[:len(current)-len(value)] + word
		}
		return o
	}
	return l.flagNames()
}

// flagNames offers the flags of the command.
func (l *line) flagNames() offer {
	o := offer{nothingElse, []string{"--help"}, map[string]string{"--help": "show help"}}
	if l.last == nil {
		o.words = append(o.words, "--version")
		return o
	}
	for _, flag := range l.last.Flags {
		word := "--" + flag.Names()[0]
		// The first part of a sentence is enough to choose by.
		what, _, _ := strings.Cut(plainUsage(flag), " (default")
		what, _, _ = strings.Cut(what, "; ")
		o.words, o.what[word] = append(o.words, word), what
	}
	return o
}

// arguments offers commands or, after one, what it takes.
func (l *line) arguments(values map[string]string) offer {
	o := offer{nothingElse, nil, map[string]string{}}
	if len(l.level) > 0 {
		for _, command := range l.level {
			o.words, o.what[command.Name] = append(o.words, command.Name), command.Usage
		}
		return o
	}
	switch name := strings.Join(l.path, " "); name {
	case "compare", "report", "evaluate", "explain", "export":
		if len(l.rest) > 0 && name != "compare" && name != "report" {
			return o // these take one
		}
		o.others, o.words = folders, runFolders()
	case "import", "ingest":
		o.others = files
	case "zoo remove":
		o.words = modelNames(values["zoo"])
	case "completion":
		o.words = shells
	}
	return o
}

// values offers what may follow a flag.
func (l *line) values(flag, current string, values map[string]string) offer {
	o := offer{others: nothingElse}
	switch flag {
	case "algorithm":
		o.words = optimize.Algorithms()
	case "rule":
		o.words = study.Rules()
	case "confidence":
		o.words = cascade.Confidences()
	case "grid":
		o.others, o.words = files, []string{"fine", "paper"}
	case "chart":
		o.words = chartTimes
	case "format":
		o.words = map[string][]string{
			"import": importer.Formats(),
			"export": exportFormats,
			"report": slices.Concat(reportFiles, reportTexts),
		}[strings.Join(l.path, " ")]
	case "zoo":
		o.others, o.words = folders, []string{study.Example}
	case "resume":
		o.others, o.words = folders, runFolders()
	case "split":
		o.words = splitNames(values["zoo"])
	case "dominate":
		o.words = modelNames(values["zoo"])
	case "models", "include":
		// A list: what stands before the last comma stays.
		kept := current[:strings.LastIndexByte(current, ',')+1]
		if strings.HasPrefix(current[len(kept):], "!") {
			kept += "!"
		}
		for _, name := range modelNames(values["zoo"]) {
			o.words = append(o.words, kept+name)
		}
	case "out", "agreement", "plot", "class-names", "data", "python", "shim", "models-dir":
		o.others = files
	}
	return o
}

// runFolders returns the run folders in ./runs, the newest first.
func runFolders() (dirs []string) {
	entries, err := os.ReadDir(runsFolder)
	if err != nil {
		return nil
	}
	slices.Reverse(entries)
	for _, e := range entries {
		dir := filepath.Join(runsFolder, e.Name())
		if _, err := os.Stat(filepath.Join(dir, front.FrontFile)); err == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// runsFolder is where run folders are that nobody chose a place for.
const runsFolder = "runs"

// zooToComplete opens the zoo whose names are offered, nil where there is none. The
// example zoo is not made for that.
func zooToComplete(flag string) *zoo.Zoo {
	for _, dir := range []string{flag, os.Getenv("ENCAS_ZOO"), localZoo} {
		if dir != "" {
			z, err := zoo.Open(dir)
			if err != nil {
				return nil
			}
			return z
		}
	}
	return nil
}

func modelNames(zooFlag string) (names []string) {
	if z := zooToComplete(zooFlag); z != nil {
		for _, m := range z.Models() {
			names = append(names, m.Name)
		}
	}
	return names
}

func splitNames(zooFlag string) (names []string) {
	if z := zooToComplete(zooFlag); z != nil {
		for _, s := range z.Splits() {
			names = append(names, s.Name)
		}
	}
	return names
}
