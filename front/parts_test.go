package front

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestPartsSayWhatIsMissing(t *testing.T) {
	t.Parallel()
	every := func(n, step int) (numbers []int) {
		for i := 0; i < n; i += step {
			numbers = append(numbers, i)
		}
		return numbers
	}
	without := append(every(100, 1)[:4:4], append([]int{5, 6}, every(100, 1)[8:]...)...)
	for _, c := range []struct {
		parts Parts
		want  string
	}{
		{Parts{Of: 100, Searched: without}, "parts 4, 7 of 100 are missing"},
		{Parts{Of: 2, Searched: []int{0}}, "part 1 of 2 is missing"},
		{Parts{Of: 2, Searched: []int{1}}, "part 0 of 2 is missing"},
		{Parts{Of: 100, Searched: []int{3}}, "parts 0-2, 4-99 of 100 are missing"},
		{Parts{Of: 3, Searched: []int{2}}, "parts 0-1 of 3 are missing"},
		{Parts{Of: 3, Searched: []int{0, 1, 2}, Unfinished: []int{1}}, "part 1 of 3 is not finished"},
		{Parts{Of: 9, Searched: every(9, 1), Unfinished: []int{0, 3, 4, 5, 8}}, "parts 0, 3-5, 8 of 9 are not finished"},
		{Parts{Of: 4, Searched: []int{0, 2, 3}, Unfinished: []int{3}}, "part 1 of 4 is missing and part 3 is not finished"},
		{Parts{Of: 1, Searched: []int{0}}, "the only part is not joined"},
		{Parts{Of: 1000, Searched: every(1000, 2)}, "parts 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, ... of 1000 are missing"},
	} {
		if err := c.parts.check(); err != nil {
			t.Errorf("%+v: %v", c.parts, err)
		}
		if got := c.parts.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestCaveat: a part is called one, and so is what is joined of some.
func TestCaveat(t *testing.T) {
	t.Parallel()
	const not = ": no proof; its cascades are not those of the whole search"
	for want, parts := range map[string]Parts{
		"Part 1 of 3 (parts are from 0) of a search":               {Of: 3, Searched: []int{1}},
		"Part 0 of 1 (parts are from 0) of a search, not finished": {Of: 1, Searched: []int{0}, Unfinished: []int{0}},
		"Incomplete: part 2 of 3 is missing":                       {Of: 3, Searched: []int{0, 1}},
		"Incomplete: part 1 of 2 is not finished":                  {Of: 2, Searched: []int{0, 1}, Unfinished: []int{1}},
	} {
		if got := parts.Caveat(); got != want+not {
			t.Errorf("%+v: %q, want %q", parts, got, want+not)
		}
		if got := (&Front{Parts: &parts, Interrupted: true}).Caveat(); got != want+not {
			t.Errorf("a front of %+v: %q, want %q", parts, got, want+not)
		}
	}
	for want, f := range map[string]Front{
		"":                                   {Proof: "No chain beats this front"},
		"Incomplete: the search was stopped": {Proof: "No chain beats this front", Interrupted: true},
		"Incomplete: the search was stopped, so there may be better cascades": {Interrupted: true},
	} {
		if got := f.Caveat(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPartsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`,
		`{"of": 3, "searched": []}`,
		`{"of": 3, "searched": [3]}`,
		`{"of": 3, "searched": [-1]}`,
		`{"of": 3, "searched": [1, 0]}`,
		`{"of": 3, "searched": [1, 1]}`,
		`{"of": 3, "searched": [1], "unfinished": [2]}`,
		`{"of": 3, "searched": [0, 1], "unfinished": [1, 0]}`,
		`{"of": -3, "searched": [0]}`,
		`{"of": 1000001, "searched": [0]}`,
		`{"of": 9223372036854775807, "searched": [0]}`,
	} {
		p := new(Parts)
		if err := json.Unmarshal([]byte(text), p); err != nil {
			t.Fatal(err)
		}
		if p.check() == nil {
			t.Errorf("%s: no error", text)
		}
	}
	f := Front{Version: Version, Models: []Model{}, Parts: &Parts{Of: 2, Searched: []int{0}}}
	for proof, fails := range map[string]bool{"": false, "No chain beats this front": true} {
		f.Proof = proof
		data, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		_, err = DecodeFront(bytes.NewReader(data))
		if fails != (err != nil && strings.Contains(err.Error(), "has a proof")) {
			t.Errorf("the proof %q of one part of two: %v", proof, err)
		}
	}
}
