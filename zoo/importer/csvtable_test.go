package importer

import (
	"fmt"
	"strings"
	"testing"
)

// TestCSVOpenedOnce: opening a CSV file reads it whole, so it is opened once, whatever is asked of it.
func TestCSVOpenedOnce(t *testing.T) {
	t.Parallel()
	dir := files{"a.csv": []byte("id,label\nx,0\ny,1\n")}.write(t)
	var h held
	defer h.Close()
	f, _, err := openPlace(dir, &h)
	if err != nil {
		t.Fatal(err)
	}
	format := csvFormat()
	first, err := format.open(f, "a.csv")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := format.open(f, "a.csv"); err != nil || again != first {
		t.Errorf("opened again: %v", err)
	}
	if _, err := format.open(f, "none.csv"); err == nil {
		t.Error("a file that is not there was opened")
	}
}

// TestCSVLines: rows are on the lines that messages name, which are kept only where they are not
// what they are expected to be.
func TestCSVLines(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		text string
		want string
		kept int
	}{
		"one after the other": {"a,b\n1,2\n3,4\n5,6\n", "2 3 4", 0},
		"without a heading":   {"0.1,0.9\n0.2,0.8\n", "1 2", 0},
		"blank lines":         {"a,b\n1,2\n\n3,4\n5,6\n", "2 4 5", 2},
		"a blank line first":  {"a,b\n\n1,2\n3,4\n", "3 4", 0},
		"cells of two lines":  {"a,b\n\"1\n1\",2\n3,4\n", "2 4", 1},
	} {
		dir := files{"a.csv": []byte(test.text)}.write(t)
		var h held
		f, _, err := openPlace(dir, &h)
		if err != nil {
			t.Fatal(err)
		}
		c, err := openCSVTable(f, "a.csv")
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for row := range c.rows {
			var line int
			fmt.Sscanf(c.at(row), "line %d", &line)
			lines = append(lines, fmt.Sprint(line))
		}
		if got := strings.Join(lines, " "); got != test.want || len(c.lines) != test.kept || c.at(c.rows) != "after the last line" {
			t.Errorf("%s: lines %s, want %s; %d kept, want %d", what, got, test.want, len(c.lines), test.kept)
		}
		h.Close()
	}
}
