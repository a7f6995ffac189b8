package ingest

import (
	"strings"
	"testing"
)

func TestParseList(t *testing.T) {
	t.Parallel()
	entries, err := ParseList(strings.NewReader(`
# models
resnet18.a1_in1k
timm/tf_efficientnet_* batch=4   # a pattern
hf_hub:someone/something name=theirs
torchvision/vit_b_16 size=384 crop_pct=1 crop_mode=squash interpolation=bicubic
models/x.pt size=64x48 mean=0.5,0.5,0.5 std=1,1,1
/abs/y.torchscript
`), "list", "dir")
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		source, name, as string
		pattern          bool
	}{
		{"", "resnet18.a1_in1k", "resnet18.a1_in1k", false},
		{"timm", "tf_efficientnet_*", "tf_efficientnet_*", true},
		{"timm", "hf_hub:someone/something", "theirs", false},
		{"torchvision", "vit_b_16", "torchvision/vit_b_16", false},
		{"file", "dir/models/x.pt", "x", false},
		{"file", "/abs/y.torchscript", "y", false},
	}
	if len(entries) != len(want) {
		t.Fatalf("%d entries, want %d", len(entries), len(want))
	}
	for i, w := range want {
		e := entries[i]
		if e.Source != w.source || e.Name != w.name || e.As != w.as || e.Pattern() != w.pattern {
			t.Errorf("entry %d: %+v, want %+v", i, e, w)
		}
	}
	if e := entries[3]; *e.Size != [2]int{384, 384} || e.CropPct != 1 || e.CropMode != "squash" || e.Interpolation != "bicubic" {
		t.Errorf("overrides %+v", e)
	}
	if e := entries[4]; *e.Size != [2]int{64, 48} || e.Mean[2] != 0.5 || e.Std[1] != 1 {
		t.Errorf("overrides %+v", e)
	}
	if entries[1].Batch != 4 {
		t.Errorf("batch %d", entries[1].Batch)
	}
}

func TestParseListErrors(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"a size":              "key=value",
		"a size=0":            "size=0",
		"a size=9x":           "HEIGHTxWIDTH",
		"a size=99999":        "1 to 8192",
		"a crop_pct=-1":       "above 0",
		"a crop_mode=middle":  "none of center",
		"a interpolation=box": "none of bilinear",
		"a mean=1,2":          "three numbers",
		"a std=1,2,x":         "three numbers",
		"a batch=0":           "above 0",
		"a colour=red":        "no such key",
		"a classes=":          "background-first",
		"a classes=none.csv":  "there is no file none.csv",
		"timm/":               "names no model",
		"soft.pt,":            "write soft.pt alone, one model on each line",
		"resnet18; batch=4":   "write resnet18 alone",
	} {
		if _, err := ParseList(strings.NewReader("\n"+line), "list", "."); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "list line 2") {
			t.Errorf("%s: error %v, want one with %q", line, err, want)
		}
	}
}

func TestEncas518(t *testing.T) {
	t.Parallel()
	entries := Encas518()
	names := map[string]bool{}
	for _, e := range entries {
		if e.Size == nil || e.CropPct == 0 || e.Interpolation == "" || names[e.As] {
			t.Errorf("%+v", e)
		}
		names[e.As] = true
	}
	if len(entries)+len(Encas518Missing) != 518 {
		t.Errorf("%d models", len(entries))
	}
	for _, name := range Encas518Missing {
		if names[name] || !strings.Contains(string(encas518), "\n# "+name+" ") {
			t.Errorf("%s is not marked in the list", name)
		}
	}
}

func FuzzParseList(f *testing.F) {
	f.Add("a size=3\nb.pt mean=1,2,3 # x")
	f.Add("timm/* crop_pct=nan")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := ParseList(strings.NewReader(text), "list", ".")
		if err != nil {
			return
		}
		for _, e := range entries {
			if e.Name == "" || e.As == "" {
				t.Errorf("%+v", e)
			}
		}
	})
}
