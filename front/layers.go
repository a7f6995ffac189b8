package front

import (
	"cmp"
	"slices"
	"sort"
)

// Best returns so many models by layers: first those that no other model beats in accuracy and
// cost, then those that only models of the first layer beat, and so on. Of the layer that is not
// wanted as a whole it takes models at even distances in the order of cost, the last and most accurate among them.
func Best(models []Model, most int) []Model {
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
			chosen = append(chosen, layer[(i+1)*len(layer)/take-1])
		}
	}
	return chosen
}
