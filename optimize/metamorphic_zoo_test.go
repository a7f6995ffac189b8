package optimize_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// A trial is a small zoo, how it is searched, and what must hold. It is written and
// read as JSON.
type trial struct {
	Check   check
	Options options
	Classes int
	Full    bool `json:",omitempty"` // the search has full outputs at hand
	Labels  []int
	Models  []model
}

// A check is a relation between searches of a zoo, by name, and what it draws.
type check struct {
	Relation string
	Variant  variant `json:",omitzero"` // of the relation "same"
	Seed     uint64  `json:",omitempty"`
}

// A variant says how a search is run, on which nothing may depend.
type variant struct {
	Threads int    `json:",omitempty"` // 0: one
	Path    string `json:",omitempty"` // of the kernels
	Memory  int64  `json:",omitempty"`
	Resume  uint64 `json:",omitempty"` // seed of the interruptions; 0: none
	Models  uint64 `json:",omitempty"` // seed of the order of models
	Samples uint64 `json:",omitempty"` // and of samples
	Parts   int    `json:",omitempty"` // that it is cut into; 0: none
}

// options are those of a search that its result may depend on.
type options struct {
	Algorithm    string
	Rules        []cascade.Rule     `json:",omitempty"`
	Confidence   cascade.Confidence `json:",omitempty"`
	Grid         optimize.Grid      `json:",omitempty"`
	Snap         bool               `json:",omitempty"`
	Paper        bool               `json:",omitempty"`
	MaxModels    int                `json:",omitempty"`
	MaxCost      float64            `json:",omitempty"`
	MaxWorstCost float64            `json:",omitempty"`
	MaxParams    float64            `json:",omitempty"`
	Include      []string           `json:",omitempty"`
	MinAccuracy  float64            `json:",omitempty"`
	Evidence     bool               `json:",omitempty"`
	Folds        int                `json:",omitempty"`
	Evals        int64              `json:",omitempty"`
	Seed         uint64             `json:",omitempty"`
}

type model struct {
	Name    string
	Cost    float64
	Params  float64 `json:",omitempty"`
	Answers bool    `json:",omitempty"` // the largest value alone
	Rows    []row   // by sample
}

// A row holds a whole number for every class. Divided by their sum and rounded to
// float16, these are a model's outputs.
type row []int

// MarshalText writes the numbers with a space between them.
func (r row) MarshalText() ([]byte, error) {
	return []byte(strings.Trim(fmt.Sprint([]int(r)), "[]")), nil
}

// UnmarshalText is the inverse of MarshalText.
func (r *row) UnmarshalText(text []byte) error {
	*r = nil
	for field := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return err
		}
		*r = append(*r, n)
	}
	return nil
}

// String writes a trial as JSON, a line for every sample of a model.
func (c *trial) String() string {
	var b bytes.Buffer
	text := func(v any) []byte {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return data
	}
	fmt.Fprintf(&b, "{\"Check\": %s,\n\"Options\": %s,\n", text(c.Check), text(c.Options))
	fmt.Fprintf(&b, "\"Classes\": %d, \"Full\": %t, \"Labels\": %s,\n\"Models\": [", c.Classes, c.Full, text(c.Labels))
	for i, m := range c.Models {
		if i > 0 {
			b.WriteString(",")
		}
		rows := m.Rows
		m.Rows = nil
		head := bytes.TrimSuffix(text(m), []byte("null}"))
		fmt.Fprintf(&b, "\n%s[\n  %s]}", head, bytes.ReplaceAll(bytes.Trim(text(rows), "[]"), []byte(`",`), []byte("\",\n  ")))
	}
	b.WriteString("]}\n")
	return b.String()
}

