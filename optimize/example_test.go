package optimize_test

import (
	"context"
	"fmt"
	"log"
	"strconv"

	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/example"
)

// A search over a zoo, and what the cascade it finds within a budget does on samples
// that it was not chosen on. The example zoo stands for one that zoo.Open(dir) opens.
func ExampleSearch() {
	ctx := context.Background()
	z, err := example.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	var models []optimize.Model
	var names []string
	var costs []float64
	for _, m := range z.Models() {
		cost, err := m.Cost("gflops")
		if err != nil {
			log.Fatal(err)
		}
		models = append(models, optimize.Model{Name: m.Name, Cost: cost})
		names, costs = append(names, m.Name), append(costs, cost)
	}
	index, err := z.OpenIndex(ctx, "search", names, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer index.Close()
	for i := range models {
		models[i].Lists = index.Lists(models[i].Name)
	}

	problem, err := optimize.NewProblem(index.Labels(), z.Classes(), models)
	if err != nil {
		log.Fatal(err)
	}
	result, err := optimize.Search(ctx, problem, optimize.Options{Algorithm: "exact", MaxModels: 2, Grid: optimize.PaperGrid()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(result.Front), "cascades, the front is", result.Proof)
	best, ok := optimize.BestWithin(result.Front, 6e-6)
	if !ok {
		log.Fatal("every cascade costs more")
	}
	name := func(model int) string { return names[model] }
	fmt.Println(best.Cascade.Format(name))
	fmt.Printf("search: %d of %d right at %.3g GFLOPs\n", best.Correct, problem.Samples(), best.Cost)

	labels, _, err := z.Labels("test")
	if err != nil {
		log.Fatal(err)
	}
	open := func(model int) (optimize.Rows, error) { return z.Predictions(names[model], "test") }
	on, err := optimize.Reevaluate(ctx, labels, z.Classes(), costs, []optimize.Cascade{best.Cascade}, open)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("test: %d of %d right at %.3g GFLOPs; %d reach the second model\n", on[0].Correct, len(labels), on[0].Cost, on[0].Reach[1])
	// Output:
	// 89 cascades, the front is optimal among all chains of at most 2 of the 44 models, at all 51 thresholds of the grid, rule mean
	// extra_trees_100@0.42,conv_16_32
	// search: 893 of 899 right at 5.9e-06 GFLOPs
	// test: 894 of 898 right at 5.06e-06 GFLOPs; 33 reach the second model
}

// Outputs in memory: two models of three classes, four samples.
func ExampleNewProblem() {
	labels := []uint16{0, 1, 2, 2}
	outputs := map[string][][]float32{
		"small": {{0.9, 0.1, 0}, {0.1, 0.8, 0.1}, {0.5, 0.3, 0.2}, {0.1, 0, 0.9}},
		"large": {{0.6, 0.2, 0.2}, {0.2, 0.7, 0.1}, {0.1, 0.1, 0.8}, {0.3, 0.4, 0.3}},
	}
	var models []optimize.Model
	for _, m := range []optimize.Model{{Name: "small", Cost: 1}, {Name: "large", Cost: 10}} {
		rows := make([]uint16, 3*len(labels)) // one after the other
		for i, row := range outputs[m.Name] {
			if err := zoo.RoundRow(rows[3*i:3*i+3], row); err != nil {
				log.Fatal(err)
			}
		}
		m.Lists = zoo.BuildLists(rows, 3)
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
		fmt.Printf("%d of %d right at %v: %s\n", p.Correct, len(labels), p.Cost, p.Cascade.Format(func(m int) string { return models[m].Name }))
	}
	// Output:
	// 3 of 4 right at 1: small
	// 4 of 4 right at 3.5: small@0.5,large
}

// The text form of cascades, as the flag --cascade takes it.
func ExampleParseCascade() {
	find := func(name string) (int, bool) { // models called 0 to 9
		n, err := strconv.Atoi(name)
		return n, err == nil && n >= 0 && n < 10
	}
	c, err := optimize.ParseCascade("3@0.62,5*2@0.9,8", find)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Models, c.Weights, c.Thresholds)
	fmt.Println(c.Format(strconv.Itoa))
	_, err = optimize.ParseCascade("3@0.62,12", find)
	fmt.Println(err)
	// Output:
	// [3 5 8] [1 2 1] [0.62 0.9]
	// 3@0.62,5*2@0.9,8
	// cascade, stage 2: no model named "12"
}
