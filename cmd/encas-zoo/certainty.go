package main

import (
	"context"
	"fmt"

	report "github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// certainty is the probability that intervals are to have.
const certainty = 0.95

// resamples is how many times a bootstrap resamples: enough for the second digit of
// an interval's ends.
const resamples = 2000

// An interval is a lower and an upper end.
type interval [2]float64

func newInterval(low, high float64) interval { return interval{low, high} }

func (i interval) String() string { return fmt.Sprintf("%.2f..%.2f", 100*i[0], 100*i[1]) }

// A measured is a cascade on a split, and how sure its figures are.
type measured struct {
	report.Cascade
	Interval interval `json:"accuracy_95"`       // Wilson
	Change   float64  `json:"change,omitempty"`  // of the accuracy, from the samples it was chosen on
	Against  *against `json:"against,omitempty"` // the best model that costs no more
}

// An against compares a cascade with a model on the same samples.
type against struct {
	Model       string   `json:"model"`
	Cost        float64  `json:"cost"`
	Correct     int      `json:"correct"`
	Accuracy    float64  `json:"accuracy"`
	OnlyCascade int      `json:"only_cascade_right"` // samples
	OnlyModel   int      `json:"only_model_right"`
	Difference  float64  `json:"difference"`    // cascade less model
	Interval    interval `json:"difference_95"` // paired bootstrap
	McNemar     float64  `json:"mcnemar_p"`
}

func measure(c report.Cascade) measured {
	return measured{Cascade: c, Interval: newInterval(stats.Wilson(c.Correct, c.Samples, certainty))}
}

// rivals returns for each cascade of a front the most accurate model that costs no
// more, of those that have predictions on the split; nil where there is none. Cascade
// and model are both chosen on the samples of the front, so that neither is favoured
// by the samples they meet on.
func (r *roster) rivals(front *report.Front, split string) []*report.Model {
	here := *front
	here.Models = nil
	for _, m := range front.Models {
		if known, err := r.zoo.Model(m.Name); err == nil {
			if _, ok := known.Splits[split]; ok {
				here.Models = append(here.Models, m)
			}
		}
	}
	rivals := make([]*report.Model, len(front.Cascades))
	for i, c := range front.Cascades {
		// A cascade of one model costs what that costs, but for rounding.
		if choice, ok := here.Choose(c.Cost * (1 + 1e-9)); ok && choice.Model != nil {
			rivals[i] = choice.Model
			r.find(choice.Model.Name)
		}
	}
	return rivals
}

// compareWithModels adds to the cascades measured on a split what they are against
// their rivals there.
func (t *terminal) compareWithModels(ctx context.Context, r *roster, models []candidate, split string, cascades []optimize.Cascade, rivals []*report.Model, to []measured) error {
	all := append([]optimize.Cascade(nil), cascades...)
	place := map[string]int{} // of a rival in all
	for _, rival := range rivals {
		if rival == nil {
			continue
		}
		if _, ok := place[rival.Name]; !ok {
			place[rival.Name] = len(all)
			all = append(all, optimize.Cascade{Models: []int{r.number[rival.Name]}})
		}
	}
	if len(place) == 0 {
		return nil
	}
	labels, _, err := r.zoo.Labels(split)
	if err != nil {
		return err
	}
	open, stop := t.storedRows(r.zoo, models, split, len(labels), all)
	defer stop()
	hits, err := optimize.Hits(ctx, labels, r.zoo.Classes(), len(models), all, open)
	if err != nil {
		return err
	}
	for i, rival := range rivals {
		if rival == nil {
			continue
		}
		p := stats.NewPairs(hits[i], hits[place[rival.Name]])
		correct := to[i].Correct - p.OnlyFirst + p.OnlySecond
		to[i].Against = &against{
			Model:       rival.Name,
			Cost:        models[r.number[rival.Name]].price,
			Correct:     correct,
			Accuracy:    float64(correct) / float64(p.Samples),
			OnlyCascade: p.OnlyFirst,
			OnlyModel:   p.OnlySecond,
			Difference:  p.Difference(),
			Interval:    newInterval(p.Bootstrap(resamples, certainty, 1)),
			McNemar:     p.McNemar(),
		}
	}
	return nil
}

// showAgainstModels shows rows of the cascades beside the models, and what holds for
// all of them.
func (t *terminal) showAgainstModels(e *evaluated, rows []int) {
	change, compared, better, worse := 0.0, 0, 0, 0
	for _, c := range e.Cascades {
		change += c.Change / float64(len(e.Cascades))
		if c.Against == nil {
			continue
		}
		compared++
		if c.Against.McNemar < 1-certainty && c.Against.Difference > 0 {
			better++
		} else if c.Against.McNemar < 1-certainty {
			worse++
		}
	}
	t.out.Printf("\nFrom %s to %s the accuracy changes by %s points on average over the front.\n", e.ChosenOn.Name, e.Split.Name, points(change))
	if compared == 0 {
		return
	}
	table := ui.NewTable(
		ui.Column{Head: "#", Right: true},
		ui.Column{Head: "cascade", Right: true},
		ui.Column{Head: "model", Right: true},
		ui.Column{Head: "gain", Right: true},
		ui.Column{Head: "95 % interval", Right: true},
		ui.Column{Head: "p", Right: true},
		ui.Column{Head: "model's " + e.Cost, Right: true},
		ui.Column{Head: "model", Shrink: true})
	for _, i := range rows {
		if a := e.Cascades[i].Against; a != nil {
			table.Row(fmt.Sprint(i), percent(e.Cascades[i].Accuracy), percent(a.Accuracy), points(a.Difference),
				fmt.Sprintf("%s..%s", points(a.Interval[0]), points(a.Interval[1])), fmt.Sprintf("%.2g", a.McNemar), ui.Number(a.Cost), a.Model)
		}
	}
	t.out.Printf("\nAgainst the best model that costs no more, both chosen on %s:\n\n", e.ChosenOn.Name)
	t.out.Table(table)
	t.out.Printf("\nOf %d cascades %d are more accurate than their model at p < 0.05, %d less.\n", compared, better, worse)
}
