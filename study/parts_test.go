package study

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// changeJSON changes a field of a JSON file, and leaves it without a checksum.
func changeJSON(t *testing.T, path, field string, value any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "checksum")
	at := fields
	for name, rest, more := strings.Cut(field, "."); more; name, rest, more = strings.Cut(rest, ".") {
		at, field = at[name].(map[string]any), rest
	}
	at[field] = value
	if data, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// A run folder of a part may come from anybody: what it says is refused, or does no harm.
func TestMergeOfHostileParts(t *testing.T) {
	t.Parallel()
	z, err := Open(t.Context(), Example, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	o := Defaults()
	o.Algorithm, o.Shards, o.Dir = "exact", 1, filepath.Join(t.TempDir(), "part")
	if _, err := Search(t.Context(), z, o, Watch{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file, field string
		value       any
		want        string // in the error; "": there is none
	}{
		{front.RunFile, "options.models", []string{"qda"}, ""}, // the models are those of the front
		{front.RunFile, "options.grid", "/etc/passwd", ""},     // which is not read
		{front.RunFile, "options.time", "1h", ""},
		{front.RunFile, "options.memory", 1 << 60, ""},
		{front.RunFile, "command", []string{"rm", "-rf", "/"}, ""},
		{front.RunFile, "options", "none", "options"},
		{front.RunFile, "options.rule", 7, "options"},
		{front.RunFile, "options.algorithm", "auto", "algorithm"},
		{front.RunFile, "options.max_models", 200, "up to 3 models"},
		{front.RunFile, "options.max_models", 3, "other models, samples or options"},
		{front.RunFile, "options.max_cost", 1e-6, "other models, samples or options"},
		{front.RunFile, "options.include", []string{"qda"}, "other models, samples or options"},
		{front.RunFile, "options.include", []string{"nobody"}, "no searched model"},
		{front.RunFile, "options.cross_validate", 1 << 40, "cross-validate"},
		{front.RunFile, "options.certify", map[string]any{"split": "nowhere", "confidence": 0.9}, "nowhere"},
		{front.RunFile, "options.cost", "params", "other outputs, samples or costs"},
		{front.RunFile, "split", "test", "other outputs, samples or costs"},
		{front.RunFile, "split", "../..", "split"},
		{front.RunFile, "seed", 7, "other models, samples or options"},
		{front.RunFile, "inputs", "none", "other outputs, samples or costs"},
		{front.RunFile, "joined", []string{"x"}, "is what was merged"},
		{front.FrontFile, "grid", []float32{0.5}, "other models, samples or options"},
		{front.FrontFile, "grid", []float32{}, "grid"},
		{front.FrontFile, "models", []any{}, "model"},
		{front.FrontFile, "models", []any{map[string]any{"name": "nobody", "cost": 1, "correct": 1}}, "nobody"},
		{front.FrontFile, "parts", map[string]any{"of": 2, "searched": []int{0, 1}}, "should be of one"},
		{front.FrontFile, "parts", map[string]any{"of": 2, "searched": []int{5}}, "parts"},
		{front.FrontFile, "parts", nil, "made without --shard"},
		{front.StateFile, "shards", 9, "cannot be joined"},
		{front.StateFile, "archive", nil, "cannot be joined"},
	} {
		t.Run(c.file+" "+c.field, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(o.Dir)); err != nil {
				t.Fatal(err)
			}
			changeJSON(t, filepath.Join(dir, c.file), c.field, c.value)
			out := filepath.Join(t.TempDir(), "out")
			p, err := ReadParts([]string{dir}, Watch{})
			if err == nil {
				_, err = Merge(t.Context(), z, p, MergeOptions{Dir: out, Time: 1}, Watch{})
			}
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %q", err, c.want)
			case err != nil && isThere(out, front.FrontFile):
				t.Error("a front was written")
			}
		})
	}
}

// Merge gives what Search gives, in Go, too.
func TestMerge(t *testing.T) {
	t.Parallel()
	z, err := Open(t.Context(), Example, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o := Defaults()
	o.Algorithm, o.Dir = "exact", filepath.Join(dir, "whole")
	if _, err := Search(t.Context(), z, o, Watch{}); err != nil {
		t.Fatal(err)
	}
	var dirs []string
	o.Shards = 3
	for o.Shard = range 3 {
		o.Dir = filepath.Join(dir, string(rune('a'+o.Shard)))
		found, err := Search(t.Context(), z, o, Watch{})
		if err != nil {
			t.Fatal(err)
		}
		if found.Front.Proof != "" || found.Front.Parts == nil {
			t.Errorf("part %d proves %q and is of %v", o.Shard, found.Front.Proof, found.Front.Parts)
		}
		dirs = append(dirs, o.Dir)
	}
	p, err := ReadParts(dirs, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Merge(t.Context(), z, p, MergeOptions{Dir: filepath.Join(dir, "merged")}, Watch{}); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{front.FrontFile, front.CSVFile} {
		want, err1 := os.ReadFile(filepath.Join(dir, "whole", file))
		got, err2 := os.ReadFile(filepath.Join(dir, "merged", file))
		if err1 != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("%s of the merged run is another one (%v, %v)", file, err1, err2)
		}
	}
	// Without the folds the front is interrupted, but the search is done.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch := Watch{Search: func(now optimize.Progress, _ int) {
		if now.Unit == "folds searched again" {
			cancel()
		}
	}}
	found, err := Merge(ctx, z, p, MergeOptions{Dir: filepath.Join(dir, "cut")}, watch)
	if err != nil {
		t.Fatal(err)
	}
	if f := found.Front; !f.Interrupted || !found.Searched || f.Proof == "" || f.Points[0].Expected != nil {
		t.Errorf("interrupted %t, searched %t, proof %q, expected %v", f.Interrupted, found.Searched, f.Proof, f.Points[0].Expected)
	}
	// A part whose state cannot be saved has found nothing.
	o.Dir = filepath.Join(dir, "blocked")
	if err := os.MkdirAll(filepath.Join(o.Dir, front.StateFile, "full"), 0o777); err != nil {
		t.Fatal(err)
	}
	o.Force = true
	if _, err := Search(t.Context(), z, o, Watch{}); err == nil {
		t.Error("a part that could not be saved is no error")
	}
}
