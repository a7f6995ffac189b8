package main

import (
	"context"
	"errors"
	"fmt"

	report "github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// crossValidate notes in the front what choosing from such fronts is worth on samples
// held out of the search. An interrupt loses these figures, not the front.
func (j *optimizeJob) crossValidate(ctx context.Context, p *optimize.Problem) error {
	if j.folds == 0 || j.front.Interrupted {
		return nil
	}
	// The search is done and its state dropped: what it found must not be lost.
	if err := j.folder.Write(j.front, j.run); err != nil {
		return err
	}
	defer j.timed("cross_validation")()
	progress := j.err.Progress("cross-validating", "folds")
	defer progress.Stop()
	progress.Update(0, int64(j.folds), "")
	results, err := optimize.CrossValidate(ctx, p, j.search, j.folds, func(done int) {
		progress.Update(int64(done), int64(j.folds), "")
	})
	if errors.Is(err, context.Canceled) {
		j.err.Warnf("interrupted while cross-validating: its figures are missing")
		return nil
	}
	if err != nil {
		return fmt.Errorf("--cross-validate %d: %w; %s has the front as the search saw it", j.folds, err, j.folder.Dir)
	}
	j.front.CrossValidation = &report.CrossValidation{Folds: j.folds}
	for _, r := range results {
		h := report.HeldOut{
			Limit:    r.Limit,
			Searched: float64(r.SearchedCorrect) / float64(r.Searched),
			Correct:  r.Correct,
			Samples:  r.Samples,
			Accuracy: float64(r.Correct) / float64(r.Samples),
			Cost:     r.Cost,
		}
		h.Interval[0], h.Interval[1] = stats.Wilson(r.Correct, r.Samples, certainty)
		h.Change = h.Accuracy - h.Searched
		j.front.CrossValidation.At = append(j.front.CrossValidation.At, h)
	}
	return nil
}

// showCrossValidation shows what was found on samples held out, beside what the
// searches saw.
func (t *terminal) showCrossValidation(front *report.Front) {
	v := front.CrossValidation
	if v == nil {
		return
	}
	t.out.Printf("\nCross-validated: the best cascade of %d searches within a cost, each on the samples it did not see.\n\n", v.Folds)
	table := ui.NewTable(
		ui.Column{Head: "within " + front.Cost, Right: true},
		ui.Column{Head: "on search", Right: true},
		ui.Column{Head: "held out", Right: true},
		ui.Column{Head: "95 % interval", Right: true},
		ui.Column{Head: "change", Right: true},
		ui.Column{Head: front.Cost + " held out", Right: true},
	)
	for _, h := range v.At {
		table.Row(ui.Number(h.Limit), percent(h.Searched), percent(h.Accuracy), interval(h.Interval).String(),
			fmt.Sprintf("%+.2f", 100*h.Change), ui.Number(h.Cost))
	}
	t.out.Table(table)
}
