package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
)

func setCommand() *cli.Command {
	var from string
	return &cli.Command{
		Name:      "set",
		Usage:     "add and correct columns of models, such as costs",
		UsageText: "[--zoo DIR] (--from FILE | MODEL COLUMN=VALUE...)",
		Description: `Sets columns of models in a zoo that exists: all that is asked for or, if anything is
wrong with it, nothing. What has changed is listed.

FILE is a CSV table whose first line names its columns. One of them is name or model;
every other one is set. Models that it leaves out, and empty cells, stay as they are. A
column in which any value is a number, or that is called like a cost, must have numbers
only.

Any column of numbers can be the cost of a search (optimize --cost). Latencies are
stored in milliseconds: latency_s, latency_us and latency_ns become latency_ms. Columns
that say what predictions are of cannot be set. What is set here an import leaves as it
is.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo zoo set --zoo cifar --from costs.csv              model,price,latency_ms
encas-zoo zoo set --zoo cifar resnet20 price=0.0004
encas-zoo zoo set --zoo cifar resnet20 gflops=0.041 family=resnet --json | jq '.changed[]'`),
		Flags: []cli.Flag{
			ownZooFlag(),
			bind(&from, "from", "set the columns in the CSV table `FILE`, such as model,price"),
		},
		Action: on(func(c *cli.Context, t *terminal) error { return runZooSet(c, t, from) }),
	}
}

func runZooSet(c *cli.Context, t *terminal, from string) error {
	table, err := columnsToSet(c, from)
	if err != nil {
		return err
	}
	if dir, _ := zooFolder(c); study.IsBuiltIn(dir) {
		return exampleError("zoo")
	}
	z, err := t.openZoo(c)
	if err != nil {
		return err
	}
	changes, err := study.SetColumns(z, table, t.watch())
	if err != nil {
		return err
	}
	result := struct {
		Version int                  `json:"version"`
		Zoo     string               `json:"zoo"`
		Changed []study.ColumnChange `json:"changed"`
	}{1, z.Dir(), changes}
	return t.give(result, func() { t.showChanges(changes, z.Dir()) })
}

// columnsToSet reads the table, or the arguments.
func columnsToSet(c *cli.Context, from string) (*study.ColumnTable, error) {
	args := c.Args().Slice()
	switch {
	case c.IsSet("from") && len(args) > 0:
		return nil, usagef("give a table with --from, or a model and its columns, not both")
	case c.IsSet("from"):
		return study.ReadColumnTable(from)
	case len(args) < 2:
		return nil, usagef("name a table with --from, or a model and its columns, such as resnet20 price=0.0004")
	}
	table, row := &study.ColumnTable{}, study.ColumnRow{Model: args[0]}
	for _, arg := range args[1:] {
		column, value, ok := strings.Cut(arg, "=")
		if column = strings.TrimSpace(column); !ok || column == "" || value == "" {
			return nil, usagef("%q is not a column and its value, such as price=0.0004", arg)
		}
		table.Columns, row.Values = append(table.Columns, column), append(row.Values, strings.TrimSpace(value))
	}
	table.Rows = []study.ColumnRow{row}
	return table, nil
}

// changesShown is how many changes are listed at most.
const changesShown = 16

func (t *terminal) showChanges(changes []study.ColumnChange, dir string) {
	if len(changes) == 0 {
		t.out.Printf("%s has these values already: nothing changed\n", dir)
		return
	}
	table := new(ui.Table).Shrink("model").Left("column").Right("before", "now")
	for _, c := range changes[:min(len(changes), changesShown)] {
		before := c.From
		if before == "" {
			before = "-"
		}
		table.Row(c.Model, c.Column, before, c.To)
	}
	t.out.Table(table)
	if len(changes) > changesShown {
		t.out.Printf("and %d more (--json has all)\n", len(changes)-changesShown)
	}
	models := map[string]bool{}
	var columns []string
	for _, c := range changes {
		models[c.Model] = true
		if !slices.Contains(columns, c.Column) {
			columns = append(columns, c.Column)
		}
	}
	t.out.Printf("\nset %s of %s in %s\n", strings.Join(columns, ", "), plural(len(models), "model", "models"), dir)
}
