package study

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// Without gflops the only column of numbers is the cost, and that is said; of several it is
// asked which.
func TestCostColumn(t *testing.T) {
	t.Parallel()
	model := func(columns ...string) (m zoo.Model) {
		m.Name, m.Columns = "m", map[string]string{"family": "net", "imported.search": "1"}
		for i := 0; i < len(columns); i += 2 {
			m.Columns[columns[i]] = columns[i+1]
		}
		return m
	}
	for name, c := range map[string]struct {
		models []zoo.Model
		asked  string
		want   string
		note   bool
		says   string // an error
	}{
		"gflops":               {[]zoo.Model{model("gflops", "1", "price", "2")}, "", "gflops", false, ""},
		"asked for":            {[]zoo.Model{model("gflops", "1", "price", "2")}, "price", "price", false, ""},
		"gflops of a few":      {[]zoo.Model{model("price", "2"), model("gflops", "1", "price", "2")}, "", "gflops", false, ""},
		"the only one":         {[]zoo.Model{model("price", "2"), model("price", "3", "watts", "4")}, "", "price", true, ""},
		"the only cost":        {[]zoo.Model{model("price", "2", "params", "7", "image_size", "224")}, "", "price", true, ""},
		"parameters alone":     {[]zoo.Model{model("params", "7")}, "", "params", true, ""},
		"several":              {[]zoo.Model{model("price", "2", "latency_ms", "3")}, "", "", false, "which of these is their cost: latency_ms, price?"},
		"none":                 {[]zoo.Model{model()}, "", "", false, "zoo set --from costs.csv"},
		"asked for another":    {[]zoo.Model{model("price", "2")}, "prize", "", false, "those of numbers are: price"},
		"asked for one that a": {[]zoo.Model{model("price", "2"), model()}, "price", "price", false, ""},
	} {
		noted := ""
		got, err := CostColumn(c.models, c.asked, Watch{Note: func(text string) { noted = text }})
		if got != c.want || (noted != "") != c.note || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q, %v; noted %q", name, got, err, noted)
		}
	}
}

// All columns of a table are set, or none, and what has changed is returned.
func TestSetColumns(t *testing.T) {
	t.Parallel()
	z := sampled(t, false, map[string]sampledSplit{"search": {samples: numbers(0, 100)}})
	set := func(text string) ([]ColumnChange, error) {
		path := filepath.Join(t.TempDir(), "costs.csv")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		table, err := ReadColumnTable(path)
		if err != nil {
			return nil, err
		}
		return SetColumns(z, table, Watch{})
	}
	before := z.Fingerprint()
	for _, bad := range []string{"", "name\nm0\n", "name,price\n", "name,price\nm0,1\nm7,1\n", "name,data:search\nm0,1\n", "name;price\nm0;1\n", "name,price\n\"m0,1\n", "name,price,price\nm0,1,2\n", "name,price\nm0,1\nm1,x\n", "name,\nm0,1\nm1,\xff\n"} {
		if changes, err := set(bad); err == nil {
			t.Errorf("%q: %v", bad, changes)
		}
	}
	if z.Fingerprint() != before {
		t.Error("a table that was refused has changed the zoo")
	}
	changes, err := set("\xEF\xBB\xBFprice, Model,gflops\n5,m1,\n6,m0,1\n")
	if want := []ColumnChange{{"m1", "price", "", "5"}, {"m0", "price", "", "6"}}; err != nil || !slices.Equal(changes, want) {
		t.Errorf("%+v, %v", changes, err)
	}
	again, err := zoo.Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if m, err := again.Model("m1"); err != nil || m.Columns["price"] != "5" || m.Columns["gflops"] != "2" || again.Fingerprint() != z.Fingerprint() {
		t.Errorf("%+v, %v", m, err)
	}
	// Names that differ in letter case only are one.
	changes, err = set("NAME,Price,GFLOPs\nm1,5,3\n")
	if want := []ColumnChange{{"m1", "gflops", "2", "3"}}; err != nil || !slices.Equal(changes, want) {
		t.Errorf("%+v, %v", changes, err)
	}
	if _, err := set("name,Price,price\nm1,5,5\n"); err == nil {
		t.Error("a price is set twice")
	}
	var unknown *UnknownModels
	if _, err := set("name,price\nm8,1\nm9,1\n"); !errors.As(err, &unknown) || !slices.Equal(unknown.Names, []string{"m8", "m9"}) || len(unknown.Known) != 3 {
		t.Errorf("%v", err)
	}
}