func readTrial(data []byte) (*trial, error) {
	c := new(trial)
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(c); err != nil {
		return nil, err
	}
	if c.Check.Relation != relationSame && relations[c.Check.Relation] == nil {
		return nil, fmt.Errorf("there is no relation %q", c.Check.Relation)
	}
	for _, m := range c.Models {
		if len(m.Rows) != len(c.Labels) {
			return nil, fmt.Errorf("model %q has %d rows for %d samples", m.Name, len(m.Rows), len(c.Labels))
		}
		for i, r := range m.Rows {
			if len(r) != c.Classes || r.sum() <= 0 || slices.Min(r) < 0 {
				return nil, fmt.Errorf("model %q, sample %d: %v is no row of %d classes", m.Name, i, []int(r), c.Classes)
			}
		}
	}
	return c, nil
}

func (r row) sum() int {
	sum := 0
	for _, n := range r {
		sum += n
	}
	return sum
}

// clone returns a copy of which everything but rows may be changed; rows may be
// replaced.
func (c *trial) clone() *trial {
	d := *c
	d.Labels = slices.Clone(c.Labels)
	d.Models = slices.Clone(c.Models)
	for m := range d.Models {
		d.Models[m].Rows = slices.Clone(d.Models[m].Rows)
	}
	o := &d.Options
	o.Rules, o.Grid, o.Include = slices.Clone(o.Rules), slices.Clone(o.Grid), slices.Clone(o.Include)
	return &d
}

// truncated reports whether the models' lists leave classes out.
func (c *trial) truncated() bool { return outputs.ListLength(c.Classes) < c.Classes }

// rows are the outputs of a model as float16, one sample after the other.
func (c *trial) rows(m *model) []uint16 {
	values := make([]float32, 0, len(c.Labels)*c.Classes)
	for _, r := range m.Rows {
		sum := float64(r.sum())
		for _, n := range r {
			values = append(values, float32(float64(n)/sum))
		}
	}
	rows := make([]uint16, len(values))
	kernel.F16FromF32(rows, values)
	if m.Answers {
		for r := range slices.Chunk(rows, c.Classes) {
			top := outputs.Top(r)
			value := r[top]
			clear(r)
			r[top] = value
		}
	}
	return rows
}

func (c *trial) lists(m *model, rows []uint16) outputs.Lists {
	if !m.Answers {
		return outputs.BuildLists(rows, c.Classes)
	}
	l := outputs.NewLists(len(c.Labels), c.Classes)
	for i := range c.Labels {
		r := rows[i*c.Classes:][:c.Classes]
		top := outputs.Top(r)
		outputs.SetAnswer(&l, i, uint16(top), r[top])
	}
	return l
}

// problem is the zoo as a search sees it, and the full outputs of its models.
func (c *trial) problem() (*optimize.Problem, func(model string) (cascade.Rows, error), error) {
	labels := make([]uint16, len(c.Labels))
	for i, label := range c.Labels {
		labels[i] = uint16(label)
	}
	all := make(map[string][]uint16)
	var models []optimize.Model
	for i := range c.Models {
		m := &c.Models[i]
		rows := c.rows(m)
		all[m.Name] = rows
		models = append(models, optimize.Model{Name: m.Name, Cost: m.Cost, Params: m.Params, Answers: m.Answers, Lists: c.lists(m, rows)})
	}
	p, err := optimize.NewProblem(labels, c.Classes, models)
	return p, func(model string) (cascade.Rows, error) { return &fullRows{all[model], c.Classes}, nil }, err
}

// fullRows serves rows a few at a time.
type fullRows struct {
	rows    []uint16
	classes int
}

func (f *fullRows) ReadRows(dst []uint16) (int, error) {
	if len(f.rows) == 0 {
		return 0, io.EOF
	}
	n := copy(dst[:min(len(dst), 50*f.classes)], f.rows)
	f.rows = f.rows[n:]
	return n / f.classes, nil
}

