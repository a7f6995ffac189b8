package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A planned model has its file and everything it is to be run with.
type planned struct {
	name    string
	path    string
	size    int64 // of the file
	meta    export.Meta
	recipe  classifier.Recipe
	setting imaging.Preprocessing
	mean    [3]float32
	std     [3]float32
	batch   int
	splits  []*split // it is run on

	ownSize    bool                  // the list says none
	oneByOne   bool                  // it was made for one image at a time
	activation classifier.Activation // of the list; "" if nothing is said
	gflops     float64               // of the list
	head       head
	subnet     *subnet // of the file's supernet; nil for the file itself
}

// expand replaces patterns by the names that match, and refuses two entries of one
// name.
func expand(ctx context.Context, entries []Entry, exporter *export.Exporter) ([]Entry, error) {
	var out []Entry
	for _, e := range entries {
		if !e.Pattern() {
			out = append(out, e)
			continue
		}
		source := cmp.Or(e.Source, "timm")
		names, err := exporter.Names(ctx, source, e.Name)
		if err != nil {
			return nil, fmt.Errorf("pattern %s: %w", e.Name, err)
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("pattern %s: no model of %s matches", e.Name, source)
		}
		if len(names) > 1 && e.As != e.Name && e.As != "torchvision/"+e.Name {
			return nil, fmt.Errorf("pattern %s: name=%s cannot name %d models", e.Name, e.As, len(names))
		}
		for _, name := range names {
			e.Source, e.Name, e.As = source, name, name
			if source == "torchvision" {
				e.As = "torchvision/" + name
			}
			out = append(out, e)
		}
	}
	seen := map[string]bool{}
	for _, e := range out {
		if seen[e.As] {
			return nil, fmt.Errorf("the list has two models of the name %s; give one another with name=", e.As)
		}
		seen[e.As] = true
	}
	return out, nil
}

// prepare makes or finds an entry's file and puts its settings together: the
// entry's, else the file's, else timm's defaults.
func (r *runner) prepare(ctx context.Context, e Entry) (*planned, error) {
	p := &planned{
		name: e.As, path: e.Name, batch: min(cmp.Or(e.Batch, r.o.Batch), r.o.Batch),
		ownSize: e.Size == nil, oneByOne: e.Batch == 1, activation: e.Activation, gflops: e.GFLOPs,
		head: head{classes: e.Classes},
	}
	var err error
	if e.Source != "file" {
		if p.path, p.meta, err = r.export(ctx, e); err != nil {
			return nil, err
		}
	} else if p.meta, err = export.ReadMeta(p.path); errors.Is(err, export.ErrNoMeta) {
		p.meta = export.Meta{
			Source: "file", CropPct: 0.875, CropMode: "center", Interpolation: "bicubic",
			Mean: [3]float64{0.485, 0.456, 0.406}, Std: [3]float64{0.229, 0.224, 0.225},
		}
		if p.meta.Checkpoint, err = export.Checkpoint(p.path); err != nil {
			return nil, err
		}
		if err := checkTorchScript(p.path); err != nil {
			return nil, err
		}
		if e.Size == nil {
			return nil, fmt.Errorf("%s does not say its image size; add size=, as in size=224, to its line", p.path)
		}
	} else if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s%s", p.path, nearFile(p.path))
	} else if err != nil {
		return nil, err
	}
	info, err := os.Stat(p.path)
	if err != nil {
		return nil, err
	}
	p.size = info.Size()
	if e.Genome != nil {
		if err := p.planSubnet(e.Genome, e.Size); err != nil {
			return nil, err
		}
	}
	if p.head.classes == ImageNetHead && len(p.meta.Labels) == 0 {
		if r.heads == nil {
			if r.heads, err = r.exporter.ImageNetHeads(ctx); err != nil {
				return nil, fmt.Errorf("classes=%s: %w", ImageNetHead, err)
			}
		}
		p.head.heads = r.heads
	}
	p.head.applyTo(p)
	m := &p.meta
	if e.Size != nil {
		m.ImageSize = *e.Size
	}
	if e.CropPct != 0 {
		m.CropPct = e.CropPct
	}
	if e.CropMode != "" {
		m.CropMode = e.CropMode
	}
	if e.Interpolation != "" {
		m.Interpolation = e.Interpolation
	}
	if e.Mean != nil {
		m.Mean = *e.Mean
	}
	if e.Std != nil {
		m.Std = *e.Std
	}
	p.recipe = classifier.Recipe{Precision: r.o.Precision.String(), Input: classifier.Input{
		Height: m.ImageSize[0], Width: m.ImageSize[1], CropPct: m.CropPct, CropMode: m.CropMode,
		Interpolation: m.Interpolation, Mean: m.Mean, Std: m.Std,
	}}
	if p.setting, err = p.recipe.Input.Preprocessing(); err != nil {
		return nil, err
	}
	if p.mean, p.std, err = p.recipe.Input.Normalization(); err != nil {
		return nil, err
	}
	return p, nil
}

var notPlain = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// fileName makes a readable and safe part of a file's name.
func fileName(s string) string {
	s = notPlain.ReplaceAllString(strings.TrimLeft(s, "."), "_")
	return s[:min(len(s), 100)]
}

// identity is what makes two runs of a model the same.
func (r *runner) identity(p *planned) map[string]string {
	identity := map[string]string{
		zoo.ColumnCheckpoint:    p.meta.Identity(),
		zoo.ColumnPreprocessing: fmt.Sprintf("%v, mean %v, std %v", p.setting, p.mean, p.std),
		zoo.ColumnPrecision:     r.o.Precision.String(),
		zoo.ColumnClassMap:      p.head.column(),
		zoo.ColumnGenome:        "",
		zoo.ColumnCalibration:   "",
	}
	if s := r.part(p); s != nil {
		identity[zoo.ColumnGenome], identity[zoo.ColumnCalibration] = s.Genome, s.Calibration
	}
	return identity
}

