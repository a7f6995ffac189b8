// Package torch runs TorchScript models through libtorch. It never links against
// it: a small library, the shim, is compiled once for whatever torch a machine has
// (Build) and opened at run time (Open). shim/encas_torch.h is the contract between
// the two.
package torch

import (
	"errors"
	"fmt"
)

// Errors to compare with errors.Is.
var (
	// ErrNoShim: there is no shim, or it cannot be opened.
	ErrNoShim = errors.New("torch is not ready")
	// ErrOutOfMemory: the device has no room; fewer images at a time may do.
	ErrOutOfMemory = errors.New("out of memory")
	// ErrNotTorchScript: the file cannot be loaded as a TorchScript model.
	ErrNotTorchScript = errors.New("not a TorchScript model")
	// ErrBadOutput: the model does not return one row of as many numbers as there
	// are classes for each image.
	ErrBadOutput = errors.New("wrong output")
)

// A Precision is what a model computes in.
type Precision int

// The values are those of encas_precision.
const (
	Float32  Precision = iota
	BFloat16           // autocast: torch chooses which operations run in it
	Float16            // autocast, CUDA only
)

var precisionNames = [...]string{"fp32", "bf16", "fp16"}

func (p Precision) String() string { return precisionNames[p] }

// MarshalText returns the name.
func (p Precision) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the name.
func (p *Precision) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePrecision(string(text))
	return err
}

// ParsePrecision reads fp32, bf16 or fp16.
func ParsePrecision(s string) (Precision, error) {
	for i, name := range precisionNames {
		if s == name {
			return Precision(i), nil
		}
	}
	return 0, fmt.Errorf("precision %q is none of fp32, bf16, fp16", s)
}

// Counts are the multiply-adds of one image.
type Counts struct {
	// MACs counts convolutions and matrix products, attention's included.
	MACs float64
	// FVCore counts as the fvcore package does: MACs, and norms and adaptive
	// pooling.
	FVCore float64
	// Quantized are those of MACs that quantised operators do.
	Quantized float64
}

// DefaultBatch is how many images run at a time on a device if nothing else is said.
func DefaultBatch(device string) int {
	if device == "cpu" {
		return 32
	}
	return 256
}

// Choose returns the device as given, or if it is "" cuda if torch can use it, else cpu. It
// fails if torch cannot use the device.
func (s *Shim) Choose(device string) (string, error) {
	switch {
	case device != "":
		return device, s.Device(device)
	case s.Device("cuda") == nil:
		return "cuda", nil
	}
	return "cpu", nil
}
