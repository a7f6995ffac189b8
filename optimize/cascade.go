package optimize

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxStages is the largest number of stages a cascade may have, and the largest
// total weight: sums of 255 outputs are exact in a uint32.
const MaxStages = 255

// A Rule says how a stage combines the outputs of the models so far.
type Rule uint8

const (
	// RuleMean answers with the (weighted) mean of all outputs so far.
	RuleMean Rule = iota
	// RuleLast answers with the last model's output alone.
	RuleLast
	// RuleBoth is for searches alone: cascades of either rule in one front.
	RuleBoth
)

// String returns the name of the rule as flags and files have it.
func (r Rule) String() string {
	return [...]string{"mean", "last", "both"}[r]
}

// each returns the rules that cascades found under r may have.
func (r Rule) each() []Rule {
	if r == RuleBoth {
		return []Rule{RuleMean, RuleLast}
	}
	return []Rule{r}
}

// ParseRule is the inverse of [Rule.String].
func ParseRule(name string) (Rule, error) {
	for _, r := range []Rule{RuleMean, RuleLast, RuleBoth} {
		if name == r.String() {
			return r, nil
		}
	}
	return 0, fmt.Errorf("rule %q is not mean, last or both", name)
}

// A Cascade is a chain of models with a threshold after every stage but the
// last. Models are numbers into a [Problem]'s or [Dense]'s models; a model named
// twice is averaged twice and paid twice, as in the publication.
type Cascade struct {
	Rule       Rule
	Confidence Confidence
	Models     []int
	Weights    []uint8   // of each model in the mean; nil: all 1
	Thresholds []float32 // one fewer than Models
}

// Weight returns the weight of the model at a stage, counted from 0.
func (c Cascade) Weight(stage int) uint32 {
	if c.Weights == nil {
		return 1
	}
	return uint32(c.Weights[stage])
}

// Validate reports what is wrong with the cascade for a zoo of so many models,
// if anything.
func (c Cascade) Validate(models int) error {
	switch {
	case c.Rule > RuleLast:
		return fmt.Errorf("a cascade has rule mean or last, not %d", c.Rule)
	case c.Confidence > Entropy:
		return fmt.Errorf("there is no measure of confidence %d", c.Confidence)
	case len(c.Models) == 0:
		return errors.New("cascade without a model")
	case len(c.Thresholds) != len(c.Models)-1:
		return fmt.Errorf("cascade of %d models has %d thresholds instead of %d", len(c.Models), len(c.Thresholds), len(c.Models)-1)
	case c.Weights != nil && len(c.Weights) != len(c.Models):
		return fmt.Errorf("cascade of %d models has %d weights", len(c.Models), len(c.Weights))
	}
	total := uint32(0)
	for stage, m := range c.Models {
		if m < 0 || m >= models {
			return fmt.Errorf("cascade names model number %d of %d", m, models)
		}
		if c.Weight(stage) == 0 {
			return fmt.Errorf("stage %d has weight 0", stage+1)
		}
		total += c.Weight(stage)
	}
	if total > MaxStages {
		return fmt.Errorf("the weights of a cascade sum to %d, at most %d is possible", total, MaxStages)
	}
	for _, t := range c.Thresholds {
		if !(t >= 0 && t <= 1) {
			return fmt.Errorf("threshold %v is not in [0, 1]", t)
		}
	}
	return nil
}

// Format writes the cascade as [ParseCascade] reads it, with name giving the
// models' names: resnet20@0.62,resnet56*2@0.9,wrn_28_10, led by "last:" when
// that is the rule and by "margin:" or "entropy:" when that is the measure of
// confidence. A name that would be misread is written as a quoted Go
// string.
func (c Cascade) Format(name func(model int) string) string {
	var b strings.Builder
	if c.Confidence != MaxProbability {
		b.WriteString(c.Confidence.String() + ":")
	}
	if c.Rule == RuleLast {
		b.WriteString("last:")
	}
	for stage, m := range c.Models {
		if stage > 0 {
			b.WriteByte(',')
		}
		n := name(m)
		if mustQuote(n) {
			n = strconv.Quote(n)
		}
		b.WriteString(n)
		if w := c.Weight(stage); w != 1 {
			fmt.Fprintf(&b, "*%d", w)
		}
		if stage < len(c.Thresholds) {
			b.WriteByte('@')
			b.WriteString(formatThreshold(c.Thresholds[stage]))
		}
	}
	return b.String()
}

