package study

import (
	"slices"
	"testing"
)

func TestReportOfOtherResults(t *testing.T) {
	z, err := Open(t.Context(), Example, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	o := Defaults()
	o.Algorithm, o.MaxModels, o.Dir = "exact", 1, t.TempDir()
	if _, err := Search(t.Context(), z, o, Watch{}); err != nil {
		t.Fatal(err)
	}
	sources, err := ReadRuns([]string{o.Dir})
	if err != nil {
		t.Fatal(err)
	}
	sources[0].Front.Points[0].Correct++ // as from other outputs
	var warnings []string
	data, err := Report(t.Context(), z, nil, sources, TestSplit{Name: "test"}, Watch{Warn: func(text string) { warnings = append(warnings, text) }})
	if err != nil {
		t.Fatal(err)
	}
	want := "1 cascades have different results on the stored outputs of the split search than in their run folder: the results of their stages there are left out"
	if !slices.Equal(warnings, []string{want}) {
		t.Errorf("warnings %q, want %q", warnings, want)
	}
	for i, c := range data.Runs[0].Cascades {
		if (c.Search == nil) != (i == 0) {
			t.Errorf("cascade %d: results on the search split: %v", i, c.Search)
		}
	}
}
