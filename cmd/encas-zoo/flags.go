package main

import (
	"fmt"
	"math"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/study"
)

// bind returns a flag that sets a variable, whose value is the flag's default; that of a
// *bool depends on other flags. Numbers must be above 0: one that is 0 was not set. The
// name in backquotes in a usage is that of the flag's value.
func bind[T string | []string | bool | *bool | uint64 | int | int64 | float64 | time.Duration](p *T, name, usage string) cli.Flag {
	switch p := any(p).(type) {
	case *string:
		return &cli.StringFlag{Name: name, Value: *p, Destination: p, Usage: usage}
	case *[]string:
		return &cli.StringSliceFlag{Name: name, Usage: usage, Action: func(_ *cli.Context, v []string) error { *p = v; return nil }}
	case *bool:
		return &cli.BoolFlag{Name: name, Value: *p, Destination: p, Usage: usage}
	case **bool:
		return &cli.BoolFlag{Name: name, Usage: usage, Action: func(_ *cli.Context, v bool) error { *p = &v; return nil }}
	case *uint64:
		return &cli.Uint64Flag{Name: name, Value: *p, Destination: p, Usage: usage}
	case *int:
		return &cli.IntFlag{Name: name, Value: *p, Destination: p, Usage: usage, Action: above0[int](name)}
	case *int64:
		return &cli.Int64Flag{Name: name, Value: *p, Destination: p, Usage: usage, Action: above0[int64](name)}
	case *float64:
		return &cli.Float64Flag{Name: name, Value: *p, Destination: p, Usage: usage, Action: above0[float64](name)}
	case *time.Duration:
		return &cli.DurationFlag{Name: name, Value: *p, Destination: p, Usage: usage, Action: above0[time.Duration](name)}
	}
	panic("a type without a flag")
}

// bind0 is bind for a number that may be 0, too.
func bind0[T int | float64](p *T, name, usage string) cli.Flag {
	flag := bind(p, name, usage)
	switch flag := flag.(type) {
	case *cli.IntFlag:
		flag.Action = from0[int](name)
	case *cli.Float64Flag:
		flag.Action = from0[float64](name)
	}
	return flag
}

func from0[T int | float64](name string) func(*cli.Context, T) error {
	return func(_ *cli.Context, value T) error {
		if !(value >= 0) || math.IsInf(float64(value), 1) {
			return usagef("--%s %v: it must be 0 or more", name, value)
		}
		return nil
	}
}

// maxThreads is more than any machine has use for: what is started for each is little, but not
// nothing.
const maxThreads = 1024

// bindThreads is bind for a number of threads, --threads.
func bindThreads(p *int, usage string) cli.Flag {
	flag := bind(p, "threads", usage).(*cli.IntFlag)
	flag.Action = func(c *cli.Context, n int) error {
		if n > maxThreads {
			return usagef("--threads %d: it must be at most %d", n, maxThreads)
		}
		return above0[int]("threads")(c, n)
	}
	return flag
}

func above0[T int | int64 | float64 | time.Duration](name string) func(*cli.Context, T) error {
	return func(_ *cli.Context, value T) error {
		switch {
		case math.IsInf(float64(value), 1):
			return usagef("--%s %v: it must be finite; without the flag there is no limit", name, value)
		case !(value > 0):
			return usagef("--%s %v: it must be above 0", name, value)
		}
		return nil
	}
}

// limit returns the flags of a limit on the cost, in the default unit and in that of
// --cost.
func limit(p *float64, name, defaultName, what string) []cli.Flag {
	return []cli.Flag{
		bind(p, defaultName, fmt.Sprintf("limit on the %s cost of a sample, `X` GFLOPs", what)),
		bind(p, name, fmt.Sprintf("limit on the %s cost of a sample, `X` in the unit of --cost", what)),
	}
}

