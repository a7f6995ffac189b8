package seal

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestSeal(t *testing.T) {
	t.Parallel()
	for _, object := range []string{`{"a":1}`, "{\n  \"a\": 1\n}\n", "{\n \"a\": {\"checksum\": \"x\"}, \"b\": []\n}\n"} {
		if sealed, err := Check([]byte(object)); sealed || err != nil {
			t.Errorf("%s: %v, %v", object, sealed, err)
		}
		data := Seal([]byte(object))
		if !json.Valid(data) {
			t.Errorf("%s is no JSON", data)
		}
		if sealed, err := Check(data); !sealed || err != nil {
			t.Errorf("%s: %v, %v", data, sealed, err)
		}
		// Any change of one byte shows, or leaves no JSON or no checksum at all, in which case the
		// name of the field is what changed.
		for at := range data {
			for _, bit := range []byte{1, 2, 4, 8, 16, 32, 64, 128} {
				d := slices.Clone(data)
				d[at] ^= bit
				var v map[string]any
				if sealed, err := Check(d); err == nil && sealed {
					t.Errorf("%q: no error", d)
				} else if !sealed && json.Unmarshal(d, &v) == nil && len(v) == 0 {
					t.Errorf("%q: nothing left", d)
				}
			}
		}
		var v any
		json.Unmarshal(data, &v)
		again, _ := json.MarshalIndent(v, "", "    ")
		if sealed, err := Check(again); !sealed || !errors.Is(err, ErrBroken) {
			t.Errorf("written by another program: %v, %v", sealed, err)
		}
	}
}

func ExampleSeal() {
	sealed := Seal([]byte("{\n \"models\": 3\n}\n"))
	fmt.Print(string(sealed))
	// Output:
	// {
	//  "checksum": "bb54bbc5e2c4186a7ceffac51de049a6d55b79a3390d95a0bd15dbb97f509ba6",
	//  "models": 3
	// }
}
