// Package augment changes training images by chance: crops, shifts, mirror images, the operations
// of RandAugment, and cuts of one image in another. All chance comes from the caller's generator, so that the same
// seed gives the same pixels.
package augment

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
)

// Options say what is done to images.
type Options struct {
	// Crop is the least share of an image's area that a random crop has, which is resized to
	// the size that is asked for, its aspect ratio lost; 0 for no crop: images are then
	// prepared as they are when a model is evaluated.
	Crop float64 `json:"crop"`
	// Shift is by how many of its own pixels an image is shifted at most, each way; what comes
	// in from outside is black.
	Shift int `json:"shift"`
	// Flip: half of the images are mirrored.
	Flip bool `json:"flip"`
	// RandAugment is the magnitude of RandAugment, 0 for none: see [MaxMagnitude].
	RandAugment float64 `json:"randaugment,omitempty"`
	// CutMix is the chance of a batch that its images exchange a rectangle, and their targets
	// by its share of the area.
	CutMix float64 `json:"cutmix"`
}

// maxShift is the largest shift.
const maxShift = 1024

// Check fails unless the options are possible.
func (o Options) Check() error {
	switch {
	case !(o.Crop >= 0 && o.Crop <= 1):
		return fmt.Errorf("a random crop has a share of the area from 0 to 1, not %v", o.Crop)
	case o.Shift < 0 || o.Shift > maxShift:
		return fmt.Errorf("images are shifted by 0 to %d pixels, not %d", maxShift, o.Shift)
	case !(o.RandAugment >= 0 && o.RandAugment <= MaxMagnitude):
		return fmt.Errorf("the magnitude of RandAugment is from 0 to %d, not %v", MaxMagnitude, o.RandAugment)
	case !(o.CutMix >= 0 && o.CutMix <= 1):
		return fmt.Errorf("the chance of CutMix is from 0 to 1, not %v", o.CutMix)
	}
	return nil
}

// An Augmenter augments images one by one; it keeps buffers between them and is not safe for
// concurrent use.
type Augmenter struct {
	Options
	resizer   imaging.Resizer
	buf, last []uint8
	before    []uint8 // an operation of RandAugment
}

// Image writes an augmented image into each dst, in the size of the preprocessing of the same
// number: the same picture in several sizes. Where an operation of RandAugment leaves nothing of
// it, there is the preprocessing's Fill. img may be changed.
func (a *Augmenter) Image(dst [][]uint8, img imaging.RGB, sizes []imaging.Preprocessing, r *rand.Rand) {
	if a.Flip && r.IntN(2) == 0 {
		mirror(img)
	}
	if a.Shift > 0 {
		right, down := r.IntN(2*a.Shift+1)-a.Shift, r.IntN(2*a.Shift+1)-a.Shift
		img = a.cut(img, -right, -down, img.Width, img.Height)
	}
	if a.Crop > 0 {
		x, y, w, h := box(img.Width, img.Height, a.Crop, r)
		img = a.cut(img, x, y, w, h)
	}
	var changes []change
	if a.RandAugment > 0 {
		changes = draw(a.RandAugment, r)
	}
	for i, p := range sizes {
		if a.Crop > 0 {
			p.CropPct, p.Mode = 1, imaging.Squash
		}
		a.resizer.Apply(dst[i], img, p)
		for _, c := range changes {
			c.do(a, imaging.RGB{Width: p.Width, Height: p.Height, Pix: dst[i]}, c.by, p.Fill)
		}
	}
}

// mirror exchanges left and right.
func mirror(img imaging.RGB) {
	for y := range img.Height {
		row := img.Pix[y*img.Width*3:][:img.Width*3]
		for i, j := 0, len(row)-3; i < j; i, j = i+3, j-3 {
			row[i], row[j] = row[j], row[i]
			row[i+1], row[j+1] = row[j+1], row[i+1]
			row[i+2], row[j+2] = row[j+2], row[i+2]
		}
	}
}

