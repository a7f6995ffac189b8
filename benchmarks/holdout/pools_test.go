package holdout

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/study"
)

// On six networks over images as they are and mirrored, cascades are worth more on other
// samples than the models.
func TestPools(t *testing.T) {
	t.Parallel()
	pools, err := OpenPools(t.Context(), "cifar10", "note", study.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	if len(pools) != 6 || len(pools[5].Problem.Models()) != 12 || pools[5].Parts != 4 || len(pools[4].Problem.Models()) != 4 || !pools[4].Thinned || len(pools[0].Problem.Models()) != 4 || pools[0].Name != "published weights" {
		t.Fatalf("%d pools, %+v", len(pools), pools[0].Name)
	}
	pools = append(pools[:1:1], pools[4:]...)
	var results []PoolResult
	if err := ComparePools(t.Context(), pools, Methods(1)[:2], 2, func(r PoolResult) { results = append(results, r) }); err != nil {
		t.Fatal(err)
	}
	if len(results) != 3*2*2 {
		t.Fatalf("%d results", len(results))
	}
	for i := 0; i < len(results); i += 6 {
		models, part, whole := results[i+2], results[i+3], results[i+5]
		if models.Parts != 4 || models.Cascades || !part.Cascades || !whole.Cascades || whole.Parts != 4 {
			t.Fatal("another order of results")
		}
		if !(whole.Log < models.Log) || !(whole.HypervolumeLog > models.HypervolumeLog) {
			t.Errorf("deployed error %v of cascades, %v of models; hypervolumes %v, %v",
				whole.Log, models.Log, whole.HypervolumeLog, models.HypervolumeLog)
		}
		mean := 0.0
		for _, accuracy := range models.Curve {
			mean += (1 - accuracy) / float64(len(models.Curve))
		}
		if math.Abs(mean-models.Log) > 1e-9 {
			t.Errorf("the curve's mean error is %v, and the deployed error %v", mean, models.Log)
		}
	}
	var table, picture bytes.Buffer
	WritePools(&table, results)
	for _, want := range []string{"| published weights |", "| cascades of published weights |", "(2 of 2)", "\nhypervolume, log, paired:\n\n- cascades of published weights against "} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, &table)
		}
	}
	if err := DrawPools(&picture, pools, results, "GFLOPs"); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(&picture); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenPools(t.Context(), "cifar10", "imported.nowhere", study.DefaultCost); err == nil {
		t.Error("models without the column are parted by it")
	}
}

// Halves of the same samples are no independent measurements.
func TestHalfWidth(t *testing.T) {
	t.Parallel()
	// Of two values one apart the deviation is sqrt(1/2), and Student's quantile 12.706.
	if got, want := halfWidth([]float64{1, 2}), 12.7062*math.Sqrt(0.5)*math.Sqrt(0.5+1); math.Abs(got-want) > 1e-3 {
		t.Errorf("%v, want %v", got, want)
	}
	if got := halfWidth([]float64{1}); !math.IsNaN(got) {
		t.Errorf("%v of one value", got)
	}
}

// Pools may overlap.
func TestLists(t *testing.T) {
	t.Parallel()
	var lists []List
	for name, models := range map[string]string{"cheap": "resnet20\nresnet32\n", "both": "resnet32\nresnet56\nresnet32\n"} {
		l := List{name, filepath.Join(t.TempDir(), "list.txt")}
		if err := os.WriteFile(l.Path, []byte(models), 0o600); err != nil {
			t.Fatal(err)
		}
		lists = append(lists, l)
	}
	slices.SortFunc(lists, func(a, b List) int { return strings.Compare(b.Name, a.Name) })
	if pools, err := OpenLists(t.Context(), "cifar10", study.DefaultCost, append(lists[1:2:2], lists[1])); err != nil || len(pools) != 2 {
		t.Errorf("the last of two lists has all models: %d pools, %v", len(pools), err)
	}
	pools, err := OpenLists(t.Context(), "cifar10", study.DefaultCost, lists)
	if err != nil {
		t.Fatal(err)
	}
	if len(pools) != 3 || len(pools[0].Problem.Models()) != 2 || len(pools[1].Problem.Models()) != 2 || len(pools[2].Problem.Models()) != 3 {
		t.Fatalf("%d pools", len(pools))
	}
	var results []PoolResult
	if err := ComparePools(t.Context(), pools, Methods(1)[:2], 2, func(r PoolResult) { results = append(results, r) }); err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	WriteAgainst(&table, results, "all")
	for _, want := range []string{"| cheap |", "- cheap: -0.", "- both: ", "- cascades of cheap: "} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, &table)
		}
	}
	lists[0].Path = filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(lists[0].Path, []byte("resnet1001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLists(t.Context(), "cifar10", study.DefaultCost, lists); err == nil || !strings.Contains(err.Error(), "resnet1001 is not in all splits") {
		t.Errorf("a model that is not there: %v", err)
	}
}
