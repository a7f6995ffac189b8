// The command encas-zoo searches cascades of classifiers over their stored
// outputs. Each command has a file of its own; this one runs them and turns their
// errors into exit codes.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
)

// The exit codes of all commands. Every command's help lists those it can give.
const (
	exitError       = 1
	exitUsage       = 2
	exitSomeFailed  = 3
	exitInterrupted = 130
)

// A usageError is a command line that cannot be run as it was typed.
type usageError struct{ error }

// A partialError is about some models; the work is done for the others.
type partialError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the program and returns its exit code.
func run(args []string, stdout, stderr *os.File) int {
	// The first signal asks the work to come to an end, a second one ends it.
	ignoreFileSizeSignal()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	app := newApp(stdout, stderr)
	if len(args) > 1 && args[0] == completeWord {
		if complete(app, args[1:], stdout) != nil {
			return exitError
		}
		return 0
	}
	arranged, err := arrange(app, args)
	if err == nil {
		err = app.RunContext(ctx, append([]string{app.Name}, arranged...))
	}
	if t, ok := app.Metadata[terminalKey].(*terminal); ok && t.out.Err() != nil {
		err = errors.Join(err, t.out.Err())
	}
	if err == nil {
		return 0
	}
	console := ui.NewConsole(stderr, false)
	if errors.Is(err, context.Canceled) {
		console.Printf("interrupted: %v\n", err)
		return exitInterrupted
	}
	code := exitError
	var input *study.InputError
	switch {
	case errors.As(err, &input):
		code, err = exitUsage, explainInput(err, input)
	case errors.As(err, new(usageError)):
		code = exitUsage
	case errors.As(err, new(partialError)):
		code = exitSomeFailed
	}
	console.Printf("error: %v\n", err)
	if code == exitUsage {
		console.Printf("'%s --help' shows what is possible.\n", helpFor(app, args))
	}
	return code
}

// explainInput calls an option as a flag, and offers what may have been meant.
func explainInput(err error, input *study.InputError) error {
	if err != error(input) {
		return err // it is part of another one
	}
	return fmt.Errorf("--%w%s", err, suggest(input.Value, input.Known, ""))
}

func newApp(stdout, stderr *os.File) *cli.App {
	app := &cli.App{
		Name:  "encas-zoo",
		Usage: "cheaper and more accurate cascades from the classifiers you already have",
		Description: "A cascade asks a cheap model first and calls the next one only when the answer\n" +
			"so far is not confident. encas-zoo searches the best ones over stored outputs.",
		Version:                   front.ProgramVersion(),
		Writer:                    stdout,
		ErrWriter:                 stderr,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		CustomAppHelpTemplate:     appHelp,
		ExitErrHandler:            func(*cli.Context, error) {}, // run does it
		Commands: []*cli.Command{
			optimizeCommand(),
			evaluateCommand(),
			compareCommand(),
			reportCommand(),
			explainCommand(),
			exportCommand(),
			importCommand(),
			ingestCommand(),
			shimCommand(),
			zooCommand(),
			completionCommand(),
		},
		Before: func(*cli.Context) error {
			if err := kernel.CheckEnv(); err != nil {
				return usageError{err}
			}
			return nil
		},
		// Without a command the help is the answer.
		Action: func(c *cli.Context) error { return cli.ShowAppHelp(c) },
	}
	for _, command := range app.Commands {
		command.HideHelpCommand = true
	}
	for _, leaf := range leaves(app) {
		leaf.HideHelpCommand = true
		leaf.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return explainValue(err, leaf) }
	}
	cli.FlagStringer = flagHelp
	return app
}

// leaves returns the commands that do something, subcommands included.
func leaves(app *cli.App) []*cli.Command {
	var all []*cli.Command
	for _, command := range app.Commands {
		if len(command.Subcommands) > 0 {
			all = append(all, command.Subcommands...)
		} else {
			all = append(all, command)
		}
	}
	return all
}

// noArguments refuses arguments of a command that takes none.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("unexpected argument %q", c.Args().First())
	}
	return nil
}
