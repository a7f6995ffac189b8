package ingest

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/infer/torch"
)

// costs are what is measured of a model.
type costs struct {
	params     int64
	counts     torch.Counts
	latency    time.Duration // of one image
	throughput float64       // images/s in batches
	batch      int
	memory     int64 // bytes, beside the weights
}

const (
	timedAtLeast = 3
	timedAtMost  = 20
)

// median times run: the median over at least three runs after one to warm up, and
// over as many more as fit the budget. A budget of 0 times a single, cold run.
func median(budget time.Duration, run func() error) (time.Duration, error) {
	var times []time.Duration
	begin := time.Now()
	for n := 0; n < timedAtMost+1; n++ {
		start := time.Now()
		if err := run(); err != nil {
			return 0, err
		}
		if n > 0 || budget == 0 {
			times = append(times, time.Since(start))
		}
		if budget == 0 || len(times) >= timedAtLeast && time.Since(begin) > budget {
			break
		}
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// measure fills the rest of m.costs with the pixels of the first batch, before the
// decoders start on the next ones. It halves m.batch until the device has room.
func (r *runner) measure(m *running, b *batch) error {
	p := m.planned
	size := p.setting.Size()
	run := func(n int) func() error {
		return func() error {
			err := m.Classify(b.pixels[:n*size], n, r.probs[:n*r.classes])
			if errors.As(err, new(*classifier.RowError)) {
				return nil // which runBatch names the image of
			}
			return err
		}
	}
	// One image first: a model that cannot run at all fails here, before the batch size
	// is blamed.
	latency, err := median(r.o.Timing, run(1))
	if err != nil {
		return err
	}
	for {
		n := min(p.batch, b.n)
		took, err := median(r.o.Timing, run(n))
		if errors.Is(err, torch.ErrOutOfMemory) && p.batch > 1 {
			r.halve(p)
			continue
		}
		if err != nil {
			return err
		}
		m.costs.latency, m.costs.batch = latency, n
		m.costs.throughput = float64(n) / took.Seconds()
		break
	}
	if m.costs.params = p.meta.Params; m.costs.params == 0 {
		m.costs.params = m.Parameters()
	}
	m.costs.memory, err = m.Memory(m.costs.batch, p.setting.Height, p.setting.Width)
	if errors.Is(err, torch.ErrOutOfMemory) {
		return nil // measuring needs a little more than running; 0 is "not known"
	}
	return err
}

func (r *runner) halve(p *planned) {
	p.batch = (p.batch + 1) / 2
	r.log("%s: out of memory, going on with batches of %d", p.name, p.batch)
}

// deviceName is the name of the device in tables: its product name if that can be
// found out, else the device as given.
func deviceName(ctx context.Context, device string) string {
	if device == "cpu" {
		if name := cpuName(); name != "" {
			return fmt.Sprintf("%s, %d threads", name, runtime.NumCPU())
		}
		return device
	}
	_, index, _ := strings.Cut(device, ":")
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nvidia-smi", "--id="+cmp.Or(index, "0"), "--query-gpu=name", "--format=csv,noheader").Output()
	if name := strings.TrimSpace(string(out)); err == nil && name != "" {
		return name
	}
	return device
}

func cpuName() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
