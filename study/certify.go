package study

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/certify"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// CertifyOptions say what is to be certified of the cascades of a front. Begin with
// [CertifyDefaults].
type CertifyOptions struct {
	Split      string  `json:"split"`      // the samples to test on: not those searched
	Confidence float64 `json:"confidence"` // in [0.5, 1): probability that nothing is claimed falsely

	// The accuracy is compared with a model, or bounded.
	Margin  float64 `json:"margin"`  // percentage points that a cascade may be less accurate
	Against string  `json:"against"` // than this model; "": the most accurate one by its expected accuracy
	Error   float64 `json:"error"`   // bound on the share of wrong answers; 0: compare with a model

	// Bounds that hold as well; 0 is none.
	MaxCost    float64 `json:"max_cost"`    // on the mean cost of a sample
	WorstClass float64 `json:"worst_class"` // below the accuracy in every class, a share
}

// CertifyDefaults returns the default options.
func CertifyDefaults() CertifyOptions {
	return CertifyOptions{Confidence: 0.9, Margin: 0.5}
}

// stairs are the margins of the staircase, in percentage points.
var stairs = []float64{0, 0.25, 0.5, 1, 2}

// Certify tests on a split that was not searched what can be claimed of the cascades of a
// front, so that nothing is claimed falsely with the confidence asked for. The cascades
// are tested in the order in which the claim looks likely on the samples searched, up to
// the first one that fails (docs/certify.md).
//
// Claims that compare with a model are tested of cascades that are cheaper; besides, the
// margins 0, 0.25, 0.5, 1 and 2 points share the probability of a false claim evenly, so
// that all that is certified of them holds at once.
func Certify(ctx context.Context, z *zoo.Zoo, f *front.Front, o CertifyOptions, w Watch) (*front.Certificate, error) {
	warnIfChanged(z, f, w)
	c, err := newCertification(ctx, z, f, o, w)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(c.evaluate(ctx), c.checkClasses()); err != nil {
		return nil, err
	}
	c.test()
	return c.result, nil
}

// check refuses values that no zoo could do with.
func (o CertifyOptions) check() error {
	switch {
	case !(o.Confidence >= 0.5 && o.Confidence < 1):
		return inputf("confidence", fmt.Sprint(o.Confidence), "it must be at least 0.5 and below 1 (0.9 is 90 %%)")
	case !(o.Margin >= 0 && o.Margin < 100):
		return inputf("margin", fmt.Sprint(o.Margin), "it must be 0 or more, in percentage points")
	case !(o.Error >= 0 && o.Error < 1):
		return inputf("error", fmt.Sprint(o.Error), "it must be between 0 and 1 (0.05 is 5 %%)")
	case !(o.MaxCost >= 0 && o.MaxCost <= math.MaxFloat64):
		return inputf("max-cost", fmt.Sprint(o.MaxCost), "it must be a number above 0")
	case !(o.WorstClass >= 0 && o.WorstClass < 1):
		return inputf("worst-class", fmt.Sprint(o.WorstClass), "it must be between 0 and 1 (0.9 is 90 %%)")
	case o.Error > 0 && o.Against != "":
		return inputf("error", fmt.Sprint(o.Error), "a bound on the error compares with no model: leave out --against %s", o.Against)
	}
	return nil
}

// checkBefore refuses, before a search of models on a split, what could not be certified after
// it. Any of the models may get into the front. Errors name the options of a search.
func (o *CertifyOptions) checkBefore(ctx context.Context, z *zoo.Zoo, models []zoo.Model, searched front.Split, w Watch) error {
	if o == nil {
		return nil
	}
	err := o.check()
	if err == nil {
		_, err = otherSplit(ctx, z, o.Split, searched, w)
	}
	if input := new(InputError); errors.As(err, &input) {
		if input.Option = "certify-" + input.Option; input.Option == "certify-split" {
			input.Option = "certify"
		}
	}
	if err != nil {
		return err
	}
	if here, _ := on(models, o.Split); len(here) == 0 {
		return inputf("certify", o.Split, "no model to be searched has predictions on this split")
	}
	if err := needsOutputs(z, names(models), searched.Name, o.Split); err != nil {
		return &InputError{Option: "certify", Value: o.Split, Err: fmt.Errorf("%w, or leave them out of the search with --models", err)}
	}
	return nil
}

