package study

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A Labelling lists the samples of a split whose labels would tell most about which
// cascades of a front are more accurate: the JSON result of label.
type Labelling struct {
	Version  int         `json:"version"`
	Zoo      front.Zoo   `json:"zoo"`
	Split    front.Split `json:"split"`
	ChosenOn front.Split `json:"chosen_on"`
	Called   []string    `json:"class_names,omitempty"` // one a class
	Cascades []string    `json:"cascades"`              // of the front
	Model    string      `json:"model"`                 // the most accurate one where they were chosen
	Disputed int         `json:"disputed"`              // samples on which two rivals answer differently
	Rivals   []Rivals    `json:"rivals"`
	Samples  []ToLabel   `json:"samples"` // in the order to label them
}

// Rivals are two cascades that compete, neighbours on the front; or one, with the model.
type Rivals struct {
	Cascades []int `json:"cascades"` // one or two indices
	Differ   int   `json:"differ"`   // samples on which their answers differ
	Listed   int   `json:"listed"`   // of these
}

// ToLabel is a sample to label.
type ToLabel struct {
	Row     int         `json:"row"` // from 0
	ID      string      `json:"id"`
	Decides int         `json:"decides"` // rivals that answer it differently
	Answers []Contender `json:"answers"` // those of most cascades first
}

// A Contender is an answer to a sample and whose it is.
type Contender struct {
	Class    int   `json:"class"`
	Cascades []int `json:"cascades"` // indices
	Model    bool  `json:"model"`    // the model gives it, too
}

// Label chooses at most so many samples of a split without labels. Two cascades differ in
// accuracy only on samples that they answer differently, so these are chosen, one after the
// other: each time the sample with the largest sum, over the rivals that answer it
// differently, of 1/(1 + their samples chosen so far), the first row on a tie. So rivals
// that disagree on few samples get their share.
func Label(ctx context.Context, z *zoo.Zoo, split string, f *front.Front, budget int, w Watch) (*Labelling, error) {
	on, err := z.Split(split)
	if err != nil {
		return nil, &InputError{Option: "split", Err: err}
	}
	if !on.Unlabelled {
		return nil, inputf("split", split, "its samples have labels: name a split without")
	}
	if budget < 1 {
		return nil, inputf("budget", fmt.Sprint(budget), "it must be above 0")
	}
	if len(f.Points) == 0 {
		return nil, errors.New("the front has no cascades")
	}
	warnIfChanged(z, f, w)
	d, err := newDispute(ctx, z, split, f, w)
	if err != nil {
		return nil, err
	}
	ids, err := z.IDs(split)
	if err != nil {
		return nil, err
	}
	l := &Labelling{
		Version: 1, Zoo: describeZoo(z), Split: describeSplit(on), ChosenOn: f.Split, Called: z.ClassNames(),
		Model: d.model, Rivals: d.rivals, Samples: []ToLabel{},
	}
	for _, p := range f.Points {
		l.Cascades = append(l.Cascades, p.String())
	}
	for row := range ids {
		if d.decides(row) > 0 {
			l.Disputed++
		}
	}
	for _, row := range d.choose(budget) {
		l.Samples = append(l.Samples, ToLabel{Row: row, ID: ids[row], Decides: d.decides(row), Answers: d.contenders(row)})
	}
	return l, nil
}

// A dispute is how the cascades of a front, and the best model behind them, answer samples.
type dispute struct {
	model   string
	answers []uint16 // by sample and, within it, cascade; the model's is the last
	width   int      // answers to a sample
	rivals  []Rivals
	differ  []uint64 // by sample: a bit for each pair of rivals
	words   int      // of a sample's bits
}

