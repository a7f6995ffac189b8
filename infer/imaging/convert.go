package imaging

import (
	"fmt"
	"image"
	"image/color"
)

// fromImage fills dst with the pixels Pillow's convert('RGB') gives: alpha is
// dropped and never multiplied in, 16-bit colours keep their high byte, and 16-bit
// grey is clipped to 255 (not scaled: Pillow reads it as an integer image).
func fromImage(dst RGB, m image.Image) error {
	switch m := m.(type) {
	case *image.RGBA: // opaque
		dropFourth(dst, m.Pix, m.Stride, 1)
	case *image.NRGBA:
		dropFourth(dst, m.Pix, m.Stride, 1)
	case *image.RGBA64: // opaque
		dropFourth(dst, m.Pix, m.Stride, 2)
	case *image.NRGBA64:
		dropFourth(dst, m.Pix, m.Stride, 2)
	case *image.Gray:
		for y := range dst.Height {
			row := dst.Pix[y*dst.Width*3:]
			for x, v := range m.Pix[y*m.Stride:][:dst.Width] {
				row[x*3], row[x*3+1], row[x*3+2] = v, v, v
			}
		}
	case *image.Gray16:
		for y := range dst.Height {
			row := dst.Pix[y*dst.Width*3:]
			for x := range dst.Width {
				v := m.Pix[y*m.Stride+x*2+1]
				if m.Pix[y*m.Stride+x*2] != 0 {
					v = 255
				}
				row[x*3], row[x*3+1], row[x*3+2] = v, v, v
			}
		}
	case *image.Paletted:
		var palette [256][3]uint8
		for i, c := range m.Palette {
			// The PNG decoder makes RGBA entries (opaque) or NRGBA ones.
			switch c := c.(type) {
			case color.RGBA:
				palette[i] = [3]uint8{c.R, c.G, c.B}
			case color.NRGBA:
				palette[i] = [3]uint8{c.R, c.G, c.B}
			default:
				return fmt.Errorf("palette of %T is not supported", c)
			}
		}
		for y := range dst.Height {
			row := dst.Pix[y*dst.Width*3:]
			for x, v := range m.Pix[y*m.Stride:][:dst.Width] {
				copy(row[x*3:], palette[v][:])
			}
		}
	case *image.YCbCr:
		return fromVP8(dst, m)
	case *image.NYCbCrA:
		return fromVP8(dst, &m.YCbCr)
	default:
		return fmt.Errorf("images of %T are not supported", m)
	}
	return nil
}

// dropFourth copies the first three of four channels, size bytes each, of which
// the first is the high one.
func dropFourth(dst RGB, pix []uint8, stride, size int) {
	for y := range dst.Height {
		row, src := dst.Pix[y*dst.Width*3:], pix[y*stride:]
		for x := range dst.Width {
			for c := range 3 {
				row[x*3+c] = src[(x*4+c)*size]
			}
		}
	}
}

// fromVP8 converts the planes of a lossy WebP image. They are in video range, and
// libwebp, which Pillow uses, interpolates the two half-size planes: each output
// pixel takes 9/16 of the nearest chroma sample, 3/16 of each side neighbour and
// 1/16 of the diagonal one, in two rounding steps.
func fromVP8(dst RGB, m *image.YCbCr) error {
	if m.SubsampleRatio != image.YCbCrSubsampleRatio420 {
		return fmt.Errorf("WebP with chroma subsampling %v is not supported", m.SubsampleRatio)
	}
	cw, ch := (dst.Width+1)/2, (dst.Height+1)/2
	for y := range dst.Height {
		near := y / 2
		far := near - 1 + y%2*2 // the chroma row on the other side of the pixel row
		far = min(max(far, 0), ch-1)
		cb, cr := m.Cb[near*m.CStride:][:cw], m.Cr[near*m.CStride:][:cw]
		cb2, cr2 := m.Cb[far*m.CStride:][:cw], m.Cr[far*m.CStride:][:cw]
		row := dst.Pix[y*dst.Width*3:]
		for x, l := range m.Y[y*m.YStride:][:dst.Width] {
			u, v := upsample(cb, cb2, x), upsample(cr, cr2, x)
			yy := int(l) * 19077 >> 8
			row[x*3] = clipVP8(yy + v*26149>>8 - 14234)
			row[x*3+1] = clipVP8(yy - u*6419>>8 - v*13320>>8 + 8708)
			row[x*3+2] = clipVP8(yy + u*33050>>8 - 17685)
		}
	}
	return nil
}

// upsample interpolates the chroma of pixel x between its own row and the
// row on its other side.
func upsample(near, far []uint8, x int) int {
	i := x / 2
	j := i - 1 + x%2*2 // the column on the other side
	if j < 0 || j >= len(near) {
		return (3*int(near[i]) + int(far[i]) + 2) >> 2
	}
	a, b, c, d := int(near[i]), int(near[j]), int(far[i]), int(far[j])
	// The diagonal pair first, then the mean with the nearest sample.
	return ((a+b+c+d+8+2*(b+c))>>3 + a) >> 1
}

func clipVP8(v int) uint8 {
	return uint8(min(max(v>>6, 0), 255))
}