// otherSplit returns the split to certify on, which must have labels and no samples that
// were searched.
func otherSplit(ctx context.Context, z *zoo.Zoo, name string, searched front.Split, w Watch) (zoo.Split, error) {
	split, err := labelled(z, "split", name)
	if errors.Is(err, zoo.ErrNoSplit) {
		var names []string
		for _, s := range z.Splits() {
			if !s.Unlabelled {
				names = append(names, s.Name)
			}
		}
		return split, &InputError{Option: "split", Value: name, Known: names, Err: fmt.Errorf(
			"the zoo has no such split, only %s; import cuts one of its own, such as --split search=0.4 --split cal=0.3 --split test=0.3 (docs/certify.md)", strings.Join(names, ", "))}
	}
	if err != nil {
		return split, err
	}
	shared, err := searchedAgain(ctx, z, searched, split, w)
	switch {
	case err != nil:
		return split, err
	case name == searched.Name:
		return split, inputf("split", name, "these samples were searched: cascades that were lucky on them would be certified; name a split that the search did not see")
	case shared != nil:
		return split, inputf("split", name, "%v, and %s was searched: cascades that were lucky on them would be certified; name a split that the search did not see", shared, searched.Name)
	}
	return split, nil
}

// A certification is one call of Certify.
type certification struct {
	watch      Watch
	zoo        *zoo.Zoo
	front      *front.Front
	claim      certify.Claim
	candidates []int // numbers in the front
	searched   []certify.Figures
	others     []certify.Figures
	result     *front.Certificate
}

// newCertification checks the options against the zoo and the front.
func newCertification(ctx context.Context, z *zoo.Zoo, f *front.Front, o CertifyOptions, w Watch) (*certification, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	split, err := otherSplit(ctx, z, o.Split, f.Split, w)
	if err != nil {
		return nil, err
	}
	if searched, err := z.Split(f.Split.Name); err != nil || searched.Fingerprint != f.Split.Fingerprint {
		return nil, fmt.Errorf("the zoo %s does not have the samples of the run's split %s: the order of the tests rests on them", z.Dir(), f.Split.Name)
	}
	reference, err := referenceOf(z, f, o)
	if err != nil {
		return nil, err
	}
	c := &certification{watch: w, zoo: z, front: f, result: &front.Certificate{
		Version: front.Version, Zoo: describeZoo(z), Searched: f.Split, Split: describeSplit(split), Cost: f.Cost, Confidence: o.Confidence,
		Claim:     front.Claim{Error: o.Error, MaxCost: o.MaxCost, WorstClass: o.WorstClass},
		Reference: front.ReferenceModel{Model: reference.Name, Cost: reference.Cost, CorrectSearched: reference.Correct},
	}}
	c.claim = certify.Claim{Error: o.Error, MaxCost: o.MaxCost, WorstClass: o.WorstClass}
	if o.Error == 0 {
		c.claim.Margin = o.Margin / 100
		c.result.Claim.Margin = &c.claim.Margin
	}
	for i, p := range f.Points {
		if o.Error > 0 || cheaper(p.Cost, reference.Cost) {
			c.candidates = append(c.candidates, i)
		}
	}
	c.result.Candidates = len(c.candidates)
	models := []string{c.result.Reference.Model}
	for _, i := range c.candidates {
		for _, s := range c.front.Points[i].Stages {
			models = append(models, s.Model)
		}
	}
	return c, needsOutputs(z, models, f.Split.Name, split.Name)
}

// needsOutputs refuses to certify what would be evaluated on less than full outputs: what is
// stated is of cascades that run.
func needsOutputs(z *zoo.Zoo, models []string, splits ...string) error {
	for _, split := range splits {
		for _, name := range models {
			if m, err := z.Model(name); err == nil && cutShort(z, m, split) {
				return fmt.Errorf("nothing can be certified: of the outputs of %q on the split %s only the %d largest classes were kept, and the guarantee is one for all of them; import or ingest the models into another zoo, without --keep top-k", name, split, z.ListLength())
			}
		}
	}
	return nil
}

// cheaper reports whether a cost is below another one, rounding apart.
func cheaper(cost, than float64) bool { return cost < than*(1-1e-9) }

// referenceOf returns the model to compare with, of those that have predictions on the
// other samples: the one named, or the most accurate as far as is known.
func referenceOf(z *zoo.Zoo, f *front.Front, o CertifyOptions) (front.Model, error) {
	here := modelsOn(z, f, o.Split)
	i := front.BestWithin(here, math.Inf(1))
	if i < 0 {
		return front.Model{}, fmt.Errorf("no model of the run has predictions on the split %q", o.Split)
	}
	named := func(name string) func(front.Model) bool {
		return func(m front.Model) bool { return m.Name == name }
	}
	if o.Against != "" {
		if i = slices.IndexFunc(here, named(o.Against)); i < 0 {
			var names []string
			for _, m := range here {
				names = append(names, m.Name)
			}
			return front.Model{}, &InputError{Option: "against", Value: o.Against, Known: names, Err: fmt.Errorf("no model of the run with predictions on the split %s has this name", o.Split)}
		}
	}
	return f.Models[slices.IndexFunc(f.Models, named(here[i].Name))], nil
}

