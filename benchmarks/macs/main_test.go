package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
)

const small = `model,timm_name,image_size,params_m,gmacs,gmacs_fvcore,gmacs_eager,published_gmacs,ratio,counted,note
dear,dear.a,224,500.00,9.0,9.1,9.1,9.1,1.0000,meta device,
cheap,cheap.a,224,5.00,1.0,1.1,1.1,1.1,1.0000,meta device,
done,done.a,224,5.00,1.0,1.1,1.1,1.1,1.0000,exported file,
gone,,224,,,,,3.5,,,not in today's timm
middle,middle.a,224,50.00,4.0,4.1,4.1,4.1,1.0000,meta device,
`

func TestTable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(path, []byte(small), 0o644); err != nil {
		t.Fatal(err)
	}
	tab, err := readTable(path)
	if err != nil {
		t.Fatal(err)
	}
	names := func(largest float64) (out []string) {
		rows, err := tab.todo(largest)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			out = append(out, r[model])
		}
		return out
	}
	if got := names(math.Inf(1)); !slices.Equal(got, []string{"cheap", "middle", "dear"}) {
		t.Errorf("to do: %v", got)
	}
	if got := names(50); !slices.Equal(got, []string{"cheap", "middle"}) {
		t.Errorf("of at most 50 million parameters: %v", got)
	}
	rows, _ := tab.todo(50)
	if err := tab.update(func() { enter(rows[0], export.Meta{Params: 5e6}, torch.Counts{MACs: 1e9, FVCore: 1.1e9}) }); err != nil {
		t.Fatal(err)
	}
	if tab, err = readTable(path); err != nil {
		t.Fatal(err)
	}
	if got := names(math.Inf(1)); !slices.Equal(got, []string{"middle", "dear"}) {
		t.Errorf("to do after one is done: %v", got)
	}
	os.WriteFile(path, []byte("a,b\n"), 0o644)
	if _, err := readTable(path); err == nil {
		t.Error("another table is read")
	}
}

func TestEnter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                  string
		got, eager, published float64
		note                  string
	}{
		{"net", 1.005, 1.005, 1, ""},
		{"net", 0.054, 0.054, 0.05, "two decimals"},
		{"net", 0.98, 1.0, 1, "standardisation"},
		{"convmixer_9", 1.05, 1.05, 1, "padding 'same'"},
		{"net", 1.05, 1.05, 1, "differs"},
	} {
		row := make([]string, columns)
		row[model] = c.name
		row[gmacsEager] = strconv.FormatFloat(c.eager, 'f', 4, 64)
		row[published] = strconv.FormatFloat(c.published, 'f', 2, 64)
		enter(row, export.Meta{Params: 1500000}, torch.Counts{MACs: c.got * 1e9, FVCore: c.got * 1e9})
		if row[params] != "1.50" || row[counted] != fromFile || (row[note] == "") != (c.note == "") || !strings.Contains(row[note], c.note) {
			t.Errorf("%+v: %q", c, row)
		}
	}
}

// TestPublishedTable looks at the table that the README and the docs quote.
func TestPublishedTable(t *testing.T) {
	t.Parallel()
	tab, err := readTable("../timm-macs.csv")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, row := range tab.rows[1:] {
		switch {
		case row[timmName] == "":
			counts["missing"]++
			continue
		case row[counted] == fromFile:
			counts["exported"]++
		default:
			counts["meta device"]++
		}
		got, err1 := strconv.ParseFloat(row[gmacsFVCore], 64)
		want, err2 := strconv.ParseFloat(row[published], 64)
		if err1 != nil || err2 != nil || row[note] == "differs" {
			t.Errorf("%q", row)
		}
		near := math.Abs(got/want-1) <= 0.01
		if near != (row[note] == "") {
			t.Errorf("%s: %s GMACs, %s published, %q", row[model], row[gmacsFVCore], row[published], row[note])
		}
		what := row[note]
		if near {
			what = "within 1 %"
		}
		counts[what]++
	}
	t.Log(counts)
	if counts["missing"] != 2 || counts["exported"]+counts["meta device"] != 516 {
		t.Errorf("%v", counts)
	}
}