// cut returns w x h pixels of an image, from (x, y) on; those outside of it are black. It is
// valid until the call after the next.
func (a *Augmenter) cut(img imaging.RGB, x, y, w, h int) imaging.RGB {
	if x == 0 && y == 0 && w == img.Width && h == img.Height {
		return img
	}
	// The image may be what was cut out last.
	a.buf, a.last = a.last, a.buf
	n := w * h * 3
	if cap(a.buf) < n {
		a.buf = make([]uint8, n)
	}
	out := a.buf[:n]
	clear(out)
	left, right := max(x, 0), min(x+w, img.Width)
	for row := max(y, 0); row < min(y+h, img.Height) && left < right; row++ {
		copy(out[((row-y)*w+left-x)*3:], img.Pix[(row*img.Width+left)*3:(row*img.Width+right)*3])
	}
	return imaging.RGB{Width: w, Height: h, Pix: out}
}

// box draws a rectangle with a share of the area from least to 1 and an aspect ratio from 3/4
// to 4/3, as torchvision's RandomResizedCrop does: after ten that do not fit it takes the
// middle one that is as large as the ratios allow.
func box(width, height int, least float64, r *rand.Rand) (x, y, w, h int) {
	const low, high = 3. / 4, 4. / 3
	for range 10 {
		area := float64(width) * float64(height) * (least + (1-least)*r.Float64())
		ratio := math.Exp(math.Log(low) + (math.Log(high)-math.Log(low))*r.Float64())
		w, h = int(math.RoundToEven(math.Sqrt(area*ratio))), int(math.RoundToEven(math.Sqrt(area/ratio)))
		if w > 0 && h > 0 && w <= width && h <= height {
			return r.IntN(width - w + 1), r.IntN(height - h + 1), w, h
		}
	}
	w, h = width, height
	switch ratio := float64(width) / float64(height); {
	case ratio < low:
		h = min(int(math.RoundToEven(float64(w)/low)), height)
	case ratio > high:
		w = min(int(math.RoundToEven(float64(h)*high)), width)
	}
	return (width - w) / 2, (height - h) / 2, w, h
}

// Batch exchanges, by the chance that CutMix is, one rectangle between each image of a batch
// and the one that is as far from its other end, and as much of their targets: images are
// height x width pixels, targets classes numbers each. The rectangle's share of the area is,
// as in the paper (Yun et al. 2019) with beta 1, uniform, before what lies outside of the
// image is cut off. Batches of one picture in several sizes exchange, by equal generators,
// the same but for rounding; targets may be nil.
func (o Options) Batch(pixels []uint8, height, width int, targets []float32, classes int, r *rand.Rand) {
	if o.CutMix == 0 || r.Float64() >= o.CutMix {
		return
	}
	side := math.Sqrt(r.Float64())
	top, bottom := span(height, side, r)
	left, right := span(width, side, r)
	share := float32((bottom-top)*(right-left)) / float32(height*width)
	size := height * width * 3
	for i, j := 0, len(pixels)/size-1; i < j; i, j = i+1, j-1 {
		for y := top; y < bottom; y++ {
			from, to := (y*width+left)*3, (y*width+right)*3
			exchange(pixels[i*size+from:i*size+to], pixels[j*size+from:j*size+to])
		}
		if targets == nil {
			continue
		}
		a, b := targets[i*classes:][:classes], targets[j*classes:][:classes]
		for c := range a {
			a[c], b[c] = a[c]+(b[c]-a[c])*share, b[c]+(a[c]-b[c])*share
		}
	}
}

// span draws where a share of a length is, around any of its points, within it.
func span(length int, share float64, r *rand.Rand) (from, to int) {
	size, middle := int(float64(length)*share), int(float64(length)*r.Float64())
	return max(middle-size/2, 0), min(middle+size/2, length)
}

func exchange(a, b []uint8) {
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
}
