package study_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/study"
)

// From NumPy files to a report. The folder outputs has labels.npy, a .npy file for each
// model, and models.csv with what each costs.
func Example() {
	dir := makeOutputs()
	defer os.RemoveAll(dir)
	ctx, watch := context.Background(), study.Watch{}

	_, err := study.Import(ctx, dir+"/zoo", study.ImportOptions{
		Format: "npy", Sources: []string{dir + "/outputs"}, Splits: []string{"search=0.5", "test=0.5"},
	}, watch)
	check(err)
	z, err := study.Open(ctx, dir+"/zoo", watch)
	check(err)

	options := study.Defaults()
	options.Dir = dir + "/run"
	found, err := study.Search(ctx, z, options, watch)
	check(err)
	choice, _ := found.Front.Choose(front.Limits{Cost: 0.02}) // GFLOPs
	best := found.Front.Points[choice.Point]
	fmt.Printf("%v: %.1f %% expected, at %.4f GFLOPs\n", best, 100*best.Likely(), best.Cost)

	on, err := study.EvaluateFront(ctx, z, "test", found.Front, watch)
	check(err)
	test := on.Cascades[choice.Point]
	fmt.Printf("%.1f %% on test, %s %.1f %%\n", 100*test.Accuracy(), test.Against.Model, 100*test.Against.Accuracy)

	runs, err := study.ReadRuns([]string{found.Dir})
	check(err)
	page, err := study.Report(ctx, z, nil, runs, study.TestSplit{Name: "test"}, watch)
	check(err)
	file, err := os.Create(found.Dir + "/report.html")
	check(err)
	check(page.WriteHTML(file))
	check(file.Close())
	// Output:
	// net_1@0.9001,net_2@0.46,net_3*2: 88.5 % expected, at 0.0199 GFLOPs
	// 89.8 % on test, net_2 84.6 %
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
