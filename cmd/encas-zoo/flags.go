package main

import (
	"fmt"
	"math"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/study"
)

// A flag is bound to the variable that it sets, whose value when the command is made is
// the flag's default. The part of a usage between backquotes is what the flag takes.

func text(p *string, name, usage string) cli.Flag {
	return &cli.StringFlag{Name: name, Value: *p, Destination: p, Usage: usage}
}

func list(p *[]string, name, usage string) cli.Flag {
	return &cli.StringSliceFlag{Name: name, Usage: usage, Action: func(_ *cli.Context, values []string) error {
		*p = values
		return nil
	}}
}

func yes(p *bool, name, usage string) cli.Flag {
	return &cli.BoolFlag{Name: name, Value: *p, Destination: p, Usage: usage}
}

// maybe is yes for what has a default that depends on other flags.
func maybe(p **bool, name, usage string) cli.Flag {
	return &cli.BoolFlag{Name: name, Usage: usage, Action: func(_ *cli.Context, value bool) error {
		*p = &value
		return nil
	}}
}

func seed(p *uint64, name, usage string) cli.Flag {
	return &cli.Uint64Flag{Name: name, Value: *p, Destination: p, Usage: usage}
}

// The flags of numbers refuse what is not above 0. A variable that is 0 says that nobody
// set the flag.

func count(p *int, name, usage string) cli.Flag {
	return &cli.IntFlag{Name: name, Value: *p, Destination: p, Usage: usage, Action: func(_ *cli.Context, n int) error { return above0(name, n) }}
}

func large(p *int64, name, usage string) cli.Flag {
	return &cli.Int64Flag{Name: name, Value: *p, Destination: p, Usage: usage, Action: func(_ *cli.Context, n int64) error { return above0(name, n) }}
}

func number(p *float64, name, usage string) cli.Flag {
	return &cli.Float64Flag{Name: name, Value: *p, Destination: p, Usage: usage, Action: func(_ *cli.Context, x float64) error { return above0(name, x) }}
}

func duration(p *time.Duration, name, usage string) cli.Flag {
	return &cli.DurationFlag{Name: name, Value: *p, Destination: p, Usage: usage, Action: func(_ *cli.Context, d time.Duration) error { return above0(name, d) }}
}

func above0[T int | int64 | float64 | time.Duration](name string, value T) error {
	if !(value > 0) || math.IsInf(float64(value), 1) {
		return usagef("--%s %v: it must be above 0", name, value)
	}
	return nil
}

// limit returns the flags of a limit on the cost: one in the unit of --cost, and one that
// names the default unit.
func limit(p *float64, name, defaultName, what string) []cli.Flag {
	return []cli.Flag{
		number(p, defaultName, fmt.Sprintf("most a sample may cost %s, `X` GFLOPs", what)),
		number(p, name, fmt.Sprintf("most a sample may cost %s, `X` in the unit of --cost", what)),
	}
}

// checkLimit refuses both flags of a limit, and the one of the default unit beside
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

// The flags that several commands have.

func zooFlag() cli.Flag {
	return &cli.StringFlag{Name: "zoo", Usage: "the zoo's folder `DIR`, or 'example' for the one built in (default: $ENCAS_ZOO, else ./zoo, else the example)"}
}

func ownZooFlag() cli.Flag {
	return &cli.StringFlag{Name: "zoo", Usage: "the zoo's folder `DIR` (default: $ENCAS_ZOO, else ./zoo)"}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "write JSON and nothing else to standard output"}
}

func quietFlag() cli.Flag {
	return &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show no notes and no progress"}
}

func modelsFlag(p *[]string) cli.Flag {
	return list(p, "models", "use only models whose names match `GLOB`; lists with commas, ! excludes")
}

func costFlag(p *string) cli.Flag {
	return text(p, "cost", "what a model costs: its `COLUMN` of numbers, such as latency_ms or price")
}

// runCostFlag is costFlag of a command that takes a run folder, too.
func runCostFlag(p *string) cli.Flag {
	return text(p, "cost", "what a model costs: its `COLUMN` of numbers, such as latency_ms or price; a run folder says its own")
}

func pickFlag(p *int) cli.Flag {
	return &cli.IntFlag{Name: "pick", Destination: p, Usage: "take the cascade with this number, `N`, in the front"}
}
