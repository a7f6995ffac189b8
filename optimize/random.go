package optimize

import (
	"context"
	"math/rand/v2"
	"slices"
)

// random evaluates distinct cascades drawn at random: a length, models without
// repetition and thresholds, each uniform.
func random(ctx context.Context, r *run) (Proof, error) {
	const batch = 64 // plans to a unit: enough to hide the cost of handing it out
	draw := planSource{r, rand.New(rand.NewPCG(r.options.Seed, 0)), make(map[string]bool)}
	for made := int64(0); made < r.options.Evals; {
		// Plans are drawn in one place, so that they are distinct and do not depend on
		// the threads.
		plans := draw.next(int(min(r.options.Evals-made, max(batch, made/2), 64*batch)))
		if len(plans) == 0 {
			break // the space is exhausted
		}
		units := slices.Collect(slices.Chunk(plans, batch))
		err := r.parallel(ctx, "batches of cascades", len(units), func(w *worker) func(int) {
			return func(unit int) {
				for _, p := range units[unit] {
					w.evaluateAndOffer(p, w.archive)
				}
			}
		})
		if err != nil {
			return Proof{}, err
		}
		made += int64(len(plans))
	}
	return Proof{}, nil
}

// A planSource draws distinct random plans.
type planSource struct {
	run  *run
	rng  *rand.Rand
	seen map[string]bool
}

// next returns up to n plans not drawn before, fewer when new ones have become hard to
// find.
func (d *planSource) next(n int) []plan {
	var plans []plan
	for misses := 0; len(plans) < n && misses < 10_000; {
		p := d.draw()
		if key := string(p.key()); !d.seen[key] {
			d.seen[key] = true
			plans = append(plans, p)
			misses = 0
		} else {
			misses++
		}
	}
	return plans
}

func (d *planSource) draw() plan {
	required, rules, models := d.run.limits.required, d.run.options.Rules, len(d.run.eval.models)
	least := max(1, len(required))
	length := least + d.rng.IntN(min(d.run.options.MaxModels, models)-least+1)
	p := plan{rule: rules[d.rng.IntN(len(rules))], exits: make([]uint8, length-1)}
	for _, m := range required {
		p.members = append(p.members, member{uint16(m), 1})
	}
	for len(p.members) < length {
		if m := d.rng.IntN(models); !p.has(m) {
			p.members = append(p.members, member{uint16(m), 1})
		}
	}
	if len(required) > 0 {
		d.rng.Shuffle(length, func(i, j int) { p.members[i], p.members[j] = p.members[j], p.members[i] })
	}
	for i := range p.exits {
		p.exits[i] = uint8(d.rng.IntN(len(d.run.options.Grid)))
	}
	return p
}
