package supernet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// tiny has few enough subnets to look at all.
func tiny(t testing.TB, coding Coding, change func(*Table)) *Space {
	t.Helper()
	table := Table{
		Name: "tiny", Resolutions: []int{20, 28}, Stem: Stem{[]int{8, 12}, 2, Swish},
		Stages: []Stage{
			{Widths: []int{12}, Depths: []int{1}, Kernels: []int{3}, Expansions: []int{1}, Stride: 1, Activation: ReLU},
			{Widths: []int{16, 24}, Depths: []int{1, 2, 3}, Kernels: []int{3, 5}, Expansions: []int{2}, Stride: 2, Activation: HSwish, SE: true},
		},
		Head: Head{Kind: ExpandMix, Factor: 2, Widths: []int{32, 64}, Activation: ReLU6}, Shortcut: Pool, Shrink: Crop, Genes: coding, Eps: 1e-5,
		Calibration: Biased, Images: Images{Mean: [3]float64{.5, .5, .5}, Std: [3]float64{1, 1, 1}, Interpolation: "bilinear", Crop: 1},
	}
	if change != nil {
		change(&table)
	}
	s, err := New(table, 10)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAlphabets(t *testing.T) {
	t.Parallel()
	ofa := "0-16 0-0" + strings.Repeat(" 1-9 1-9 0-9 0-9", 5)
	for family, want := range map[string]string{
		"ofa-mbv3-w1.0": ofa, "ofa-mbv3-w1.2": ofa, "ofa-proxyless": ofa,
		"attentive": "0-3 0-1 0-1 0-1 0-1 0-1 0-2 0-1 0-2 0-1 0-3 0-1 0-2 0-1 0-3 0-1 0-2 0-2 0-5 0-1 0-2 0-3 0-5 0-1 0-1 0-1 0-1 0-1",
	} {
		var got []string
		for _, g := range space(t, family).Genes() {
			got = append(got, fmt.Sprintf("%d-%d", g.Low, g.High))
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: %s, want %s", family, text, want)
		}
	}
}

func TestSubnets(t *testing.T) {
	t.Parallel()
	for family, want := range map[string]float64{"ofa-mbv3-w1.0": 3.7e20, "ofa-mbv3-w1.2": 3.7e20, "ofa-proxyless": 3.7e20, "attentive": 4.4e11} {
		n, _ := space(t, family).Subnets().Float64()
		if math.Abs(n/want-1) > .02 {
			t.Errorf("%s: %g subnets, want %g", family, n, want)
		}
	}
	// 2 resolutions, stems, widths and heads; rows of 1, 2 or 3 blocks of 2 kernels.
	if n := tiny(t, ByBlock, nil).Subnets().Int64(); n != 16*(2+4+8) {
		t.Errorf("%d subnets by block", n)
	}
	if n := tiny(t, ByStage, nil).Subnets().Int64(); n != 16*3*2 {
		t.Errorf("%d subnets by stage", n)
	}
}

// every visits all genomes of a space, canonical or not.
func every(s *Space, visit func(Genome)) {
	g := make(Genome, len(s.genes))
	var from func(int)
	from = func(i int) {
		if i == len(g) {
			visit(slices.Clone(g))
			return
		}
		for v := s.genes[i].low; v <= s.genes[i].high; v++ {
			g[i] = v
			from(i + 1)
		}
	}
	from(0)
}

// All of a tiny space: what is the same subnet, what are neighbours, where costs end.
func TestTinySpaces(t *testing.T) {
	t.Parallel()
	for _, s := range []*Space{tiny(t, ByBlock, nil), tiny(t, ByStage, nil), tiny(t, ByBlock, func(table *Table) {
		table.Shortcut, table.Head = Identity, Head{Kind: Mix, Widths: []int{32}, Activation: ReLU}
		table.Stages[0].Fixed, table.Stages[0].Kernels, table.Stages[0].Widths = true, []int{3, 5}, []int{8, 16}
	})} {
		plans := map[string]Genome{} // of each subnet, its canonical genome
		low, high := math.Inf(1), 0.0
		every(s, func(g Genome) {
			plan, err := s.Decode(g)
			if err != nil {
				t.Fatal(err)
			}
			canonical, err := s.Canonical(g)
			if err != nil {
				t.Fatal(err)
			}
			if encoded, err := s.Encode(plan); err != nil || !encoded.Equal(canonical) {
				t.Fatalf("%v encodes to %v (%v), not %v", plan, encoded, err, canonical)
			}
			if again, err := s.Decode(canonical); err != nil || !slices.Equal(again, plan) {
				t.Fatalf("%v is canonical for %v, but another subnet (%v)", canonical, g, err)
			}
			key := fmt.Sprint(plan)
			if other, ok := plans[key]; ok && !other.Equal(canonical) {
				t.Fatalf("%v and %v are canonical for one subnet", canonical, other)
			}
			plans[key] = canonical
			c, err := s.Cost(plan)
			if err != nil {
				t.Fatal(err)
			}
			if of, err := s.CostOf(g); err != nil || of != c {
				t.Fatalf("%v costs %v, its plan %v (%v)", g, of, c, err)
			}
			low, high = min(low, c.MACs), max(high, c.MACs)
		})
		if n := s.Subnets().Int64(); int64(len(plans)) != n {
			t.Errorf("%d subnets, and %d are counted", len(plans), n)
		}
		small, _ := s.CostOf(s.Smallest())
		large, _ := s.CostOf(s.Largest())
		if small.MACs != low || large.MACs != high {
			t.Errorf("smallest %v, largest %v; all are %v to %v", small.MACs, large.MACs, low, high)
		}
		if all := s.all(); len(all) != len(plans) {
			t.Errorf("all are %d and not %d", len(all), len(plans))
		}
		// Neighbours, found by trying: a genome of the other subnet is one gene away.
		for _, g := range plans {
			want := map[string]bool{}
			for i, gene := range s.genes {
				for v := gene.low; v <= gene.high; v++ {
					h := slices.Clone(g)
					h[i] = v
					if canonical, _ := s.Canonical(h); !canonical.Equal(g) {
						want[canonical.String()] = true
					}
				}
			}
			got, err := s.Neighbours(g)
			if err != nil || len(got) != len(want) {
				t.Fatalf("%v has %d neighbours, want %d (%v)", g, len(got), len(want), err)
			}
			for _, n := range got {
				if !want[n.String()] {
					t.Fatalf("%v is no neighbour of %v", n, g)
				}
			}
		}
	}
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, family := range Families() {
		s := space(t, family)
		for range 300 {
			g := s.Random(r)
			plan, err := s.Decode(g)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := s.Encode(plan); err != nil || !back.Equal(g) {
				t.Fatalf("%s: %v became %v (%v)", family, g, back, err)
			}
			if parsed, err := ParseGenome(g.String()); err != nil || !parsed.Equal(g) {
				t.Fatalf("%v was read as %v (%v)", g, parsed, err)
			}
		}
	}
}

func TestAbsentBlocks(t *testing.T) {
	t.Parallel()
	s := space(t, "ofa-mbv3-w1.0")
	g := s.Largest()
	g[4], g[5] = 0, 7 // a fourth block after an absent third
	canonical, err := s.Canonical(g)
	if err != nil || canonical[5] != 0 {
		t.Errorf("%v, %v", canonical, err)
	}
	g[3] = 0
	if _, err := s.Decode(g); err == nil || !strings.Contains(err.Error(), "number 4, stage 2 block 2, is 0; it is 1 to 9") {
		t.Errorf("an absent second block: %v", err)
	}
	if _, err := s.Decode(g[1:]); err == nil {
		t.Error("a short genome was decoded")
	}
}

// Every number of a plan, changed: refused, or the plan of another subnet.
func TestMutatedPlans(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for _, family := range Families() {
		s := space(t, family)
		refused, taken := 0, 0
		for range 5 {
			plan, _ := s.Decode(s.Random(r))
			for i := range plan {
				for _, v := range []int64{-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 24, 1 << 40, math.MinInt64, plan[i] + 1, plan[i] - 1, plan[i] + 8, 2 * plan[i]} {
					p := slices.Clone(plan)
					p[i] = v
					n, err := s.read(p)
					if err != nil {
						refused++
						continue
					}
					taken++
					if !slices.Equal(s.plan(n), p) {
						t.Fatalf("%v was read as %v", p, s.plan(n))
					}
				}
			}
			if s.Check(plan[1:]) == nil || s.Check(append(slices.Clone(plan), 0)) == nil {
				t.Error("a plan of another length was taken")
			}
		}
		if refused == 0 || taken == 0 {
			t.Errorf("%s: %d refused, %d taken", family, refused, taken)
		}
	}
}

func TestSample(t *testing.T) {
	t.Parallel()
	spaces := []*Space{tiny(t, ByBlock, nil), tiny(t, ByStage, nil), space(t, "ofa-mbv3-w1.0"), space(t, "attentive")}
	for _, s := range spaces {
		for _, spread := range Spreads() {
			for _, n := range []int{1, 2, 60} {
				got, err := s.Sample(n, spread, 7)
				if err != nil {
					t.Fatal(err)
				}
				again, _ := s.Sample(n, spread, 7)
				seen := map[string]bool{}
				var macs []float64
				for i, g := range got {
					if !g.Equal(again[i]) {
						t.Fatalf("%s %s: one seed gave two samples", s.Table.Name, spread)
					}
					if canonical, err := s.Canonical(g); err != nil || !canonical.Equal(g) || seen[g.String()] {
						t.Fatalf("%s %s: %v is not canonical or comes twice (%v)", s.Table.Name, spread, g, err)
					}
					seen[g.String()] = true
					c, _ := s.CostOf(g)
					macs = append(macs, c.MACs)
				}
				if len(got) != n || !slices.IsSorted(macs) {
					t.Errorf("%s %s: %d subnets of %d, sorted: %v", s.Table.Name, spread, len(got), n, slices.IsSorted(macs))
				}
				if spread == Uniform || n < 60 || s.Table.Name == "tiny" {
					continue
				}
				low, high := macs[0], macs[n-1]
				for i, v := range macs {
					want := low + (high-low)*float64(i)/float64(n-1)
					got, step := v, (high-low)/float64(n-1)
					if spread == Log {
						want, got, step = math.Log(low)+math.Log(high/low)*float64(i)/float64(n-1), math.Log(v), math.Log(high/low)/float64(n-1)
					}
					if math.Abs(got-want) > step/2 {
						t.Errorf("%s %s: sample %d costs %v, %.2f steps off", s.Table.Name, spread, i, v, math.Abs(got-want)/step)
					}
				}
			}
		}
	}
	all, err := spaces[1].Sample(96, Linear, 1)
	if err != nil || len(all) != 96 {
		t.Errorf("all subnets: %d, %v", len(all), err)
	}
	if all, err = spaces[0].Sample(224, Uniform, 1); err != nil || len(all) != 224 {
		t.Errorf("all subnets: %d, %v", len(all), err)
	}
	if _, err := spaces[1].Sample(97, Linear, 1); err == nil || !strings.Contains(err.Error(), "which has 96") {
		t.Errorf("more than there are: %v", err)
	}
}

// TestSampleOfDeepSubnets takes all subnets of spaces in which a block is there or not, so that
// there are many genomes for each subnet, and deep ones are hardly ever drawn gene by gene.
func TestSampleOfDeepSubnets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ stages, deepest int }{{2, 20}, {3, 17}} {
		s := tiny(t, ByBlock, func(table *Table) {
			table.Stages = nil
			for range c.stages {
				table.Stages = append(table.Stages, Stage{Widths: []int{16}, Kernels: []int{3}, Expansions: []int{2}, Stride: 1, Activation: ReLU})
				for depth := range c.deepest {
					last := &table.Stages[len(table.Stages)-1]
					last.Depths = append(last.Depths, depth+1)
				}
			}
			table.Resolutions, table.Stem.Widths, table.Head.Widths = table.Resolutions[:1], table.Stem.Widths[:1], table.Head.Widths[:1]
		})
		subnets := int(s.Subnets().Int64())
		if all := s.all(); len(all) != subnets {
			t.Errorf("%d subnets listed, there are %d", len(all), subnets)
		}
		if got, err := s.Sample(subnets, Uniform, 1); err != nil || len(got) != subnets {
			t.Errorf("all %d subnets: %d, %v", subnets, len(got), err)
		}
	}
}

