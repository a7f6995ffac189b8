package optimize

import (
	"cmp"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// A member is a model, by its number, and its weight in the mean or the vote.
type member struct {
	model  uint16
	weight uint8
}

// A plan is a cascade in a search's own terms: models and thresholds are numbers, into
// the problem's models and the search's grid.
type plan struct {
	rule    cascade.Rule
	members []member
	exits   []uint8 // thresholds, one fewer than members
}

func (p plan) clone() plan {
	return plan{p.rule, slices.Clone(p.members), slices.Clone(p.exits)}
}

// has reports whether a model is a member.
func (p plan) has(model int) bool { return has(p.members, model) }

func has(members []member, model int) bool {
	return slices.ContainsFunc(members, func(m member) bool { return int(m.model) == model })
}

// evaluable reports whether a plan's weights are small enough for exact sums.
func (p plan) evaluable() bool {
	return weightOf(p.members) <= cascade.MaxStages
}

func weightOf(members []member) (weight uint32) {
	for _, m := range members {
		weight += uint32(m.weight)
	}
	return weight
}

// chainKey names the rule and the members of a plan, in their order.
func (p plan) chainKey() []byte { return append(setKey(nil, p.members), byte(p.rule)) }

// key names a plan.
func (p plan) key() []byte { return append(p.chainKey(), p.exits...) }

// byChain has plans grouped by their chains.
type byChain struct {
	chains [][]plan
	places map[string]int
}

// add adds a plan, unless its chain is a new one and there are most of them.
func (b *byChain) add(p plan, most int) bool {
	chain := string(p.chainKey())
	i, known := b.places[chain]
	if !known {
		if len(b.chains) == most {
			return false
		}
		i = len(b.chains)
		b.places[chain], b.chains = i, append(b.chains, nil)
	}
	b.chains[i] = append(b.chains[i], p)
	return true
}

// normalize appends the set that members form, by model, with the weights of a model
// that occurs more than once added up.
func normalize(set []member, members []member) []member {
	set = append(set, members...)
	slices.SortFunc(set, func(a, b member) int { return cmp.Compare(a.model, b.model) })
	out := set[:0]
	for _, m := range set {
		if last := len(out) - 1; last >= 0 && out[last].model == m.model {
			out[last].weight += m.weight
		} else {
			out = append(out, m)
		}
	}
	return out
}

// setKey appends what names a normalized set.
func setKey(key []byte, set []member) []byte {
	for _, m := range set {
		key = append(key, byte(m.model), byte(m.model>>8), m.weight)
	}
	return key
}