// evaluate evaluates the candidates on both splits, sample by sample beside the reference.
func (c *certification) evaluate(ctx context.Context) error {
	r := &c.result.Reference
	cascades := make([]cascade.Cascade, len(c.candidates))
	for i, number := range c.candidates {
		cascades[i] = c.front.Points[number].Cascade
	}
	costs, err := costsOf(c.zoo, c.front.Cost, cascades, []string{r.Model})
	if err != nil {
		return err
	}
	on := func(split string) ([]certify.Figures, int, error) {
		labels, _, err := c.zoo.Labels(split)
		if err != nil {
			return nil, 0, err
		}
		// The reference is a cascade like the others, so that it is evaluated if there are none.
		all := append(slices.Clone(cascades), cascade.Single(r.Model))
		rivals := slices.Repeat([]string{r.Model}, len(all))
		details, _, err := detail(ctx, c.zoo, split, costs, all, rivals, c.watch)
		if err != nil {
			return nil, 0, err
		}
		return figuresOf(details[:len(cascades)], labels), details[len(cascades)].Correct, nil
	}
	if c.searched, _, err = on(c.front.Split.Name); err != nil {
		return err
	}
	c.others, r.Correct, err = on(c.result.Split.Name)
	r.Accuracy = float64(r.Correct) / float64(c.result.Split.Samples)
	return err
}

// checkClasses refuses to certify something of a class without samples.
func (c *certification) checkClasses() error {
	if c.claim.WorstClass == 0 || len(c.others) == 0 {
		return nil
	}
	if class := slices.IndexFunc(c.others[0].Classes, func(class certify.Class) bool { return class.Samples == 0 }); class >= 0 {
		return inputf("worst-class", fmt.Sprint(c.claim.WorstClass), "the split %s has no sample of class %d", c.result.Split.Name, class)
	}
	return nil
}

// figuresOf returns what a claim is tested on.
func figuresOf(details []cascade.Details, labels []uint16) []certify.Figures {
	all := make([]certify.Figures, len(details))
	for i, d := range details {
		f := certify.Figures{Pairs: pairsOf(d), Correct: d.Correct, Cost: d.Cost, WorstCost: d.WorstCost, Classes: make([]certify.Class, len(d.Classes))}
		for class, correct := range d.Classes {
			f.Classes[class].Correct = correct
		}
		for _, label := range labels {
			f.Classes[label].Samples++
		}
		all[i] = f
	}
	return all
}

// test tests the claim, and those of the staircase.
func (c *certification) test() {
	r := c.result
	level := 1 - r.Confidence
	r.Tested = c.tested(c.claim, level)
	if i := c.cheapest(r.Tested); i >= 0 {
		r.Cheapest = &i
	} else if len(r.Tested) > 0 && !r.Tested[0].Certified {
		first := slices.Index(c.candidates, r.Tested[0].Number)
		r.Needed = c.claim.Needed(c.others[first], level)
	}
	if r.Claim.Margin == nil {
		return
	}
	for _, points := range stairs {
		claim := c.claim
		claim.Margin = points / 100
		step := front.Step{Margin: claim.Margin}
		tested := c.tested(claim, level/float64(len(stairs)))
		for _, t := range tested {
			if t.Certified {
				step.Certified++
			}
		}
		if i := c.cheapest(tested); i >= 0 {
			step.Cheapest = &tested[i]
		}
		r.Staircase = append(r.Staircase, step)
	}
}

// tested tests a claim at a level.
func (c *certification) tested(claim certify.Claim, level float64) []front.Tested {
	tested := []front.Tested{}
	for _, result := range claim.Test(level, c.searched, c.others) {
		f, number := c.others[result.Cascade], c.candidates[result.Cascade]
		tested = append(tested, front.Tested{
			Number: number, Text: c.front.Points[number].String(),
			Correct: f.Correct, Samples: f.Samples, Accuracy: float64(f.Correct) / float64(f.Samples),
			Cost: f.Cost, Saving: saving(f.Cost, c.result.Reference.Cost),
			OnlyCascade: f.OnlyFirst, OnlyModel: f.OnlySecond, P: result.P, Certified: result.Passed,
		})
	}
	return tested
}

// saving returns the share of a cost that another one saves; a model that is free leaves
// nothing to save.
func saving(cost, of float64) float64 {
	if of == 0 {
		return 0
	}
	return 1 - cost/of
}

// cheapest returns the index of the certified cascade that was the cheapest on the samples
// searched, -1 if there is none. One that is to replace the reference must be cheaper on
// the other samples, too.
func (c *certification) cheapest(tested []front.Tested) int {
	best := -1
	for i, t := range tested {
		useful := c.claim.Error > 0 || cheaper(t.Cost, c.result.Reference.Cost)
		if t.Certified && useful && (best < 0 || t.Number < tested[best].Number) {
			best = i
		}
	}
	return best
}
