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

// An Export is one cascade of a front, with everything needed to build it elsewhere.
type Export struct {
	Format     string             `json:"format"`
	Version    int                `json:"version"`
	Text       string             `json:"cascade"`
	Rule       cascade.Rule       `json:"rule"`
	Confidence cascade.Confidence `json:"confidence"`
	Classes    int                `json:"classes"`
	Cost       string             `json:"cost"` // column
	Stages     []ExportedStage    `json:"stages"`
	Expected   *Expected          `json:"expected,omitempty"`
	Measured   Results            `json:"measured"`
	Drawn      *Drawn             `json:"drawn,omitempty"` // the part of these samples that was searched; nil: all were
	Parts      *Parts             `json:"parts,omitempty"` // of the search that its front is of; nil: all of it
	Shortlist  *Shortlisted       `json:"shortlist,omitempty"`
	Zoo        string             `json:"zoo_fingerprint"`
	Number     int                `json:"number"` // of the cascade in its front; -1 if it is none of those

	Point Point `json:"-"` // the cascade itself
}

// An ExportedStage is a stage of an [Export].
type ExportedStage struct {
	StageJSON
	Reach float64 `json:"reach"` // share of the samples

	// Temperature is T: the output p of the model is replaced by p^(1/T) divided by its sum
	// before anything else; 0 if it is used unchanged.
	Temperature float64 `json:"temperature,omitempty"`
}

// Results are those on the split that the cascade was chosen on.
type Results struct {
	Split       string  `json:"split"`
	Fingerprint string  `json:"split_fingerprint"`
	Samples     int     `json:"n"`
	Correct     int     `json:"correct"`
	Accuracy    float64 `json:"accuracy"`
	Cost        float64 `json:"cost"`
	WorstCost   float64 `json:"worst_cost"`
}

// Export returns a cascade of the front.
func (f *Front) Export(number int) (*Export, error) {
	if number < 0 || number >= len(f.Points) {
		return nil, fmt.Errorf("there is no cascade %d: the front has 0 to %d", number, len(f.Points)-1)
	}
	return f.export(f.Points[number], number), nil
}

// ExportOther returns a cascade of models of the front that is none of its cascades, with its
// results on the samples searched.
func (f *Front) ExportOther(p Point) *Export { return f.export(p, -1) }

func (f *Front) export(p Point, number int) *Export {
	e := &Export{
		Format: ExportFormat, Version: ExportVersion, Text: p.String(), Rule: p.Rule, Confidence: p.Confidence, Classes: f.Zoo.Classes,
		Cost: f.Cost, Zoo: f.Zoo.Fingerprint, Number: number, Point: p, Expected: p.Expected, Drawn: f.Drawn(), Parts: f.Parts, Shortlist: f.Shortlisted(),
		Measured: Results{f.Split.Name, f.Split.Fingerprint, p.Samples, p.Correct, p.Accuracy(), p.Cost, p.WorstCost},
	}
	for _, s := range p.JSON().Stages {
		stage := ExportedStage{StageJSON: s.StageJSON, Reach: float64(s.Reach) / float64(p.Samples)}
		if i := slices.IndexFunc(f.Models, func(m Model) bool { return m.Name == s.Model }); i >= 0 {
			stage.Temperature = f.Models[i].Temperature
		}
		e.Stages = append(e.Stages, stage)
	}
	return e
}

