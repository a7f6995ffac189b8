package ingest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPaths names files with spaces and other marks in their paths in every way.
func TestPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := []string{
		"my models/net one.pt", "net #1.pt", "a#b.pt", "it's.pt", `back\slash.pt`, `"quoted".pt`, "size=3 x.pt", "ends size=8", "plain", "résumé  two.pt",
		"timm/resnet18", "tab\tin.pt",
	}
	for _, f := range files {
		path := filepath.Join(dir, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	quote := func(s string) string {
		if strings.Contains(s, `"`) {
			return "'" + s + "'"
		}
		return `"` + s + `"`
	}
	for _, f := range files {
		lines := []string{f, f + " size=8 batch=2", "  " + f + "\tsize=8 # a comment", f + " # size=9", f + ` size=8 name="two words#3"`, f + ` name='two words#3' size=8 # why`, quote(f) + " size=8", Escape(f) + " size=8", Escape(f) + ` size=8 name="two words"#3`, filepath.Join(dir, f) + " size=8\r"}
		for _, line := range lines {
			entries, err := ParseList(strings.NewReader("\ufeff"+line+"\r\n"), "list", dir)
			if err != nil || len(entries) != 1 || entries[0].Source != "file" || entries[0].Name != filepath.Join(dir, f) {
				t.Errorf("%q: %+v, %v", line, entries, err)
				continue
			}
			e := entries[0]
			if strings.Contains(line, "name=") && e.As != "two words#3" {
				t.Errorf("%q: name %q", line, e.As)
			}
		}
	}
}

func TestSplitWords(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		`a b=c`:                    {"a", "b=c"},
		`a#b # c`:                  {"a#b"},
		`"a b" c="d e"f`:           {"a b", "c=d ef"},
		`'a "b' c`:                 {`a "b`, "c"},
		`a\ b\#c \# \\ \d`:         {"a b#c", "#", `\`, `\d`},
		`it's o"k`:                 {"it's", `o"k`},
		"\ta\u00a0b  c":            {"a", "b", "c"},
		`"" x`:                     {"", "x"},
		`a\`:                       {`a\`},
		`C:\models\x.pt size=8`:    {`C:\models\x.pt`, "size=8"},
		`  `:                       nil,
		`# all of it "is" comment`: nil,
	} {
		if got, err := splitWords(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
}

// TestListErrors checks that the messages say how to write what was meant.
func TestListErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"my models/x.pt size=8":      `list line 1: "models/x.pt" is not of the form key=value; a path with spaces is written in quotation marks: "my models/x.pt"`,
		`a "b c.pt`:                  `the quotation mark before "b c.pt" is not closed`,
		"my net 2.pt name='a b'":     `"net" is not of the form key=value; a path with spaces is written in quotation marks: "my net 2.pt"`,
		"resnet18 size":              `list line 1: "size" is not of the form key=value`,
		"resnet18 genome=1 genome=2": `list line 1: genome=2: the line has a genome already`,
		"a activation=relu":          "want softmax, sigmoid, none or log",
		"a gflops=0":                 "want a number above 0",
		"a gflops=inf":               "want a number above 0",
		"a size=big":                 "or test or train",
		"\xff\xfea\x00":              "UTF-16",
		`""`:                         "names no model",
	} {
		if _, err := ParseList(strings.NewReader(text), "list", t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

func TestNearFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"resnet18.pt", "resnet34.pt", "vit.pt", "resnt18.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"resnt18.pt": "; did you mean resnet18.pt?", "resnet344.pt": "; did you mean resnet34.pt?", "something.pt": "", "vitt.pt": "; did you mean vit.pt?",
	} {
		if got := nearFile(filepath.Join(dir, name)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := nearFile(filepath.Join(dir, "none", "x.pt")); got != "" {
		t.Errorf("in no folder: %q", got)
	}
	for name, want := range map[string]string{
		"Torchvision/resnet18": "; did you mean torchvision/resnet18?", "tim/vit": "; did you mean timm/vit?",
		"google/vit-base": "; a model of Hugging Face is written hf:google/vit-base (transformers) or hf_hub:google/vit-base (timm)",
	} {
		if got := nearFile(filepath.Join(dir, name)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestHubNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"vits/config.json", "empty/README"} {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"hf:./vit": "did you mean vits?", "hf:empty": "has no config.json", "hf:a/b/c": "there is no folder",
		"hf:vits": "", "hf:our/net": "", "hf:net": "",
	} {
		if _, err := ParseList(strings.NewReader(text), "list", dir); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
