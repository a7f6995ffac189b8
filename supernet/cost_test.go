package supernet

import (
	"math"
	"testing"
)

// space is that of a built-in table with ImageNet's classes.
func space(t testing.TB, family string) *Space {
	t.Helper()
	table, err := Family(family)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(table, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// costs compares in millions, to the decimals that were published.
func costs(t *testing.T, name string, s *Space, g Genome, macs, ptflops float64) {
	t.Helper()
	c, err := s.CostOf(g)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if round1(c.MACs) != macs {
		t.Errorf("%s: %.2f million multiply-adds, published are %v", name, c.MACs/1e6, macs)
	}
	if ptflops != 0 && round1(c.PtFLOPs) != ptflops {
		t.Errorf("%s: %.2f million by ptflops, which counts %v", name, c.PtFLOPs/1e6, ptflops)
	}
}

func round1(v float64) float64 { return math.Round(v/1e5) / 10 }

func TestPublishedRanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		family     string
		low, high  [2]float64 // multiply-adds, ptflops
		parameters float64    // of the largest, in millions
	}{
		{"ofa-mbv3-w1.0", [2]float64{89.8, 95.9}, [2]float64{738.0, 770.5}, 7.66},
		{"ofa-mbv3-w1.2", [2]float64{142.8, 151.2}, [2]float64{1099.1, 1142.3}, 10.70},
		{"ofa-proxyless", [2]float64{215.7, 0}, [2]float64{1312.0, 0}, 7.94},
		{"attentive", [2]float64{203.4, 211.3}, [2]float64{1939.3, 1995.9}, 23.40},
	} {
		s := space(t, c.family)
		costs(t, c.family+" smallest", s, s.Smallest(), c.low[0], c.low[1])
		costs(t, c.family+" largest", s, s.Largest(), c.high[0], c.high[1])
		largest, _ := s.CostOf(s.Largest())
		if got := math.Round(float64(largest.Parameters)/1e4) / 100; got != c.parameters {
			t.Errorf("%s: %v million parameters, want %v", c.family, got, c.parameters)
		}
	}
}