// WriteJSON writes the cascade for programs.
func (e *Export) WriteJSON(w io.Writer) error {
	data, err := encode(e, " ")
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

// WriteMarkdown writes a page that describes how to build the cascade.
func (e *Export) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	m := e.Measured
	title := "Cascade"
	if e.Number >= 0 {
		title = fmt.Sprintf("Cascade %d", e.Number)
	}
	fmt.Fprintf(&b, "# %s\n\n", title)
	if e.Parts != nil {
		fmt.Fprintf(&b, "%s.\n\n", e.Parts.Caveat())
	}
	b.WriteString(codeBlock(e.Text) + "\n\n")
	if e.Shortlist != nil {
		fmt.Fprintf(&b, "A cascade %s.\n\n", e.Shortlist)
	}
	if x := e.Expected; x != nil {
		fmt.Fprintf(&b, "%.2f %% correct expected on other samples (95 %%: %.2f to %.2f).\n\n", 100*x.Accuracy, 100*x.Interval[0], 100*x.Interval[1])
	}
	on := fmt.Sprintf("on the %d samples of the split %s, on which it was chosen", m.Samples, CodeSpan(m.Split))
	if d := e.Drawn; d != nil && d.Measured > 0 {
		on = fmt.Sprintf("on all %d samples of the split %s: %d of them were searched, and the expected accuracy is that on the others", m.Samples, CodeSpan(m.Split), d.Samples)
	}
	fmt.Fprintf(&b, "%.2f %% correct at %.4g %s per sample on average and %.4g at worst, %s.\n\n", 100*m.Accuracy, m.Cost, CodeSpan(e.Cost), m.WorstCost, on)
	b.WriteString("| stage | model | weight | exits if confidence > | cost | reached by |\n|---:|---|---:|---:|---:|---:|\n")
	temperatures := ""
	for i, s := range e.Stages {
		threshold := "always exits"
		if s.Threshold != nil {
			threshold = cascade.FormatThreshold(*s.Threshold)
			if *s.Threshold >= 1 {
				threshold += ": never exits"
			}
		}
		model := CodeSpan(s.Model)
		fmt.Fprintf(&b, "| %d | %s | %d | %s | %.4g | %.1f %% |\n", i+1, strings.ReplaceAll(model, "|", `\|`), s.Weight, threshold, s.Cost, 100*s.Reach)
		if s.Temperature != 0 {
			temperatures += fmt.Sprintf("- stage %d, %s: T = %v\n", i+1, model, s.Temperature)
		}
	}
	b.WriteString("\n## How to build it\n\nFor each sample, stage by stage:\n\n")
	if e.Rule == cascade.RuleVote {
		b.WriteString("1. Run the stage's model and take its answer: the class of its largest output, on a tie the lowest of them.")
		temperatures = "" // which change no answer
	} else {
		b.WriteString("1. Run the stage's model and take its softmax output p, one probability per class.")
	}
	if temperatures != "" {
		b.WriteString(" If the list below has a temperature T for it, replace p by p^(1/T) divided by its sum over the classes; that equals softmax of the logits divided by T.")
		temperatures = "Temperatures:\n\n" + temperatures + "\n"
	}
	b.WriteString("\n2. " + map[cascade.Rule]string{
		cascade.RuleMean: "Let r be the weighted mean of the outputs p of all stages so far.",
		cascade.RuleLast: "Let r be p.",
		cascade.RuleVote: "Let r be the votes so far: for each class, the weights of the models that answer it divided by the weights of all models so far.",
	}[e.Rule] + "\n")
	b.WriteString("3. The answer is the class with the largest r; on a tie, the lowest of them. " + map[cascade.Confidence]string{
		cascade.MaxProbability: "The confidence is that value.",
		cascade.Margin:         "The confidence is that value minus the second largest.",
		cascade.Entropy:        fmt.Sprintf("The confidence is 1 - H/ln %d, where H is the entropy of r, -Σ r ln r.", e.Classes),
	}[e.Confidence] + "\n")
	b.WriteString("4. If the confidence is strictly above the stage's threshold, or this is the last stage, answer. Otherwise continue with the next stage.\n\n")
	b.WriteString(temperatures)
	b.WriteString("Thresholds are float32 numbers. The results above were computed from outputs rounded to float16 and summed exactly.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// CodeSpan is Markdown that shows any text unchanged, on one line.
func CodeSpan(text string) string {
	text = oneLine(text)
	quote := fence(text, "`")
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return quote + text + quote
}

func codeBlock(text string) string {
	text = oneLine(text)
	quote := fence(text, "```")
	return quote + "text\n" + text + "\n" + quote
}

// fence returns backquotes that are not in text, at least those given.
func fence(text, least string) string {
	for strings.Contains(text, least) {
		least += "`"
	}
	return least
}

// oneLine replaces what is not a visible character by a blank.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
