//go:build !cgo || windows

package torch

import "fmt"

var errDisabled = fmt.Errorf("%w: this program was built without cgo; build it with CGO_ENABLED=1", ErrNoShim)

// A Shim cannot be opened in this build.
type Shim struct{}

// Open returns ErrNoShim.
func Open(path string) (*Shim, error) { return nil, errDisabled }

// Version is empty.
func (s *Shim) Version() string { return "" }

// Device returns ErrNoShim.
func (s *Shim) Device(device string) error { return errDisabled }

// Threads returns ErrNoShim.
func (s *Shim) Threads(n int) error { return errDisabled }

// A Model cannot be loaded in this build.
type Model struct{}

// Load returns ErrNoShim.
func (s *Shim) Load(path, device string, p Precision, classes int) (*Model, error) {
	return nil, errDisabled
}

// Close does nothing.
func (m *Model) Close() {}

// Parameters is 0.
func (m *Model) Parameters() int64 { return 0 }

// Run returns ErrNoShim.
func (m *Model) Run(pixels []byte, n, height, width int, mean, std [3]float32, probs []uint16) error {
	return errDisabled
}

// Outputs returns ErrNoShim.
func (m *Model) Outputs(pixels []byte, n, height, width int, mean, std [3]float32, room []float32, widest int) ([]float32, int, error) {
	return nil, 0, errDisabled
}

// Count returns ErrNoShim.
func (m *Model) Count(height, width int) (Counts, error) { return Counts{}, errDisabled }

// Memory returns ErrNoShim.
func (m *Model) Memory(n, height, width int) (int64, error) { return 0, errDisabled }
