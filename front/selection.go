package front

import "fmt"

// A Selection says what the cascades of a front were chosen by.
type Selection struct {
	// Evidence: what is likely to hold on other samples; else the most correct answers on
	// those searched.
	Evidence bool `json:"evidence"`

	// By evidence, the share of every label that the outputs of the models take the place
	// of, the correct answers that every model beyond the first must be worth, and the
	// least number of samples that reach a stage.
	Softening float64 `json:"softening,omitempty"`
	Charge    float64 `json:"charge,omitempty"`
	Reach     int     `json:"least_reach,omitempty"`

	// Folds is the number of searches without a part of the samples that expected
	// accuracies are from; 0: there are none.
	Folds int `json:"folds,omitempty"`

	// Shortlisted is of how many models those that the search could choose from are the most
	// accurate for their cost; 0: they are all there were.
	Shortlisted int `json:"shortlisted,omitempty"`

	// Drawn is the part of the samples that was searched; nil: all were.
	Drawn *Drawn `json:"drawn,omitempty"`
}

func (s *Selection) check() error {
	if s != nil && !(0 <= s.Softening && s.Softening <= 1 && s.Charge >= 0 && s.Reach >= 0 && s.Folds >= 0 && s.Shortlisted >= 0) {
		return fmt.Errorf("its cascades were chosen by %+v", *s)
	}
	return nil
}

// String returns how cascades were chosen and where expected accuracies are from, in
// sentences without the last full stop.
func (s Selection) String() string {
	text := "Chosen by the most correct answers on the samples searched"
	if s.Evidence {
		text = "Chosen by what is likely to hold on other samples: "
		if s.Softening > 0 {
			text += fmt.Sprintf("the labels count %.0f %%, the models' outputs %.0f %%, ", 100*(1-s.Softening), 100*s.Softening)
		}
		text += fmt.Sprintf("a further model must be worth %.2g correct answers, a stage be reached by %d samples", s.Charge, s.Reach)
	}
	if d := s.Drawn; d != nil {
		text += ". " + d.String()
	}
	if s.Folds > 0 {
		text += fmt.Sprintf(". Expected accuracies are from %d searches without a part of the samples each", s.Folds)
	}
	if s.Shortlisted > 0 {
		text += fmt.Sprintf(". The models searched are the most accurate for their cost of %d", s.Shortlisted)
		if s.Folds > 0 {
			text += ", on all samples searched: expected accuracies do not account for that choice"
		}
	}
	return text
}
