package study

import (
	"io"
	"math/rand/v2"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// imported imports a folder of .npy files into a new zoo.
func imported(t *testing.T, dir string, o ImportOptions) *zoo.Zoo {
	t.Helper()
	o.Format, o.Sources = "npy", []string{dir}
	to := t.TempDir()
	if _, err := Import(t.Context(), to, o, Watch{}); err != nil {
		t.Fatal(err)
	}
	z, err := Open(t.Context(), to, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// searchedPairs searches pairs exactly.
func searchedPairs(t *testing.T, z *zoo.Zoo, o Options) *front.Front {
	t.Helper()
	o.Algorithm, o.Dir = "exact", t.TempDir()
	found, err := Search(t.Context(), z, o, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	return found.Front
}

// stagesOf returns by cascade and sample the stage that answers.
func stagesOf(t *testing.T, z *zoo.Zoo, split string, f *front.Front) (stages [][]int, labels []uint16) {
	t.Helper()
	costs := map[string]float64{}
	for _, m := range f.Models {
		costs[m.Name] = m.Cost
	}
	s, stop, err := storedSplit(z, split, costs, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	r, err := s.Replay(cascadesOf(f.Points))
	if err != nil {
		t.Fatal(err)
	}
	stages = make([][]int, len(f.Points))
	for i := range stages {
		stages[i] = make([]int, len(s.Labels))
	}
	if err := r.Run(t.Context(), 1, func(_ int, x *cascade.Sample) {
		for i := range stages {
			stages[i][x.Number] = x.Exit(i)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return stages, s.Labels
}

// drifted tests some samples against others.
func drifted(f *front.Front, stages [][]int, before, now []int) *Evaluation {
	e := &Evaluation{Split: front.Split{Fingerprint: "now"}, ChosenOn: &front.Split{Fingerprint: "before"}}
	pointOn := func(i int, samples []int) front.Point {
		p := f.Points[i]
		p.Samples, p.Reach = len(samples), make([]int, len(p.Stages))
		for _, sample := range samples {
			for stage := range stages[i][sample] + 1 {
				p.Reach[stage]++
			}
		}
		return p
	}
	for i := range f.Points {
		e.Before = append(e.Before, pointOn(i, before))
		e.Cascades = append(e.Cascades, Measured{Point: pointOn(i, now)})
	}
	e.addDrift()
	return e
}

// Random halves of real samples show drift as seldom as the level says: single cascades in
// one of 20 draws, any cascade of the front in at most that. A few classes alone show it.
func TestDriftOfRealSamples(t *testing.T) {
	t.Parallel()
	z := imported(t, sharedtest.Dir(t, "cifar10"), ImportOptions{Splits: []string{"search=0.3", "rest=0.7"}})
	f := searchedPairs(t, z, Defaults())
	stages, labels := stagesOf(t, z, "rest", f)
	samples := make([]int, len(labels))
	for i := range samples {
		samples[i] = i
	}
	rng := rand.New(rand.NewPCG(4, 2))
	const draws = 400
	var fronts, single, tested int
	for range draws {
		rng.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
		e := drifted(f, stages, samples[:1000], samples[1000:3000])
		if e.Drift().Drifted > 0 {
			fronts++
		}
		for _, c := range e.Cascades {
			if c.Drift != nil {
				tested++
				if c.Drift.P < 0.05 {
					single++
				}
			}
		}
	}
	share := float64(single) / float64(tested)
	t.Logf("false alarms: %.1f %% of %d tests, %.1f %% of %d fronts of %d cascades", 100*share, tested, 100*float64(fronts)/draws, draws, len(f.Points))
	if share < 0.03 || share > 0.07 {
		t.Errorf("single tests give false alarms in %.1f %% of the draws, at the level of 5 %%", 100*share)
	}
	if alarms := float64(fronts) / draws; alarms > 0.05+3*0.011 { // three standard errors
		t.Errorf("fronts give false alarms in %.1f %% of the draws", 100*alarms)
	}

	var few []int // cats, deer and dogs, which are harder
	for i, label := range labels {
		if label >= 3 && label <= 5 {
			few = append(few, i)
		}
	}
	for _, n := range []int{100, 300, 1000} {
		found := 0
		for range 100 {
			rng.Shuffle(len(few), func(i, j int) { few[i], few[j] = few[j], few[i] })
			rng.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
			if drifted(f, stages, samples[:3000], few[:n]).Drift().Drifted > 0 {
				found++
			}
		}
		t.Logf("three classes of ten: found in %d %% of draws of %d samples", found, n)
		if n >= 300 && found < 90 {
			t.Errorf("of %d samples of three classes the drift is found in %d %% only", n, found)
		}
	}
}

func TestDrift(t *testing.T) {
	t.Parallel()
	z, err := Open(t.Context(), Example, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	f := searchedPairs(t, z, Defaults())
	same, err := EvaluateFront(t.Context(), z, "search", f, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if d := same.Drift(); d.Tested > 0 || d.Most != -1 {
		t.Errorf("tested against the same samples: %+v", d)
	}
	other, err := EvaluateFront(t.Context(), z, "test", f, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	d := other.Drift()
	several := 0
	for i, c := range other.Cascades {
		if c.Drift == nil {
			continue
		}
		several++
		if len(c.Stages) == 1 {
			t.Errorf("cascade %d has one stage and is tested", i)
		}
		if c.Drift.Holm < c.Drift.P || c.Drift.P < other.Cascades[d.Most].Drift.P {
			t.Errorf("cascade %d: p %v, corrected %v", i, c.Drift.P, c.Drift.Holm)
		}
	}
	if d.Tested != several || several == 0 {
		t.Errorf("%+v, but %d have a test", d, several)
	}
}

// withoutLabels copies a zoo, the labels of one split left out, and returns its folder.
func withoutLabels(t *testing.T, z *zoo.Zoo, bare string) string {
	t.Helper()
	dir := t.TempDir()
	to, err := zoo.Create(dir, z.Classes())
	if err != nil {
		t.Fatal(err)
	}
	w, err := to.Write()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, s := range z.Splits() {
		labels, ids, err := z.Labels(s.Name)
		if err == nil && s.Name == bare {
			err = w.AddUnlabelled(s.Name, s.Samples, ids)
		} else if err == nil {
			err = w.AddSplit(s.Name, labels, ids)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range z.Models() {
		mw, err := w.NewModel(m)
		if err != nil {
			t.Fatal(err)
		}
		for split, archive := range m.Splits {
			r, err := z.Predictions(m.Name, split)
			if err != nil {
				t.Fatal(err)
			}
			row := make([]uint16, z.Classes())
			for range archive.Rows {
				if _, err := r.ReadRows(row); err != nil && err != io.EOF {
					t.Fatal(err)
				}
				if err := mw.WriteRow(split, row); err != nil {
					t.Fatal(err)
				}
			}
			r.Close()
		}
		if err := mw.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