// dense is the zoo as the referee sees it. With listed set, classes that a list leaves
// out have the value that the list gives them.
func (c *trial) dense(listed bool) *cascade.Dense {
	d := &cascade.Dense{Classes: c.Classes, Costs: make(map[string]float64), Outputs: make(map[string][]float32)}
	for _, label := range c.Labels {
		d.Labels = append(d.Labels, uint16(label))
	}
	for i := range c.Models {
		m := &c.Models[i]
		rows := c.rows(m)
		values := make([]float32, len(rows))
		kernel.F16ToF32(values, rows)
		if listed && c.truncated() {
			l := c.lists(m, rows)
			for sample, tail := range l.Tail {
				known := l.Classes[sample*l.K:][:l.K]
				for class := range c.Classes {
					if !slices.Contains(known, uint16(class)) {
						values[sample*c.Classes+class] = float32(float64(tail) / outputs.One)
					}
				}
			}
		}
		d.Costs[m.Name], d.Outputs[m.Name] = m.Cost, values
	}
	return d
}

// shuffleModels puts the models, and the names of required ones, in another order.
func (c *trial) shuffleModels(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	rng.Shuffle(len(c.Models), func(i, j int) { c.Models[i], c.Models[j] = c.Models[j], c.Models[i] })
	include := c.Options.Include
	rng.Shuffle(len(include), func(i, j int) { include[i], include[j] = include[j], include[i] })
}

// takeSamples keeps the samples of the given numbers, in their order.
func (c *trial) takeSamples(numbers []int) {
	labels := c.Labels
	c.Labels = nil
	for _, i := range numbers {
		c.Labels = append(c.Labels, labels[i])
	}
	for m := range c.Models {
		rows := c.Models[m].Rows
		c.Models[m].Rows = nil
		for _, i := range numbers {
			c.Models[m].Rows = append(c.Models[m].Rows, rows[i])
		}
	}
}

// newTrial makes a zoo and options at random.
func newTrial(seed uint64) *trial {
	rng := rand.New(rand.NewPCG(seed, 0))
	c := &trial{Classes: 2 + rng.IntN(9)}
	models, samples := 2+rng.IntN(6), 1+rng.IntN(150)
	switch rng.IntN(10) {
	case 0, 1, 2, 3:
		samples = 1 + rng.IntN(20)
	case 4:
		samples = 1 + rng.IntN(400)
	}
	quanta, twins, answers := 0, rng.IntN(4) == 0, false
	if rng.IntN(3) == 0 {
		quanta = []int{1, 2, 4, 8, 10}[rng.IntN(5)]
	}
	extremes, prices := 0.0, rng.IntN(5)
	sureness := []float64{1, 1, 0.3}[rng.IntN(3)] // with little, much of a row is not in its list
	kind := rng.IntN(18)
	switch kind {
	case 0: // few classes
	case 1:
		switch rng.IntN(8) {
		case 0: // more models than local search begins with, in auto
			models, samples = 101+rng.IntN(20), 1+rng.IntN(12)
		case 1: // samples in several blocks
			samples = 2049 + rng.IntN(60)
		default: // models in several tiles
			models, samples = 9+rng.IntN(4), 1+rng.IntN(60)
		}
	case 2:
		c.Classes = 17 + rng.IntN(16) // still complete lists, of 32
	case 3, 4:
		c.Classes, c.Full = 33+rng.IntN(16), true
	case 5:
		c.Classes = 33 + rng.IntN(16)
	case 6:
		answers = true
		if rng.IntN(4) == 0 {
			c.Classes, c.Full = 33+rng.IntN(16), rng.IntN(2) == 0
		}
	case 7: // ties everywhere
		c.Classes, quanta, twins, prices = 2+rng.IntN(5), 1+rng.IntN(4), true, 1+rng.IntN(3)
	case 8:
		c.Classes = 1
	case 9:
		models = 1
	case 10:
		samples = 1
	case 11, 12:
		extremes = 0.5
	default: // all chains of three can be tried, and ties matter
		c.Classes, models, samples, quanta, prices = 2+rng.IntN(4), 3+rng.IntN(2), 1+rng.IntN(16), 2+rng.IntN(7), 1+rng.IntN(3)
	}
	averaged := true
	easy := make([]float64, samples)
	for i := range samples {
		c.Labels = append(c.Labels, rng.IntN(c.Classes))
		easy[i] = rng.NormFloat64()
	}
	for m := range models {
		x := model{Name: modelName(m), Params: float64(rng.IntN(10))}
		switch prices {
		case 0:
			x.Cost = math.Ldexp(1+rng.Float64(), m)
		case 1:
			x.Cost = 3
		case 2:
			x.Cost = float64(1 + rng.IntN(3))
		case 3:
			x.Cost = 0.1 * float64(1+rng.IntN(4)) // sums of which are rounded
		case 4:
			x.Cost = math.Pow(10, 12*rng.Float64()-4)
		}
		if x.Answers = answers && rng.IntN(3) > 0; x.Answers {
			averaged = false
		}
		skill := rng.Float64()
		if rng.Float64() < extremes {
			skill = float64(rng.IntN(2)) // none or all are right
		}
		for i, label := range c.Labels {
			x.Rows = append(x.Rows, newRow(rng, c.Classes, label, quanta, sureness, skill, easy[i]))
		}
		if m > 0 && twins && rng.IntN(2) == 0 {
			twin := c.Models[rng.IntN(m)]
			x.Rows, x.Answers = twin.Rows, twin.Answers
			if rng.IntN(2) == 0 {
				x.Cost = twin.Cost
			}
		}
		c.Models = append(c.Models, x)
	}
	c.shuffleModels(seed)
	c.drawOptions(rng, averaged)
	o := &c.Options
	if kind > 12 && rng.IntN(4) > 0 {
		o.Algorithm, o.MaxModels, o.Evals, o.Evidence, o.Folds = "exact", 3, 0, false, 0
		o.Grid = []optimize.Grid{{0, 0.5, 0.75, 1}, {0.5, 1}, {0.25, 0.6, 0.8}}[rng.IntN(3)]
	}
	o.Include = o.Include[:min(len(o.Include), cmp.Or(o.MaxModels, 2))]
	return c
}

