//go:build !cgo || windows

// Package turbojpeg decodes JPEG with libjpeg-turbo. This build cannot: it was
// made without cgo.
package turbojpeg

import "fmt"

// A Decoder cannot be made in this build.
type Decoder struct{}

// NewDecoder returns ErrMissing.
func NewDecoder() (*Decoder, error) {
	return nil, fmt.Errorf("%w: this program was built without cgo; build it with CGO_ENABLED=1", ErrMissing)
}

// Close does nothing.
func (d *Decoder) Close() {}

// Decode returns ErrMissing.
func (d *Decoder) Decode(dst, jpeg []byte, width, height int, cmyk bool) error { return ErrMissing }
