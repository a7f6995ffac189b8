package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// calibrationBatch is how many images batch norms are recalibrated on at a time. Statistics
// depend on it a little, so that it is the same on every device.
const calibrationBatch = 64

// DefaultCalibrateImages are how many images a recalibration takes if nothing else is said.
const DefaultCalibrateImages = 2000

// A subnet is what is known of a planned model that is one.
type subnet struct {
	supernet.Member
	plan     supernet.Plan
	table    string
	variance supernet.Variance
}

// planSubnet makes a planned model of a file the subnet of a genome: its size, its
// preprocessing and its cost. size is what the list says of it, nil for nothing.
func (p *planned) planSubnet(g supernet.Genome, size *[2]int) error {
	space, err := p.meta.Space()
	if err != nil {
		return fmt.Errorf("genome=%v: %s: %w", g, p.path, err)
	}
	plan, err := space.Decode(g)
	if err != nil {
		return err
	}
	member, err := space.Describe(g)
	if err != nil {
		return err
	}
	if member.Genome != g.String() {
		return fmt.Errorf("genome=%v is the same subnet as genome=%s, its canonical form: write that, or one subnet becomes two models", g, member.Genome)
	}
	images := &space.Table.Images
	side := images.Side(member.Resolution)
	p.meta.ImageSize = [2]int{side, side}
	if size != nil {
		if *size != p.meta.ImageSize && (images.Input == 0 || size[0] != size[1]) {
			return fmt.Errorf("size=%dx%d: the subnet is one for images of %dx%d", size[0], size[1], side, side)
		}
		side = size[0]
	}
	m := &p.meta
	m.Mean, m.Std, m.Interpolation, m.CropMode = images.Mean, images.Std, images.Interpolation, "center"
	m.CropPct, m.Params = images.CropPct(side), member.Params
	p.subnet = &subnet{member, plan, space.Table.Name, space.Table.Calibration}
	return nil
}

// hasSubnets reports whether a list names subnets.
func hasSubnets(entries []Entry) bool {
	return slices.ContainsFunc(entries, func(e Entry) bool { return e.Genome != nil })
}

// openCalibration opens the images that batch norms are recalibrated on, if there are
// subnets, and reads each once.
func (r *runner) openCalibration(ctx context.Context) error {
	o := &r.o
	switch subnets := hasSubnets(o.Models); {
	case !subnets && o.Calibrate != "":
		r.log("the list names no subnets (genome=): --calibrate has no effect")
		return nil
	case !subnets:
		return nil
	case o.Calibrate == "":
		return errors.New("the list names subnets (genome=), whose batch norms have to be recalibrated: name images that the supernet was trained on with --calibrate")
	}
	set, err := dataset.OpenEither(o.Calibrate, false, strings.NewReader(""))
	if err != nil {
		return fmt.Errorf("--calibrate: %w", err)
	}
	r.calibrationFile = set
	images := o.CalibrateImages
	if images == 0 {
		images = DefaultCalibrateImages
	}
	drawn := set.Unlabelled().Draw(images, o.Seed)
	all := make([]int, drawn.Len())
	for i := range all {
		all[i] = i
	}
	broken, err := drawn.Check(ctx, all, o.Workers, func(n int) {
		if o.Progress != nil {
			o.Progress(Progress{Split: "calibration", Images: n, Of: len(all), Done: int64(n), Total: int64(len(all))})
		}
	})
	if err != nil {
		return err
	}
	if len(broken) > 0 && !o.SkipBroken {
		return fmt.Errorf("--calibrate: %d of %d images cannot be read; mend or remove them, or leave them out with --skip-broken:\n%s", len(broken), len(all), listBroken(drawn, broken))
	}
	drawn = drawn.Without(broken)
	// Only whole batches: a small last one would weigh as much, or be a sample too small.
	if n := drawn.Len(); n > calibrationBatch {
		drawn = drawn.Head(n - n%calibrationBatch)
	}
	if drawn.Len() < 2 {
		return fmt.Errorf("--calibrate: %s: a batch norm needs two images at least", o.Calibrate)
	}
	r.calibration = drawn
	return nil
}

// part is the subnet that a planned model is, of the file's supernet or extracted from one; nil
// for other models.
func (r *runner) part(p *planned) *export.Subnet {
	if p.subnet == nil {
		return p.meta.Subnet
	}
	return &export.Subnet{Supernet: p.subnet.table, Checkpoint: p.meta.Identity(), Calibration: r.calibrated(p), Member: p.subnet.Member}
}

// calibrated says what the batch norms of a subnet of the file's supernet are recalibrated with.
func (r *runner) calibrated(p *planned) string {
	return r.calibrationOf(p.subnet.variance)
}

// calibrationOf says what the batch norms of a custom are recalibrated with.
func (r *runner) calibrationOf(v supernet.Variance) string {
	return fmt.Sprintf("%s, %d images in batches of %d: %s", v, r.calibration.Len(), min(calibrationBatch, r.calibration.Len()), r.calibration.Fingerprint())
}

// A loader loads models, and each supernet once for all of its subnets.
type loader struct {
	r         *runner
	supernets map[string]*torch.Supernet
}

func (l *loader) load(p *planned) (*classifier.Classifier, error) {
	r := l.r
	if p.subnet == nil {
		return classifier.Load(r.shim, p.path, r.o.Device, p.recipe, r.classes)
	}
	s := l.supernets[p.path]
	if s == nil {
		var err error
		if s, err = r.shim.Supernet(p.path, r.o.Device, r.o.Precision, r.classes); err != nil {
			return nil, err
		}
		l.supernets[p.path] = s
	}
	m, err := s.Subnet(p.subnet.plan)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.path, err)
	}
	return classifier.Of(m, p.recipe, r.classes)
}

// close frees what subnets do not keep.
func (l *loader) close() {
	for _, s := range l.supernets {
		s.Close()
	}
}

// observe takes down the statistics of a batch in a subnet's batch norms.
func (m *running) observe(b *batch) error {
	p := m.planned
	if p.subnet == nil {
		return nil
	}
	err := m.Observe(b.pixels[:b.n*p.setting.Size()], b.n, p.setting.Height, p.setting.Width, p.mean, p.std, p.subnet.variance)
	if err != nil {
		return fmt.Errorf("recalibrating its batch norms: %w", err)
	}
	return nil
}

// settle ends the recalibration of a subnet's batch norms.
func (m *running) settle() error {
	if m.subnet == nil {
		return nil
	}
	return m.Settle()
}

// together reports whether a planned model may join a group: it has the same preprocessing
// and splits, and there is room for its file, which subnets of one supernet share.
func together(group []*planned, p *planned, memory int64) bool {
	first := group[0]
	if first.setting != p.setting || !slices.Equal(first.splits, p.splits) {
		return false
	}
	if p.subnet != nil && slices.ContainsFunc(group, func(q *planned) bool { return q.subnet != nil && q.path == p.path }) {
		return true
	}
	return size(group)+p.size <= memory
}
