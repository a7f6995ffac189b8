package ingest

import (
	"slices"
	"strings"
	"testing"
)

func TestPermutation(t *testing.T) {
	t.Parallel()
	words := func(s string) []string { return strings.FieldsFunc(s, func(c rune) bool { return c == ',' }) }
	for _, c := range []struct {
		labels, names string
		want          []int
		says          string
	}{
		{"cat,dog,hen", "cat,dog,hen", nil, ""},
		{"Cat,Guinea pig,hen", "cat,guinea_pig,hen", nil, ""},
		{"dog,hen,cat", "cat,dog,hen", []int{2, 0, 1}, ""},
		{"", "cat,dog,hen", nil, ""},
		{"cat,dog", "", nil, ""},
		{"dog,cat", "cat,dog,hen", nil, ""}, // another width, which is refused elsewhere
		{"tench,crane,crane", "crane,tench,x", nil, "does not know 2 of those by name"},
		{"tench,crane,crane", "tench,crane,crane", nil, ""},
		{"tench,crane,crane", "crane,tench,crane", []int{1, 0, 2}, ""},
		{"cardigan,Cardigan,hen", "Cardigan,cardigan,hen", []int{1, 0, 2}, ""}, // ImageNet has both
		{"tench,goldfish,shark", "n01440764,n01443537,n01484850", nil, ""},
		{"cat,dog,others", "cat,dog,rest", nil, ""},
		{"dog,cat,others", "cat,dog,rest", nil, "does not know 1 of those by name: \"rest\"; it knows \"dog\", \"cat\", \"others\""},
	} {
		got, err := permutation(words(c.names), [][]string{words(c.labels)})
		if !slices.Equal(got, c.want) || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s for %s: %v, %v, want %v %q", c.labels, c.names, got, err, c.want, c.says)
		}
	}
	m := &running{columns: []int{2, 0, 1}}
	probs := []uint16{10, 11, 12, 20, 21, 22}
	m.inOrder(probs)
	if !slices.Equal(probs, []uint16{12, 10, 11, 22, 20, 21}) {
		t.Errorf("%v", probs)
	}
}