// newDispute runs the front and the most accurate of its models on a split.
func newDispute(ctx context.Context, z *zoo.Zoo, split string, f *front.Front, w Watch) (*dispute, error) {
	best := front.BestWithin(f.LikelyModels(), math.Inf(1))
	if best < 0 {
		return nil, errors.New("the front names no models")
	}
	d := &dispute{model: f.Models[best].Name, width: len(f.Points) + 1}
	cascades := append(cascadesOf(f.Points), cascade.Single(d.model))
	costs, err := costsOf(z, f.Cost, cascades, nil)
	if err != nil {
		return nil, err
	}
	s, stop, err := storedSplit(z, split, costs, w)
	if err != nil {
		return nil, err
	}
	defer stop()
	r, err := s.Replay(cascades)
	if err != nil {
		return nil, err
	}
	for i := range f.Points {
		if i > 0 {
			d.rivals = append(d.rivals, Rivals{Cascades: []int{i - 1, i}})
		}
		d.rivals = append(d.rivals, Rivals{Cascades: []int{i}})
	}
	d.words = (len(d.rivals) + 63) / 64
	d.answers = make([]uint16, len(s.Labels)*d.width)
	d.differ = make([]uint64, len(s.Labels)*d.words)
	err = r.Run(ctx, runtime.GOMAXPROCS(0), func(_ int, x *cascade.Sample) {
		answers := d.answers[x.Number*d.width:][:d.width]
		for i := range answers {
			answers[i] = uint16(x.Class(r.Set(i, x.Exit(i))))
		}
		for i, pair := range d.rivals {
			first, second := pair.Cascades[0], d.width-1
			if len(pair.Cascades) > 1 {
				second = pair.Cascades[1]
			}
			if answers[first] != answers[second] {
				d.differ[x.Number*d.words+i/64] |= 1 << (i % 64)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for sample := range s.Labels {
		d.each(sample, func(rivals *Rivals) { rivals.Differ++ })
	}
	return d, nil
}

// each calls f for the rivals that answer a sample differently.
func (d *dispute) each(sample int, f func(*Rivals)) {
	for word, set := range d.differ[sample*d.words:][:d.words] {
		for ; set != 0; set &= set - 1 {
			f(&d.rivals[64*word+bits.TrailingZeros64(set)])
		}
	}
}

// decides counts the rivals that answer a sample differently.
func (d *dispute) decides(sample int) (n int) {
	d.each(sample, func(*Rivals) { n++ })
	return n
}

// worth is what a label of a sample would add to those chosen.
func (d *dispute) worth(sample int) (sum float64) {
	d.each(sample, func(r *Rivals) { sum += 1 / float64(1+r.Listed) })
	return sum
}

// choose chooses samples, at most so many. What a sample is worth only falls as others are
// chosen, so it is computed again only for those that come first.
func (d *dispute) choose(budget int) (chosen []int) {
	var open worths
	for sample := range len(d.answers) / d.width {
		if worth := d.worth(sample); worth > 0 {
			open = append(open, worthOf{sample, worth})
		}
	}
	heap.Init(&open)
	for len(open) > 0 && len(chosen) < budget {
		first := &open[0]
		if now := d.worth(first.sample); now < first.worth {
			first.worth = now
			heap.Fix(&open, 0)
			continue
		}
		chosen = append(chosen, first.sample)
		d.each(first.sample, func(r *Rivals) { r.Listed++ })
		heap.Pop(&open)
	}
	return chosen
}

// worthOf is what a sample was last known to be worth.
type worthOf struct {
	sample int
	worth  float64
}

// worths is a heap, the most worth first.
type worths []worthOf

func (w worths) Len() int      { return len(w) }
func (w worths) Swap(i, j int) { w[i], w[j] = w[j], w[i] }
func (w worths) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(w[j].worth, w[i].worth), cmp.Compare(w[i].sample, w[j].sample)) < 0
}
func (w *worths) Push(x any) { *w = append(*w, x.(worthOf)) }
func (w *worths) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}

// contenders returns the answers to a sample.
func (d *dispute) contenders(sample int) (all []Contender) {
	answers := d.answers[sample*d.width:][:d.width]
	for i, class := range answers {
		at := slices.IndexFunc(all, func(c Contender) bool { return c.Class == int(class) })
		if at < 0 {
			at = len(all)
			all = append(all, Contender{Class: int(class), Cascades: []int{}})
		}
		if i == d.width-1 {
			all[at].Model = true
		} else {
			all[at].Cascades = append(all[at].Cascades, i)
		}
	}
	slices.SortStableFunc(all, func(a, b Contender) int {
		return cmp.Or(cmp.Compare(len(b.Cascades), len(a.Cascades)), cmp.Compare(a.Class, b.Class))
	})
	return all
}