func mustQuote(name string) bool {
	if name == "" || strings.ContainsAny(name, ",@*\"") || strings.TrimSpace(name) != name {
		return true
	}
	for _, prefix := range []string{"last:", "margin:", "entropy:"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for _, r := range name {
		if !strconv.IsPrint(r) {
			return true
		}
	}
	return false
}

// ParseCascade reads a cascade such as resnet20@0.62,resnet56*2@0.9,wrn_28_10:
// exit after resnet20 if its confidence is above 0.62, else after the mean of it
// and twice resnet56 above 0.9, else after all three. find gives the number of a
// model. Errors name the stage.
func ParseCascade(text string, find func(name string) (model int, ok bool)) (Cascade, error) {
	var c Cascade
	for _, measure := range []Confidence{Margin, Entropy} {
		if rest, ok := strings.CutPrefix(text, measure.String()+":"); ok {
			c.Confidence, text = measure, rest
			break
		}
	}
	if rest, ok := strings.CutPrefix(text, "last:"); ok {
		c.Rule, text = RuleLast, rest
	}
	weighted := false
	for stage := 1; ; stage++ {
		name, rest, err := cutName(text)
		if err != nil {
			return Cascade{}, fmt.Errorf("cascade, stage %d: %w", stage, err)
		}
		model, ok := find(name)
		if !ok {
			return Cascade{}, fmt.Errorf("cascade, stage %d: no model named %q", stage, name)
		}
		if stage > MaxStages {
			return Cascade{}, fmt.Errorf("cascade: more than %d stages", MaxStages)
		}
		c.Models = append(c.Models, model)

		part, next, more := strings.Cut(rest, ",")
		weight, threshold, exits := strings.Cut(part, "@")
		w := uint64(1)
		if weight = strings.TrimSpace(weight); weight != "" {
			digits, ok := strings.CutPrefix(weight, "*")
			if w, err = strconv.ParseUint(digits, 10, 8); !ok || err != nil || w == 0 {
				return Cascade{}, fmt.Errorf("cascade, stage %d: weight %q is not * and a number from 1 to 255", stage, weight)
			}
			weighted = weighted || w != 1
		}
		c.Weights = append(c.Weights, uint8(w))
		switch {
		case more && !exits:
			return Cascade{}, fmt.Errorf("cascade, stage %d: %q needs a threshold (write %s@0.9) because another model follows", stage, name, name)
		case !more && exits:
			return Cascade{}, fmt.Errorf("cascade, stage %d: %q is the last model and takes no threshold", stage, name)
		}
		if !more {
			break
		}
		t, err := parseThreshold(strings.TrimSpace(threshold))
		if err != nil {
			return Cascade{}, fmt.Errorf("cascade, stage %d: %w", stage, err)
		}
		c.Thresholds = append(c.Thresholds, t)
		text = next
	}
	if !weighted {
		c.Weights = nil
	}
	total := 0
	for _, w := range c.Weights {
		total += int(w)
	}
	if total > MaxStages {
		return Cascade{}, fmt.Errorf("cascade: the weights sum to %d, at most %d is possible", total, MaxStages)
	}
	return c, nil
}

// cutName takes a model's name, quoted or plain, off the front of text.
func cutName(text string) (name, rest string, err error) {
	text = strings.TrimLeft(text, " \t\n")
	if strings.HasPrefix(text, `"`) {
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return "", "", errors.New("a quoted name does not end")
		}
		name, err = strconv.Unquote(quoted)
		return name, text[len(quoted):], err
	}
	end := strings.IndexAny(text, ",@*")
	if end < 0 {
		end = len(text)
	}
	name = strings.TrimSpace(text[:end])
	if name == "" {
		return "", "", errors.New("a model's name is missing")
	}
	return name, text[end:], nil
}
