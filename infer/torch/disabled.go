//go:build !cgo || windows

package torch

import (
	"fmt"

	"github.com/encas-zoo/encas-zoo/supernet"
)

// disabled is why no shim can be opened by this program.
var disabled = fmt.Errorf("%w: this program was built without cgo; build it with CGO_ENABLED=1", ErrNoShim)

// A Shim cannot be opened in this build.
type Shim struct{}

// Open returns ErrNoShim.
func Open(path string) (*Shim, error) { return nil, disabled }

// Version is empty.
func (s *Shim) Version() string { return "" }

// Device returns ErrNoShim.
func (s *Shim) Device(device string) error { return disabled }

// Threads returns ErrNoShim.
func (s *Shim) Threads(n int) error { return disabled }

// A Model cannot be loaded in this build.
type Model struct{}

// Load returns ErrNoShim.
func (s *Shim) Load(path, device string, p Precision, classes int) (*Model, error) {
	return nil, disabled
}

// A Supernet cannot be loaded in this build.
type Supernet struct{}

// Supernet returns ErrNoShim.
func (s *Shim) Supernet(path, device string, p Precision, classes int) (*Supernet, error) {
	return nil, disabled
}

// Subnet returns ErrNoShim.
func (s *Supernet) Subnet(plan supernet.Plan) (*Model, error) { return nil, disabled }

// Close does nothing.
func (s *Supernet) Close() {}

// Observe returns ErrNoShim.
func (m *Model) Observe(pixels []byte, n, height, width int, mean, std [3]float32, v supernet.Variance) error {
	return disabled
}

// Settle returns ErrNoShim.
func (m *Model) Settle() error { return disabled }

// Save returns ErrNoShim.
func (m *Model) Save(path string, meta []byte) error { return disabled }

// Keep returns ErrNoShim.
func (m *Model) Keep() error { return disabled }

// Write returns ErrNoShim.
func (s *Supernet) Write(path, encasJSON string) error { return disabled }

// Weights returns ErrNoShim.
func (s *Supernet) Weights() ([]Weight, error) { return nil, disabled }

// Average returns ErrNoShim.
func (s *Supernet) Average(other *Supernet, share float64) error { return disabled }

// A Training cannot be begun in this build.
type Training struct{}

// Train returns ErrNoShim.
func (s *Supernet) Train(o TrainOptions) (*Training, error) { return nil, disabled }

// Step returns ErrNoShim.
func (t *Training) Step(plan supernet.Plan, pixels []byte, n, height, width int, mean, std [3]float32, targets, answers []float32) (loss float64, err error) {
	return 0, disabled
}

// Apply returns ErrNoShim.
func (t *Training) Apply(rate float64) (applied bool, err error) { return false, disabled }

// State returns ErrNoShim.
func (t *Training) State() ([]byte, error) { return nil, disabled }

// Restore returns ErrNoShim.
func (t *Training) Restore(state []byte) error { return disabled }

// Close does nothing.
func (t *Training) Close() {}

// Close does nothing.
func (m *Model) Close() {}

// Parameters is 0.
func (m *Model) Parameters() int64 { return 0 }

// Run returns ErrNoShim.
func (m *Model) Run(pixels []byte, n, height, width int, mean, std [3]float32, probs []uint16) error {
	return disabled
}

// Outputs returns ErrNoShim.
func (m *Model) Outputs(pixels []byte, n, height, width int, mean, std [3]float32, room []float32, widest int) ([]float32, int, error) {
	return nil, 0, disabled
}

// Count returns ErrNoShim.
func (m *Model) Count(height, width int) (Counts, error) { return Counts{}, disabled }

// Memory returns ErrNoShim.
func (m *Model) Memory(n, height, width int) (int64, error) { return 0, disabled }
