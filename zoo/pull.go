package zoo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/shell"
)

// Pull adds the models of the zoo in a store to the zoo in dir, which is made if there is none. What
// must agree, and what becomes of models that are damaged, is as for Merge. Files are
// compared with their size and SHA-256 before they appear, and the same call completes one that was
// stopped. Copied is what was fetched of predictions.
func Pull(ctx context.Context, store Store, dir string, o TransferOptions) (Merged, error) {
	s, err := newStage(ctx, store, nil, o.Compared)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return Merged{}, fmt.Errorf("stopped before anything was pulled from %s: %w", store, context.Cause(ctx))
	}
	if err != nil {
		return Merged{}, err
	}
	defer s.remove()
	if s.zoo == nil {
		return Merged{}, noZoo{store.String()}
	}
	from, err := s.zoo.selected(o.Select)
	if err != nil {
		return Merged{}, err
	}
	m := newMerge(MergeOptions{}, adviceOnPull)
	if o.Note != nil {
		m.options.Note = func(text string) { o.Note(s.name(text)) }
	}
	m.fetch = &fetching{stage: s, progress: o.Progress}
	merged, err := m.into(ctx, dir, []*Zoo{from})
	s.failures(merged.Failed)
	if err != nil && len(merged.Added) > 0 && !errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%w; %d models are in %s, and the same command does the rest", err, len(merged.Added), dir)
	}
	return merged, s.located(err)
}

var adviceOnPull = advice{
	classes: "pull into another folder",
	splits: func(_, there *Zoo, split string) string {
		for _, s := range there.Splits() {
			if strings.EqualFold(s.Name, split) {
				split = s.Name // that may differ in case
			}
		}
		return fmt.Sprintf("pull into another folder, or remove the split, with all predictions on it, with encas-zoo zoo remove --zoo %s --split %s --force", shell.Word(there.dir), shell.Word(split))
	},
	models: func(_, there *Zoo, model string) string {
		return fmt.Sprintf("nothing was pulled; leave them out with --models, or remove those that are there, as with encas-zoo zoo remove --zoo %s -- %s", shell.Word(there.dir), shell.Word(model))
	},
	columns: "that of the zoo that is pulled into is kept",
}

// toFetch is how many bytes of predictions models need.
func (m *merge) toFetch(models []*joining) (bytes int64) {
	for _, j := range models {
		for split, zoos := range j.from {
			if !slices.Contains(zoos, m.w.z) {
				bytes += j.model.Splits[split].Bytes
			}
		}
	}
	return bytes
}
