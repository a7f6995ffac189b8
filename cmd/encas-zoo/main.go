// The command encas-zoo searches cascades of classifiers over their stored outputs. Each
// command has a file of its own; this one runs them and turns errors into exit codes.
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
	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/memory"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
)

// The exit codes of all commands. The help of each command lists its own.
const (
	exitError       = 1
	exitUsage       = 2
	exitSomeFailed  = 3
	exitInterrupted = 130
)

// A usageError is about the command line.
type usageError struct{ error }

// A partialError is about some models; the others are done.
type partialError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// asUsage makes an error, if there is one, a usageError.
func asUsage(err error) error {
	if err != nil {
		return usageError{err}
	}
	return nil
}

func main() {
	crash.Catch(exitError)
	defer crash.Guard()()
	memory.Limit()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the program and returns its exit code.
func run(args []string, stdout, stderr *os.File) int {
	// The first signal asks the work to end, a second one ends the program.
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
		console.Printf("%s\n", interruption(err))
		return exitInterrupted
	}
	code := exitError
	var input *study.InputError
	var unknown *study.UnknownModels
	switch {
	case errors.As(err, &input):
		code, err = exitUsage, explainInput(err, input)
	case errors.As(err, &unknown):
		err = fmt.Errorf("%w%s", err, suggest(unknown.Names[0], unknown.Known, ""))
	case errors.As(err, new(usageError)):
		code = exitUsage
	case errors.As(err, new(partialError)):
		code = exitSomeFailed
	}
	console.Printf("error: %v\n", inOtherWords(err))
	if code == exitUsage {
		console.Printf("Run '%s --help' for usage.\n", helpFor(app, args))
	}
	return code
}

// explainInput names the flag of an option, and suggests a value.
func explainInput(err error, input *study.InputError) error {
	if err != error(input) {
		return err // it is part of another one
	}
	if unknown := (*study.UnknownModels)(nil); errors.As(err, &unknown) {
		return fmt.Errorf("--%w%s", err, suggest(unknown.Names[0], unknown.Known, ""))
	}
	return fmt.Errorf("--%w%s", err, suggest(input.Value, input.Known, ""))
}

func newApp(stdout, stderr *os.File) *cli.App {
	app := &cli.App{
		Name:  "encas-zoo",
		Usage: "cheaper and more accurate cascades of the classifiers you already have",
		Description: "A cascade asks a cheap model first and calls the next one only if the answer so far\n" +
			"is not confident. encas-zoo searches the best cascades over stored outputs.",
		Version:                   front.ProgramVersion(),
		Writer:                    stdout,
		ErrWriter:                 stderr,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		CustomAppHelpTemplate:     appHelp,
		ExitErrHandler:            func(*cli.Context, error) {}, // run handles errors
		Commands: []*cli.Command{
			optimizeCommand(),
			evaluateCommand(),
			certifyCommand(),
			labelCommand(),
			compareCommand(),
			diffCommand(),
			frontCommand(),
			reportCommand(),
			explainCommand(),
			exportCommand(),
			runCommand(),
			serveCommand(),
			importCommand(),
			ingestCommand(),
			shimCommand(),
			supernetCommand(),
			natCommand(),
			zooCommand(),
			completionCommand(),
			versionCommand(),
		},
		Before: func(*cli.Context) error { return asUsage(kernel.CheckEnv()) },
		Action: func(c *cli.Context) error { return cli.ShowAppHelp(c) }, // without a command
	}
	for _, command := range app.Commands {
		command.HideHelpCommand = true
	}
	for _, leaf := range leaves(app) {
		leaf.HideHelpCommand = true
		leaf.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return explainValue(err, leaf) }
		if len(leaf.Flags) > 0 {
			leaf.Flags = append(leaf.Flags,
				&cli.BoolFlag{Name: "json", Usage: "write JSON and nothing else to standard output"},
				&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show no notes and no progress"})
		}
	}
	cli.FlagStringer = flagHelp
	return app
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:               "version",
		Usage:              "show the version of this program",
		UsageText:          "",
		Description:        "Shows the version, which names the commit the program was built from if that is known.",
		CustomHelpTemplate: commandHelp("encas-zoo version\nencas-zoo --version"),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			cli.ShowVersion(c)
			return nil
		},
	}
}

// leaves returns the commands that do something, subcommands included.
func leaves(app *cli.App) (all []*cli.Command) {
	for _, command := range app.Commands {
		if len(command.Subcommands) > 0 {
			all = append(all, command.Subcommands...)
		} else {
			all = append(all, command)
		}
	}
	return all
}