// The subnets that AttentiveNAS and AlphaNet published. But for a5 these are the same.
func TestPublishedAttentive(t *testing.T) {
	t.Parallel()
	s := space(t, "attentive")
	for _, c := range []struct {
		name                       string
		resolution                 int
		widths                     [9]int
		depths, kernels, expansion [7]int
		macs                       float64
	}{
		{"a0", 192, [9]int{16, 16, 24, 32, 64, 112, 192, 216, 1792}, [7]int{1, 3, 3, 3, 3, 3, 1}, [7]int{3, 3, 3, 3, 3, 3, 3}, [7]int{1, 4, 4, 4, 4, 6, 6}, 203.4},
		{"a1", 224, [9]int{16, 16, 24, 32, 64, 112, 192, 216, 1984}, [7]int{1, 3, 3, 3, 3, 3, 1}, [7]int{3, 3, 3, 5, 3, 5, 3}, [7]int{1, 4, 4, 4, 4, 6, 6}, 279.2},
		{"a2", 224, [9]int{16, 16, 24, 32, 64, 112, 200, 224, 1984}, [7]int{1, 3, 3, 3, 3, 4, 1}, [7]int{3, 3, 3, 3, 3, 5, 3}, [7]int{1, 4, 5, 4, 4, 6, 6}, 316.7},
		{"a3", 224, [9]int{16, 16, 24, 32, 64, 112, 208, 224, 1984}, [7]int{2, 3, 3, 4, 3, 5, 1}, [7]int{3, 3, 3, 5, 3, 3, 3}, [7]int{1, 4, 4, 4, 4, 6, 6}, 356.5},
		{"a4", 256, [9]int{16, 16, 24, 32, 64, 112, 192, 216, 1984}, [7]int{1, 3, 3, 4, 3, 5, 1}, [7]int{3, 3, 3, 5, 3, 5, 3}, [7]int{1, 4, 4, 5, 4, 6, 6}, 443.5},
		{"a5", 256, [9]int{16, 16, 24, 32, 72, 112, 192, 216, 1792}, [7]int{1, 3, 3, 3, 4, 6, 1}, [7]int{3, 3, 3, 5, 3, 3, 3}, [7]int{1, 4, 5, 4, 4, 6, 6}, 490.5},
		{"AlphaNet's a5 small", 256, [9]int{16, 16, 24, 32, 64, 112, 208, 216, 1984}, [7]int{1, 3, 3, 4, 4, 5, 1}, [7]int{3, 3, 3, 3, 3, 5, 3}, [7]int{1, 4, 4, 5, 4, 6, 6}, 491.5},
		{"AlphaNet's a5 base", 288, [9]int{16, 16, 24, 32, 64, 112, 200, 216, 1984}, [7]int{2, 3, 4, 3, 3, 5, 1}, [7]int{3, 3, 5, 5, 3, 3, 3}, [7]int{1, 4, 4, 4, 5, 6, 6}, 594.8},
		{"a6", 288, [9]int{16, 16, 24, 32, 64, 112, 216, 224, 1984}, [7]int{1, 3, 3, 4, 4, 6, 1}, [7]int{3, 3, 3, 3, 3, 5, 3}, [7]int{1, 4, 6, 5, 4, 6, 6}, 709.0},
	} {
		n := subnet{resolution: c.resolution, stem: c.widths[0], head: c.widths[8]}
		for i, depth := range c.depths {
			of := stageOf{width: c.widths[i+1]}
			for range depth {
				of.blocks = append(of.blocks, blockOf{c.kernels[i], c.expansion[i]})
			}
			n.stages = append(n.stages, of)
		}
		g, err := s.Encode(s.plan(n))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		costs(t, c.name, s, g, c.macs, 0)
	}
}

