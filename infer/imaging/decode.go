// Package imaging turns an encoded image into the 8-bit RGB crop that a model was
// trained to see: the pixels of Pillow's Image.convert('RGB') and timm's
// evaluation transform, bit for bit.
package imaging

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"

	"github.com/encas-zoo/encas-zoo/infer/imaging/turbojpeg"
	"golang.org/x/image/webp"
)

// ErrTruncated: the file ends before its image does.
var ErrTruncated = errors.New("the file is truncated")

// ErrFormat: the file is not a JPEG, PNG or WebP.
var ErrFormat = errors.New("not a JPEG, PNG or WebP image")

const (
	// MaxPixels is the largest image that is decoded; Pillow refuses larger ones too.
	MaxPixels = 178_956_970
	// maxPixelBytes bounds the memory that decoding takes, in bytes for each pixel that an image
	// may have: 3 of the result, and 6 of an interlaced image of 8 bits a channel or of a
	// progressive JPEG. Images that take more a pixel may have fewer of them.
	maxPixelBytes = 9
	// MaxScans is how many scans a JPEG may have. Encoders make about ten. A scan takes a few
	// bytes of the file, and time for all of the image.
	MaxScans = 100
)

// RGB is an image of 3 bytes a pixel, row by row.
type RGB struct {
	Width, Height int
	Pix           []uint8
}

// A Decoder decodes images; it keeps buffers between them and is not safe for
// concurrent use.
type Decoder struct {
	// Limit is the largest number of pixels of an image; 0 for MaxPixels.
	Limit int

	jpeg *turbojpeg.Decoder
	pix  []uint8
	cmyk []uint8
}

// Close frees what the decoder holds outside Go.
func (d *Decoder) Close() {
	if d.jpeg != nil {
		d.jpeg.Close()
		d.jpeg = nil
	}
}

// Decode decodes data, whatever its file was called. The image is valid until the
// next call. EXIF orientation is not applied.
func (d *Decoder) Decode(data []byte) (RGB, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xFF, 0xD8}):
		return d.decodeJPEG(data)
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return d.decodeWith(data, pngBytes(data), png.DecodeConfig, decodePNG)
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		return d.decodeWith(data, webpBytes, webp.DecodeConfig, webp.Decode)
	case len(data) == 0:
		return RGB{}, fmt.Errorf("%w: it is empty", ErrTruncated)
	}
	return RGB{}, ErrFormat
}

// grow makes room for an image whose header, in a file of size bytes, claims w x h. Decoding it
// takes pixelBytes for each pixel beside the result. The most compressed of the formats' real
// images stay far below 2^14 pixels a byte.
func (d *Decoder) grow(w, h, size int, pixelBytes float64) (RGB, error) {
	limit := MaxPixels
	if d.Limit > 0 {
		limit = min(limit, d.Limit)
	}
	if w <= 0 || h <= 0 || w > limit/h {
		return RGB{}, fmt.Errorf("%d x %d pixels, at most %d in all are read", w, h, limit)
	}
	if most := int(maxPixelBytes * float64(limit) / (3 + pixelBytes)); w > most/h {
		return RGB{}, fmt.Errorf("%d x %d pixels, at most %d in all are read of an image of this kind, whose pixels take %g bytes each to decode", w, h, most, 3+pixelBytes)
	}
	if w*h>>14 > size {
		return RGB{}, fmt.Errorf("%d bytes cannot hold %d x %d pixels", size, w, h)
	}
	d.pix = resize(d.pix, w*h*3)
	return RGB{w, h, d.pix}, nil
}

func (d *Decoder) decodeJPEG(data []byte) (RGB, error) {
	width, height, components, progressive, err := jpegHeader(data)
	if err != nil {
		return RGB{}, err
	}
	pixelBytes := 0.0
	if components == 4 {
		pixelBytes = 4
	}
	scans := countScans(data)
	if progressive || scans > 1 {
		pixelBytes += float64(2 * components) // all coefficients are kept
	}
	if scans > MaxScans {
		return RGB{}, fmt.Errorf("it has %d scans, at most %d are read: save it again as a JPEG", scans, MaxScans)
	}
	img, err := d.grow(width, height, len(data), pixelBytes)
	if err != nil {
		return RGB{}, err
	}
	if d.jpeg == nil {
		if d.jpeg, err = turbojpeg.NewDecoder(); err != nil {
			return RGB{}, err
		}
	}
	dst := img.Pix
	if components == 4 {
		d.cmyk = resize(d.cmyk, width*height*4)
		dst = d.cmyk
	}
	err = d.jpeg.Decode(dst, data, width, height, components == 4)
	var warning *turbojpeg.Warning
	if errors.As(err, &warning) {
		err = nil
		// Pillow reads on after any warning, except that it wants the end marker.
		if !hasEnd(data) {
			err = ErrTruncated
		}
	}
	if err != nil {
		return RGB{}, err
	}
	if components == 4 {
		fromCMYK(img.Pix, d.cmyk)
	}
	return img, nil
}

