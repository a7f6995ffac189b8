package front

import "fmt"

// A Shortlisted says that a search could choose from some models of a zoo alone.
type Shortlisted struct {
	Models int `json:"models"` // those that are the most accurate for their cost
	Of     int `json:"of"`
}

// Shortlisted returns the shortlist of the search, nil if it could choose from all models.
func (f *Front) Shortlisted() *Shortlisted {
	if f.Selection == nil || f.Selection.Shortlisted == 0 {
		return nil
	}
	return &Shortlisted{len(f.Models), f.Selection.Shortlisted}
}

// String says which models cascades are of.
func (s *Shortlisted) String() string {
	if s.Models == 1 {
		return fmt.Sprintf("of the most accurate for its cost of %s models", grouped(s.Of))
	}
	return fmt.Sprintf("of the %s most accurate for their cost of %s models", grouped(s.Models), grouped(s.Of))
}
