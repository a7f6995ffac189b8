package study

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/shell"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/example"
)

// A TestSplit is the split that a report checks cascades on.
type TestSplit struct {
	Name  string // "": test, or else one that has no samples searched
	Asked bool   // it is an error if the zoo does not have it
}

// ReadRuns reads run folders.
func ReadRuns(dirs []string) ([]report.Source, error) {
	var sources []report.Source
	for _, dir := range dirs {
		if front.Begun(dir) && hasFile(dir, front.StateFile) {
			return nil, fmt.Errorf("%s has a search that is not finished, and no front yet; if it was stopped, 'encas-zoo optimize --resume %s' with the options that it began with goes on", dir, shell.Word(dir))
		}
		f, err := front.ReadFront(dir)
		if err != nil {
			return nil, err
		}
		run, err := front.ReadRun(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		sources = append(sources, report.Source{Dir: dir, Front: f, Run: run})
	}
	return sources, nil
}

// Report describes fronts of the same samples: the content of their run folders and,
// given the zoo they were made with (not nil), the results of their cascades by stage and
// on a test split. noZoo is why there is none, if there is none. What is missing is in the
// notes of the report, and w is warned of it.
func Report(ctx context.Context, z *zoo.Zoo, noZoo error, sources []report.Source, test TestSplit, w Watch) (*report.Data, error) {
	data, err := report.New(sources, time.Now())
	if err != nil {
		return nil, err
	}
	r := &reporting{watch: w, zoo: z, data: data, front: sources[0].Front}
	if z == nil {
		r.lack("there are no results on other samples, nor of single stages: %v", noZoo)
	} else if err := r.add(ctx, test); err != nil {
		return nil, err
	}
	data.Explain(r.notes...)
	return data, nil
}

// reporting adds results on the stored outputs to a report.
type reporting struct {
	watch  Watch
	zoo    *zoo.Zoo
	data   *report.Data
	models []zoo.Model // as numbered in data
	front  *front.Front
	notes  []string // on what is missing
}

// lack notes what is missing and warns of it.
func (r *reporting) lack(format string, args ...any) error {
	r.watch.warn(format, args...)
	r.note(fmt.Sprintf(format, args...))
	return nil
}

func (r *reporting) note(what string) {
	r.notes = append(r.notes, strings.ToUpper(what[:1])+what[1:]+".")
}

func (r *reporting) add(ctx context.Context, test TestSplit) error {
	if r.zoo.Classes() != r.data.Zoo.Classes {
		return fmt.Errorf("the run has %d classes, the zoo %s %d", r.data.Zoo.Classes, r.zoo.Dir(), r.zoo.Classes())
	}
	warnIfChanged(r.zoo, r.front, r.watch)
	r.data.UseZoo(cmp.Or(example.Name(r.zoo), r.zoo.Dir()))
	for _, m := range r.data.Models {
		model, err := r.zoo.Model(m.Name)
		if err != nil {
			return err
		}
		r.models = append(r.models, model)
	}
	r.data.Classes = r.zoo.ClassNames()
	r.addMeasured()
	if err := r.onSearch(ctx); err != nil {
		return err
	}
	return r.onTest(ctx, test)
}

// addMeasured adds the parameters and latencies of the models, but no latencies of
// several devices: they must not be added up.
func (r *reporting) addMeasured() {
	var devices []string
	for _, m := range r.models {
		if _, err := m.Cost(zoo.ColumnLatency); err == nil && !slices.Contains(devices, m.Columns[zoo.ColumnDevice]) {
			devices = append(devices, m.Columns[zoo.ColumnDevice])
		}
	}
	for i, m := range r.models {
		r.data.Models[i].Params, _ = m.Cost(zoo.ColumnParams) // 0 if it is not known
		if len(devices) == 1 {
			r.data.Models[i].Latency, _ = m.Cost(zoo.ColumnLatency)
		}
	}
	if len(devices) == 1 {
		r.data.Device = devices[0]
	} else if len(devices) > 1 {
		r.note("there is no latency here: the models were measured on different devices (" + strings.Join(devices, "; ") + ")")
	}
}

// onSearch adds the details on the split the cascades were chosen on, if the stored
// outputs are still those of the run.
func (r *reporting) onSearch(ctx context.Context) error {
	split, err := r.zoo.Split(r.data.Search.Name)
	if err != nil {
		return err
	}
	if d := r.front.Drawn(); d != nil && d.Measured == 0 {
		return r.lack("the search was interrupted before what it found was measured on all %d samples of %s: results are those on the %d that were searched, and there are none of single stages there", split.Samples, split.Name, d.Samples)
	}
	if !r.hasOutputs(split.Name) {
		return r.lack("the zoo has no full outputs of some models on the split %s, only their largest classes: the results of single stages there are not known", split.Name)
	}
	results, err := r.results(ctx, split)
	if err != nil {
		return err
	}
	others := 0
	r.each(func(n int, c *report.Cascade) {
		if f := &results[n]; f.Correct == c.Correct && f.Cost == c.Cost {
			c.Search = f
		} else {
			others++
		}
	})
	if others > 0 {
		return r.lack("%d cascades have different results on the stored outputs of the split %s than in their run folder: the results of their stages there are left out", others, split.Name)
	}
	return nil
}

// onTest adds the results on another split.
func (r *reporting) onTest(ctx context.Context, asked TestSplit) (err error) {
	if asked.Name == r.data.Search.Name {
		return nil
	}
	if asked.Name == "" {
		if asked.Name, err = SplitToEvaluate(ctx, r.zoo, r.front); err != nil {
			return err
		}
	}
	split, err := labelled(r.zoo, "split", asked.Name)
	if err != nil && asked.Asked {
		return err
	} else if err != nil {
		return r.lack("the zoo has no split %s with labels to check the cascades on", asked.Name)
	}
	shared, err := searchedAgain(ctx, r.zoo, r.data.Search, split, r.watch)
	if err != nil {
		return err
	}
	if shared != nil && shared.All() {
		return r.lack("%v: there are no results on samples that were not searched", shared)
	}
	for _, run := range r.data.Runs {
		for i, c := range run.Cascades {
			for _, m := range c.Models {
				if _, ok := r.models[m].Splits[split.Name]; !ok {
					return r.lack("cascade %d of %s cannot be checked: %q has no outputs on the split %s", i, run.Name, r.models[m].Name, split.Name)
				}
			}
		}
	}
	if !r.hasOutputs(split.Name) {
		return r.lack("the zoo has the largest classes alone of some outputs on the split %s, and no full outputs to check the cascades on", split.Name)
	}
	results, err := r.results(ctx, split)
	if err != nil {
		return err
	}
	r.data.Test = new(describeSplit(split))
	if shared != nil {
		r.data.Seen = shared.Samples
		r.watch.warn("%v, and %s was searched: the results on %s are too favourable", shared, r.data.Search.Name, split.Name)
	}
	r.each(func(n int, c *report.Cascade) { c.Test = &results[n] })
	return r.singles(ctx, split)
}

// singles counts the correct answers of each model that has outputs on the split.
func (r *reporting) singles(ctx context.Context, split zoo.Split) error {
	here, _ := on(r.models, split.Name)
	index, err := openIndex(ctx, r.zoo, split.Name, here, r.watch)
	if err != nil {
		return err
	}
	defer index.Close()
	for i, m := range r.models {
		if !has(here, m.Name) {
			continue
		}
		correct := 0
		for sample, class := range index.Lists(m.Name).TopClass {
			if class == index.Labels()[sample] {
				correct++
			}
		}
		r.data.Models[i].Test = &correct
	}
	return nil
}

// each calls f for all cascades, run after run, with their numbers in that order.
func (r *reporting) each(f func(n int, c *report.Cascade)) {
	n := 0
	for _, run := range r.data.Runs {
		for i := range run.Cascades {
			f(n, &run.Cascades[i])
			n++
		}
	}
}

// hasOutputs reports whether all models of the cascades have full outputs on a split.
func (r *reporting) hasOutputs(split string) bool {
	all := true
	r.each(func(_ int, c *report.Cascade) {
		for _, m := range c.Models {
			all = all && !cutShort(r.zoo, r.models[m], split)
		}
	})
	return all
}

// results returns the results of all cascades on a split, run after run, each compared
// with its rival if that has outputs there.
func (r *reporting) results(ctx context.Context, split zoo.Split) ([]report.Results, error) {
	var cascades []cascade.Cascade
	var rivals []string
	r.each(func(_ int, c *report.Cascade) {
		rival := ""
		if m := c.NoMoreCost; m >= 0 {
			if _, ok := r.models[m].Splits[split.Name]; ok && !cutShort(r.zoo, r.models[m], split.Name) {
				rival = r.models[m].Name
			}
		}
		cascades, rivals = append(cascades, c.Cascade), append(rivals, rival)
	})
	costs := map[string]float64{}
	for _, m := range r.data.Models {
		costs[m.Name] = m.Cost
	}
	details, places, err := detail(ctx, r.zoo, split.Name, costs, cascades, rivals, r.watch)
	if err != nil {
		return nil, err
	}
	labels, _, err := r.zoo.Labels(split.Name)
	if err != nil {
		return nil, err
	}
	samples := make([]int, r.zoo.Classes())
	for _, label := range labels {
		samples[label]++
	}
	all := make([]report.Results, len(cascades))
	for i := range all {
		all[i] = report.Results{Correct: details[i].Correct, Cost: details[i].Cost, Stages: details[i].Stages}
		if rival := places[i]; rival >= 0 {
			all[i].Gains, all[i].Losses = report.Changes(details[i].Classes, details[rival].Classes, samples)
			all[i].Against = report.NewAgainst(details[i].OnlyThis, details[i].OnlyRival)
		}
	}
	return all, nil
}