// missing compares a planned model with the zoo's of that name and returns the
// data it still has to be run on. A different model of that name is an error.
func (r *runner) missing(p *planned) (splits []*split, extend bool, err error) {
	m, err := r.zoo.Model(p.name)
	if errors.Is(err, zoo.ErrNoModel) || errors.As(err, new(*zoo.DamagedModel)) && r.o.Replace {
		return r.splits, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	want := r.identity(p)
	if p.activation != "" {
		want[zoo.ColumnActivation] = p.activation.Column()
	}
	if p.gflops != 0 {
		want[zoo.ColumnGFLOPs] = number(p.gflops)
	}
	for _, s := range r.splits {
		if m.Columns[zoo.ColumnDataPrefix+s.name] != "" {
			want[zoo.ColumnDataPrefix+s.name] = s.fingerprint
		}
	}
	var differs []string
	for column, value := range want {
		if m.Columns[column] != value {
			differs = append(differs, column)
		}
	}
	// An earlier version did not keep how a model is run, which is no difference.
	if r.o.Replace && (len(differs) > 0 || m.Columns[zoo.ColumnRecipe] == "") {
		return r.splits, false, nil
	}
	if len(differs) > 0 {
		slices.Sort(differs)
		return nil, false, fmt.Errorf("the zoo has another model of this name (different %s); replace it with --replace, or give this one another name with name=", strings.Join(differs, ", "))
	}
	for _, s := range r.splits {
		if _, ok := m.Splits[s.name]; !ok {
			splits = append(splits, s)
		}
	}
	return splits, len(splits) > 0, nil
}

// columns are the facts the zoo keeps of a model.
func (r *runner) columns(p *running) map[string]string {
	m, c := p.meta, p.costs
	out := map[string]string{
		zoo.ColumnSource:         m.Source,
		zoo.ColumnArchitecture:   m.Architecture,
		zoo.ColumnTag:            m.Tag,
		zoo.ColumnLicense:        m.License,
		zoo.ColumnLibraryVersion: m.Version,
		zoo.ColumnImageSize:      fmt.Sprintf("%dx%d", m.ImageSize[0], m.ImageSize[1]),
		zoo.ColumnCropPct:        number(m.CropPct),
		zoo.ColumnCropMode:       m.CropMode,
		zoo.ColumnInterpolation:  m.Interpolation,
		zoo.ColumnDevice:         r.device,
		zoo.ColumnTorch:          r.shim.Version(),
		zoo.ColumnParams:         strconv.FormatInt(c.params, 10),
		zoo.ColumnGFLOPs:         number(c.counts.MACs / 1e9),
		zoo.ColumnGFLOPsFVCore:   number(c.counts.FVCore / 1e9),
		zoo.ColumnLatency:        number(c.latency.Seconds() * 1e3),
		zoo.ColumnThroughput:     number(c.throughput),
		zoo.ColumnBatch:          strconv.Itoa(c.batch),
		zoo.ColumnMemory:         number(float64(c.memory) / 1e6),
		zoo.ColumnActivation:     p.Head.Activation.Column(),
		zoo.ColumnRecipe:         p.source(),
	}
	if p.gflops != 0 {
		out[zoo.ColumnGFLOPs] = number(p.gflops)
		out[zoo.ColumnGFLOPsFrom] = "given"
	}
	if s := r.part(p.planned); s != nil {
		out[zoo.ColumnSupernet] = s.Supernet
		out[zoo.ColumnResolution] = strconv.Itoa(s.Resolution)
		out[zoo.ColumnPtFLOPs] = number(s.PtFLOPs)
	}
	if m.Source != "file" && !m.Pretrained {
		out[zoo.ColumnWeights] = "random"
	}
	for _, s := range r.splits {
		out[zoo.ColumnDataPrefix+s.name] = s.fingerprint
	}
	maps.Copy(out, r.identity(p.planned))
	maps.DeleteFunc(out, func(_, value string) bool { return value == "" })
	return out
}

// source is the model's file and how it is run, as the zoo keeps it.
func (m *running) source() string {
	path, err := filepath.Abs(m.path)
	if err != nil {
		path = m.path
	}
	source := classifier.Source{File: path, Bytes: m.size, Recipe: m.recipe}
	source.Outputs = m.Head
	if m.subnet != nil {
		source.Genome = m.subnet.Genome
	}
	text, err := json.Marshal(source)
	if err != nil {
		return "" // no number in it is infinite
	}
	return string(text)
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

// groups puts models of one preprocessing setting together, in the order of their
// first ones, as many as stay within the bytes of files allowed; at least one. Subnets of
// one file stay together.
func groups(models []*planned, memory int64) [][]*planned {
	var out [][]*planned
	for _, p := range models {
		i := slices.IndexFunc(out, func(g []*planned) bool { return together(g, p, memory) })
		if i < 0 {
			i = len(out)
			out = append(out, nil)
		}
		out[i] = append(out[i], p)
	}
	return out
}

// size is the number of bytes of models' files.
func size(models []*planned) (n int64) {
	counted := map[string]bool{} // supernets
	for _, p := range models {
		if p.subnet != nil && counted[p.path] {
			continue
		}
		counted[p.path] = p.subnet != nil
		n += p.size
	}
	return n
}