// modelName names a model. Names differ in their number of characters and, otherwise, of
// bytes.
func modelName(m int) string {
	names := []string{"d", "bb", "é", "ccc", "a", "ee", "ü", "f"}
	name := names[m%len(names)]
	if m >= len(names) {
		name += strconv.Itoa(m / len(names))
	}
	return name
}

// newRow draws the output of a model on one sample: quanta that fall on classes, or, with
// none, as softmax has it.
func newRow(rng *rand.Rand, classes, label, quanta int, sureness, skill, easy float64) row {
	r := make(row, classes)
	wrong := rng.IntN(classes)
	aim := label
	if skill < 1 && (skill == 0 || rng.NormFloat64()-easy > 3*skill-1) {
		aim = wrong
	}
	if quanta > 0 {
		for range quanta {
			c := aim
			if skill > 0 && skill < 1 && rng.IntN(3) == 0 {
				c = rng.IntN(classes)
			}
			r[c]++
		}
		return r
	}
	for c := range r {
		logit := rng.NormFloat64()
		if c == aim {
			logit += 2 + 3*rng.Float64()
		}
		r[c] = int(1000*math.Exp(sureness*logit)) + 1
	}
	return r
}

// drawOptions draws options that the algorithm takes, and the models, if they can be
// averaged or not.
func (c *trial) drawOptions(rng *rand.Rand, averaged bool) {
	o := &c.Options
	names := append(optimize.Algorithms(), "exact", "exact", "exact", "auto", "auto")
	o.Algorithm = names[rng.IntN(len(names))]
	oneIn := func(n int) bool { return rng.IntN(n) == 0 }
	mean, last, vote := cascade.RuleMean, cascade.RuleLast, cascade.RuleVote
	choices := [][]cascade.Rule{{mean}, {mean}, {last}, {vote}, {mean, last}, {last, mean}, {vote, mean}, {mean, last, vote}}
	if !averaged {
		choices = [][]cascade.Rule{{last}, {vote}, {last, vote}, {vote, last}}
	}
	o.Rules = choices[rng.IntN(len(choices))]
	if o.Algorithm == "ensemble" && len(o.Rules) == 1 && o.Rules[0] == last {
		o.Rules = []cascade.Rule{vote}
	}
	if oneIn(3) || c.Full && oneIn(2) {
		o.Confidence = cascade.Confidence(1 + rng.IntN(2))
	}
	switch rng.IntN(6) {
	case 0: // the default
	case 1:
		o.Grid = optimize.PaperGrid()
	case 2:
		o.Grid = optimize.Grid{0, 0.25, 0.5, 0.75, 1}
	case 3:
		o.Grid = optimize.Grid{float32(rng.IntN(5)) / 4}
	default:
		for range 1 + rng.IntN(10) {
			o.Grid = append(o.Grid, []float32{rng.Float32(), float32(rng.IntN(17)) / 16}[rng.IntN(2)])
		}
		slices.Sort(o.Grid)
		o.Grid = slices.Compact(o.Grid)
	}
	if o.Algorithm == "ensemble" && o.Grid != nil && o.Grid[len(o.Grid)-1] != 1 {
		o.Grid = append(o.Grid, 1)
	}
	o.Snap, o.Paper, o.Seed = oneIn(3), oneIn(6), rng.Uint64N(100)
	most := 5
	if o.Algorithm == "exact" {
		most = 3
	}
	if !oneIn(3) {
		o.MaxModels = 1 + rng.IntN(most)
	}
	some := func() model { return c.Models[rng.IntN(len(c.Models))] }
	if oneIn(6) {
		o.MaxCost = some().Cost * []float64{0.9, 1, 1, 1.5}[rng.IntN(4)]
	}
	if oneIn(6) {
		o.MaxWorstCost = some().Cost + float64(rng.IntN(3))*some().Cost
	}
	if oneIn(6) {
		o.MaxParams = float64(1 + rng.IntN(20))
	}
	if oneIn(6) {
		o.MinAccuracy = float64(rng.IntN(len(c.Labels)+1)) / float64(len(c.Labels))
	}
	if oneIn(5) && o.Algorithm != "greedy" {
		for range min(1+rng.IntN(4), max(o.MaxModels, 2)) {
			if name := some().Name; !slices.Contains(o.Include, name) {
				o.Include = append(o.Include, name)
			}
		}
	}
	switch o.Algorithm {
	case "exact":
		if len(c.Models) > 12 {
			o.MaxModels = min(o.MaxModels, 2)
		}
	case "auto":
		if o.Evals = 1 + rng.Int64N(200_000); oneIn(3) && o.Grid != nil && len(o.Grid) < 6 && len(c.Models) <= 3 {
			o.Evals = 0
		}
		if len(c.Models) > 12 { // with the default grid pairs would spend it
			o.Grid = optimize.Grid{0.5, 1}
		}
		if oneIn(3) {
			o.Evidence, o.Folds, o.Evals = true, []int{0, 2, 3, 5}[rng.IntN(4)], 1+rng.Int64N(5000)
		}
	case "gomea", "gomea-exact":
		// The more of few genomes are known, the longer the next one takes to find.
		places, grid := float64(cmp.Or(o.MaxModels, 5)), float64(cmp.Or(len(o.Grid), 78))
		if o.Evals = 1 + rng.Int64N(300); o.Algorithm == "gomea-exact" {
			o.Evals, grid = 1+rng.Int64N(2000), 2
		}
		genomes := math.Pow(float64(len(c.Models)+1), places) * math.Pow(grid, places-1)
		o.Evals = 1 + min(o.Evals, int64(min(genomes, 1e6)/8))
	case "greedy", "ensemble":
		if !oneIn(3) {
			o.Evals = 1 + rng.Int64N(400)
		}
	default:
		o.Evals = 1 + rng.Int64N(600)
	}
}