// checkLimit refuses both flags of a limit together, and that of the default unit with
// another unit.
func checkLimit(c *cli.Context, name, defaultName string) error {
	switch {
	case !c.IsSet(defaultName):
		return nil
	case c.IsSet(name):
		return usagef("--%s and --%s are the same limit: give one", name, defaultName)
	case c.IsSet("cost") && c.String("cost") != study.DefaultCost:
		return usagef("--%s limits %s, but --cost is %s: use --%s", defaultName, study.DefaultCost, c.String("cost"), name)
	}
	return nil
}

// Flags of several commands.

func zooFlag() cli.Flag {
	return &cli.StringFlag{Name: "zoo", Usage: "the zoo's folder `DIR`, or example or cifar10, which are built in (default: $ENCAS_ZOO, else ./zoo, else the example)"}
}

// runZooFlag is zooFlag of a command that takes a run folder.
func runZooFlag() cli.Flag {
	return &cli.StringFlag{Name: "zoo", Usage: "the zoo's folder `DIR`, or example or cifar10, which are built in (default: that of the run; for a cascade $ENCAS_ZOO, else ./zoo, else the example)"}
}

func ownZooFlag() cli.Flag {
	return &cli.StringFlag{Name: "zoo", Usage: "the zoo's folder `DIR` (default: $ENCAS_ZOO, else ./zoo)"}
}

func modelsFlag(p *[]string) cli.Flag {
	return bind(p, "models", "use only models whose names match `GLOB`; lists with commas, ! excludes")
}

// keepFlag says what of outputs is kept.
func keepFlag(p *string) cli.Flag {
	return bind(p, "keep", "keep `WHAT` of the outputs: "+study.KeepAll+", or "+study.KeepTopK+", the 16 largest classes alone: 72 bytes a sample, enough to search, not to check the front exactly, certify or calibrate")
}

func costFlag(p *string) cli.Flag {
	return bind(p, "cost", "the `COLUMN` with the cost of each model, such as latency_ms or price (default: gflops, or the only column of numbers)")
}

// runCostFlag is costFlag of a command that also takes a run folder.
func runCostFlag(p *string) cli.Flag {
	return bind(p, "cost", "the `COLUMN` with the cost of each model, such as latency_ms or price (default: that of the run folder, gflops, or the only column of numbers)")
}

// marginFlag may be 0.
func marginFlag(p *float64, name string) cli.Flag {
	return &cli.Float64Flag{Name: name, Value: *p, Destination: p, Usage: "a certified cascade is less than `X` percentage points less accurate than the model"}
}

// pickFlags say which cascade of a run folder is meant.
func pickFlags(p *front.Pick) []cli.Flag {
	return []cli.Flag{
		bind(&p.Name, "pick", "the cascade `N`: its number in the front, or best (the first that optimize names, instead of the most accurate single model), most-accurate, cheapest or certified (the cheapest that certify certified)"),
		bind(&p.Within, "within", "the most accurate cascade that costs at most `X` on average, in the unit of the run"),
		bind(&p.MinAccuracy, "min-accuracy", "the cheapest cascade with an accuracy of at least `Y`, between 0 and 1"),
	}
}

// picks reports whether one of pickFlags was given.
func picks(c *cli.Context) bool {
	return c.IsSet("pick") || c.IsSet("within") || c.IsSet("min-accuracy")
}

// picked reads the run folder that is the argument, and returns the number of the cascade
// that pickFlags name, too.
func picked(c *cli.Context, p front.Pick) (run report.Source, number int, err error) {
	given := 0
	for _, name := range []string{"pick", "within", "min-accuracy"} {
		if c.IsSet(name) {
			given++
		}
	}
	switch {
	case given > 1:
		return run, 0, usagef("--pick, --within and --min-accuracy exclude each other")
	case p.MinAccuracy > 1:
		return run, 0, usagef("--min-accuracy %g: an accuracy is at most 1 (0.9 is 90 %%)", p.MinAccuracy)
	}
	if run, err = study.ReadRun(c.Args().First()); err != nil {
		return run, 0, err
	}
	number, err = study.Picked(run, p)
	return run, number, asUsage(err)
}
