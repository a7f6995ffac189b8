package cascade

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// prefix begins the text of a cascade with a rule other than mean.
func (r Rule) prefix() string {
	if r == RuleMean {
		return ""
	}
	return r.String() + ":"
}

// String writes the cascade as [Parse] reads it: resnet20@0.62,resnet56*2@0.9,wrn_28_10,
// preceded by "last:" or "vote:" if that is the rule and by "margin:" or "entropy:" if that is the
// measure of confidence. An ambiguous name is written as a quoted Go string.
func (c Cascade) String() string {
	members := c.Members(",@")
	for i := range len(members) - 1 {
		members[i] += "@" + FormatThreshold(c.Stages[i].Threshold)
	}
	return strings.Join(members, ",")
}

// Members writes the stages without their thresholds, as String does: name, *weight if
// that is not 1, and at the first stage the measure and the rule. A name with any of the
// given characters in it is quoted.
func (c Cascade) Members(special string) []string {
	if len(c.Stages) == 0 {
		return nil
	}
	members := make([]string, len(c.Stages))
	for i, s := range c.Stages {
		members[i] = s.Model
		if mustQuote(s.Model, special+`*"`) {
			members[i] = strconv.Quote(s.Model)
		}
		if s.Weight != 1 {
			members[i] += "*" + strconv.Itoa(s.Weight)
		}
	}
	members[0] = c.Rule.prefix() + members[0]
	if c.Confidence != MaxProbability {
		members[0] = c.Confidence.String() + ":" + members[0]
	}
	return members
}

func mustQuote(name, special string) bool {
	if name == "" || strings.ContainsAny(name, special) || strings.TrimSpace(name) != name {
		return true
	}
	for _, prefix := range []string{RuleLast.prefix(), RuleVote.prefix(), Margin.String() + ":", Entropy.String() + ":"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) })
}

// Parse reads a cascade such as resnet20@0.62,resnet56*2@0.9,wrn_28_10: exit after
// resnet20 if its confidence is above 0.62, else after the mean of it and twice
// resnet56 above 0.9, else after all three. Errors name the stage.
func Parse(text string) (Cascade, error) {
	var c Cascade
	for _, measure := range []Confidence{Margin, Entropy} {
		if rest, ok := strings.CutPrefix(text, measure.String()+":"); ok {
			c.Confidence, text = measure, rest
			break
		}
	}
	for _, rule := range []Rule{RuleLast, RuleVote} {
		if rest, ok := strings.CutPrefix(text, rule.prefix()); ok {
			c.Rule, text = rule, rest
			break
		}
	}
	for more := true; more; {
		var s Stage
		var err error
		if len(c.Stages) == MaxStages {
			return Cascade{}, fmt.Errorf("cascade: more than %d stages", MaxStages)
		}
		if s, text, more, err = parseStage(text); err != nil {
			return Cascade{}, fmt.Errorf("cascade, stage %d: %w", len(c.Stages)+1, err)
		}
		c.Stages = append(c.Stages, s)
	}
	if err := c.Validate(); err != nil {
		return Cascade{}, fmt.Errorf("cascade: %w", err)
	}
	return c, nil
}

// parseStage cuts a stage off the front of text and reports whether another follows.
func parseStage(text string) (s Stage, rest string, more bool, err error) {
	if s.Model, text, err = cutName(text); err != nil {
		return s, "", false, err
	}
	part, rest, more := strings.Cut(text, ",")
	weight, threshold, exits := strings.Cut(part, "@")
	s.Weight = 1
	if weight = strings.TrimSpace(weight); weight != "" {
		digits, ok := strings.CutPrefix(weight, "*")
		if s.Weight, err = strconv.Atoi(digits); !ok || err != nil || s.Weight < 1 || s.Weight > MaxStages {
			return s, "", false, fmt.Errorf("weight %q is not * and a number from 1 to %d", weight, MaxStages)
		}
	}
	switch {
	case more && !exits:
		return s, "", false, fmt.Errorf("%q needs a threshold (write %s@0.9) because another model follows", s.Model, s.Model)
	case !more && exits:
		return s, "", false, fmt.Errorf("%q is the last model and takes no threshold", s.Model)
	case more:
		s.Threshold, err = ParseThreshold(strings.TrimSpace(threshold))
	}
	return s, rest, more, err
}

// cutName cuts a model's name, quoted or plain, off the front of text.
func cutName(text string) (name, rest string, err error) {
	text = strings.TrimLeft(text, " \t\n")
	if strings.HasPrefix(text, `"`) {
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return "", "", errors.New("a quoted name does not end")
		}
		if name, err = strconv.Unquote(quoted); err == nil && name == "" {
			err = errors.New("a model's name is missing")
		}
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

// ParseThreshold reads a threshold, a float32 in [0, 1].
func ParseThreshold(text string) (float32, error) {
	t, err := strconv.ParseFloat(text, 32)
	if err != nil || !(t >= 0 && t <= 1) {
		return 0, fmt.Errorf("threshold %q is not a number in [0, 1]", text)
	}
	return float32(t), nil
}

// FormatThreshold writes the shortest text that [ParseThreshold] reads as the same
// float32.
func FormatThreshold(t float32) string { return strconv.FormatFloat(float64(t), 'g', -1, 32) }
