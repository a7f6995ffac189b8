package front

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

// A Certificate is the content of certified.json: what can be claimed of cascades of a
// front on samples that it was not chosen on, and how that was tested. With a probability
// of at least Confidence nothing in Tested is claimed falsely; nor, all steps together, in
// Staircase.
type Certificate struct {
	Version    int     `json:"version"`
	Zoo        Zoo     `json:"zoo"`
	Searched   Split   `json:"searched"` // the front's
	Split      Split   `json:"split"`    // that the claims were tested on
	Cost       string  `json:"cost"`     // column
	Confidence float64 `json:"confidence"`

	Claim     Claim          `json:"claim"`
	Reference ReferenceModel `json:"reference"`

	Candidates int      `json:"candidates"`               // cascades that the claim would be worth something for
	Tested     []Tested `json:"tested"`                   // in the order of the tests; the last one may have failed
	Cheapest   *int     `json:"cheapest,omitempty"`       // index in Tested of the cheapest certified; nil if there is none
	Staircase  []Step   `json:"staircase,omitempty"`      // of claims that compare with the reference
	Needed     int      `json:"samples_needed,omitempty"` // that would do, about, if nothing is certified; 0: hardly any number
}

// A Claim is what is certified of a cascade, all of it together. Numbers are shares of the
// samples, but for the cost.
type Claim struct {
	Margin     *float64 `json:"margin,omitempty"` // less accurate than the reference by less than that; nil with Error
	Error      float64  `json:"error,omitempty"`  // wrong answers below that
	MaxCost    float64  `json:"max_cost,omitempty"`
	WorstClass float64  `json:"worst_class,omitempty"` // accuracy above that in every class
}

// A ReferenceModel is the one that cascades are compared with.
type ReferenceModel struct {
	Model           string  `json:"model"`
	Cost            float64 `json:"cost"`
	CorrectSearched int     `json:"correct_searched"`
	Correct         int     `json:"correct"`
	Accuracy        float64 `json:"accuracy"`
}

// Tested is a cascade with its results on the samples the claim was tested on.
type Tested struct {
	Number      int     `json:"number"` // in the front, from 0
	Text        string  `json:"cascade"`
	Correct     int     `json:"correct"`
	Samples     int     `json:"n"`
	Accuracy    float64 `json:"accuracy"`
	Cost        float64 `json:"cost"`   // mean over the samples
	Saving      float64 `json:"saving"` // share of the reference's cost; negative if the cascade costs more
	OnlyCascade int     `json:"only_cascade_right"`
	OnlyModel   int     `json:"only_model_right"`
	P           float64 `json:"p"`
	Certified   bool    `json:"certified"`
}

// A Step is what is certified at one margin.
type Step struct {
	Margin    float64 `json:"margin"`
	Certified int     `json:"certified"`          // cascades
	Cheapest  *Tested `json:"cheapest,omitempty"` // of them; nil if there is none
}

// CertifiedFile is the file of a run folder with its [Certificate].
const CertifiedFile = "certified.json"

// Headline says in one sentence what is certified, or that nothing is.
func (c *Certificate) Headline() string {
	if c.Cheapest == nil {
		return c.nothing()
	}
	best := c.Tested[*c.Cheapest]
	text := fmt.Sprintf("With %g %% confidence cascade %d %s", 100*c.Confidence, best.Number, c.Claim.Describe(c.Reference.Model, c.Cost))
	if best.Saving > 0 {
		text += fmt.Sprintf("; on the split %s it costs %.0f %% less than %s", c.Split.Name, 100*best.Saving, c.Reference.Model)
	}
	return text + "."
}

// nothing says that nothing is certified, and what would help.
func (c *Certificate) nothing() string {
	switch {
	case c.Candidates == 0:
		return fmt.Sprintf("Nothing can be certified: no cascade of the front is cheaper than %s.", c.Reference.Model)
	case len(c.Tested) > 0 && c.Tested[0].Certified:
		return fmt.Sprintf("Nothing can be certified that is cheaper than %s on the split %s.", c.Reference.Model, c.Split.Name)
	case c.Needed > 0:
		return fmt.Sprintf("Nothing can be certified with so few samples: the split %s has %d; about %d would do to show that a cascade %s.",
			c.Split.Name, c.Split.Samples, c.Needed, c.Claim.Describe(c.Reference.Model, c.Cost))
	}
	return fmt.Sprintf("Nothing can be certified, and more samples would hardly help: on the split %s even the most promising cascade falls short.", c.Split.Name)
}

// Describe says what is claimed of a cascade, beginning with a verb.
func (c Claim) Describe(model, cost string) string {
	var all []string
	switch {
	case c.Margin == nil:
		all = append(all, fmt.Sprintf("answers less than %s %% wrong", percent(c.Error)))
	case *c.Margin == 0:
		all = append(all, "is more accurate than "+model)
	case *c.Margin == 0.01:
		all = append(all, "is less than 1 point less accurate than "+model)
	default:
		all = append(all, fmt.Sprintf("is less than %s points less accurate than %s", percent(*c.Margin), model))
	}
	if c.WorstClass > 0 {
		all = append(all, fmt.Sprintf("is more than %s %% accurate in every class", percent(c.WorstClass)))
	}
	if c.MaxCost > 0 {
		all = append(all, fmt.Sprintf("costs less than %g %s", c.MaxCost, cost))
	}
	if last := len(all) - 1; last > 0 {
		return strings.Join(all[:last], ", ") + " and " + all[last]
	}
	return all[0]
}

// percent writes a share in per cent, as short as it was given.
func percent(share float64) string { return fmt.Sprintf("%.4g", 100*share) }

// WriteCertificate writes certified.json of a run folder.
func WriteCertificate(dir string, c *Certificate) error {
	data, err := encodeSealed(c)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, CertifiedFile), data)
}

// ReadCertificate reads certified.json of a run folder. It is an error that wraps
// [os.ErrNotExist] if nothing was certified.
func ReadCertificate(dir string) (*Certificate, error) {
	c := new(Certificate)
	err := open(dir, CertifiedFile, func(r io.Reader) error {
		data, err := readAll(r, maxRunBytes)
		if err != nil {
			return err
		}
		if err := decodeSealed(data, c); err != nil {
			return err
		}
		return c.check()
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// check reports what no certificate has.
func (c *Certificate) check() error {
	switch {
	case c.Version < 1 || c.Version > Version:
		return fmt.Errorf("version %d; this encas-zoo reads up to version %d", c.Version, Version)
	case !(c.Confidence > 0 && c.Confidence < 1):
		return fmt.Errorf("a confidence of %v", c.Confidence)
	case c.Cheapest != nil && (*c.Cheapest < 0 || *c.Cheapest >= len(c.Tested)):
		return fmt.Errorf("the cheapest is %d of %d", *c.Cheapest, len(c.Tested))
	case c.Split.Samples < 1 || len(c.Tested) > c.Candidates:
		return fmt.Errorf("%d samples, %d cascades tested of %d", c.Split.Samples, len(c.Tested), c.Candidates)
	}
	tested := slices.Clone(c.Tested)
	for _, step := range c.Staircase {
		if step.Cheapest != nil {
			tested = append(tested, *step.Cheapest)
		}
	}
	for _, t := range tested {
		if t.Number < 0 || t.Samples != c.Split.Samples || t.Correct < 0 || t.Correct > t.Samples || !goodCost(t.Cost) {
			return fmt.Errorf("cascade %d: %d correct answers of %d at a cost of %v", t.Number, t.Correct, t.Samples, t.Cost)
		}
	}
	return nil
}
