package export

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/supernet"
)

//go:embed supernet.py
var supernetScript []byte

// A SupernetRequest says what file of a supernet to make.
type SupernetRequest struct {
	Table   supernet.Table
	Weights string // a file that torch.save wrote; "" for random weights
	Classes int    // of a new head; 0 for the head there is, or 1000 of random weights
	License string // "" for the table's
	Seed    uint64 // of random weights and of a new head
	// Untrained: random weights are those to begin training with, and not for tests.
	Untrained bool
	Out       string
}

// ErrNoSupernet: the file holds one model.
var ErrNoSupernet = errors.New("the file holds no supernet")

// Space is that of a file that holds a supernet, else the error is ErrNoSupernet.
func (m *Meta) Space() (*supernet.Space, error) {
	if m.Supernet == nil {
		return nil, ErrNoSupernet
	}
	return supernet.New(*m.Supernet, m.Classes)
}

// Supernet makes the file. The error explains which weights have no place in the table, or
// which of its places no weights.
func (e *Exporter) Supernet(ctx context.Context, r SupernetRequest) (Meta, error) {
	space, err := supernet.New(r.Table, max(r.Classes, 1))
	if err != nil {
		return Meta{}, err
	}
	if r.Weights != "" {
		if err := regular.Check(r.Weights); err != nil {
			return Meta{}, err
		}
	}
	if _, err := os.Lstat(r.Out); err == nil {
		if _, err := ReadMeta(r.Out); err != nil {
			return Meta{}, fmt.Errorf("%s is there already, and is not a supernet's file: remove it, or name another file", r.Out)
		}
	}
	// TorchScript reads the source of what it compiles from a file.
	dir, err := os.MkdirTemp("", "encas-supernet")
	if err != nil {
		return Meta{}, err
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "supernet.py")
	if err := os.WriteFile(script, supernetScript, 0o600); err != nil {
		return Meta{}, err
	}
	random := rand.New(rand.NewPCG(r.Seed, 1))
	var plans []supernet.Plan
	for _, g := range []supernet.Genome{space.Largest(), space.Smallest(), space.Random(random)} {
		plan, err := space.Decode(g)
		if err != nil {
			return Meta{}, err
		}
		plans = append(plans, plan)
	}
	err = e.ask(ctx, map[string]any{
		"op": "supernet", "script": script, "table": r.Table, "weights": r.Weights, "classes": r.Classes, "seed": r.Seed, "untrained": r.Untrained,
		"largest": plans[0], "plans": plans, "meta": supernetMeta(r), "out": r.Out,
	}, new(struct{}))
	if err != nil {
		return Meta{}, fmt.Errorf("%s: %w", r.Table.Name, err)
	}
	return ReadMeta(r.Out)
}

// supernetMeta is what is known of the file before it is made.
func supernetMeta(r SupernetRequest) Meta {
	t, images := &r.Table, &r.Table.Images
	side := images.Side(t.Resolutions[len(t.Resolutions)-1])
	return Meta{
		Name: t.Name, Source: "supernet", Architecture: t.Name, ImageSize: [2]int{side, side},
		Mean: images.Mean, Std: images.Std, CropPct: images.CropPct(side), CropMode: "center", Interpolation: images.Interpolation,
		Labels: []string{}, License: cmp.Or(r.License, t.License), Pretrained: r.Weights != "", Supernet: t,
	}
}
