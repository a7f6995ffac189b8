package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"
)

// arrange puts the flags of a command line before its arguments. The parser stops
// at the first argument, so that in `evaluate RUN --split test` the flag would
// become an argument and the default be used without a word. Whatever begins with
// a dash and is no flag of the command is an error here; after -- everything is an
// argument.
func arrange(app *cli.App, args []string) ([]string, error) {
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	l := line{level: app.Commands}
	takesValue := flagsOfAll(app)
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			l.rest = append(l.rest, args[i+1:]...)
			i = len(args)
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			if err := l.word(arg); err != nil {
				return nil, err
			}
		default:
			name, _, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			l.names = append(l.names, name)
			l.flags = append(l.flags, arg)
			if !takesValue[name] || given {
				continue
			}
			i++
			if i == len(args) || isFlag(args[i], takesValue) {
				return nil, usagef("flag --%s needs a value", name)
			}
			l.flags = append(l.flags, args[i])
		}
	}
	if err := l.checkFlags(takesValue); err != nil {
		return nil, err
	}
	arranged := slices.Concat(l.path, l.flags)
	if len(l.rest) > 0 {
		arranged = append(append(arranged, "--"), l.rest...)
	}
	return arranged, nil
}

// A line is a command line taken apart.
type line struct {
	level []*cli.Command // what the next word may name; empty once the command is known
	last  *cli.Command
	path  []string // the command
	flags []string // with their values
	names []string // of the flags
	rest  []string // arguments
}

// word takes a word that is no flag.
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

// checkFlags refuses flags that the command does not have.
func (l *line) checkFlags(takesValue map[string]bool) error {
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
			return usagef("flag --%s without a command", name)
		}
		if _, ok := takesValue[name]; ok {
			return usagef("%s has no flag --%s, which other commands have", strings.Join(l.path, " "), name)
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
	return nil
}

// flagsOfAll says of every flag of every command whether a value follows it. A
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

// isFlag reports whether arg is a flag of some command and so hardly a value.
func isFlag(arg string, takesValue map[string]bool) bool {
	if !strings.HasPrefix(arg, "--") {
		return false
	}
	name, _, _ := strings.Cut(arg[2:], "=")
	_, ok := takesValue[name]
	return ok
}

// suggest returns the end of a message that offers the known name that is most
// like the one typed, with prefix before it, or "" where none is.
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

// helpFor returns the command, as far as it was understood, whose help helps with
// args.
func helpFor(app *cli.App, args []string) string {
	name, level := app.Name, app.Commands
	for _, arg := range args {
		for _, command := range level {
			if command.HasName(arg) {
				name += " " + command.Name
				level = command.Subcommands
				break
			}
		}
	}
	return name
}

var badValue = regexp.MustCompile(`^invalid (boolean )?value (".*") for (flag )?-([a-z-]+): `)

// explainValue turns the parser's error about a flag's value into one that says
// what the flag takes.
func explainValue(err error, command *cli.Command) error {
	if parts := badValue.FindStringSubmatch(err.Error()); parts != nil {
		for _, flag := range command.Flags {
			if slices.Contains(flag.Names(), parts[4]) {
				return usagef("--%s %s cannot be read; the flag says: %s", parts[4], parts[2], plainUsage(flag))
			}
		}
	}
	return usageError{err}
}
