package ingest

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestImageNetIDs: class folders that are called by ids of some of ImageNet's classes tell
// which classes they are to a model of 1,000, and are all there are to one of as many.
func TestImageNetIDs(t *testing.T) {
	t.Parallel()
	if n := len(ImageNet()); n != 1000 || !slices.IsSorted(ImageNet()) || ImageNet()[0] != "n01440764" || ImageNet()[999] != "n15075141" {
		t.Fatalf("%d ids, from %s to %s", n, ImageNet()[0], ImageNet()[n-1])
	}
	some := oneEach(t, "n01443537", "n01440764", "n04285008")
	list := pictures(t, map[string]string{"a.png": "", "b.png": "", "labels.csv": "file,synset\na.png,n04285008\nb.png,n15075141\n"})
	numbers := pictures(t, map[string]string{"a.png": "", "b.png": "", "val.txt": "a.png 3\nb.png 999\n"})
	table := filepath.Join(pictures(t, map[string]string{"map.csv": "output,class\n7,n01440764\n8,n01443537\n9,n04285008\n"}), "map.csv")
	for name, c := range map[string]struct {
		model  string
		data   []Data
		number int               // --classes
		names  []string          // of the zoo's classes
		want   map[string]uint16 // labels of val
		wrong  string
	}{
		"a thousand":         {model: "m: classes 1000", data: []Data{{Split: "val", Path: some}}, want: map[string]uint16{"n01440764": 0, "n01443537": 1, "n04285008": 817}},
		"said to be so many": {model: "m: classes 1000", data: []Data{{Split: "val", Path: some}}, number: 1000, want: map[string]uint16{"n01440764": 0, "n01443537": 1, "n04285008": 817}},
		"trained on them":    {model: "m: classes 3", data: []Data{{Split: "val", Path: some}}, want: map[string]uint16{"n01440764": 0, "n01443537": 1, "n04285008": 2}},
		"beside a list":      {model: "m: classes 1000", data: []Data{{Split: "val", Path: some}, {Split: "test", Path: list}}, want: map[string]uint16{"n01440764": 0, "n01443537": 1, "n04285008": 817}},
		"beside numbers":     {model: "m: classes 1000", data: []Data{{Split: "val", Path: some}, {Split: "test", Path: numbers}}, want: map[string]uint16{"n01440764": 0, "n01443537": 1, "n04285008": 817}},
		"a list":             {model: "m: classes 1000", data: []Data{{Split: "val", Path: list}}, want: map[string]uint16{"a.png": 817, "b.png": 999}},
		"a background":       {model: "m: classes 1001 |classes=background-first", data: []Data{{Split: "val", Path: some}}, want: map[string]uint16{"n01440764": 0, "n01443537": 1, "n04285008": 817}},
		"mapped to them":     {model: "m: classes 1000 |classes=" + table, data: []Data{{Split: "val", Path: some}}, want: map[string]uint16{"n01440764": 0, "n01443537": 1, "n04285008": 2}},
		"features":           {model: "m: classes 384", data: []Data{{Split: "val", Path: some}}, wrong: "they may be features"},
		"a stranger":         {model: "m: classes 1000", data: []Data{{Split: "val", Path: oneEach(t, "n01443537", "n99999999")}}, wrong: "it gives 1000 numbers"},
		"other names":        {model: "m: classes 1000", data: []Data{{Split: "val", Path: some}}, names: strings.Fields(strings.ReplaceAll(strings.Join(ImageNet(), " "), "n", "word")), wrong: "--class-names imagenet"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, "", fakes(t, c.model))
			o.Data, o.Classes = c.data, c.number
			if c.names != nil {
				first := options(t, numbers, fakes(t, "first: classes 1000"))
				first.Zoo, first.ClassNames = o.Zoo, c.names
				run(t, first)
			}
			res, err := Run(t.Context(), o)
			if c.wrong != "" {
				reason := failures(res)["m"]
				if err != nil {
					reason = err.Error()
				}
				if !strings.Contains(reason, c.wrong) {
					t.Errorf("%q, want %q", reason, c.wrong)
				}
				return
			}
			if err != nil || len(res.Failed) > 0 {
				t.Fatalf("%+v, %v", res, err)
			}
			if got := labelsOf(t, o.Zoo, "val"); !maps.Equal(got, c.want) {
				t.Errorf("labels %v, want %v", got, c.want)
			}
		})
	}
}
