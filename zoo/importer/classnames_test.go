package importer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReadClassNames(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "names.txt")
	for _, c := range []struct{ text, names, fails string }{
		{text: "tench\ngreat white shark\n", names: "tench|great white shark"},
		{text: "\ufefftench\r\n 金魚 \r\ncrane\ncrane", names: "tench|金魚|crane|crane"},
		{text: "", fails: "no names"},
		{text: "a\nLatte caff\xe8\n", fails: "line 2: the name"},
		{text: "a\n\nb\n", fails: "line 2"},
		{text: strings.Repeat("n", 1<<17), fails: "line 1"},
		{text: strings.Repeat("n\n", 1<<16), fails: "more than 65535"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		names, err := ReadClassNames(path)
		switch {
		case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails) || !strings.Contains(err.Error(), path)):
			t.Errorf("%.20q: error %v, want one that says %q", c.text, err, c.fails)
		case c.fails == "" && (err != nil || !slices.Equal(names, strings.Split(c.names, "|"))):
			t.Errorf("%q: %q, %v", c.text, names, err)
		}
	}
}
