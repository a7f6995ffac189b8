package study

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A TestSplit is the split that a report checks cascades on.
type TestSplit struct {
	Name  string
	Asked bool // it is an error if the zoo does not have it
}

// ReadRuns reads run folders that are to be shown in one report.
func ReadRuns(dirs []string) ([]report.Source, error) {
	var sources []report.Source
	for _, dir := range dirs {
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

// Report describes fronts of the same samples: what is in their run folders and, if the
// zoo they were made with is at hand (not nil), what their cascades do stage by stage
// and on a test split. The notes of the report say what is missing; w is warned of it.
func Report(ctx context.Context, z *zoo.Zoo, sources []report.Source, test TestSplit, w Watch) (*report.Data, error) {
	data, err := report.New(sources, time.Now())
	if err != nil {
		return nil, err
	}
	r := &reporting{watch: w, zoo: z, data: data}
	if z == nil {
		r.lack("the zoo of the run is not at hand: there are no results on other samples, nor of single stages", "; name it with --zoo")
	} else if err := r.add(ctx, test); err != nil {
		return nil, err
	}
	data.Explain(r.notes...)
	return data, nil
}

// reporting adds to a report what the stored outputs tell.
type reporting struct {
	watch  Watch
	zoo    *zoo.Zoo
	data   *report.Data
	models []zoo.Model // as numbered in data
	notes  []string    // on what is missing
}

// lack notes what is missing, and warns of it with a remedy.
func (r *reporting) lack(what, remedy string) {
	r.watch.warn("%s%s", what, remedy)
	r.note(what)
}

func (r *reporting) note(what string) {
	r.notes = append(r.notes, strings.ToUpper(what[:1])+what[1:]+".")
}

func (r *reporting) add(ctx context.Context, test TestSplit) error {
	if r.zoo.Classes() != r.data.Zoo.Classes {
		return fmt.Errorf("the run is of %d classes, the zoo %s of %d", r.data.Zoo.Classes, r.zoo.Dir(), r.zoo.Classes())
	}
	if r.zoo.Fingerprint() != r.data.Zoo.Fingerprint {
		r.watch.warn("the run was made with another zoo, or this one has changed since")
	}
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

// addMeasured adds what the zoo knows of the models beside their cost, but no latencies
// of several devices: they must not be added up.
func (r *reporting) addMeasured() {
	var devices []string
	for _, m := range r.models {
		if _, err := m.Cost(latencyColumn); err == nil && !slices.Contains(devices, m.Columns[deviceColumn]) {
			devices = append(devices, m.Columns[deviceColumn])
		}
	}
	for i, m := range r.models {
		r.data.Models[i].Params, _ = m.Cost(paramsColumn) // 0 if it is not known
		if len(devices) == 1 {
			r.data.Models[i].Latency, _ = m.Cost(latencyColumn)
		}
	}
	if len(devices) == 1 {
		r.data.Device = devices[0]
	} else if len(devices) > 1 {
		r.note("there is no latency here: the models were measured on different devices (" + strings.Join(devices, "; ") + ")")
	}
}

// onSearch adds the details on the split the cascades were chosen on, if the stored
// outputs are still those the run saw.
func (r *reporting) onSearch(ctx context.Context) error {
	split, err := r.zoo.Split(r.data.Search.Name)
	if err != nil {
		return err
	}
	if !r.hasOutputs(split.Name) {
		r.lack(fmt.Sprintf("the zoo has no full outputs on the split %s, only a search index: what the stages of a cascade do there is not known", split.Name), "")
		return nil
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
		r.lack(fmt.Sprintf("%d cascades give different results on the stored outputs of the split %s than their run folder says: what their stages do there is left out", others, split.Name), "")
	}
	return nil
}

// onTest adds the results on another split.
func (r *reporting) onTest(ctx context.Context, test TestSplit) error {
	if test.Name == r.data.Search.Name {
		return nil
	}
	split, err := r.zoo.Split(test.Name)
	if err != nil && test.Asked {
		return &InputError{Option: "split", Err: err}
	} else if err != nil {
		r.lack(fmt.Sprintf("the zoo has no split %s to check the cascades on", test.Name), "")
		return nil
	}
	for _, run := range r.data.Runs {
		for i, c := range run.Cascades {
			for _, m := range c.Models {
				if _, ok := r.models[m].Splits[split.Name]; !ok {
					r.lack(fmt.Sprintf("cascade %d of %s cannot be checked: %q has no outputs on the split %s", i, run.Name, r.models[m].Name, split.Name), "")
					return nil
				}
			}
		}
	}
	if !r.hasOutputs(split.Name) {
		r.lack(fmt.Sprintf("the zoo has a search index of the split %s, but no full outputs to check the cascades on", split.Name), "")
		return nil
	}
	results, err := r.results(ctx, split)
	if err != nil {
		return err
	}
	r.data.AddTest(describeSplit(split))
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
			all = all && !r.models[m].Splits[split].IndexOnly
		}
	})
	return all
}

// results returns what all cascades do on a split, run after run, each beside the model
// it is compared with if that has outputs there.
func (r *reporting) results(ctx context.Context, split zoo.Split) ([]report.Figures, error) {
	var cascades []cascade.Cascade
	r.each(func(_ int, c *report.Cascade) { cascades = append(cascades, c.Cascade) })
	n := len(cascades)
	rivals := make([]int, n)
	place := map[int]int{} // of a model in cascades
	r.each(func(i int, c *report.Cascade) {
		rivals[i] = -1
		m := c.NoMoreCost
		if m < 0 {
			return
		}
		archive, ok := r.models[m].Splits[split.Name]
		if !ok || archive.IndexOnly {
			return
		}
		if _, known := place[m]; !known {
			place[m] = len(cascades)
			cascades = append(cascades, cascade.Single(r.models[m].Name))
		}
		rivals[i] = place[m]
	})
	for len(rivals) < len(cascades) {
		rivals = append(rivals, -1) // the models themselves
	}
	costs := map[string]float64{}
	for _, m := range r.data.Models {
		costs[m.Name] = m.Cost
	}
	s, stop, err := storedSplit(r.zoo, split.Name, r.models, costs, r.watch)
	if err != nil {
		return nil, err
	}
	defer stop()
	details, err := s.Detail(ctx, cascades, rivals)
	if err != nil {
		return nil, err
	}
	samples := make([]int, r.zoo.Classes())
	for _, label := range s.Labels {
		samples[label]++
	}
	all := make([]report.Figures, n)
	for i := range all {
		all[i] = describeDetails(details[i])
		if rival := rivals[i]; rival >= 0 {
			all[i].Gains, all[i].Losses = report.Changes(details[i].Classes, details[rival].Classes, samples)
			all[i].Against = report.NewAgainst(details[i].OnlyThis, details[i].OnlyRival)
		}
	}
	return all, nil
}

func describeDetails(d cascade.Details) report.Figures {
	f := report.Figures{Correct: d.Correct, Cost: d.Cost}
	for _, s := range d.Stages {
		stage := report.StageFigures{Exits: s.Exits, Correct: s.Correct, Repaired: s.Repaired, Broken: s.Broken}
		for _, b := range s.Reliability {
			stage.Reliability = append(stage.Reliability, report.Bin(b))
		}
		f.Stages = append(f.Stages, stage)
	}
	return f
}
