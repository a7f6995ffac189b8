package front

import (
	"cmp"
	"slices"
	"sort"
)

// Shortlist returns the names of so many models: those that are named, and the best of the others.
func Shortlist(models []Model, named []string, most int) map[string]bool {
	list := map[string]bool{}
	for _, name := range named {
		list[name] = true
	}
	others := slices.DeleteFunc(slices.Clone(models), func(m Model) bool { return list[m.Name] })
	for _, m := range best(others, most-len(list)) {
		list[m.Name] = true
	}
	return list
}

// best returns so many models by layers: first those that no other model beats in accuracy and
// cost, then those that only models of the first layer beat, and so on. Of the layer that is not
// wanted as a whole it takes models at even distances in the order of cost: the most accurate one and,
// of several, the cheapest, too.
func best(models []Model, most int) []Model {
	models = slices.Clone(models)
	slices.SortFunc(models, func(a, b Model) int {
		return cmp.Or(cmp.Compare(a.Cost, b.Cost), -cmp.Compare(a.Correct, b.Correct), cmp.Compare(a.Name, b.Name))
	})
	var layers [][]Model // each ascends in cost and in accuracy
	for _, m := range models {
		at := sort.Search(len(layers), func(i int) bool { return layers[i][len(layers[i])-1].Correct < m.Correct })
		if at == len(layers) {
			layers = append(layers, nil)
		}
		layers[at] = append(layers[at], m)
	}
	var chosen []Model
	for _, layer := range layers {
		take := min(len(layer), most-len(chosen))
		for i := range take {
			at := len(layer) - 1
			if take > 1 {
				at = i * at / (take - 1)
			}
			chosen = append(chosen, layer[at])
		}
	}
	return chosen
}
