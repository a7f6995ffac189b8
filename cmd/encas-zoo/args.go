package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"

	"github.com/encas-zoo/encas-zoo/internal/shell"
)

// arrange puts the flags of a command line before its arguments. The parser stops at
// the first argument: in `evaluate RUN --split test` the flag would become an argument,
// and the default be used without notice. Whatever begins with a dash and is not a flag
// of the command is an error; after -- everything is an argument.
func arrange(app *cli.App, args []string) ([]string, error) {
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	l := newLine(app)
	for _, arg := range args {
		if err := l.take(arg); err != nil {
			return nil, err
		}
	}
	if l.pending != "" {
		return nil, usagef("flag --%s needs a value", l.pending)
	}
	if err := l.checkFlags(); err != nil {
		return nil, err
	}
	arranged := slices.Concat(l.path, l.flags)
	if len(l.rest) > 0 {
		arranged = append(append(arranged, "--"), l.rest...)
	}
	return arranged, nil
}

// A line is a command line taken apart, word by word.
type line struct {
	takesValue map[string]bool // by flag, of any command
	level      []*cli.Command  // what the next word may name; empty once the command is known
	last       *cli.Command
	path       []string            // the command
	flags      []string            // with their values
	names      []string            // of the flags
	values     map[string][]string // all that each name was given
	pending    string              // the flag whose value is the next word
	ended      bool                // -- was given
	rest       []string            // arguments
}

func newLine(app *cli.App) *line {
	return &line{takesValue: flagsOfAll(app), level: app.Commands, values: map[string][]string{}}
}

// take takes the next word.
func (l *line) take(arg string) error {
	name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	switch {
	case l.pending != "":
		if _, known := l.takesValue[name]; known && strings.HasPrefix(arg, "--") {
			return usagef("flag --%s needs a value", l.pending)
		}
		l.flags, l.values[l.pending], l.pending = append(l.flags, arg), append(l.values[l.pending], arg), ""
	case l.ended || arg == "-" || !strings.HasPrefix(arg, "-"):
		return l.word(arg)
	case arg == "--":
		l.ended = true
	default:
		l.names, l.flags = append(l.names, name), append(l.flags, arg)
		if !given && l.takesValue[name] {
			l.pending = name
			return nil
		}
		if !given {
			value = "true"
		}
		l.values[name] = append(l.values[name], value)
	}
	return nil
}

// word takes a word that is not a flag.
func (l *line) word(word string) error {
	if len(l.level) == 0 {
		l.rest = append(l.rest, word)
		return nil
	}
	var names []string
	for _, command := range l.level {
		if command.HasName(word) {
			l.path = append(l.path, command.Name)
			l.last, l.level = command, command.Subcommands
			return nil
		}
		names = append(names, command.Name)
	}
	return usagef("unknown command %q%s", strings.Join(append(l.path, word), " "), suggest(word, names, ""))
}

// checkFlags refuses flags that the command does not have, and those that are given twice.
func (l *line) checkFlags() error {
	known := []string{"help", "h"}
	if l.last == nil {
		known = append(known, "version", "v")
	} else {
		for _, flag := range l.last.Flags {
			known = append(known, flag.Names()...)
		}
	}
	for _, name := range l.names {
		if slices.Contains(known, name) {
			continue
		}
		if l.last == nil {
			return usagef("flag --%s needs a command", name)
		}
		if _, ok := l.takesValue[name]; ok {
			return usagef("%s has no flag --%s; other commands have it", strings.Join(l.path, " "), name)
		}
		return usagef("unknown flag --%s%s", name, suggest(name, known, "--"))
	}
	help := slices.Contains(l.names, "help") || slices.Contains(l.names, "h")
	if l.last != nil && len(l.level) > 0 && !help {
		var names []string
		for _, command := range l.level {
			names = append(names, command.Name)
		}
		return usagef("%s needs one of: %s", l.last.Name, strings.Join(names, ", "))
	}
	return l.checkTwice()
}

// checkTwice refuses different values of a flag that takes one: the parser would use the last.
func (l *line) checkTwice() error {
	if l.last == nil {
		return nil
	}
	for _, flag := range l.last.Flags {
		if _, list := flag.(*cli.StringSliceFlag); list {
			continue
		}
		var given []string
		for _, name := range flag.Names() {
			for _, value := range l.values[name] {
				given = append(given, shell.Word(value))
			}
		}
		if len(given) == 0 || len(slices.Compact(slices.Clone(given))) == 1 {
			continue
		}
		often := "twice"
		if len(given) > 2 {
			often = fmt.Sprintf("%d times", len(given))
		}
		return usagef("--%s is given %s (%s): give it once", flag.Names()[0], often, strings.Join(given, ", "))
	}
	return nil
}

// flagsOfAll returns all flags of all commands, and whether a value follows each. A
// flag means the same in all commands that have it.
func flagsOfAll(app *cli.App) map[string]bool {
	takesValue := map[string]bool{"help": false, "h": false, "version": false, "v": false}
	for _, command := range leaves(app) {
		for _, flag := range command.Flags {
			for _, name := range flag.Names() {
				takesValue[name] = flag.(cli.DocGenerationFlag).TakesValue()
			}
		}
	}
	return takesValue
}

// suggest returns the end of a message that suggests the known name most like the one
// typed, with prefix before it, or "" if none is.
func suggest(typed string, known []string, prefix string) string {
	best, likeness := "", 0.8
	for _, name := range known {
		if l := smetrics.JaroWinkler(typed, name, 0.7, 4); l > likeness && len(name) > 1 {
			best, likeness = name, l
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", prefix+best)
}

// helpFor returns the command, as far as it is known, that args name.
func helpFor(app *cli.App, args []string) string {
	l := newLine(app)
	for _, arg := range args {
		l.take(arg)
	}
	return strings.Join(append([]string{app.Name}, l.path...), " ")
}

var badValue = regexp.MustCompile(`^invalid (boolean )?value (".*") for (flag )?-([a-z-]+): `)

// explainValue adds the flag's usage to the parser's error about its value.
func explainValue(err error, command *cli.Command) error {
	if parts := badValue.FindStringSubmatch(err.Error()); parts != nil {
		for _, flag := range command.Flags {
			if slices.Contains(flag.Names(), parts[4]) {
				return usagef("--%s %s is not a valid value: %s", parts[4], parts[2], plainUsage(flag))
			}
		}
	}
	return usageError{err}
}
