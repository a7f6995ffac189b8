package optimize_test

import (
	"context"
	"fmt"
	"log"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// Outputs in memory: two models of three classes, four samples.
func ExampleNewProblem() {
	labels := []uint16{0, 1, 2, 2}
	answers := map[string][][]float32{
		"small": {{0.9, 0.1, 0}, {0.1, 0.8, 0.1}, {0.5, 0.3, 0.2}, {0.1, 0, 0.9}},
		"large": {{0.6, 0.2, 0.2}, {0.2, 0.7, 0.1}, {0.1, 0.1, 0.8}, {0.3, 0.4, 0.3}},
	}
	var models []optimize.Model
	for _, m := range []optimize.Model{{Name: "small", Cost: 1}, {Name: "large", Cost: 10}} {
		rows := make([]uint16, 3*len(labels)) // one after the other
		for i, row := range answers[m.Name] {
			if err := outputs.RoundRow(rows[3*i:3*i+3], row); err != nil {
				log.Fatal(err)
			}
		}
		m.Lists = outputs.BuildLists(rows, 3)
		models = append(models, m)
	}
	problem, err := optimize.NewProblem(labels, 3, models)
	if err != nil {
		log.Fatal(err)
	}
	result, err := optimize.Search(context.Background(), problem, optimize.Options{Grid: optimize.PaperGrid()})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range result.Front {
		fmt.Printf("%d of %d correct at %v: %s\n", p.Correct, len(labels), p.Cost, p.Cascade)
	}
	// Output:
	// 3 of 4 correct at 1: small
	// 4 of 4 correct at 3.5: small@0.5,large
}
