package augment

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
)

// RandAugment (Cubuk et al. 2020) is here what NAT and ENCAS take of the package timm,
// "rand-m9-mstd0.5": of fifteen operations two are drawn, maybe twice the same, and each is done
// by the chance of one half, with a magnitude from a normal distribution around the one that is
// asked for. Pixels are those of Pillow. As in timm, Color, Contrast, Brightness and Sharpness
// change nothing at magnitude 5, take away below and add above; Posterize and Solarize change more
// the lower the magnitude is.
const (
	drawn        = 2
	chance       = 0.5
	spread       = 0.5 // standard deviation of magnitudes
	MaxMagnitude = 10  // the largest magnitude
)

// An operation changes an image by a strength, which is what a magnitude means to it.
type operation struct {
	name     string
	strength func(magnitude float64) float64
	negated  bool // half of the strengths are
	do       func(a *Augmenter, img imaging.RGB, strength float64, fill [3]uint8)
}

var operations = []operation{
	{"AutoContrast", none, false, autoContrast},
	{"Equalize", none, false, equalize},
	{"Invert", none, false, invert},
	{"Rotate", share(30), true, (*Augmenter).rotate},
	{"Posterize", whole(4), false, posterize},
	{"Solarize", whole(256), false, solarize},
	{"SolarizeAdd", whole(110), false, solarizeAdd},
	{"Color", enhancement, false, color},
	{"Contrast", enhancement, false, contrast},
	{"Brightness", enhancement, false, brightness},
	{"Sharpness", enhancement, false, (*Augmenter).sharpness},
	{"ShearX", share(0.3), true, (*Augmenter).shearX},
	{"ShearY", share(0.3), true, (*Augmenter).shearY},
	{"TranslateXRel", share(0.45), true, (*Augmenter).translateX},
	{"TranslateYRel", share(0.45), true, (*Augmenter).translateY},
}

// none is the strength of what has none.
func none(float64) float64 { return 0 }

// share is a strength that grows with the magnitude, up to most.
func share(most float64) func(float64) float64 {
	return func(magnitude float64) float64 { return magnitude / MaxMagnitude * most }
}

// whole is such a strength in whole steps.
func whole(most float64) func(float64) float64 {
	return func(magnitude float64) float64 { return math.Trunc(magnitude / MaxMagnitude * most) }
}

// enhancement is the factor of an enhancement: 1 changes nothing.
func enhancement(magnitude float64) float64 { return float64(magnitude/MaxMagnitude*1.8) + 0.1 }

// A change is an operation that was drawn.
type change struct {
	*operation
	by float64
}

// draw draws what happens to an image.
func draw(magnitude float64, r *rand.Rand) (changes []change) {
	for range drawn {
		o := &operations[r.IntN(len(operations))]
		if r.Float64() >= chance {
			continue
		}
		by := o.strength(min(max(magnitude+spread*r.NormFloat64(), 0), MaxMagnitude))
		if o.negated && r.IntN(2) == 0 {
			by = -by
		}
		changes = append(changes, change{o, by})
	}
	return changes
}

// A table maps the values of one channel.
type table [256]uint8

// through maps an image's values.
func through(img imaging.RGB, tables *[3]table) {
	for i, v := range img.Pix {
		img.Pix[i] = tables[i%3][v]
	}
}

// throughAll maps the values of all channels alike.
func throughAll(img imaging.RGB, f func(v int) int) {
	var t table
	for v := range t {
		t[v] = uint8(f(v))
	}
	through(img, &[3]table{t, t, t})
}

// counts are how often each value is in each channel.
func counts(img imaging.RGB) (n [3][256]int) {
	for i, v := range img.Pix {
		n[i%3][v]++
	}
	return n
}

// autoContrast stretches the values of each channel to all there are.
func autoContrast(_ *Augmenter, img imaging.RGB, _ float64, _ [3]uint8) {
	var tables [3]table
	for c, n := range counts(img) {
		low, high := 0, 255
		for low < 255 && n[low] == 0 {
			low++
		}
		for high > 0 && n[high] == 0 {
			high--
		}
		for v := range tables[c] {
			tables[c][v] = uint8(v)
			if low < high {
				scale := 255 / float64(high-low)
				tables[c][v] = uint8(min(max(int(float64(float64(v)*scale)+float64(-float64(low)*scale)), 0), 255))
			}
		}
	}
	through(img, &tables)
}

