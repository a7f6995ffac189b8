package main

import (
	"cmp"
	"embed"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/nat"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/supernet"
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
		Usage:     "print a script for completion in a shell",
		UsageText: "bash|zsh|fish",
		Description: `The script completes commands, flags and their values: algorithms, formats, splits, run
folders in ./runs, and the models of the zoo of --zoo or $ENCAS_ZOO or in ./zoo.`,
		CustomHelpTemplate: commandHelp(`
source <(encas-zoo completion bash)                  this shell only
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
// may come next. The words typed so far follow; the last one, which may be empty, is to
// be completed. The first line of the answer is what else the shell may offer; the others
// have a word each and, after a tab, its meaning.
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
	what   map[string]string // meaning of words
}

// complete answers a script.
func complete(app *cli.App, typed []string, out io.Writer) error {
	o := offers(app, typed)
	var b strings.Builder
	b.WriteString(o.others + "\n")
	current := typed[len(typed)-1]
	for _, word := range o.words {
		// A name with a line break would become two.
		if strings.HasPrefix(word, current) && word == ui.Safe(word) {
			b.WriteString(strings.TrimSuffix(word+"\t"+ui.Safe(o.what[word]), "\t") + "\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// offers returns what may replace the last word of a command line.
func offers(app *cli.App, typed []string) offer {
	l := newLine(app)
	current, before := typed[len(typed)-1], typed[:len(typed)-1]
	for _, word := range before {
		if l.take(word) != nil {
			return offer{others: nothingElse} // no such command
		}
	}
	name, value, given := strings.Cut(strings.TrimLeft(current, "-"), "=")
	switch {
	case l.pending != "":
		return l.offerValues(l.pending, current)
	case l.ended || !strings.HasPrefix(current, "-"):
		return l.offerArguments()
	case given:
		o := l.offerValues(name, value)
		for i, word := range o.words {
			o.words[i] = current[:len(current)-len(value)] + word
		}
		return o
	}
	return l.offerFlags()
}

// offerFlags offers the flags of the command.
func (l *line) offerFlags() offer {
	o := offer{nothingElse, []string{"--help"}, map[string]string{"--help": "show help"}}
	if l.last == nil {
		o.words = append(o.words, "--version")
		return o
	}
	for _, flag := range l.last.Flags {
		word := "--" + flag.Names()[0]
		// The first part of the usage is enough to choose by.
		what, _, _ := strings.Cut(plainUsage(flag), " (default")
		what, _, _ = strings.Cut(what, "; ")
		o.words, o.what[word] = append(o.words, word), what
	}
	return o
}

// offerArguments offers commands or, after one, its arguments.
func (l *line) offerArguments() offer {
	o := offer{nothingElse, nil, map[string]string{}}
	if len(l.level) > 0 {
		for _, command := range l.level {
			o.words, o.what[command.Name] = append(o.words, command.Name), command.Usage
		}
		return o
	}
	switch name := strings.Join(l.path, " "); name {
	case "compare", "report", "evaluate", "certify", "explain", "export", "label", "front merge":
		if len(l.rest) > 0 && name != "compare" && name != "report" && name != "front merge" {
			return o // these take one
		}
		o.others, o.words = folders, runFolders()
	case "import", "ingest", "diff", "run", "serve":
		o.others = files
	case "supernet export", "supernet info", "supernet train":
		o.others, o.words = files, supernet.Families()
	case "supernet sample", "supernet extract", "nat":
		o.others = files
	case "zoo remove", "zoo set":
		o.words = l.modelNames()
	case "zoo merge", "zoo push":
		o.others = folders
	case "completion":
		o.words = shells
	}
	return o
}

// offerValues offers values of a flag.
func (l *line) offerValues(flag, current string) offer {
	o := offer{others: nothingElse}
	switch flag {
	case "algorithm":
		o.words = optimize.Algorithms()
	case "rule":
		o.words = study.Rules()
	case "confidence":
		if slices.Equal(l.path, []string{"optimize"}) { // elsewhere it is a probability
			o.words = cascade.Confidences()
		}
	case "grid":
		o.others, o.words = files, []string{"fine", "paper"}
	case "pick":
		o.words = study.PickNames()
	case "select":
		o.words = study.Selections()
	case "effort":
		o.words = study.Efforts()
	case "keep":
		o.words = study.Keeps()
	case "size":
		o.words = ingest.Sizes()
	case "spread":
		for _, s := range supernet.Spreads() {
			o.words = append(o.words, string(s))
		}
	case "search":
		o.words = nat.Searches()
	case "scale":
		o.words = nat.Scales()
	case "preset":
		o.words = nat.Papers()
	case "chart":
		o.words = chartTimes
	case "format":
		o.words = map[string][]string{
			"import": importer.Formats(),
			"export": exportFormats,
			"report": reportFormats,
		}[strings.Join(l.path, " ")]
	case "activation":
		o.words = importer.Activations()
	case "zoo":
		o.others, o.words = folders, study.Examples()
	case "resume":
		o.others, o.words = folders, runFolders()
	case "split", "unlabelled", "certify":
		o.words = l.splitNames()
		if flag == "unlabelled" && strings.Join(l.path, " ") == "ingest" {
			o.others = files // SPLIT=PATH
		}
	case "dominate", "against":
		o.words = l.modelNames()
	case "models", "include":
		// A list: what precedes the last comma is kept.
		kept := current[:strings.LastIndexByte(current, ',')+1]
		if strings.HasPrefix(current[len(kept):], "!") {
			kept += "!"
		}
		for _, name := range l.modelNames() {
			o.words = append(o.words, kept+name)
		}
	case "out", "answers", "from", "group", "agreement", "plot", "class-names", "map-classes", "data", "python", "shim", "models-dir", "times", "weights", "calibrate":
		o.others = files
	}
	return o
}

// runFolders returns the run folders in ./runs, the newest first.
func runFolders() (dirs []string) {
	fronts, _ := filepath.Glob(filepath.Join(runsFolder, "*", front.FrontFile))
	for _, path := range slices.Backward(fronts) {
		dirs = append(dirs, filepath.Dir(path))
	}
	return dirs
}

// runsFolder is the default place of run folders.
const runsFolder = "runs"

// zooToComplete opens the zoo whose names are offered, or returns an empty one. The
// zoos that are built in are not unpacked for that.
func (l *line) zooToComplete() *zoo.Zoo {
	dir := cmp.Or(append(slices.Clip(l.values["zoo"]), os.Getenv("ENCAS_ZOO"), localZoo)...)
	if slices.Equal(l.path, []string{"zoo", "push"}) && len(l.rest) > 0 {
		dir = l.rest[0]
	}
	z, err := zoo.Open(dir)
	if err != nil {
		return new(zoo.Zoo)
	}
	return z
}

func (l *line) modelNames() (names []string) {
	for _, m := range l.zooToComplete().Models() {
		names = append(names, m.Name)
	}
	return names
}

func (l *line) splitNames() (names []string) {
	for _, s := range l.zooToComplete().Splits() {
		names = append(names, s.Name)
	}
	return names
}
