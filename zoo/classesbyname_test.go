package zoo

import (
	"slices"
	"testing"
)

func TestClassesByName(t *testing.T) {
	t.Parallel()
	synsets := []string{"n01", "n02", "n03"}
	words := []string{"crane", "café", "crane"}
	for _, c := range []struct {
		names []string
		known [][]string
		want  []int
	}{
		{[]string{"n03", "n01", "n03"}, [][]string{synsets}, []int{2, 0, 2}},
		{[]string{" n02\t", "cafe\u0301"}, [][]string{synsets, words}, []int{1, 1}},
		{[]string{"n01"}, [][]string{synsets, synsets}, []int{0}},
		{nil, [][]string{synsets}, []int{}},
	} {
		got, err := ClassesByName(c.names, c.known...)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, %v; want %v", c.names, got, err, c.want)
		}
	}
	_, err := ClassesByName([]string{"crane"}, words)
	expectError(t, err, `"crane" is the name of more than one class`)
	_, err = ClassesByName([]string{"images"}, synsets)
	expectError(t, err, `"images" is none of the classes "n01", "n02", "n03"`)
	_, err = ClassesByName([]string{"N01", "n01", "a", "b", "c", "d"}, synsets)
	expectError(t, err, `5 of 6 names`, `"N01", "a", "b", "c", ... (5 in all)`, `"n03"`)
}

func TestCheckAliases(t *testing.T) {
	t.Parallel()
	names := []string{"n1", "crane", "crane", "n4"}
	for _, aliases := range [][]string{nil, names, {"a", "b", "b", "n4"}, {"crow", "crane", "x", "y"}} {
		if err := CheckAliases(names, aliases); err != nil {
			t.Errorf("%q: %v", aliases, err)
		}
	}
	expectError(t, CheckAliases(names, []string{"a", "n4", "b", "c"}), `"n4" is the name of class 3, and not of class 1`)
	expectError(t, CheckAliases(names, []string{"crane", "a", "b", "c"}), `"crane" is the name of class 1`)
}