// The subnets of OFA-MobileNetV3 that NAT published, for ImageNet (M1 to M4) and other data.
// Their published costs, another counter's, are up to 4 % higher.
func TestPublishedNAT(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                string
		width               string
		classes, resolution int
		depths              []int
		kernels, expansions []int // of all blocks, one stage after the other
		macs, published     float64
	}{
		{"NAT-M1", "w1.0", 1000, 224, []int{2, 3, 3, 3, 4}, []int{3, 3, 3, 3, 3, 5, 5, 3, 5, 5, 5, 5, 5, 3, 3}, []int{3, 3, 3, 4, 4, 4, 4, 3, 4, 3, 3, 6, 6, 6, 6}, 222.6, 225},
		{"NAT-M2", "w1.2", 1000, 224, []int{2, 2, 3, 2, 4}, []int{3, 3, 7, 3, 7, 7, 5, 3, 7, 7, 3, 3, 3}, []int{3, 3, 3, 3, 4, 3, 3, 6, 4, 6, 6, 6, 3}, 302.9, 312},
		{"NAT-M3", "w1.2", 1000, 224, []int{3, 4, 4, 4, 4}, []int{5, 3, 3, 5, 3, 5, 3, 5, 5, 3, 3, 5, 7, 3, 5, 7, 3, 3, 3}, []int{3, 3, 3, 4, 4, 4, 3, 4, 6, 3, 3, 6, 6, 6, 4, 6, 6, 6, 3}, 482.4, 490},
		{"NAT-M4", "w1.2", 1000, 240, []int{3, 4, 4, 4, 4}, []int{3, 5, 3, 5, 5, 3, 5, 7, 5, 3, 5, 3, 5, 7, 3, 3, 3, 5, 3}, []int{3, 4, 3, 4, 4, 6, 3, 6, 6, 3, 4, 6, 6, 6, 4, 6, 6, 6, 3}, 599.7, 600},
		{"CIFAR-10", "w1.2", 10, 224, []int{2, 2, 4, 4, 4}, []int{7, 7, 7, 7, 7, 3, 7, 5, 7, 7, 7, 3, 7, 7, 7, 3}, []int{3, 3, 6, 4, 6, 4, 3, 3, 6, 4, 6, 6, 6, 6, 3, 3}, 464.1, 468},
		{"Aircraft", "w1.2", 100, 252, []int{2, 2, 4, 3, 4}, []int{3, 3, 3, 3, 5, 7, 7, 5, 5, 5, 3, 3, 3, 3, 3}, []int{3, 3, 3, 3, 4, 3, 3, 3, 6, 3, 3, 4, 3, 4, 4}, 0, 388},
		{"Cars", "w1.0", 196, 256, []int{2, 2, 3, 2, 2}, []int{3, 5, 7, 3, 7, 5, 3, 5, 7, 5, 3}, []int{3, 3, 4, 4, 3, 4, 3, 3, 3, 3, 4}, 0, 199},
		{"DTD", "w1.0", 47, 228, []int{2, 2, 2, 2, 3}, []int{3, 5, 7, 3, 3, 3, 5, 3, 5, 5, 3}, []int{6, 4, 3, 3, 6, 3, 6, 4, 4, 4, 4}, 0, 211},
		{"Flowers", "w1.2", 102, 240, []int{3, 3, 2, 3, 2}, []int{5, 7, 3, 3, 5, 5, 7, 7, 5, 7, 3, 7, 3}, []int{3, 3, 4, 4, 6, 4, 3, 6, 6, 3, 3, 4, 4}, 0, 400},
		{"Food", "w1.0", 101, 252, []int{3, 4, 3, 4, 3}, []int{7, 3, 5, 7, 3, 3, 3, 3, 7, 3, 5, 3, 7, 3, 3, 3, 3}, []int{3, 4, 3, 4, 6, 4, 3, 4, 3, 3, 6, 4, 3, 3, 6, 6, 6}, 0, 361},
		{"Pets", "w1.2", 37, 232, []int{2, 2, 4, 4, 2}, []int{3, 3, 3, 3, 3, 3, 3, 5, 7, 7, 7, 3, 7, 7}, []int{3, 3, 6, 6, 6, 4, 3, 3, 3, 3, 3, 3, 6, 6}, 0, 386},
		{"STL-10", "w1.0", 10, 232, []int{2, 4, 4, 4, 4}, []int{7, 7, 3, 3, 3, 3, 7, 7, 7, 5, 7, 7, 5, 3, 3, 7, 3, 3}, []int{4, 3, 6, 3, 4, 3, 6, 6, 3, 4, 6, 6, 3, 3, 6, 6, 6, 3}, 0, 369},
	} {
		table, err := Family("ofa-mbv3-" + c.width)
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(table, c.classes)
		if err != nil {
			t.Fatal(err)
		}
		n := subnet{resolution: c.resolution, stem: table.Stem.Widths[0], head: table.Head.Widths[0]}
		first := table.Stages[0]
		n.stages = append(n.stages, stageOf{first.Widths[0], []blockOf{{first.Kernels[0], first.Expansions[0]}}})
		block := 0
		for i, depth := range c.depths {
			of := stageOf{width: table.Stages[i+1].Widths[0]}
			for range depth {
				of.blocks = append(of.blocks, blockOf{c.kernels[block], c.expansions[block]})
				block++
			}
			n.stages = append(n.stages, of)
		}
		g, err := s.Encode(s.plan(n))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.macs != 0 {
			costs(t, c.name, s, g, c.macs, 0)
		}
		cost, err := s.CostOf(g)
		if share := c.published / (cost.MACs / 1e6); err != nil || share < 1 || share > 1.04 {
			t.Errorf("%s: %.1f million multiply-adds, published are %v (%v)", c.name, cost.MACs/1e6, c.published, err)
		}
	}
}