// shrink makes a trial smaller, step by step, as long as it fails.
func shrink(c *trial, fails func(c *trial) bool, patience time.Duration) *trial {
	end := time.Now().Add(patience)
	for {
		smaller := false
		for d := range c.simpler() {
			if time.Now().After(end) {
				return c
			}
			if fails(d) {
				c, smaller = d, true
				break
			}
		}
		if !smaller {
			return c
		}
	}
}

// simpler returns trials that are a step simpler, large steps first.
func (c *trial) simpler() iter.Seq[*trial] {
	return func(yield func(*trial) bool) {
		_ = c.withoutModels(yield) && c.withoutSamples(yield) && c.withoutClasses(yield) &&
			c.withPlainOptions(yield) && c.withPlainNumbers(yield)
	}
}

// chunks returns the ranges of 0..n-1 that leave something if they are left out: halves,
// quarters and so on to single numbers.
func chunks(n int) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for size := n / 2; size > 0; size /= 2 {
			for from := 0; from < n; from += size {
				if to := min(from+size, n); to-from < n && !yield(from, to) {
					return
				}
			}
		}
	}
}

func (c *trial) withoutModels(yield func(*trial) bool) bool {
	for from, to := range chunks(len(c.Models)) {
		d := c.clone()
		d.Models = slices.Delete(d.Models, from, to)
		for _, gone := range c.Models[from:to] {
			d.Options.Include = slices.DeleteFunc(d.Options.Include, func(name string) bool { return name == gone.Name })
		}
		if !yield(d) {
			return false
		}
	}
	return true
}

