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
	list := front.Shortlist(models, named, most)
	s.shortlisted = len(s.models)
	s.models = slices.DeleteFunc(slices.Clone(s.models), func(m zoo.Model) bool { return !list[m.Name] })
	s.watch.note("the search is among the %d models that are the most accurate for their cost, of %d (see --shortlist)", len(s.models), s.shortlisted)
	return nil
}

// rate returns the costs and correct answers of all models, on the samples searched.
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
