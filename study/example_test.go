package study_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/encas-zoo/encas-zoo/study"
)

// From NumPy files to a report: outputs has labels.npy, one .npy a model, and models.csv
// with what each costs.
func Example() {
	outputs, dir := makeOutputs()
	defer os.RemoveAll(dir)
	ctx, watch := context.Background(), study.Watch{}
	check := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	mine, run := filepath.Join(dir, "zoo"), filepath.Join(dir, "run")

	_, err := study.Import(ctx, mine, study.ImportOptions{
		Format: "npy", Sources: []string{outputs}, Splits: []string{"search=0.5", "test=0.5"}, Seed: 1,
	}, watch)
	check(err)
	z, err := study.Open(ctx, mine, watch)
	check(err)

	o := study.Defaults()
	o.Dir = run
	found, err := study.Search(ctx, z, o, watch)
	check(err)
	choice, _ := found.Front.Choose(0.02) // GFLOPs
	best := found.Front.Points[choice.Point]
	fmt.Printf("%v: %.1f %% at %.4f GFLOPs on search\n", best, 100*best.Accuracy(), best.Cost)

	on, err := study.EvaluateFront(ctx, z, "test", found.Front, watch)
	check(err)
	test := on.Cascades[choice.Point]
	fmt.Printf("%.1f %% on test, %s %.1f %%\n", 100*test.Accuracy(), test.Against.Model, 100*test.Against.Accuracy)

	runs, err := study.ReadRuns([]string{run})
	check(err)
	page, err := study.Report(ctx, z, runs, study.TestSplit{Name: "test"}, watch)
	check(err)
	file, err := os.Create(filepath.Join(run, "report.html"))
	check(err)
	check(page.WriteHTML(file))
	check(file.Close())
	// Output:
	// net_1@0.84033203,net_2@0.46263123,net_3*2@0.31999207,net_4*3: 89.1 % at 0.0200 GFLOPs on search
	// 88.0 % on test, net_2 82.2 %
}
