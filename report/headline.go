package report

import (
	"slices"

	"github.com/encas-zoo/encas-zoo/front"
)

// A Headline is what is said of a run first: what it saves against the most accurate
// model. Models are indices in Data.Models; cascades are numbers in their run.
type Headline struct {
	front.Limits         // of the search
	Best         *int    `json:"best_model,omitempty"` // the most accurate; nil: none is within the limit on the worst cost
	Instead      *int    `json:"instead,omitempty"`    // the cheapest cascade likely to be at most Margin less accurate; nil: none is, and cheaper
	Margin       float64 `json:"margin,omitempty"`
	MostAccurate int     `json:"most_accurate"`          // cascade within the limits
	Model        *int    `json:"within_model,omitempty"` // the most accurate within the limits; nil: none
}

// newHeadline chooses from a front within the limits of its search. Results may have left
// these on the full outputs; then they count for nothing.
func (d *Data) newHeadline(f *front.Front, l front.Limits) Headline {
	c, ok := f.Choose(l)
	if !ok {
		l = front.Limits{}
		c, _ = f.Choose(l)
	}
	h := Headline{Limits: l, Margin: c.Margin, MostAccurate: c.Point, Best: d.indexOf(c.Best), Model: d.indexOf(c.Model)}
	if c.Instead >= 0 {
		h.Instead = &c.Instead
	}
	return h
}

func (d *Data) indexOf(m *front.Model) *int {
	if m == nil {
		return nil
	}
	return new(d.number[m.Name])
}

// mostLandmarks are as many as a picture has room for.
const mostLandmarks = 6

// landmarks returns the numbers of cascades to name in a picture: that of the headline, and
// others that represent the front.
func landmarks(f *front.Front, h Headline) []int {
	named := append([]int{h.MostAccurate}, f.Spread(mostLandmarks)...)
	if h.Instead != nil {
		named = append([]int{*h.Instead}, named...)
	}
	var marks []int
	for _, i := range named {
		if !slices.Contains(marks, i) {
			marks = append(marks, i)
		}
	}
	return marks
}
