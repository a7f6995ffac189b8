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
