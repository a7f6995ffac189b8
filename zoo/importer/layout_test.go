package importer

import (
	"strings"
	"testing"
)

// A headTable has columns and no rows.
type headTable struct {
	table
	heads []tableColumn
}

func (headTable) title() string            { return "m.parquet" }
func (h headTable) columns() []tableColumn { return h.heads }

// TestAmbiguousColumns: which column is meant is never guessed.
func TestAmbiguousColumns(t *testing.T) {
	t.Parallel()
	probs := tableColumn{name: "probs", kind: listColumn}
	for _, c := range []struct {
		what  string
		heads []tableColumn
		want  []string // in the error; nil: none
	}{
		{"plain", []tableColumn{probs, {name: "label", kind: wholeColumn}}, nil},
		{"labels in two cases", []tableColumn{probs, {name: "Label", kind: wholeColumn}, {name: "label", kind: wholeColumn}}, []string{`"Label"`, `"label"`}},
		{"labels of two kinds", []tableColumn{probs, {name: "LABEL", kind: textColumn}, {name: "label", kind: realColumn}}, []string{`"LABEL"`, `"label"`}},
		{"labels twice", []tableColumn{probs, {name: "label", kind: wholeColumn}, {name: "label", kind: wholeColumn}}, []string{`two columns "label"`}},
		{"outputs twice", []tableColumn{probs, probs, {name: "label", kind: wholeColumn}}, []string{`two columns "probs"`}},
		{"outputs in two cases", []tableColumn{probs, {name: "Probs", kind: listColumn}}, []string{`"probs"`, `"Probs"`}},
		{"times as labels", []tableColumn{probs, {name: "label", kind: otherColumn}, {name: "target", kind: wholeColumn}}, []string{`"label" holds neither numbers nor texts`}},
		{"times as answers", []tableColumn{{name: "prediction", kind: otherColumn}, {name: "pred", kind: wholeColumn}}, []string{`"prediction" holds neither`}},
		{"a map and a list", []tableColumn{{name: "probs", kind: mapColumn}, {name: "logits", kind: listColumn}, {name: "label", kind: wholeColumn}}, []string{`"probs" holds maps`}},
		{"times of something else", []tableColumn{probs, {name: "taken", kind: otherColumn}, {name: "label", kind: wholeColumn}}, nil},
	} {
		_, err := findLayout(headTable{heads: c.heads}, classNames{})
		if (err != nil) != (c.want != nil) {
			t.Errorf("%s: error %v", c.what, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "m.parquet") {
				t.Errorf("%s: %v does not say %s", c.what, err, want)
			}
		}
	}
}
