package report

import "fmt"

// Explain fills in the notes: those that are particular to this report, then the
// general ones.
func (d *Data) Explain(particular ...string) {
	search := d.Search.Name
	notes := particular
	if d.Test != nil {
		test := d.Test.Name
		notes = append(notes,
			fmt.Sprintf("The cascades were chosen for their results on %s, so their accuracy there is optimistic. Nothing was chosen on %s: expect the results there, on samples of the same kind.", search, test),
			fmt.Sprintf("Picking the cascade that looks best on %s is choosing on %s after all, and makes its result optimistic too. Choose by cost, or by accuracy on %s.", test, test, search))
	} else {
		notes = append(notes, fmt.Sprintf("All results are on the samples of %s, on which the cascades were chosen: the accuracies are optimistic. Check them on samples that were held out.", search))
	}
	d.Notes = append(notes,
		"The bands are 95 % Wilson intervals, each for one cascade: about one in twenty misses the true accuracy. Two cascades whose bands overlap may still differ significantly, because both answer the same samples; that takes a paired test such as McNemar's.",
		"The mean cost is over these samples. Harder samples reach later stages more often and cost more, at most the worst-case cost.",
		"A stage repairs a sample if its answer is correct and that of the stage before is wrong, and breaks it in the opposite case. The correct answers of the first model, plus all repaired, minus all broken, are the correct answers of the cascade.",
		"Savings are in units of the cost column alone. Time on a machine depends on batch sizes, memory and the routing of samples, which are not measured here.")
}