// equalize makes the values of each channel about equally frequent.
func equalize(_ *Augmenter, img imaging.RGB, _ float64, _ [3]uint8) {
	var tables [3]table
	for c, n := range counts(img) {
		values, last := 0, 0 // how many there are, and the count of the last
		for _, k := range n {
			if k > 0 {
				values, last = values+1, k
			}
		}
		step := (len(img.Pix)/3 - last) / 255
		sum := step / 2
		for v := range tables[c] {
			tables[c][v] = uint8(v)
			if values > 1 && step > 0 {
				tables[c][v] = uint8(min(sum/step, 255))
			}
			sum += n[v]
		}
	}
	through(img, &tables)
}

func invert(_ *Augmenter, img imaging.RGB, _ float64, _ [3]uint8) {
	throughAll(img, func(v int) int { return 255 - v })
}

// posterize keeps some of the bits of each value, which may be none.
func posterize(_ *Augmenter, img imaging.RGB, bits float64, _ [3]uint8) {
	throughAll(img, func(v int) int { return v &^ (1<<(8-int(bits)) - 1) })
}

// solarize inverts values from a threshold on.
func solarize(_ *Augmenter, img imaging.RGB, from float64, _ [3]uint8) {
	throughAll(img, func(v int) int {
		if v < int(from) {
			return v
		}
		return 255 - v
	})
}

// solarizeAdd makes dark values brighter.
func solarizeAdd(_ *Augmenter, img imaging.RGB, by float64, _ [3]uint8) {
	throughAll(img, func(v int) int {
		if v < 128 {
			return min(v+int(by), 255)
		}
		return v
	})
}

// blend goes from a value of another image to that of this one, and beyond it if factor is
// greater than 1.
func blend(other, this uint8, factor float32) uint8 {
	v := float32(other) + float32(factor*float32(int(this)-int(other)))
	return uint8(min(max(v, 0), 255))
}

// grey is the brightness of a pixel.
func grey(pixel []uint8) uint8 {
	return uint8((19595*int(pixel[0]) + 38470*int(pixel[1]) + 7471*int(pixel[2]) + 1<<15) >> 16)
}

// color goes from grey to more than the colours that there are.
func color(_ *Augmenter, img imaging.RGB, factor float64, _ [3]uint8) {
	for i := 0; i < len(img.Pix); i += 3 {
		pixel := img.Pix[i:][:3]
		g := grey(pixel)
		for c, v := range pixel {
			pixel[c] = blend(g, v, float32(factor))
		}
	}
}

// contrast goes from the mean brightness to more contrast than there is.
func contrast(_ *Augmenter, img imaging.RGB, factor float64, _ [3]uint8) {
	sum := 0
	for i := 0; i < len(img.Pix); i += 3 {
		sum += int(grey(img.Pix[i:][:3]))
	}
	mean := uint8(float64(sum)/float64(len(img.Pix)/3) + 0.5)
	throughAll(img, func(v int) int { return int(blend(mean, uint8(v), float32(factor))) })
}

// brightness goes from black to brighter than it is.
func brightness(_ *Augmenter, img imaging.RGB, factor float64, _ [3]uint8) {
	throughAll(img, func(v int) int { return int(blend(0, uint8(v), float32(factor))) })
}

// sharpness goes from a mean over the neighbours, but at the edges, to sharper than it is.
func (a *Augmenter) sharpness(img imaging.RGB, factor float64, _ [3]uint8) {
	before := a.copyOf(img)
	row := img.Width * 3
	for y := 1; y < img.Height-1; y++ {
		for i := y*row + 3; i < (y+1)*row-3; i++ {
			sum := 4 * int(before[i])
			for _, at := range [...]int{i - row, i, i + row} {
				sum += int(before[at-3]) + int(before[at]) + int(before[at+3])
			}
			img.Pix[i] = blend(uint8((2*sum+13)/26), before[i], float32(factor))
		}
	}
}