func (c *trial) withoutSamples(yield func(*trial) bool) bool {
	for from, to := range chunks(len(c.Labels)) {
		d := c.clone()
		var keep []int
		for i := range c.Labels {
			if i < from || i >= to {
				keep = append(keep, i)
			}
		}
		d.takeSamples(keep)
		if !yield(d) {
			return false
		}
	}
	return true
}

func (c *trial) withoutClasses(yield func(*trial) bool) bool {
	for from, to := range chunks(c.Classes) {
		d := c.clone()
		d.Classes -= to - from
		for i, label := range d.Labels {
			if label >= to {
				d.Labels[i] = label - (to - from)
			} else if label >= from {
				d.Labels[i] = 0
			}
		}
		d.changeRows(func(r row) row {
			r = slices.Delete(slices.Clone(r), from, to)
			if r.sum() == 0 {
				r[0] = 1
			}
			return r
		})
		if !yield(d) {
			return false
		}
	}
	return true
}

func (c *trial) changeRows(change func(r row) row) {
	for m := range c.Models {
		for i, r := range c.Models[m].Rows {
			c.Models[m].Rows[i] = change(r)
		}
	}
}

func (c *trial) withPlainOptions(yield func(*trial) bool) bool {
	changes := []func(o *options, v *variant){
		func(_ *options, v *variant) { *v = variant{Threads: v.Threads} },
		func(_ *options, v *variant) { v.Threads = 0 },
		func(_ *options, v *variant) { v.Threads = min(v.Threads, 2) },
		func(_ *options, v *variant) { v.Memory = 0 },
		func(_ *options, v *variant) { v.Resume = 0 },
		func(_ *options, v *variant) { v.Resume = min(v.Resume, 1) },
		func(_ *options, v *variant) { v.Models = 0 },
		func(_ *options, v *variant) { v.Samples = 0 },
		func(_ *options, v *variant) { v.Path = "" },
		func(o *options, _ *variant) { o.Rules = o.Rules[:1] },
		func(o *options, _ *variant) { o.Rules = o.Rules[len(o.Rules)-1:] },
		func(o *options, _ *variant) { o.Confidence = cascade.MaxProbability },
		func(o *options, _ *variant) { o.Snap = false },
		func(o *options, _ *variant) { o.Paper = false },
		func(o *options, _ *variant) { o.MaxModels = 2 },
		func(o *options, _ *variant) { o.MaxModels = max(1, o.MaxModels-1) },
		func(o *options, _ *variant) { o.MaxCost = 0 },
		func(o *options, _ *variant) { o.MaxWorstCost = 0 },
		func(o *options, _ *variant) { o.MaxParams = 0 },
		func(o *options, _ *variant) { o.Include = nil },
		func(o *options, _ *variant) { o.Include = o.Include[:min(1, len(o.Include))] },
		func(o *options, _ *variant) { o.MinAccuracy = 0 },
		func(o *options, _ *variant) { o.Evals = (o.Evals + 1) / 2 },
		func(o *options, _ *variant) { o.Evals = max(min(o.Evals, 1), o.Evals-1) },
		func(o *options, _ *variant) { o.Seed = 0 },
		func(o *options, _ *variant) { o.Evidence, o.Folds = false, 0 },
		func(o *options, _ *variant) { o.Folds = 0 },
		func(o *options, _ *variant) { o.Folds = min(o.Folds, 2) },
		func(o *options, _ *variant) { o.Grid = optimize.Grid{0, 0.5, 1} },
	}
	for from, to := range chunks(len(c.Options.Grid)) {
		changes = append(changes, func(o *options, _ *variant) { o.Grid = slices.Delete(o.Grid, from, to) })
	}
	for _, change := range changes {
		d := c.clone()
		change(&d.Options, &d.Check.Variant)
		before, after := c.head(), d.head()
		definite := c.Options.Grid == nil && d.Options.Grid != nil || c.Options.MaxModels == 0 && d.Options.MaxModels > 0
		if !definite && (len(after) > len(before) || len(after) == len(before) && after >= before) {
			continue // not simpler
		}
		if !yield(d) {
			return false
		}
	}
	return true
}

