package front

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// ExportVersion is the version of the JSON form of Export, and ExportFormat its
// name; docs/schemas/cascade.schema.json is its schema.
const (
	ExportVersion = 1
	ExportFormat  = "encas-zoo cascade"
)

// Export is one cascade on its own, with all that it takes to build it elsewhere.
type Export struct {
	Format     string        `json:"format"`
	Version    int           `json:"version"`
	Text       string        `json:"cascade"`
	Rule       string        `json:"rule"`
	Confidence string        `json:"confidence"`
	Classes    int           `json:"classes"`
	Cost       string        `json:"cost"` // the column that costs are of
	Stages     []ExportStage `json:"stages"`
	Measured   ExportFigures `json:"measured"`
	Zoo        string        `json:"zoo_fingerprint"`
	Number     int           `json:"number"` // of the cascade in its run folder
}

// ExportStage is one stage of an exported cascade.
type ExportStage struct {
	Model     string   `json:"model"`
	Weight    int      `json:"weight"`
	Threshold *float32 `json:"threshold,omitempty"`
	Cost      float64  `json:"cost"`
	Reach     float64  `json:"reach"` // share of the samples

	// Temperature T: the output p of the model is replaced by p^(1/T) divided by its
	// sum before anything else; 0 where it is taken as it is.
	Temperature float64 `json:"temperature,omitempty"`
}

// ExportFigures say what the cascade did on the split it was chosen on.
type ExportFigures struct {
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
	if number < 0 || number >= len(f.Cascades) {
		return nil, fmt.Errorf("the front has cascades 0 to %d, no %d", len(f.Cascades)-1, number)
	}
	c := f.Cascades[number]
	e := &Export{
		Format: ExportFormat, Version: ExportVersion, Text: c.Text, Rule: c.Rule, Confidence: c.Confidence,
		Classes: f.Zoo.Classes, Cost: f.Cost, Zoo: f.Zoo.Fingerprint, Number: number,
		Measured: ExportFigures{
			Split: f.Split.Name, Fingerprint: f.Split.Fingerprint, Samples: c.Samples, Correct: c.Correct,
			Accuracy: c.Accuracy, Cost: c.Cost, WorstCost: c.WorstCost,
		},
	}
	for _, s := range c.Stages {
		stage := ExportStage{Model: s.Model, Weight: s.Weight, Threshold: s.Threshold, Cost: s.Cost, Reach: float64(s.Reach) / float64(c.Samples)}
		if i := slices.IndexFunc(f.Models, func(m Model) bool { return m.Name == s.Model }); i >= 0 {
			stage.Temperature = f.Models[i].Temperature
		}
		e.Stages = append(e.Stages, stage)
	}
	return e, nil
}

// WriteJSON writes the cascade as a file for programs.
func (e *Export) WriteJSON(w io.Writer) error {
	data, err := encode(e)
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

// WriteMarkdown writes the cascade as a page from which a person can build it.
func (e *Export) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	m := e.Measured
	fmt.Fprintf(&b, "# Cascade %d\n\n%s\n\n", e.Number, codeBlock(e.Text))
	fmt.Fprintf(&b, "%.2f %% right at %.4g %s a sample on average, %.4g at worst, on the %d samples of the split %s that it was chosen on.\n\n",
		100*m.Accuracy, m.Cost, codeSpan(e.Cost), m.WorstCost, m.Samples, codeSpan(m.Split))
	b.WriteString("| stage | model | weight | exits if the confidence is above | cost | runs on |\n|---:|---|---:|---:|---:|---:|\n")
	for i, s := range e.Stages {
		threshold := "always exits"
		if s.Threshold != nil {
			threshold = fmt.Sprint(*s.Threshold)
		}
		fmt.Fprintf(&b, "| %d | %s | %d | %s | %.4g | %.1f %% |\n", i+1, strings.ReplaceAll(codeSpan(s.Model), "|", `\|`), s.Weight, threshold, s.Cost, 100*s.Reach)
	}
	b.WriteString("\n## To build it\n\nFor one sample, stage after stage:\n\n")
	b.WriteString("1. Run the stage's model and take its softmax output p, one probability a class.")
	if slices.ContainsFunc(e.Stages, func(s ExportStage) bool { return s.Temperature != 0 }) {
		b.WriteString(" Where the list below gives it a temperature T, replace p by p^(1/T) divided by its sum over the classes; that is softmax of the logits divided by T.")
	}
	b.WriteString("\n")
	if e.Rule == "last" {
		b.WriteString("2. Let r be p.\n")
	} else {
		b.WriteString("2. Let r be the weighted mean of the outputs p of all stages so far.\n")
	}
	b.WriteString("3. The answer is the class with the largest r, the lowest of them on a tie. " + map[string]string{
		"max":     "The confidence is that largest value.",
		"margin":  "The confidence is that largest value less the second largest.",
		"entropy": fmt.Sprintf("The confidence is 1 - H/ln %d, with H the entropy of r, -Σ r ln r.", e.Classes),
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
	for i, s := range e.Stages {
		if s.Temperature == 0 {
			continue
		}
		if !found {
			b.WriteString("Temperatures:\n\n")
			found = true
		}
		fmt.Fprintf(b, "- stage %d, %s: T = %v\n", i+1, codeSpan(s.Model), s.Temperature)
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
