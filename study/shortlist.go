package study

import (
	"context"
	"fmt"
	"slices"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// shortlistBytes is how much the lists of the models searched take at most by default.
const shortlistBytes = 3 << 30

// shortlistPart is how many models' lists are opened at a time, to count their correct answers.
const shortlistPart = 64

// shortlist leaves of too many models those that are the most accurate for their cost. The models
// that every cascade must have, and the one to be beaten, are among them.
func (s *search) shortlist(ctx context.Context) error {
	if s.joining != nil { // the models are those that were left
		if chosen := s.joining.first.Front.Selection; chosen != nil {
			s.shortlisted = chosen.Shortlisted
		}
		return nil
	}
	most := s.options.Shortlist
	if most == 0 {
		if s.options.Algorithm == "exact" {
			return nil // which is to prove something of all models
		}
		most = max(1, shortlistBytes/outputs.ListBytes(s.searchedSamples(), s.zoo.Classes()))
	}
	if len(s.models) <= most {
		return nil
	}
	defer s.timed("shortlist")()
	named := slices.Clone(s.search.Include)
	if s.options.Dominate != "" && !slices.Contains(named, s.options.Dominate) {
		named = append(named, s.options.Dominate)
	}
	if len(named) > most {
		return inputf("shortlist", fmt.Sprint(most), "%d models are asked for by name", len(named))
	}
	models, err := s.rate(ctx)
	if err != nil {
		return err
	}
	var fit []front.Model
	for i, m := range s.models {
		if s.fits(m) {
			fit = append(fit, models[i])
		}
	}
	if len(fit) > 0 {
		models = fit
	}
	if m, ok := s.affordable(models); ok && len(named) < most {
		named = append(named, m)
	}
	list := front.Shortlist(models, named, most)
	s.shortlisted = len(s.models)
	s.models = slices.DeleteFunc(slices.Clone(s.models), func(m zoo.Model) bool { return !list[m.Name] })
	s.watch.note("shortlist: %d of %d models, the most accurate for their cost (see --shortlist)", len(s.models), s.shortlisted)
	return nil
}

// fits reports whether a model is within the limits that each of a cascade's must be within.
func (s *search) fits(m zoo.Model) bool {
	if limit := s.options.MaxWorstCost; limit > 0 && s.costs[m.Name] > limit {
		return false
	}
	if limit := s.options.MaxParams; limit > 0 {
		params, err := m.Cost(zoo.ColumnParams)
		return err != nil || params <= limit // an error is one of the search
	}
	return true
}

// affordable returns the most accurate model within the limit on the mean cost: some cascade must be.
func (s *search) affordable(models []front.Model) (name string, ok bool) {
	within := -1
	if limit := s.options.MaxCost; limit > 0 {
		within = front.BestWithin(models, limit)
	}
	if within < 0 {
		return "", false
	}
	return models[within].Name, true
}

// rate returns the costs and correct answers of all models, in their order, on the samples searched.
func (s *search) rate(ctx context.Context) ([]front.Model, error) {
	update, stop := s.watch.task("choosing a shortlist", "models")
	defer stop()
	var rated []front.Model
	for part := range slices.Chunk(s.models, shortlistPart) {
		update(int64(len(rated)), int64(len(s.models)), "")
		index, err := openIndex(ctx, s.zoo, s.split.Name, part, s.watch)
		if err != nil {
			return nil, err
		}
		labels := index.Labels()
		for _, m := range part {
			r := front.Model{Name: m.Name, Cost: s.costs[m.Name]}
			for i, class := range index.Lists(m.Name).TopClass {
				if class == labels[i] && (s.drawn == nil || s.drawn.in[i]) {
					r.Correct++
				}
			}
			rated = append(rated, r)
		}
		if err := index.Close(); err != nil {
			return nil, err
		}
	}
	return rated, nil
}