// TestEven draws subnets evenly.
func TestEven(t *testing.T) {
	t.Parallel()
	for _, s := range []*Space{tiny(t, ByBlock, nil), tiny(t, ByStage, nil)} {
		const each = 200
		all, drawn := s.all(), map[string]int{}
		r := rand.New(rand.NewPCG(1, 2))
		for range each * len(all) {
			drawn[s.even(r).String()]++
		}
		for _, g := range all {
			if n := drawn[g.String()]; n < each/2 || n > 2*each {
				t.Errorf("%s: %v was drawn %d times, and %d are expected", s.Table.Genes, g, n, each)
			}
		}
		if len(drawn) != len(all) {
			t.Errorf("%s: %d subnets drawn of %d", s.Table.Genes, len(drawn), len(all))
		}
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	good := tiny(t, ByStage, nil).Table
	for want, change := range map[string]func(*Table){
		"no name":                          func(t *Table) { t.Name = "" },
		"resolutions: there are 0":         func(t *Table) { t.Resolutions = nil },
		"resolutions: 5000 is not":         func(t *Table) { t.Resolutions = []int{5000} },
		"stem: widths: 8 comes after 8":    func(t *Table) { t.Stem.Widths = []int{8, 8} },
		"stem: the stride 3":               func(t *Table) { t.Stem.Stride = 3 },
		`stem: activation: "gelu" is none`: func(t *Table) { t.Stem.Activation = "gelu" },
		"stages: there are 0":              func(t *Table) { t.Stages = nil },
		"stages: there are 33":             func(t *Table) { t.Stages = make([]Stage, 33) },
		"stage 2: depths: 0 is not":        func(t *Table) { t.Stages[1].Depths = []int{0, 1} },
		"stage 2: kernels: 4 is even":      func(t *Table) { t.Stages[1].Kernels = []int{4} },
		"stage 2: kernels: 7 does not":     func(t *Table) { t.Stages[1].Kernels = []int{3, 7} },
		"stage 2: expansions: -1 is not":   func(t *Table) { t.Stages[1].Expansions = []int{-1} },
		"depths: 3 does not follow 1":      func(t *Table) { t.Genes, t.Stages[1].Depths = ByBlock, []int{1, 3} },
		"head: of kind mix it has neither": func(t *Table) { t.Head.Kind = Mix },
		"it has expand or factor":          func(t *Table) { t.Head.Expand = []int{64} },
		"no gene for more than one width":  func(t *Table) { t.Head.Factor, t.Head.Expand = 0, []int{64, 128} },
		"head: factor: 1000 times 24":      func(t *Table) { t.Head.Factor = 1000 },
		"eps: 0 is not between":            func(t *Table) { t.Eps = 0 },
		"images: mean and std":             func(t *Table) { t.Images.Std[1] = 0 },
		"images: crop: 0 is not":           func(t *Table) { t.Images.Crop = 0 },
		"images: input: -1":                func(t *Table) { t.Images.Input = -1 },
		`images: interpolation: "magic"`:   func(t *Table) { t.Images.Interpolation = "magic" },
		`calibration: "" is none`:          func(t *Table) { t.Calibration = "" },
	} {
		bad := good
		bad.Stages = slices.Clone(good.Stages)
		change(&bad)
		if _, err := New(bad, 10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := New(good, 0); err == nil {
		t.Error("a supernet without classes")
	}
	text, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	for tail, want := range map[string]string{"": "", " {}": "something after the table"} {
		if _, err := ReadTable(strings.NewReader(string(text) + tail)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q after a table: %v", tail, err)
		}
	}
	if _, err := ReadTable(strings.NewReader(`{"name": "x", "colour": 1}`)); err == nil || !strings.Contains(err.Error(), "colour") {
		t.Errorf("an unknown field: %v", err)
	}
	if _, err := Family("ofa"); err == nil || !strings.Contains(err.Error(), "ofa-mbv3-w1.0, ofa-mbv3-w1.2") {
		t.Errorf("an unknown family: %v", err)
	}
}

// The shorter side becomes ceil(side/0.875), by timm's rule of floor(side/share).
func TestCropPct(t *testing.T) {
	t.Parallel()
	images := space(t, "ofa-mbv3-w1.0").Table.Images
	for side := 192; side <= 288; side++ {
		want := (side*8 + 6) / 7
		if got := int(math.Floor(float64(side) / images.CropPct(side))); got != want {
			t.Errorf("side %d: resized to %d, want %d", side, got, want)
		}
	}
	if whole := (&Images{Crop: 1}).CropPct(28); whole != 1 {
		t.Errorf("all of an image is %v of it", whole)
	}
}

func FuzzTable(f *testing.F) {
	for _, family := range Families() {
		text, err := families.ReadFile("families/" + family + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := ReadTable(bytes.NewReader(text))
		if err != nil {
			return
		}
		s, err := New(table, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range []Genome{s.Smallest(), s.Largest(), s.Random(rand.New(rand.NewPCG(1, 1)))} {
			plan, err := s.Decode(g)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := s.Encode(plan); err != nil || !back.Equal(g) {
				t.Fatalf("%v became %v (%v)", g, back, err)
			}
			if c, err := s.Cost(plan); err != nil || !(c.MACs > 0) || c.Parameters <= 0 {
				t.Fatalf("cost %v (%v)", c, err)
			}
		}
	})
}

func FuzzGenome(f *testing.F) {
	f.Add("3.0.5.4")
	f.Add("-1..007")
	s := space(f, "ofa-mbv3-w1.0")
	f.Add(s.Largest().String())
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ParseGenome(text)
		if err != nil {
			return
		}
		if g.String() != text {
			t.Fatalf("%q was read as %v", text, g)
		}
		if plan, err := s.Decode(g); err == nil {
			if _, err := s.Encode(plan); err != nil {
				t.Fatal(err)
			}
		}
	})
}
