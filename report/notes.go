package report

import (
	"fmt"
	"strings"
)

// Explain fills in the notes: first what is particular to this page, then what
// holds for all.
func (d *Data) Explain(particular ...string) {
	search := d.Search.Name
	notes := particular
	if d.Test != nil {
		test := d.Test.Name
		notes = append(notes,
			fmt.Sprintf("The cascades were chosen because they did well on %s, so their accuracy there is flattered by luck. On %s nothing was chosen: take those figures as what to expect, for samples of the same kind.", search, test),
			fmt.Sprintf("Whoever goes through the front and takes the cascade that looks best on %s chooses on %s after all, and its figure becomes flattered in turn. Choose by cost or by the accuracy on %s.", test, test, search))
	} else {
		notes = append(notes, fmt.Sprintf("All figures are of the samples of %s that the cascades were chosen on: the accuracies are flattered by luck. Check them on samples that were kept apart.", search))
	}
	notes = append(notes,
		"The bands are Wilson's 95 % intervals, for each cascade by itself: of twenty such intervals one is expected to miss. Two cascades whose bands overlap may still differ, because both answer the same samples; a paired test such as McNemar's tells.",
		"The mean cost is over these samples. Where samples come that are harder, more of them go on to the later stages and the cost rises, at most to the worst case.",
		"A stage repairs a sample when the stage before had it wrong and this one has it right, and breaks it the other way round. The right answers of the first model, plus all that is repaired, less all that is broken, are the right answers of the cascade.",
		"Saved compute is counted in the cost column alone. Time on a machine depends on batches, memory and on how samples are sent on, which is not measured here.")
	d.Notes = notes
}

// commandLine writes a command so that a shell reads it back.
func commandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = a
		if a == "" || strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./,:@%+") != "" {
			quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
