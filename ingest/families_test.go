package ingest

import (
	"context"
	"math"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

// TestFamilies exports a network of each of ten families and counts its
// multiply-adds; timm's published figures, counted by fvcore and rounded to two
// decimals, are the referee. benchmarks/timm-macs.csv has all models.
func TestFamilies(t *testing.T) {
	if testing.Short() {
		t.Skip("exports ten networks")
	}
	python, path := torchtest.Python(t), torchtest.Path(t)
	shim, err := torch.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	exporter := export.New(python, nil)
	defer exporter.Close()
	for _, c := range []struct {
		name   string
		gmacs  float64 // timm's
		params int64
	}{
		{"resnet18", 1.82, 11689512},
		{"resnext50_32x4d", 4.26, 25028904},
		{"mobilenet_v2", 0.31, 3504872},
		{"mobilenet_v3_large", 0.23, 5483032},
		{"mnasnet1_0", 0.33, 4383312},
		{"densenet121", 2.87, 7978856},
		{"efficientnet_b0", 0.40, 5288548},
		{"regnet_y_400mf", 0.41, 4344144},
		{"vgg11", 7.61, 132863336},
		{"swin_t", 4.51, 28288354},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "model.pt")
			meta, err := exporter.Export(context.Background(), export.Request{Source: "torchvision", Name: c.name, Out: file})
			if err != nil {
				t.Fatal(err)
			}
			read, err := export.ReadMeta(file)
			if err != nil || !reflect.DeepEqual(read, meta) || meta.Params != c.params || meta.Classes != 1000 || len(meta.Checkpoint) != 64 {
				t.Errorf("metadata %+v, in the file %+v (%v)", meta, read, err)
			}
			m, err := shim.Load(file, "cpu", torch.Float32, meta.Classes)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			counts, err := m.Count(224, 224)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%.4f G multiply-adds, %.4f as fvcore counts, %.2f published", counts.MACs/1e9, counts.FVCore/1e9, c.gmacs)
			if diff := math.Abs(counts.FVCore/1e9 - c.gmacs); diff > 0.01*c.gmacs && diff > 0.005 {
				t.Errorf("%.4f G operations, %.2f published", counts.FVCore/1e9, c.gmacs)
			}
		})
	}
}
