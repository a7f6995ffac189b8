package ingest

import (
	"slices"
	"strings"
	"testing"
)

func TestMatchLabels(t *testing.T) {
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
		{"tench,crane,crane", "crane,tench,x", nil, ""},
		{"tench,goldfish,shark", "n01440764,n01443537,n01484850", nil, ""},
		{"cat,dog,others", "cat,dog,rest", nil, ""},
		{"dog,cat,others", "cat,dog,rest", nil, "does not know 1 of those by name: rest; it knows dog, cat, others"},
	} {
		got, err := matchLabels(words(c.labels), words(c.names))
		if !slices.Equal(got, c.want) || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s for %s: %v, %v, want %v %q", c.labels, c.names, got, err, c.want, c.says)
		}
	}
}