// jpegHeader finds the frame header of a JPEG file.
func jpegHeader(data []byte) (width, height, components int, progressive bool, err error) {
	for i := 2; ; {
		marker, body, next := nextSegment(data, i)
		switch {
		case next < 0 || marker == 0xD9:
			return 0, 0, 0, false, fmt.Errorf("%w: no JPEG frame header", ErrTruncated)
		case marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC:
			if len(body) < 6 {
				return 0, 0, 0, false, fmt.Errorf("%w: short JPEG frame header", ErrTruncated)
			}
			return int(binary.BigEndian.Uint16(body[3:])), int(binary.BigEndian.Uint16(body[1:])), int(body[5]), marker&3 == 2, nil
		case marker == 0xDA:
			return 0, 0, 0, false, errors.New("a JPEG scan comes before the frame header")
		}
		i = next
	}
}

// nextSegment returns the first marker at or after data[i], the segment behind it
// (nil for a marker that has none) and where the segment ends; next is -1 where
// data ends first. Entropy-coded data, and rubbish, is skipped.
func nextSegment(data []byte, i int) (marker byte, body []byte, next int) {
	for {
		j := bytes.IndexByte(data[min(i, len(data)):], 0xFF)
		if j < 0 {
			return 0, nil, -1
		}
		for i += j; i < len(data) && data[i] == 0xFF; i++ {
		}
		if i >= len(data) {
			return 0, nil, -1
		}
		marker = data[i]
		i++
		switch {
		case marker == 0 || marker == 0x01 || marker >= 0xD0 && marker <= 0xD8:
			continue
		case marker == 0xD9:
			return marker, nil, i
		case i+2 > len(data):
			return 0, nil, -1
		}
		n := int(binary.BigEndian.Uint16(data[i:]))
		if n < 2 || i+n > len(data) {
			return 0, nil, -1
		}
		return marker, data[i+2 : i+n], i + n
	}
}

// countScans counts the scans of a JPEG file up to its end-of-image marker.
func countScans(data []byte) (n int) {
	for i := 2; ; {
		marker, _, next := nextSegment(data, i)
		if next < 0 || marker == 0xD9 {
			return n
		}
		if marker == 0xDA {
			n++
		}
		i = next
	}
}

// hasEnd reports whether a JPEG file has its end-of-image marker.
func hasEnd(data []byte) bool {
	for i := 2; ; {
		marker, _, next := nextSegment(data, i)
		if next < 0 {
			return false
		}
		if marker == 0xD9 {
			return true
		}
		i = next
	}
}

// fromCMYK converts as Pillow does a JPEG's four inks, which are stored inverted.
func fromCMYK(dst, cmyk []uint8) {
	for i := 0; i < len(cmyk); i += 4 {
		black := int(cmyk[i+3]) // 255 - K, K being inverted
		for c := range 3 {
			dst[i/4*3+c] = uint8(max(0, black-mulDiv255(int(255-cmyk[i+c]), black)))
		}
	}
}

// mulDiv255 is a*b/255, rounded.
func mulDiv255(a, b int) int {
	t := a*b + 128
	return (t>>8 + t) >> 8
}

// webpBytes is what a pixel of a WebP takes, decoded without loss with its alpha.
const webpBytes = 4

// pngBytes is what a pixel of a PNG takes as Go's decoder makes it: its channels, of which grey
// ones become four if there is a transparent value, by their depth, and if it is interlaced half
// of that again for the largest of the passes. 16-bit grey is copied.
func pngBytes(data []byte) float64 {
	if len(data) < 29 {
		return 0 // which is too short for a header
	}
	depth, kind, interlaced := data[24], data[25], data[28] != 0
	const grey, palette = 0, 3
	n := 4.0
	if kind == palette {
		n = 1
	}
	if depth == 16 {
		n *= 2
	}
	if interlaced {
		n *= 1.5
	}
	if depth == 16 && kind == grey {
		n += 2
	}
	return n
}

func (d *Decoder) decodeWith(data []byte, pixelBytes float64, config func(io.Reader) (image.Config, error), decode func(io.Reader) (image.Image, error)) (RGB, error) {
	c, err := config(bytes.NewReader(data))
	if err != nil {
		return RGB{}, truncatedOr(err)
	}
	img, err := d.grow(c.Width, c.Height, len(data), pixelBytes)
	if err != nil {
		return RGB{}, err
	}
	m, err := decode(bytes.NewReader(data))
	if err != nil {
		return RGB{}, truncatedOr(err)
	}
	if m.Bounds().Dx() != img.Width || m.Bounds().Dy() != img.Height {
		return RGB{}, fmt.Errorf("the header claims %d x %d pixels and the image is %v", img.Width, img.Height, m.Bounds())
	}
	return img, fromImage(img, m)
}

// decodePNG decodes a PNG. The one thing Go's decoder makes of a PNG that Pillow
// does not is 16-bit grey with a transparent value: an NRGBA64 image, told apart
// from a true-colour one by its header alone.
func decodePNG(r io.Reader) (image.Image, error) {
	var head [26]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	m, err := png.Decode(io.MultiReader(bytes.NewReader(head[:]), r))
	if n, ok := m.(*image.NRGBA64); ok && head[25] == 0 {
		grey := image.NewGray16(n.Rect)
		for i := range len(n.Pix) / 8 {
			copy(grey.Pix[i*2:], n.Pix[i*8:i*8+2])
		}
		return grey, nil
	}
	return m, err
}

func truncatedOr(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err == png.FormatError("not enough pixel data") {
		return ErrTruncated
	}
	return err
}
