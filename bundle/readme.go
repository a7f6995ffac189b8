package bundle

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/encas-zoo/encas-zoo/front"
)

// readme describes the bundle for people.
func (b *Bundle) readme() ([]byte, error) {
	var page bytes.Buffer
	if err := b.WriteMarkdown(&page); err != nil {
		return nil, err
	}
	b.writePromise(&page)
	b.writeModels(&page)
	if b.hasFiles() {
		page.WriteString("\n## How to run it\n\n" +
			"    encas-zoo run FOLDER --data IMAGES\n    encas-zoo serve FOLDER\n\n" +
			"with FOLDER this one; in Python `encas_zoo.load(FOLDER)`. Both check the files of the models by their SHA-256.\n")
	} else {
		page.WriteString("\n## How to run it\n\nThe zoo was imported, so the models are not here. In Python\n\n" +
			"    cascade = encas_zoo.load(FOLDER).cascade\n    cascade.predict_proba({name: model, ...})\n\n" +
			"takes models of your own, and runs each only on the samples that reach it.\n")
	}
	return page.Bytes(), nil
}

func (b *Bundle) hasFiles() bool {
	for _, s := range b.Stages {
		if s.Model == nil {
			return false
		}
	}
	return true
}

// writePromise writes what to expect of the cascade.
func (b *Bundle) writePromise(page *bytes.Buffer) {
	if p := b.Promise; p != nil {
		page.WriteString("\n## What to expect\n\n")
		how := fmt.Sprintf("correct on the %d samples of the split %s, on which it was not chosen", p.Samples, front.CodeSpan(p.Split))
		if p.Searched {
			how = "correct expected on samples that it was not chosen on"
		}
		fmt.Fprintf(page, "%.2f %% %s (95 %%: %.2f to %.2f), at %.4g %s per sample.\n", 100*p.Accuracy, how, 100*p.Interval[0], 100*p.Interval[1], p.Cost, front.CodeSpan(b.Cost))
		fmt.Fprintf(page, "Of the samples of %s ", front.CodeSpan(p.Split))
		for i, exits := range p.Exits() {
			if i > 0 {
				page.WriteString(", ")
			}
			fmt.Fprintf(page, "stage %d answers %.1f %%", i+1, 100*float64(exits)/float64(p.Samples))
		}
		page.WriteString(".\n")
	}
	for _, c := range b.Certified {
		fmt.Fprintf(page, "\nCertified with %g %% confidence on the %d samples of the split %s: it %s.\n", 100*c.Confidence, c.Samples, front.CodeSpan(c.Split), c.Claim.Describe(c.Reference, b.Cost))
	}
}

// writeModels writes where each model comes from and what it sees.
func (b *Bundle) writeModels(page *bytes.Buffer) {
	if !b.hasFiles() {
		return
	}
	page.WriteString("\n## Models\n\n| stage | file | source | licence | input | precision |\n|---:|---|---|---|---|---|\n")
	for i, s := range b.Stages {
		source := strings.TrimSpace(s.Origin.Source + " " + s.Origin.Architecture)
		if s.Origin.Tag != "" {
			source += "." + s.Origin.Tag
		}
		if s.Origin.Genome != "" {
			source += " " + s.Origin.Genome
		}
		licence := s.Origin.License
		if licence == "" {
			licence = "not known"
		}
		in := s.Input
		fmt.Fprintf(page, "| %d | %s | %s | %s | %dx%d, %s, %s, crop_pct %g, mean %v, std %v | %s |\n", i+1, cell(s.File.Path), cell(source), cell(licence),
			in.Height, in.Width, cell(in.CropMode), cell(in.Interpolation), in.CropPct, in.Mean, in.Std, cell(s.Precision))
	}
}

// cell is code in a table.
func cell(text string) string { return strings.ReplaceAll(front.CodeSpan(text), "|", `\|`) }
