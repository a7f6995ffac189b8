package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	report "github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
)

// tableRows is the most rows of a front that are shown.
const tableRows = 16

// optimized is the JSON result of optimize.
type optimized struct {
	Version   int            `json:"version"`
	Run       string         `json:"run"`                  // folder
	Best      report.Cascade `json:"best"`                 // most accurate within the budget
	BestModel *report.Model  `json:"best_model,omitempty"` // at no more cost
	Dominate  *dominated     `json:"dominate,omitempty"`
	Front     *report.Front  `json:"front"`
}

// dominated says which cascades are cheaper and more accurate than a model.
type dominated struct {
	Model    report.Model    `json:"model"`
	Cheapest *report.Cascade `json:"cheapest,omitempty"` // absent where there is none
	Best     *report.Cascade `json:"best,omitempty"`     // most accurate
}

// showFront shows the front that was found and what it means for the budget, and
// beside the model to be beaten, if there are such.
func (j *optimizeJob) showFront() error {
	t, front, dir, budget := j.terminal, j.front, j.folder.Dir, j.search.MaxCost
	choice, ok := front.Choose(budget)
	if !ok {
		return errors.New("on the full stored outputs every cascade of the front costs more than the budget")
	}
	beaten := dominate(front, j.dominate)
	if t.json {
		return writeJSON(optimized{report.Version, dir, front.Cascades[choice.Cascade], choice.Model, beaten, front})
	}
	if j.chart == "always" || j.chart == "auto" && t.out.Terminal() {
		t.out.Chart(drawFront(front, choice, budget))
		t.out.Printf("\n")
	}
	t.showTable(front, choice.Cascade)
	if front.Proof != "" {
		t.out.Printf("\nThe front is %s.\n", front.Proof)
	}
	if front.Interrupted {
		t.out.Printf("\nThe search ended before it was done: there may be better cascades.\n")
	}
	t.showChoice(front, choice, budget)
	t.showCrossValidation(front)
	if beaten != nil {
		t.showDominated(front, beaten)
	}
	t.out.Printf("\nWritten to %s: %s, %s, %s\n", dir, report.FrontFile, report.CSVFile, report.RunFile)
	if t.out.Terminal() {
		j.showNext(choice.Cascade)
	}
	return nil
}

// drawFront returns a drawing of a front within a budget, 0 for none, above the single
// models, with a choice marked in it.
func drawFront(front *report.Front, choice report.Choice, budget float64) *ui.Chart {
	cascades := ui.Stairs{Name: "cascades", Colour: ui.Cyan}
	for _, c := range front.Cascades {
		cascades.Points = append(cascades.Points, ui.XY{X: c.Cost, Y: c.Accuracy})
	}
	first, last := cascades.Points[0], cascades.Points[len(cascades.Points)-1]
	best := front.Cascades[choice.Cascade]
	chart := &ui.Chart{
		X: front.Cost, Y: "accuracy",
		Marks:   []ui.Mark{{Name: "cascade " + strconv.Itoa(choice.Cascade), At: ui.XY{X: best.Cost, Y: best.Accuracy}, Sign: '◆', Colour: ui.Cyan}},
		FormatX: func(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) },
		FormatY: func(y, step float64) string {
			// As many digits as tell the steps apart, of which there are several to 100 %.
			digits := max(0, int(math.Ceil(-math.Log10(100*step)-1e-9)))
			return strconv.FormatFloat(100*y, 'f', digits, 64) + " %"
		},
	}
	models := ui.Stairs{Name: "best single model", Colour: ui.Yellow, Dotted: true}
	for _, m := range front.Stairs() {
		at := ui.XY{X: m.Cost, Y: float64(m.Correct) / float64(front.Split.Samples)}
		// Models that are worse than all cascades, or that a limit kept out, would
		// squeeze the front into a corner.
		if at.Y < first.Y || at.X > last.X && (at.Y > last.Y || budget > 0) {
			continue
		}
		models.Points = append(models.Points, at)
	}
	if len(models.Points) > 0 {
		chart.Stairs = append(chart.Stairs, models)
	}
	chart.Stairs = append(chart.Stairs, cascades)
	if m := choice.Model; m != nil {
		if at := (ui.XY{X: m.Cost, Y: float64(m.Correct) / float64(front.Split.Samples)}); at.Y >= first.Y {
			chart.Marks = append(chart.Marks, ui.Mark{Name: m.Name, At: at, Sign: '◇', Colour: ui.Yellow})
		}
	}
	low, high := first.X, last.X
	for _, at := range models.Points {
		low, high = min(low, at.X), max(high, at.X)
	}
	chart.Log = high > 10*low
	return chart
}

// showNext shows what to type next.
func (j *optimizeJob) showNext(choice int) {
	dir, zoo := shellWord(j.folder.Dir), ""
	if j.zooGiven != "" {
		zoo = " --zoo " + shellWord(j.zooGiven)
	}
	type next struct{ command, what string }
	var list []next
	if other := j.otherSplit(); other != "" {
		list = append(list, next{fmt.Sprintf("encas-zoo evaluate %s%s --split %s", dir, zoo, shellWord(other)), "on samples the search did not see"})
	}
	list = append(list,
		next{fmt.Sprintf("encas-zoo report %s --open", dir), "as a page"},
		next{fmt.Sprintf("encas-zoo export %s --pick %d", dir, choice), "take this cascade away"})
	width := 0
	for _, n := range list {
		width = max(width, ui.Width(ui.Safe(n.command)))
	}
	j.out.Printf("\nNext:\n")
	for _, n := range list {
		j.out.Printf("   %s%*s   %s\n", n.command, width-ui.Width(ui.Safe(n.command)), "", j.out.Dim(n.what))
	}
}

