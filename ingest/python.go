package ingest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/python"
)

// checkPython asks, before anything runs, whether Python has the libraries that models
// given by name need, unless all of them have been exported before, and files that are
// mapped with ImageNet's names.
func (r *runner) checkPython(ctx context.Context, entries []Entry) error {
	var named []Entry
	for _, e := range entries {
		switch {
		case e.Source == "file" && e.Classes != ImageNetHead:
			continue
		case e.Source != "file" && !e.Pattern():
			if _, err := export.ReadMeta(r.exported(e)); err == nil {
				continue
			}
		}
		named = append(named, e)
	}
	if len(named) == 0 {
		return nil
	}
	missing, err := r.exporter.Missing(ctx, "torch", "timm", "torchvision")
	if err == nil && slices.ContainsFunc(named, func(e Entry) bool { return e.Source == "hf" }) {
		var more map[string]string
		if more, err = r.exporter.Missing(ctx, "transformers"); more["transformers"] != "" {
			missing["transformers"] = more["transformers"]
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w; models given by name, and lines with classes=%s, need Python (%s): name one that has torch and timm or torchvision with --python, or export them elsewhere and give their files", err, ImageNetHead, some(named))
	}
	for _, library := range []string{"torch", "timm", "torchvision", "transformers"} {
		without := func(e Entry) bool { return slices.Contains(needs(e, missing), library) }
		if reason := missing[library]; reason != "" && slices.ContainsFunc(named, without) {
			need := slices.DeleteFunc(named, func(e Entry) bool { return !without(e) })
			what := "models given by name"
			if !slices.ContainsFunc(need, func(e Entry) bool { return e.Source != "file" }) {
				what = "lines with classes=" + ImageNetHead
			}
			return fmt.Errorf("%s has no %s (%s), which %s need (%s): name a Python that has it with --python%s", r.exporter.Path(), library, reason, what, some(need), python.Hint())
		}
	}
	return nil
}

// needs are the libraries that a model needs. A bare name may be one of timm or of
// torchvision.
func needs(e Entry, missing map[string]string) []string {
	switch {
	case e.Source == "hf":
		return []string{"torch", "transformers"}
	case e.Source == "file":
		return []string{"torch", "timm"}
	case e.Source != "":
		return []string{"torch", e.Source}
	case e.Pattern() || strings.Contains(e.Name, "."):
		return []string{"torch", "timm"}
	case missing["timm"] != "" && missing["torchvision"] != "":
		return []string{"torch", "timm"}
	}
	return []string{"torch"}
}

// fromOthers reports whether a model is a file, or weights that anybody may have published in a
// format that programs can hide in.
func (e Entry) fromOthers() bool {
	return e.Source == "file" || strings.HasPrefix(e.Name, "hf_hub:") || strings.HasPrefix(e.Name, "hf-hub:")
}

// some names a few models.
func some(entries []Entry) string {
	var names []string
	for _, e := range entries[:min(len(entries), 3)] {
		names = append(names, e.As)
	}
	if n := len(entries) - len(names); n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), n)
	}
	return strings.Join(names, ", ")
}

// exported is the path of the file of a named model in the models folder.
func (r *runner) exported(e Entry) string {
	size := "own"
	if e.Size != nil {
		size = fmt.Sprintf("%dx%d", e.Size[0], e.Size[1])
	} else if r.sizeOf(e) == "train" {
		size = "train"
	}
	weights := "pretrained"
	if !r.o.Pretrained {
		weights = fmt.Sprintf("seed %d", r.o.Seed)
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %s %s", export.Format, e.Source, e.Name, size, weights))
	return filepath.Join(r.o.ModelsDir, fileName(e.Name)+"-"+hex.EncodeToString(key[:6])+".pt")
}

// sizeOf is which of its own sizes a model runs at.
func (r *runner) sizeOf(e Entry) string { return cmp.Or(e.SizeOf, r.o.SizeOf, "test") }

// export returns the file of a named model from the models folder, or has it made.
func (r *runner) export(ctx context.Context, e Entry) (string, export.Meta, error) {
	path := r.exported(e)
	if meta, err := export.ReadMeta(path); err == nil {
		return path, meta, nil
	}
	if err := os.MkdirAll(r.o.ModelsDir, 0o777); err != nil {
		return "", export.Meta{}, err
	}
	r.log("exporting %s", e.Name)
	meta, err := r.exporter.Export(ctx, export.Request{
		Source: e.Source, Name: e.Name, Size: e.Size, SizeOf: r.sizeOf(e), Pretrained: r.o.Pretrained, Seed: r.o.Seed, Out: path,
	})
	if err != nil {
		return "", meta, fmt.Errorf("cannot be exported: %w", err)
	}
	return path, meta, nil
}

// saySizes notes once a run that models run at another size than they were trained at.
func (r *runner) saySizes(models []*planned) {
	var names []string
	for _, p := range models {
		if m := p.meta; p.ownSize && m.TrainSize != [2]int{} && m.TrainSize != m.ImageSize {
			names = append(names, fmt.Sprintf("%s at %d and not %d", p.name, m.ImageSize[0], m.TrainSize[0]))
		}
	}
	if len(names) == 0 || r.saidSizes {
		return
	}
	r.saidSizes = true
	more := ""
	if n := len(names) - 3; n > 0 {
		names, more = names[:3], fmt.Sprintf(" and %d more", n)
	}
	r.log("models run at the size that their authors test them at: %s%s; --size train, or size=train in a line, runs them at the size they were trained at", strings.Join(names, ", "), more)
}
