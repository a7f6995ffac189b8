package simzoo

import (
	"cmp"
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed timm.csv
var timmCSV string

// A Spec is what is published about one model, and all that a simulated model
// shares with the real one.
type Spec struct {
	Name     string
	Family   string  // architecture family: models of one family err together
	Pretrain string  // what it was trained on before or besides ImageNet-1k
	ImgSize  int     // pixels a side
	Params   float64 // millions
	GMACs    float64 // per sample at ImgSize
	Top1     float64 // published ImageNet accuracy, percent
	V2Top1   float64 // published ImageNetV2 (matched frequency) accuracy, percent
}

// Catalog returns the 518 models of the ENCAS paper, sorted by name.
func Catalog() []Spec {
	rows, err := csv.NewReader(strings.NewReader(timmCSV)).ReadAll()
	if err != nil {
		panic(fmt.Sprintf("simzoo: embedded timm.csv: %v", err))
	}
	specs := make([]Spec, 0, len(rows)-1)
	for _, row := range rows[1:] {
		var x [5]float64
		for i := range x {
			if x[i], err = strconv.ParseFloat(row[3+i], 64); err != nil {
				panic(fmt.Sprintf("simzoo: embedded timm.csv, model %s: %v", row[0], err))
			}
		}
		specs = append(specs, Spec{
			Name: row[0], Family: row[1], Pretrain: row[2], ImgSize: int(x[0]),
			Params: x[1], GMACs: x[2], Top1: x[3], V2Top1: x[4],
		})
	}
	return specs
}

// Choose returns m models of the catalog, sorted by name. Fewer than the
// catalog holds are taken at even steps of cost, so that a small zoo still runs
// from the cheapest model to the dearest. When there are not enough the catalog
// is gone through again under names that end in "~2", "~3" and so on: models of
// the same cost and accuracy that err elsewhere.
func Choose(m int) []Spec {
	all := Catalog()
	slices.SortStableFunc(all, func(a, b Spec) int {
		return cmp.Or(cmp.Compare(a.GMACs, b.GMACs), strings.Compare(a.Name, b.Name))
	})
	chosen := make([]Spec, 0, m)
	for round := 1; len(chosen) < m; round++ {
		k := min(m-len(chosen), len(all))
		for i := range k {
			s := all[0]
			if k > 1 {
				s = all[i*(len(all)-1)/(k-1)]
			}
			if round > 1 {
				s.Name = fmt.Sprintf("%s~%d", s.Name, round)
			}
			chosen = append(chosen, s)
		}
	}
	slices.SortFunc(chosen, func(a, b Spec) int { return strings.Compare(a.Name, b.Name) })
	return chosen
}
