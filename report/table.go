package report

import (
	"encoding/csv"
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/ui"
)

// WriteCSV writes all cascades of all runs, one a row. Columns of what is not known, a test
// split or expected accuracies, are empty.
func (d *Data) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write([]string{
		"run", "number", "cascade", "models", "cost", "worst_cost",
		"correct", "n", "accuracy", "low", "high",
		"test_cost", "test_correct", "test_n", "test_accuracy", "test_low", "test_high",
		"expected", "expected_low", "expected_high",
	})
	for _, r := range d.Runs {
		for i, c := range r.Cascades {
			row := []string{r.Name, strconv.Itoa(i), c.String(), strconv.Itoa(len(c.Stages)), exact(c.Cost), exact(c.WorstCost)}
			row = append(row, shares(c.Correct, d.Search.Samples)...)
			if d.Test != nil {
				row = append(append(row, exact(c.Test.Cost)), shares(c.Test.Correct, d.Test.Samples)...)
			} else {
				row = append(row, "", "", "", "", "", "")
			}
			if x := c.Expected; x != nil {
				row = append(row, exact(x.Accuracy), exact(x.Interval[0]), exact(x.Interval[1]))
			} else {
				row = append(row, "", "", "")
			}
			out.Write(row)
		}
	}
	out.Flush()
	return out.Error()
}

func shares(k, n int) []string {
	low, high := wilson(k, n)
	return []string{strconv.Itoa(k), strconv.Itoa(n), exact(float64(k) / float64(n)), exact(low), exact(high)}
}

func exact(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// WriteMarkdown writes the fronts as Markdown tables.
func (d *Data) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	for i, r := range d.Runs {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "### %s\n\n", markdown(r.Name))
		if r.Caveat != "" {
			fmt.Fprintf(&b, "%s.\n\n", r.Caveat)
		}
		from, searched := fmt.Sprintf("from %d models", len(d.Models)), markdown(d.Search.Name)
		if r.Shortlist != nil {
			from = r.Shortlist.String()
		}
		fmt.Fprintf(&b, "%d cascades %s, chosen on %s (%d samples)", len(r.Cascades), from, markdown(d.Search.Name), d.Search.Samples)
		if r.Drawn != nil {
			searched = "searched"
			fmt.Fprintf(&b, ", of which %d were searched and the others measured", r.Drawn.Samples)
		}
		head, rule := fmt.Sprintf("| # | %s | at worst ", markdown(d.Cost)), "|---:|---:|---:"
		if d.expects() {
			head, rule = head+"| expected | 95 % ", rule+"|---:|:---:"
		}
		if d.Test != nil {
			fmt.Fprintf(&b, ", checked on %s (%d samples)", markdown(d.Test.Name), d.Test.Samples)
			head, rule = head+"| "+markdown(d.Test.Name)+" | 95 % ", rule+"|---:|:---:"
		}
		fmt.Fprintf(&b, ".\n\n%s| %s | cascade |\n%s|---:|---|\n", head, searched, rule)
		for i, c := range r.Cascades {
			fmt.Fprintf(&b, "| %d | %.4g | %.4g ", i, c.Cost, c.WorstCost)
			if x := c.Expected; x != nil {
				fmt.Fprintf(&b, "| %.2f %% | %.2f to %.2f ", 100*x.Accuracy, 100*x.Interval[0], 100*x.Interval[1])
			} else if d.expects() {
				b.WriteString("| | ")
			}
			if d.Test != nil {
				low, high := wilson(c.Test.Correct, d.Test.Samples)
				fmt.Fprintf(&b, "| %.2f %% | %.2f to %.2f ", 100*float64(c.Test.Correct)/float64(d.Test.Samples), 100*low, 100*high)
			}
			fmt.Fprintf(&b, "| %.2f %% | %s |\n", 100*c.OnSearched(), markdown(c.String()))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown escapes all markup in text and keeps it on one line.
func markdown(text string) string {
	var b strings.Builder
	for _, r := range ui.Safe(text) {
		switch {
		case strings.ContainsRune("\\`*_{}[]|~#", r):
			b.WriteString(`\` + string(r))
		case strings.ContainsRune("<>&", r):
			b.WriteString(html.EscapeString(string(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
