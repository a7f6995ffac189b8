package imaging

import (
	"fmt"
	"math"
)

// A CropMode is how an image is brought to the model's size.
type CropMode int

// timm's crop modes, and transformers' own.
const (
	Center CropMode = iota // shorter side resized, middle cut out
	Squash                 // both sides resized, the aspect ratio lost
	Border                 // longer side resized, the rest filled with the mean colour
	Floor                  // as Center, but half a pixel goes up and left, as in transformers
)

var cropModeNames = [...]string{"center", "squash", "border", "floor"}

func (m CropMode) String() string { return cropModeNames[m] }

// ParseCropMode reads a crop mode's name, which is timm's if it has that mode.
func ParseCropMode(s string) (CropMode, error) {
	for i, name := range cropModeNames {
		if s == name {
			return CropMode(i), nil
		}
	}
	return 0, fmt.Errorf("crop_mode %q is none of center, squash, border, floor", s)
}

// MaxSize is the largest input side a Preprocessing may ask for.
const MaxSize = 8192

// A Preprocessing turns a decoded image of any size into the pixels a model sees.
// Two models with equal values can share a decoded batch.
type Preprocessing struct {
	Height, Width int
	CropPct       float64 // the crop's share of the resized side
	Mode          CropMode
	Filter        Filter
	Fill          [3]uint8 // RGB around the image; only Border uses another than 0
}

// Validate reports a setting that no model can have.
func (p Preprocessing) Validate() error {
	if p.Height < 1 || p.Width < 1 || p.Height > MaxSize || p.Width > MaxSize {
		return fmt.Errorf("input size %dx%d is not within 1..%d", p.Height, p.Width, MaxSize)
	}
	if !(p.CropPct >= 0.01 && p.CropPct <= 10) {
		return fmt.Errorf("crop_pct %v is not within 0.01..10", p.CropPct)
	}
	return nil
}

// String names the setting, for people and as a key.
func (p Preprocessing) String() string {
	s := fmt.Sprintf("%dx%d %s %v %s", p.Height, p.Width, p.Filter, p.CropPct, p.Mode)
	if p.Mode == Border {
		s += fmt.Sprintf(" %d,%d,%d", p.Fill[0], p.Fill[1], p.Fill[2])
	}
	return s
}

// Size is the number of bytes of one image after Apply.
func (p Preprocessing) Size() int { return p.Height * p.Width * 3 }

// resized returns the size an image of w x h is resized to before the crop. The
// formulas are timm's transforms_imagenet_eval and torchvision's Resize, rounding
// included.
func (p Preprocessing) resized(w, h int) (int, int) {
	th, tw := int(math.Floor(float64(p.Height)/p.CropPct)), int(math.Floor(float64(p.Width)/p.CropPct))
	switch {
	case p.Mode == Squash:
		return max(tw, 1), max(th, 1)
	case (p.Mode == Center || p.Mode == Floor) && th == tw:
		if w <= h {
			return tw, int(float64(tw*h) / float64(w))
		}
		return int(float64(th*w) / float64(h)), th
	}
	rh, rw := float64(h)/float64(th), float64(w)/float64(tw)
	ratio := min(rh, rw)
	if p.Mode == Border {
		ratio = max(rh, rw)
	}
	return max(int(math.RoundToEven(float64(w)/ratio)), 1), max(int(math.RoundToEven(float64(h)/ratio)), 1)
}

// window places size resized pixels on crop ones along one axis: pixels [from, to)
// land at at. A crop larger than the image leaves a border.
func (m CropMode) window(size, crop int) (from, to, at int) {
	if crop > size {
		return 0, size, (crop - size) / 2
	}
	from = (size - crop) / 2
	if m != Floor {
		from = int(math.RoundToEven(float64(size-crop) / 2))
	}
	return from, from + crop, 0
}

// A Resizer applies preprocessings; it keeps buffers between images and is not
// safe for concurrent use.
type Resizer struct {
	across, down weights
	rows         []uint8
	sums         []int32
}

// Apply writes the pixels a model sees into dst, p.Size() bytes, row by row, RGB.
func (r *Resizer) Apply(dst []uint8, img RGB, p Preprocessing) {
	w, h := p.resized(img.Width, img.Height)
	x0, x1, atX := p.Mode.window(w, p.Width)
	y0, y1, atY := p.Mode.window(h, p.Height)
	if x1-x0 < p.Width || y1-y0 < p.Height {
		fill := [3]uint8{}
		if p.Mode == Border {
			fill = p.Fill
		}
		for i := 0; i < p.Size(); i += 3 {
			copy(dst[i:], fill[:])
		}
	}

	// Source rows [first, last) feed the rows of the crop.
	first, last := y0, y1
	if h != img.Height {
		r.down.compute(p.Filter, img.Height, h, y0, y1)
		first, last = r.down.first[0], 0
		for i, f := range r.down.first {
			last = max(last, f+r.down.count[i])
		}
	}
	stride := (x1 - x0) * 3
	rows := img.Pix[first*img.Width*3:]
	if w != img.Width {
		r.across.compute(p.Filter, img.Width, w, x0, x1)
		r.rows = resize(r.rows, (last-first)*stride)
		for y := range last - first {
			r.across.horizontal(r.rows[y*stride:][:stride], rows[y*img.Width*3:][:img.Width*3])
		}
		rows = r.rows
	} else if x0 > 0 || x1 < w {
		r.rows = resize(r.rows, (last-first)*stride)
		for y := range last - first {
			copy(r.rows[y*stride:][:stride], rows[(y*img.Width+x0)*3:])
		}
		rows = r.rows
	}
	r.sums = resize(r.sums, stride)
	for y := range y1 - y0 {
		out := dst[((atY+y)*p.Width+atX)*3:][:stride]
		if h != img.Height {
			r.down.vertical(out, rows, stride, first, y, r.sums)
		} else {
			copy(out, rows[y*stride:][:stride])
		}
	}
}

// SetFill sets the border's colour to a mean of values 0..1, as timm does.
func (p *Preprocessing) SetFill(mean [3]float64) {
	for c, v := range mean {
		p.Fill[c] = uint8(min(max(math.RoundToEven(255*v), 0), 255))
	}
}
