package report

import (
	"fmt"
	"slices"
	"strings"
)

// Explain fills in the notes: those that are particular to this report, then the
// general ones.
func (d *Data) Explain(particular ...string) {
	search := d.Search.Name
	notes := particular
	notes = append(notes, fmt.Sprintf("The cascades were chosen for their results on %s, so their accuracy on the samples searched is optimistic: expect less on others.", search))
	by := "accuracy on " + search
	switch {
	case d.Drawn != nil:
		by = "expected accuracy"
		notes = append(particular, fmt.Sprintf("Of the %d samples of %s, %d were drawn at random and searched. The accuracy expected on other samples is that measured on the %d others, with Wilson's 95 %% interval; counts, costs and stages are of all samples, searched or not.",
			d.Search.Samples, search, d.Drawn.Samples, d.Drawn.Measured),
			"Likely means with a standard error of an accuracy on the samples measured to spare. Choosing among many cascades by what was measured makes the result of the one chosen a little too high. encas-zoo certify bounds that.")
	case slices.ContainsFunc(d.Runs, func(r Run) bool { return r.Drawn != nil }):
		by = "expected accuracy"
		notes = append(particular, d.ofParts()...)
	case d.expects():
		by = "expected accuracy"
		notes = append(notes, "The accuracy expected on other samples makes up for that. Its interval has the accuracy on as many other samples of the same kind with a probability of 95 %.",
			"Likely means expected with a standard error of an accuracy on as many samples to spare: about one such claim in eight is false on others. encas-zoo certify bounds that.")
	}
	if d.Test != nil {
		test := d.Test.Name
		held := fmt.Sprintf("Nothing was chosen on %s: what is measured there holds for other samples of the same kind.", test)
		if d.Seen > 0 {
			held = fmt.Sprintf("Of the %d samples of %s, %d are the same samples as in %s, on which the cascades were chosen: what is measured on %s is too favourable.", d.Test.Samples, test, d.Seen, search, test)
		}
		notes = append(notes, held,
			fmt.Sprintf("Picking the cascade that looks best on %s is choosing on %s after all, and makes its result optimistic too. Choose by cost, or by %s.", test, test, by))
	} else {
		notes = append(notes, "Check the accuracies on samples that were held out.")
	}
	d.Notes = append(notes,
		"Intervals of measured accuracies are Wilson's, each for one cascade: about one in twenty misses the true accuracy. Two cascades whose intervals overlap may still differ significantly, because both answer the same samples; that takes a paired test such as McNemar's.",
		"The mean cost is over these samples. Harder samples reach later stages more often and cost more, at most the worst-case cost.",
		"A stage repairs a sample if its answer is correct and that of the stage before is wrong, and breaks it in the opposite case. The correct answers of the first model, plus all repaired, minus all broken, are the correct answers of the cascade.",
		"Savings are in units of the cost column alone. Time on a machine depends on batch sizes, memory and the routing of samples, which are not measured here.")
}

// expects reports whether accuracies on other samples were estimated.
func (d *Data) expects() bool {
	for _, r := range d.Runs {
		if slices.ContainsFunc(r.Cascades, func(c Cascade) bool { return c.Expected != nil }) {
			return true
		}
	}
	return false
}

// ofParts returns the notes on runs of different parts of the samples.
func (d *Data) ofParts() (notes []string) {
	var whole []string
	for _, r := range d.Runs {
		if r.Drawn == nil {
			whole = append(whole, r.Name)
			continue
		}
		notes = append(notes, fmt.Sprintf("Of the %d samples of %s, %d were drawn at random with seed %d and searched in %s. Its accuracy expected on other samples is that measured on the %d others, with Wilson's 95 %% interval.",
			d.Search.Samples, d.Search.Name, r.Drawn.Samples, r.Drawn.Seed, r.Name, r.Drawn.Measured))
	}
	if len(whole) > 0 {
		notes = append(notes, fmt.Sprintf("All samples of %s were searched in %s: the accuracy on these is optimistic, and the one expected on other samples, if there is one, is an estimate that makes up for that.", d.Search.Name, strings.Join(whole, ", ")))
	}
	return append(notes,
		"Accuracies expected in different runs are of different samples, and may differ by chance. Those of single models are of the first run that has them. Counts, costs and stages are of all samples, searched or not.",
		"Likely means expected with a standard error to spare: of an accuracy on the samples measured or, if all were searched, on as many. Such a claim may be false on others. encas-zoo certify bounds that.")
}
