package zoo_test

import (
	"context"
	"fmt"
	"log"

	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/example"
)

// What is in a zoo, and what its models cost. The example zoo stands for one that
// zoo.Open(dir) opens.
func ExampleZoo_Models() {
	z, err := example.Open(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range z.Splits() {
		fmt.Println("split", s.Name, "of", s.Samples, "samples")
	}
	fmt.Println(len(z.Models()), "models for", z.Classes(), "classes")
	for _, m := range z.Models()[:3] {
		cost, err := m.Cost("gflops")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.Name, cost, m.Columns["family"])
	}
	// Output:
	// split search of 899 samples
	// split test of 898 samples
	// 44 models for 10 classes
	// bernoulli_nb 7.04e-07 bayes
	// boosting_10 3.99296e-07 boosting
	// boosting_100 3.99914e-06 boosting
}

// The largest outputs of a model on a split, memory-mapped: what a search reads.
func ExampleZoo_OpenIndex() {
	ctx := context.Background()
	z, err := example.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	index, err := z.OpenIndex(ctx, "test", []string{"tree_10", "conv_32_64"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer index.Close()
	for _, name := range index.Models() {
		right := 0
		for i, class := range index.Lists(name).TopClass {
			if class == index.Labels()[i] {
				right++
			}
		}
		fmt.Printf("%s: %d of %d right\n", name, right, len(index.Labels()))
	}
	// Output:
	// conv_32_64: 895 of 898 right
	// tree_10: 758 of 898 right
}

// Outputs in float32 become the float16 bits that a zoo keeps.
func ExampleRoundRow() {
	row := make([]uint16, 3)
	if err := zoo.RoundRow(row, []float32{0.5, 0.3, 0.2}); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%04x\n", row)
	fmt.Println(zoo.RoundRow(row, []float32{0.5, 0.25, 0.75}))
	// Output:
	// [3800 34cd 3266]
	// the values sum to 1.5, not 1 (within 0.01)
}