// head is what of a trial's text is not the zoo.
func (c *trial) head() string {
	head := *c
	head.Models = nil
	return head.String()
}

func (c *trial) withPlainNumbers(yield func(*trial) bool) bool {
	if d := c.clone(); c.Full {
		if d.Full = false; !yield(d) {
			return false
		}
	}
	// Costs by rank, or all alike.
	for _, plain := range []func(rank int) float64{func(int) float64 { return 1 }, func(rank int) float64 { return float64(1 + rank) }} {
		d := c.clone()
		var costs []float64
		for _, m := range c.Models {
			costs = append(costs, m.Cost)
		}
		slices.Sort(costs)
		costs = slices.Compact(costs)
		changed := false
		for m := range d.Models {
			rank, _ := slices.BinarySearchFunc(costs, d.Models[m].Cost, cmp.Compare[float64])
			changed = changed || d.Models[m].Cost != plain(rank)
			d.Models[m].Cost = plain(rank)
		}
		if changed && len(d.String()) <= len(c.String()) && !yield(d) {
			return false
		}
	}
	for m, x := range c.Models {
		if d := c.clone(); x.Params > 0 {
			if d.Models[m].Params = 0; !yield(d) {
				return false
			}
		}
		if d := c.clone(); x.Answers {
			if d.Models[m].Answers = false; !yield(d) {
				return false
			}
		}
	}
	for _, quanta := range []int{1, 2, 4, 10, 100} {
		d := c.clone()
		d.changeRows(func(r row) row { return r.rounded(quanta) })
		if len(d.String()) < len(c.String()) && !yield(d) {
			return false
		}
		for m := range c.Models {
			for i, r := range c.Models[m].Rows {
				rounded := r.rounded(quanta)
				if r.sum() <= rounded.sum() {
					continue
				}
				d := c.clone()
				if d.Models[m].Rows[i] = rounded; !yield(d) {
					return false
				}
			}
		}
	}
	for i, label := range c.Labels {
		if label > 0 {
			d := c.clone()
			if d.Labels[i] = 0; !yield(d) {
				return false
			}
		}
	}
	return true
}

// rounded returns a row of about so many quanta.
func (r row) rounded(quanta int) row {
	sum := r.sum()
	out := make(row, len(r))
	for c, n := range r {
		out[c] = (2*n*quanta + sum) / (2 * sum)
	}
	if out.sum() == 0 {
		out[slices.Index(r, slices.Max(r))] = 1
	}
	return out
}
