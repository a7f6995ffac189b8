package front

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// ExportVersion is the version of the JSON form of an [Export], and ExportFormat its
// name; docs/schemas/cascade.schema.json is its schema.
const (
	ExportVersion = 1
	ExportFormat  = "encas-zoo cascade"
)

// An Export is one cascade of a front, with all that it takes to build it elsewhere.
type Export struct {
	Point
	Number  int    // of the cascade in its front
	Classes int    // of the answers
	Column  string // that costs are of
	Split   Split  // that the figures are of
	Zoo     string // fingerprint

	// Temperatures are those of the stages' models, T: the output p of the model is
	// replaced by p^(1/T) divided by its sum before anything else; 0 if it is taken as
	// it is.
	Temperatures []float64
}

// exportJSON is an export as a file for programs has it.
type exportJSON struct {
	Format     string             `json:"format"`
	Version    int                `json:"version"`
	Text       string             `json:"cascade"`
	Rule       cascade.Rule       `json:"rule"`
	Confidence cascade.Confidence `json:"confidence"`
	Classes    int                `json:"classes"`
	Cost       string             `json:"cost"`
	Stages     []exportStageJSON  `json:"stages"`
	Measured   measuredJSON       `json:"measured"`
	Zoo        string             `json:"zoo_fingerprint"`
	Number     int                `json:"number"`
}

type exportStageJSON struct {
	Model       string   `json:"model"`
	Weight      int      `json:"weight"`
	Threshold   *float32 `json:"threshold,omitempty"`
	Cost        float64  `json:"cost"`
	Reach       float64  `json:"reach"` // share of the samples
	Temperature float64  `json:"temperature,omitempty"`
}

// measuredJSON says what the cascade did on the split it was chosen on.
type measuredJSON struct {
	Split       string  `json:"split"`
	Fingerprint string  `json:"split_fingerprint"`
	Samples     int     `json:"n"`
	Correct     int     `json:"correct"`
	Accuracy    float64 `json:"accuracy"`
	Cost        float64 `json:"cost"`
	WorstCost   float64 `json:"worst_cost"`
}

// Export takes a cascade out of a front.
func (f *Front) Export(number int) (*Export, error) {
	if number < 0 || number >= len(f.Points) {
		return nil, fmt.Errorf("the front has cascades 0 to %d, no %d", len(f.Points)-1, number)
	}
	e := &Export{Point: f.Points[number], Number: number, Classes: f.Zoo.Classes, Column: f.Cost, Split: f.Split, Zoo: f.Zoo.Fingerprint}
	for _, s := range e.Stages {
		temperature := 0.0
		if i := slices.IndexFunc(f.Models, func(m Model) bool { return m.Name == s.Model }); i >= 0 {
			temperature = f.Models[i].Temperature
		}
		e.Temperatures = append(e.Temperatures, temperature)
	}
	return e, nil
}

// WriteJSON writes the cascade as a file for programs.
func (e *Export) WriteJSON(w io.Writer) error {
	out := exportJSON{
		Format: ExportFormat, Version: ExportVersion, Text: e.String(), Rule: e.Rule, Confidence: e.Confidence,
		Classes: e.Classes, Cost: e.Column, Zoo: e.Zoo, Number: e.Number,
		Measured: measuredJSON{
			Split: e.Split.Name, Fingerprint: e.Split.Fingerprint, Samples: e.Samples, Correct: e.Correct,
			Accuracy: e.Accuracy(), Cost: e.Cost, WorstCost: e.WorstCost,
		},
	}
	for i, s := range e.JSON().Stages {
		out.Stages = append(out.Stages, exportStageJSON{s.Model, s.Weight, s.Threshold, s.Cost, float64(s.Reach) / float64(e.Samples), e.Temperatures[i]})
	}
	data, err := encode(out)
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

// WriteMarkdown writes the cascade as a page from which a person can build it.
func (e *Export) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Cascade %d\n\n%s\n\n", e.Number, codeBlock(e.String()))
	fmt.Fprintf(&b, "%.2f %% correct at %.4g %s a sample on average, %.4g at worst, on the %d samples of the split %s that it was chosen on.\n\n",
		100*e.Accuracy(), e.Cost, codeSpan(e.Column), e.WorstCost, e.Samples, codeSpan(e.Split.Name))
	b.WriteString("| stage | model | weight | exits if the confidence is above | cost | runs on |\n|---:|---|---:|---:|---:|---:|\n")
	for i, s := range e.Stages {
		threshold := "always exits"
		if i < len(e.Stages)-1 {
			threshold = cascade.FormatThreshold(s.Threshold)
		}
		fmt.Fprintf(&b, "| %d | %s | %d | %s | %.4g | %.1f %% |\n", i+1, strings.ReplaceAll(codeSpan(s.Model), "|", `\|`), s.Weight, threshold, e.Costs[i], 100*float64(e.Reach[i])/float64(e.Samples))
	}
	b.WriteString("\n## To build it\n\nFor one sample, stage after stage:\n\n")
	b.WriteString("1. Run the stage's model and take its softmax output p, one probability a class.")
	if slices.ContainsFunc(e.Temperatures, func(t float64) bool { return t != 0 }) {
		b.WriteString(" Where the list below gives it a temperature T, replace p by p^(1/T) divided by its sum over the classes; that is softmax of the logits divided by T.")
	}
	b.WriteString("\n")
	if e.Rule == cascade.RuleLast {
		b.WriteString("2. Let r be p.\n")
	} else {
		b.WriteString("2. Let r be the weighted mean of the outputs p of all stages so far.\n")
	}
	b.WriteString("3. The answer is the class with the largest r, the lowest of them on a tie. " + map[cascade.Confidence]string{
		cascade.MaxProbability: "The confidence is that largest value.",
		cascade.Margin:         "The confidence is that largest value less the second largest.",
		cascade.Entropy:        fmt.Sprintf("The confidence is 1 - H/ln %d, with H the entropy of r, -Σ r ln r.", e.Classes),
	}[e.Confidence] + "\n")
	b.WriteString("4. If the confidence is strictly above the stage's threshold, or this is the last stage, answer. Else go on to the next stage.\n\n")
	e.writeTemperatures(&b)
	b.WriteString("Thresholds are float32 numbers; the figures above are of outputs rounded to float16 and summed without rounding.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// writeTemperatures lists the temperatures of the models that have one.
func (e *Export) writeTemperatures(b *strings.Builder) {
	found := false
	for i, t := range e.Temperatures {
		if t == 0 {
			continue
		}
		if !found {
			b.WriteString("Temperatures:\n\n")
			found = true
		}
		fmt.Fprintf(b, "- stage %d, %s: T = %v\n", i+1, codeSpan(e.Stages[i].Model), t)
	}
	if found {
		b.WriteString("\n")
	}
}

// codeSpan shows text as it is, on one line, whatever is in it.
func codeSpan(text string) string {
	text = oneLine(text)
	fence := strings.Repeat("`", longestTicks(text)+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

func codeBlock(text string) string {
	fence := strings.Repeat("`", max(3, longestTicks(text)+1))
	return fence + "text\n" + oneLine(text) + "\n" + fence
}

// oneLine puts a blank in the place of what is no visible character.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

func longestTicks(text string) int {
	longest, run := 0, 0
	for _, r := range text {
		if r != '`' {
			run = -1
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
