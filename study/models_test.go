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
