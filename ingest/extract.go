package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// An Extractor writes subnets of supernets to files of their own, which are ordinary models.
// Their batch norms are recalibrated as [Run] does it, on images that all of them share.
type Extractor struct {
	r         runner
	opened    bool
	supernets loader
}

// NewExtractor returns an extractor that must be closed. Of the options it needs those of the
// calibration and of what models run on. Nothing is opened before it is needed.
func NewExtractor(o Options) *Extractor {
	return &Extractor{r: runner{o: o}}
}

// Close frees what the extractor has opened.
func (x *Extractor) Close() {
	x.supernets.close()
	x.r.closeData()
}

// Extract writes the subnet that an entry names to a file, and returns what the file states of
// itself.
func (x *Extractor) Extract(ctx context.Context, e Entry, out string) (export.Meta, error) {
	return x.extract(ctx, e, "", out)
}

// ExtractModel writes a subnet that is a model of a zoo, and was made of a source, to a file.
// calibration is what its batch norms were recalibrated with: others are refused.
func (x *Extractor) ExtractModel(ctx context.Context, name string, s classifier.Source, calibration, out string) error {
	genome, err := supernet.ParseGenome(s.Genome)
	if err != nil {
		return fmt.Errorf("model %q: genome=%s: %w", name, s.Genome, err)
	}
	in := s.Input
	_, err = x.extract(ctx, Entry{
		Source: "file", Name: s.File, As: name, Genome: genome, Size: &[2]int{in.Height, in.Width},
		CropPct: in.CropPct, CropMode: in.CropMode, Interpolation: in.Interpolation, Mean: &in.Mean, Std: &in.Std,
	}, calibration, out)
	if err != nil {
		return fmt.Errorf("model %q: %w", name, err)
	}
	return nil
}

// extract is Extract, with a calibration if that is known.
func (x *Extractor) extract(ctx context.Context, e Entry, calibration, out string) (export.Meta, error) {
	if err := atomicfile.Probe(out); err != nil {
		return export.Meta{}, err
	}
	// Torch keeps a pool of threads for every thread that calls it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := &x.r
	p, err := r.prepare(ctx, e)
	if err != nil {
		return export.Meta{}, err
	}
	if err := x.open(ctx, e); err != nil {
		return export.Meta{}, err
	}
	if is := r.calibrated(p); calibration != "" && is != calibration {
		return export.Meta{}, fmt.Errorf("its batch norms were recalibrated with %q, and these images would make that %q: give --calibrate, --calibrate-images and --seed as they were given to ingest; or, if the cascade's subnets differ in them (the column calibration of 'encas-zoo zoo list --json'), ingest them again with --replace and one choice", calibration, is)
	}
	r.classes = p.meta.Classes
	c, err := x.supernets.load(p)
	if err != nil {
		return export.Meta{}, err
	}
	m := &running{planned: p, Classifier: c}
	defer m.close()
	if err := r.recalibrate(ctx, m); err != nil {
		return export.Meta{}, err
	}
	return r.save(ctx, m, out)
}

// open opens torch and the images, once.
func (x *Extractor) open(ctx context.Context, e Entry) error {
	r := &x.r
	if !x.opened {
		r.o.Models = []Entry{e}
		if err := r.openTorch(ctx); err != nil {
			return err
		}
		if err := r.openCalibration(ctx); err != nil {
			return err
		}
		x.supernets = loader{r, map[string]*torch.Supernet{}}
		x.opened = true
	}
	if r.o.Threads > 0 {
		return r.shim.Threads(r.o.Threads)
	}
	return nil
}

// recalibrate recalibrates the batch norms of one subnet.
func (r *runner) recalibrate(ctx context.Context, m *running) error {
	err := eachBatch(ctx, r.calibration, m.setting, calibrationBatch, r.o.Workers, func(b *batch) error {
		if r.o.Progress != nil {
			n, all := b.first+b.n, r.calibration.Len()
			r.o.Progress(Progress{Models: []string{m.name}, Split: "calibration", Images: n, Of: all, Done: int64(n), Total: int64(all)})
		}
		return m.observe(b)
	})
	if err != nil {
		return err
	}
	return m.settle()
}

// save writes a recalibrated subnet to a file.
func (r *runner) save(ctx context.Context, m *running, out string) (export.Meta, error) {
	meta := m.meta
	meta.Format, meta.Name, meta.Torch, meta.Supernet = export.Format, m.name, r.shim.Version(), nil
	meta.Subnet = r.part(m.planned)
	dir, err := os.MkdirTemp("", "encas-subnet")
	if err != nil {
		return meta, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "subnet.pt")
	write := func() error {
		text, err := json.Marshal(meta)
		if err != nil {
			return err
		}
		return m.Save(file, text)
	}
	// The file states a hash over its own weights, which are known once they are written.
	meta.Checkpoint = ""
	if err := write(); err != nil {
		return meta, err
	}
	if meta.Checkpoint, err = export.ConstantsHash(file, meta.Subnet.Genome); err != nil {
		return meta, err
	}
	if err := write(); err != nil {
		return meta, err
	}
	if err := r.compare(ctx, m, file); err != nil {
		return meta, err
	}
	return meta, copyFile(out, file)
}

// compare runs the file of a subnet and the subnet itself on some images. On a CPU they give the
// same, and on other devices nearly so; otherwise the error says so.
func (r *runner) compare(ctx context.Context, m *running, file string) error {
	alone, err := classifier.Load(r.shim, file, r.o.Device, m.recipe, r.classes)
	if err != nil {
		return err
	}
	defer alone.Close()
	const n, tolerance = 8, 1e-2
	return eachBatch(ctx, r.calibration.Head(n), m.setting, n, r.o.Workers, func(b *batch) error {
		pixels := b.pixels[:b.n*m.setting.Size()]
		want, _, err := m.Raw(pixels, b.n, nil)
		if err != nil {
			return err
		}
		got, _, err := alone.Raw(pixels, b.n, nil)
		if err != nil {
			return err
		}
		var apart, largest float64
		for i := range want {
			apart = max(apart, math.Abs(float64(want[i])-float64(got[i])))
			largest = max(largest, math.Abs(float64(want[i])))
		}
		if !(apart <= tolerance*largest) {
			return fmt.Errorf("torch %s does not save the subnet as it is: its logits, %.3g at most, differ by %.3g", r.shim.Version(), largest, apart)
		}
		return nil
	})
}

// copyFile copies a file to a place where it appears whole or not at all.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := atomicfile.Create(to)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := io.Copy(f, in); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Place()
}
