package study

import (
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/zoo"
)

func TestSelect(t *testing.T) {
	t.Parallel()
	var models []zoo.Model
	for _, name := range []string{"resnet18", "resnet50", "hub:timm/vit_b", "hub:timm/vit_l", "vit_b"} {
		models = append(models, zoo.Model{Name: name})
	}
	for _, test := range []struct {
		globs []string
		want  string // names, or what the error says
	}{
		{nil, "resnet18 resnet50 hub:timm/vit_b hub:timm/vit_l vit_b"},
		{[]string{"resnet*"}, "resnet18 resnet50"},
		{[]string{"*vit_b"}, "hub:timm/vit_b vit_b"},
		{[]string{"!resnet*"}, "hub:timm/vit_b hub:timm/vit_l vit_b"},
		{[]string{"resnet*, vit_?", "!resnet50"}, "resnet18 vit_b"},
		{[]string{"resnet[15]8"}, "resnet18"},
		{[]string{"bit_*"}, "no model has a name like this"},
		{[]string{"resnet18,!bit_*"}, "no model has a name like this"},
		{[]string{"resnet18,!resnet*"}, "leaves no model"},
		{[]string{"[]"}, "syntax error in pattern"},
	} {
		got, err := Select(models, test.globs)
		if err != nil {
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q: %v, want %q", test.globs, err, test.want)
			}
			continue
		}
		var names []string
		for _, m := range got {
			names = append(names, m.Name)
		}
		if want := strings.Fields(test.want); !slices.Equal(names, want) {
			t.Errorf("%q selects %q, want %q", test.globs, names, want)
		}
	}
}

// A zoo's only split with labels is searched, whatever its name; of several, search.
func TestSplitToSearch(t *testing.T) {
	t.Parallel()
	const source = "../zoo/importer/testdata/npy_f2"
	for _, test := range []struct {
		splits, unlabelled []string
		want               string
	}{
		{[]string{"val=0:6"}, []string{"pool=6:12"}, "val"},
		{[]string{"search=0:4", "val=4:8"}, nil, "search"},
		{[]string{"val=0:4", "more=4:8"}, nil, "search"},
	} {
		if got := searchSplit(imported(t, source, ImportOptions{Splits: test.splits, Unlabelled: test.unlabelled})); got != test.want {
			t.Errorf("%v, without labels %v: %s, want %s", test.splits, test.unlabelled, got, test.want)
		}
	}
}