// otherSplit returns the split to check a front on: test, or else another than the
// one it was chosen on; "" where there is none.
func (j *optimizeJob) otherSplit() string {
	other := ""
	for _, s := range j.zoo.Splits() {
		if s.Name != j.split.Name && (other == "" || s.Name == "test") {
			other = s.Name
		}
	}
	return other
}

// shellWord writes text so that a shell reads it as one word and, after a command's
// name, not as a flag.
func shellWord(text string) string {
	plain := text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./+,:@%", r))
	})
	if strings.HasPrefix(text, "-") {
		text = "./" + text
	}
	switch {
	case plain:
		return text
	case ui.Safe(text) == text:
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	var b strings.Builder // as bash and zsh read it
	b.WriteString("$'")
	for _, c := range []byte(text) {
		switch {
		case c == '\'' || c == '\\':
			b.WriteString(`\` + string(c))
		case c >= ' ' && c < 0x7f:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	b.WriteString("'")
	return b.String()
}

// showTable shows so much of a front as fits a screen, with one cascade in any case.
func (t *terminal) showTable(front *report.Front, always int) {
	rows := front.Spread(tableRows)
	if !slices.Contains(rows, always) {
		rows = append(rows, always)
		slices.Sort(rows)
	}
	table := ui.NewTable(
		ui.Column{Head: "#", Right: true},
		ui.Column{Head: "accuracy", Right: true},
		ui.Column{Head: front.Cost, Right: true},
		ui.Column{Head: "at worst", Right: true},
		ui.Column{Head: "cascade", Shrink: true})
	for _, i := range rows {
		c := front.Cascades[i]
		table.Row(strconv.Itoa(i), percent(c.Accuracy), ui.Number(c.Cost), ui.Number(c.WorstCost), c.Text)
	}
	t.out.Printf("%d cascades of %d models on the split %s (%s samples)", len(front.Cascades), len(front.Models), front.Split.Name, ui.Count(front.Split.Samples))
	if len(rows) < len(front.Cascades) {
		t.out.Printf(", %d of them here", len(rows))
	}
	t.out.Printf("\n\n")
	t.out.Table(table)
}

// showChoice shows the best cascade beside the best model.
func (t *terminal) showChoice(front *report.Front, choice report.Choice, budget float64) {
	if budget > 0 {
		t.out.Printf("\nWithin %g %s:\n", budget, front.Cost)
	} else {
		t.out.Printf("\nMost accurate:\n")
	}
	line := func(what string, accuracy, cost float64, less, name string) {
		t.out.Printf("   %-12s %s at %s %s%s: %s\n", what, t.out.Bold(percent(accuracy)), ui.Number(cost), front.Cost, less, name)
	}
	best := front.Cascades[choice.Cascade]
	line("cascade "+strconv.Itoa(choice.Cascade), best.Accuracy, best.Cost, "", best.Text)
	if best.Bound > 0 && best.Bound < best.Samples {
		bound := float64(best.Bound) / float64(best.Samples)
		t.out.Printf("   %-12s %s, %.2f points more: no cascade of any kind has more on these samples for that cost\n", "bound", percent(bound), 100*(bound-best.Accuracy))
	}
	if choice.Model == nil {
		return
	}
	single := choice.Model
	line("best model", float64(single.Correct)/float64(front.Split.Samples), single.Cost, "", single.Name)
	if choice.AsAccurate < 0 {
		return
	}
	if c := front.Cascades[choice.AsAccurate]; c.Cost < single.Cost {
		line("as accurate", c.Accuracy, c.Cost, fmt.Sprintf(" (%s less)", saving(c.Cost, single.Cost)), c.Text)
	}
}

// dominate returns what of a front is cheaper and more accurate than a model, nil for
// the model "".
func dominate(front *report.Front, model string) *dominated {
	if model == "" {
		return nil
	}
	d := &dominated{Model: front.Models[slices.IndexFunc(front.Models, func(m report.Model) bool { return m.Name == model })]}
	for i := range front.Cascades {
		c := &front.Cascades[i]
		// Rounding must not make a model of its own cheaper than itself.
		if c.Cost >= d.Model.Cost*(1-1e-9) || c.Correct <= d.Model.Correct {
			continue
		}
		if d.Cheapest == nil || c.Cost < d.Cheapest.Cost {
			d.Cheapest = c
		}
		if d.Best == nil || c.Correct > d.Best.Correct {
			d.Best = c
		}
	}
	return d
}

func (t *terminal) showDominated(front *report.Front, d *dominated) {
	accuracy := float64(d.Model.Correct) / float64(front.Split.Samples)
	model := fmt.Sprintf("%s (%s at %s %s)", d.Model.Name, percent(accuracy), ui.Number(d.Model.Cost), front.Cost)
	if d.Cheapest == nil {
		t.out.Printf("\nNo cascade found is both cheaper and more accurate than %s.\n", model)
		return
	}
	t.out.Printf("\nCheaper and more accurate than %s:\n", model)
	line := func(what string, c *report.Cascade) {
		t.out.Printf("   %-12s %s (%s points) at %s %s (%s less): %s\n", what, t.out.Bold(percent(c.Accuracy)),
			points(c.Accuracy-accuracy), ui.Number(c.Cost), front.Cost, saving(c.Cost, d.Model.Cost), c.Text)
	}
	line("cheapest", d.Cheapest)
	if d.Best != d.Cheapest {
		line("best", d.Best)
	}
}

func percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }

// saving is how much less cost is than another, with the digits that tell how
// little is left where nearly all is saved.
func saving(cost, other float64) string {
	share := 100 * (1 - cost/other)
	digits := 0
	switch {
	case share > 99:
		digits = 2
	case share > 95:
		digits = 1
	}
	return strconv.FormatFloat(share, 'f', digits, 64) + " %"
}
