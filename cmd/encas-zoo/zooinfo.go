package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	report "github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/inspect"
)

// zooInfo is the JSON result of zoo info.
type zooInfo struct {
	Version     int              `json:"version"`
	Zoo         string           `json:"zoo"`
	Fingerprint string           `json:"fingerprint"`
	Classes     int              `json:"classes"`
	Bytes       int64            `json:"bytes"` // of the stored outputs of all models
	Splits      []splitSummary   `json:"splits"`
	Models      int              `json:"models"`
	Cost        string           `json:"cost"`                // the column that costs are of
	Split       string           `json:"split,omitempty"`     // that models are judged on
	Missing     []string         `json:"missing"`             // models that have no predictions there
	Judged      inspect.Findings `json:"judged,omitzero"`     // absent where the zoo has no split
	Agreement   string           `json:"agreement,omitempty"` // the file that was written
}

func runZooInfo(c *cli.Context, t *terminal, z *zoo.Zoo) error {
	models, err := selectModels(z.Models(), c.StringSlice("models"))
	if err != nil && len(z.Models()) > 0 {
		return err
	}
	info := zooInfo{
		Version: 1, Zoo: z.Dir(), Fingerprint: z.Fingerprint(), Classes: z.Classes(), Models: len(models),
		Splits: []splitSummary{}, Missing: []string{}, Cost: cmp.Or(c.String("cost"), defaultCost),
	}
	for _, s := range z.Splits() {
		info.Splits = append(info.Splits, splitSummary{s.Name, s.Samples})
	}
	for _, m := range models {
		info.Bytes += summarize(m).Bytes
	}
	split, err := splitToJudge(z, c.String("split"))
	if err != nil {
		return err
	}
	if split != "" {
		info.Split = split
		if err := t.judge(c, z, models, &info); err != nil {
			return err
		}
	} else if c.IsSet("agreement") {
		return usagef("--agreement: the zoo has no split with predictions to compare")
	}
	if t.json {
		return writeJSON(info)
	}
	t.showInfo(&info)
	return nil
}

// splitToJudge returns the split of that name or, without one, the split search or
// the first one; "" where the zoo has none.
func splitToJudge(z *zoo.Zoo, name string) (string, error) {
	splits := z.Splits()
	if name == "" && len(splits) > 0 {
		name = splits[0].Name
		for _, s := range splits {
			if s.Name == "search" {
				name = s.Name
			}
		}
	}
	if name == "" {
		return "", nil
	}
	if _, err := z.Split(name); err != nil {
		return "", usageError{err}
	}
	return name, nil
}

// judge finds out what the models are worth on the split, and draws their agreement
// where that is asked for.
func (t *terminal) judge(c *cli.Context, z *zoo.Zoo, models []zoo.Model, info *zooInfo) error {
	here, _ := withPredictions(models, info.Split)
	var names []string
	for _, m := range models {
		if _, ok := m.Splits[info.Split]; ok {
			names = append(names, m.Name)
		} else {
			info.Missing = append(info.Missing, m.Name)
		}
	}
	progress := t.err.Progress("building the search index", "models")
	index, err := z.OpenIndex(c.Context, info.Split, names, func(done, total int) { progress.Update(int64(done), int64(total), "") })
	progress.Stop()
	if err != nil {
		return err
	}
	defer index.Close()
	judged := make([]inspect.Model, len(here))
	for i, m := range here {
		judged[i] = inspect.Model{Name: m.Name, Answers: m.Answers, Lists: index.Lists(m.Name)}
		cost, err := m.Cost(info.Cost)
		if err != nil {
			judged[i].NoCost = fmt.Sprintf("it cannot be searched by %s: %v", info.Cost, err)
		}
		judged[i].Cost = cost
	}
	info.Judged = *inspect.Inspect(index.Labels(), z.Classes(), judged)
	if c.IsSet("agreement") {
		return t.drawAgreement(c, index.Labels(), judged, info)
	}
	return nil
}

func (t *terminal) drawAgreement(c *cli.Context, labels []uint16, models []inspect.Model, info *zooInfo) error {
	path := c.String("agreement")
	switch {
	case path == "":
		return usagef("--agreement is empty: name a file")
	case len(models) == 0:
		return usagef("--agreement: no model has predictions on the split %s", info.Split)
	case len(models) > inspect.MaxAgreement:
		return usagef("--agreement is for up to %d models, not for %d: choose some with --models", inspect.MaxAgreement, len(models))
	}
	agreement, err := inspect.NewAgreement(c.Context, labels, models)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	title := fmt.Sprintf("Agreement of %d models on the split %s (%s samples)", len(models), info.Split, ui.Count(len(labels)))
	if err := agreement.WriteSVG(&b, title); err != nil {
		return err
	}
	info.Agreement = path
	return atomicfile.WriteFile(path, b.Bytes())
}

func (t *terminal) showInfo(info *zooInfo) {
	table := ui.NewTable(ui.Column{Head: "zoo"}, ui.Column{Head: info.Zoo})
	table.Row("classes", ui.Count(info.Classes))
	for _, s := range info.Splits {
		table.Row("split", s.Name+", "+ui.Count(s.Samples)+" samples")
	}
	table.Row("models", ui.Count(info.Models))
	judged := info.Judged.Models
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
		table.Row("any model right", share(info.Judged.AnyRight)+" of "+info.Split+" (a perfect choice of one model for each sample)")
		table.Row("all models right", share(info.Judged.AllRight))
	}
	t.out.Table(table)
	if len(judged) > 0 {
		t.showJudged(info)
	}
	if len(info.Missing) > 0 {
		t.out.Printf("\nWithout predictions on %s: %s\n", info.Split, strconv.Itoa(len(info.Missing))+" models")
	}
	if len(info.Judged.Suspicious) > 0 {
		t.showSuspicious(info.Judged.Suspicious)
	}
	if info.Agreement != "" {
		t.out.Printf("\nwrote %s\n", info.Agreement)
	}
}

// suspiciousShown is the most suspicions of a kind that are listed.
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
			t.out.Printf("   and %d more of the kind %s; --json has all\n", more, kind)
		}
	}
}

func (t *terminal) showJudged(info *zooInfo) {
	table := ui.NewTable(
		ui.Column{Head: info.Cost, Right: true},
		ui.Column{Head: "on " + info.Split, Right: true},
		ui.Column{Head: "front"},
		ui.Column{Head: "model", Shrink: true})
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