func (a *Augmenter) shearX(img imaging.RGB, by float64, fill [3]uint8) {
	a.transform(img, [6]float64{1, by, 0, 0, 1, 0}, fill)
}

func (a *Augmenter) shearY(img imaging.RGB, by float64, fill [3]uint8) {
	a.transform(img, [6]float64{1, 0, 0, by, 1, 0}, fill)
}

func (a *Augmenter) translateX(img imaging.RGB, by float64, fill [3]uint8) {
	a.transform(img, [6]float64{1, 0, by * float64(img.Width), 0, 1, 0}, fill)
}

func (a *Augmenter) translateY(img imaging.RGB, by float64, fill [3]uint8) {
	a.transform(img, [6]float64{1, 0, 0, 0, 1, by * float64(img.Height)}, fill)
}

// rotate turns an image around its middle.
func (a *Augmenter) rotate(img imaging.RGB, degrees float64, fill [3]uint8) {
	// As Pillow does: from 0 to 360, the matrix of 15 decimals.
	if degrees = math.Mod(degrees, 360); degrees < 0 {
		degrees += 360
	}
	angle := -degrees * (float64(math.Pi) / 180)
	sin, cos := rounded(math.Sin(angle)), rounded(math.Cos(angle))
	x, y := float64(img.Width)/2, float64(img.Height)/2
	a.transform(img, [6]float64{
		cos, sin, float64(float64(cos*-x)+float64(sin*-y)) + x,
		-sin, cos, float64(float64(-sin*-x)+float64(cos*-y)) + y,
	}, fill)
}

func rounded(x float64) float64 {
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'f', 15, 64), 64)
	return x
}

// transform takes each pixel from where an affine map says, by bicubic interpolation; one from
// outside of the image is filled.
func (a *Augmenter) transform(img imaging.RGB, m [6]float64, fill [3]uint8) {
	from := imaging.RGB{Width: img.Width, Height: img.Height, Pix: a.copyOf(img)}
	width, height := float64(img.Width), float64(img.Height)
	for y := range img.Height {
		for x := range img.Width {
			px, py := float64(x)+0.5, float64(y)+0.5
			u := float64(float64(m[0]*px)+float64(m[1]*py)) + m[2]
			v := float64(float64(m[3]*px)+float64(m[4]*py)) + m[5]
			out := img.Pix[(y*img.Width+x)*3:][:3]
			if u >= 0 && u < width && v >= 0 && v < height {
				interpolate(out, from, u-0.5, v-0.5)
			} else {
				copy(out, fill[:])
			}
		}
	}
}

// interpolate writes the pixel between sixteen others; beyond the edge they are those at it.
func interpolate(out []uint8, img imaging.RGB, x, y float64) {
	left, top := math.Floor(x), math.Floor(y)
	dx, dy := x-left, y-top
	var columns, rows [4]int
	for i := range 4 {
		columns[i] = 3 * min(max(int(left)-1+i, 0), img.Width-1)
		rows[i] = 3 * img.Width * min(max(int(top)-1+i, 0), img.Height-1)
	}
	for c := range out {
		var v [4]float64
		for i, row := range rows {
			at := func(k int) float64 { return float64(img.Pix[row+columns[k]+c]) }
			v[i] = cubic(at(0), at(1), at(2), at(3), dx)
		}
		out[c] = uint8(min(max(cubic(v[0], v[1], v[2], v[3], dy), 0), 255))
	}
}

// cubic is the value at d between b and c. No two of its operations are to be rounded as one.
func cubic(a, b, c, d, at float64) float64 {
	second, third, fourth := -a+c, 2*(a-b)+c-d, -a+b-c+d
	return b + float64(at*(second+float64(at*(third+float64(at*fourth)))))
}

// copyOf returns a copy of an image's pixels, valid until the next.
func (a *Augmenter) copyOf(img imaging.RGB) []uint8 {
	a.before = append(a.before[:0], img.Pix...)
	return a.before
}
