package main

import (
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/inspect"
)

// infoOptions are the flags of zoo info.
type infoOptions struct {
	split, cost, agreement string
	models                 []string
}

func runZooInfo(c *cli.Context, t *terminal, z *zoo.Zoo, o *infoOptions) error {
	draw := c.IsSet("agreement")
	if draw && o.agreement == "" {
		return usagef("--agreement is empty: name a file")
	}
	info, drawing, err := study.Inspect(c.Context, z, o.split, o.cost, o.models, draw, t.watch())
	if err != nil {
		return err
	}
	if draw {
		if err := atomicfile.WriteFile(o.agreement, drawing); err != nil {
			return err
		}
		info.Agreement = o.agreement
	}
	return t.give(info, func() { t.showInfo(info) })
}

func (t *terminal) showInfo(info *study.Inspection) {
	table := new(ui.Table).Left("zoo", info.Zoo)
	table.Row("classes", ui.Count(info.Classes))
	for _, s := range info.Splits {
		samples := s.Name + ", " + ui.Count(s.Samples) + " samples"
		if s.Unlabelled {
			samples += ", no labels"
		}
		table.Row("split", samples)
	}
	table.Row("models", ui.Count(info.Models))
	judged := info.Judged.Models
	if info.Lists > 0 {
		table.Row("top classes only", "of "+plural(info.Lists, "model", "models")+": searched, but not evaluated exactly")
	}
	priced := slices.IndexFunc(judged, func(m inspect.Judged) bool { return m.Cost == nil })
	if priced < 0 {
		priced = len(judged)
	}
	if priced > 0 {
		table.Row(info.Cost, ui.Number(*judged[0].Cost)+" to "+ui.Number(*judged[priced-1].Cost))
	}
	table.Row("size", ui.Bytes(info.Bytes))
	table.Row("fingerprint", info.Fingerprint)
	if n := info.Judged.Samples; n > 0 && len(judged) > 0 {
		share := func(samples int) string { return percent(float64(samples) / float64(n)) }
		table.Row("any model right", share(info.Judged.AnyRight)+" of "+info.Split+" (with a perfect choice of one model per sample)")
		table.Row("all models right", share(info.Judged.AllRight))
	}
	t.out.Table(table)
	if len(judged) > 0 {
		t.showJudged(info)
	} else if info.Judged.Models == nil && info.Split != "" {
		t.out.Printf("\nThe split %s has no labels: models are not judged.\n", info.Split)
	}
	if len(info.Missing) > 0 {
		t.out.Printf("\nWithout predictions on %s: %s\n", info.Split, plural(len(info.Missing), "model", "models"))
	}
	for i, o := range info.Overlaps {
		if i == 0 {
			t.out.Printf("\nNo test of each other:\n")
		}
		t.out.Printf("   %s\n", o.String())
	}
	if len(info.Judged.Suspicious) > 0 {
		t.showSuspicious(info.Judged.Suspicious)
	}
	if info.Agreement != "" {
		t.out.Printf("\nwrote %s\n", info.Agreement)
	}
}

// suspiciousShown is how many suspicions of a kind are listed at most.
const suspiciousShown = 5

func (t *terminal) showSuspicious(all []inspect.Suspicion) {
	t.out.Printf("\nSuspicious:\n")
	seen := map[string]int{}
	for _, s := range all {
		if seen[s.Kind]++; seen[s.Kind] <= suspiciousShown {
			t.out.Printf("   %s\n", s.Summary())
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(seen)) {
		if more := seen[kind] - suspiciousShown; more > 0 {
			t.out.Printf("   and %d more of kind %s (--json has all)\n", more, kind)
		}
	}
}

func (t *terminal) showJudged(info *study.Inspection) {
	table := new(ui.Table).Right(info.Cost, "on "+info.Split).Left("front").Shrink("model")
	for _, m := range info.Judged.Models {
		cost, front := "-", ""
		if m.Cost != nil {
			cost = ui.Number(*m.Cost)
		}
		if m.Front {
			front = "  *"
		}
		table.Row(cost, percent(m.Accuracy), front, m.Name)
	}
	t.out.Printf("\n")
	t.out.Table(table)
}
