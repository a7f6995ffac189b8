package augment

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
)

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// noise is an image of random pixels.
func noise(width, height int, r *rand.Rand) imaging.RGB {
	img := imaging.RGB{Width: width, Height: height, Pix: make([]uint8, width*height*3)}
	for i := range img.Pix {
		img.Pix[i] = uint8(r.Uint32())
	}
	return img
}

func (a *Augmenter) apply(img imaging.RGB, p imaging.Preprocessing, r *rand.Rand) []uint8 {
	out := make([]uint8, p.Size())
	img.Pix = bytes.Clone(img.Pix)
	a.Image([][]uint8{out}, img, []imaging.Preprocessing{p}, r)
	return out
}

// TestShift compares shifted and mirrored images with those that a loop over pixels makes.
func TestShift(t *testing.T) {
	t.Parallel()
	const w, h, most = 9, 7, 3
	img := noise(w, h, random(1))
	a := Augmenter{Options: Options{Shift: most, Flip: true}}
	p := imaging.Preprocessing{Height: h, Width: w, CropPct: 1}
	seen := map[[3]int]bool{}
	for i := range uint64(1000) {
		got := a.apply(img, p, random(i))
		found := false
		for _, flip := range []int{0, 1} {
			for right := -most; right <= most; right++ {
				for down := -most; down <= most; down++ {
					if !bytes.Equal(got, shifted(img, flip == 1, right, down)) {
						continue
					}
					found = true
					seen[[3]int{flip, right, down}] = true
				}
			}
		}
		if !found {
			t.Fatalf("seed %d gave no shifted image", i)
		}
	}
	if all := 2 * (2*most + 1) * (2*most + 1); len(seen) != all {
		t.Errorf("%d of %d shifts came up", len(seen), all)
	}
	if got := (&Augmenter{}).apply(img, p, random(1)); !bytes.Equal(got, img.Pix) {
		t.Error("an image was changed without augmentation")
	}
}

func shifted(img imaging.RGB, flip bool, right, down int) []uint8 {
	out := make([]uint8, len(img.Pix))
	for y := range img.Height {
		for x := range img.Width {
			fromX, fromY := x-right, y-down
			if fromX < 0 || fromX >= img.Width || fromY < 0 || fromY >= img.Height {
				continue
			}
			if flip {
				fromX = img.Width - 1 - fromX
			}
			copy(out[(y*img.Width+x)*3:][:3], img.Pix[(fromY*img.Width+fromX)*3:])
		}
	}
	return out
}

// TestBox checks what random crops are: within the image, of the shares and ratios asked for.
func TestBox(t *testing.T) {
	t.Parallel()
	const least = 0.08
	for _, size := range [][2]int{{400, 300}, {32, 32}, {1, 1}, {2, 500}, {500, 2}, {7, 5}} {
		r, mean, n := random(3), 0.0, 2000
		for range n {
			x, y, w, h := box(size[0], size[1], least, r)
			if x < 0 || y < 0 || w < 1 || h < 1 || x+w > size[0] || y+h > size[1] {
				t.Fatalf("%v: %d x %d from %d, %d", size, w, h, x, y)
			}
			mean += float64(w*h) / float64(size[0]*size[1]) / float64(n)
			if ratio := float64(w) / float64(h); min(size[0], size[1]) >= 300 && (ratio < .7 || ratio > 1.4) {
				t.Fatalf("%v: %d x %d", size, w, h)
			}
		}
		// Large ones fit more seldom.
		if size[0] == 400 && (mean < .4 || mean > (1+least)/2) {
			t.Errorf("%v: crops have %v of the area on average", size, mean)
		}
	}
}

// TestCrop compares random crops with those of Pillow.
func TestCrop(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import PIL").Run(); err != nil {
		t.Skipf("needs Pillow in %s: %v", python, err)
	}
	const script = `
import sys
from PIL import Image
pixels, width, height, filter, out, *boxes = sys.argv[1:]
img = Image.frombytes("RGB", (int(width), int(height)), open(pixels, "rb").read())
with open(out, "wb") as f:
    for x, y, w, h, side in zip(*[map(int, boxes)] * 5):
        f.write(img.crop((x, y, x + w, y + h)).resize((side, side), getattr(Image, filter.upper())).tobytes())
`
	dir := t.TempDir()
	for _, filter := range []imaging.Filter{imaging.Bilinear, imaging.Bicubic} {
		img := noise(61, 47, random(4))
		pixels, out := filepath.Join(dir, "pixels"), filepath.Join(dir, "out")
		if err := os.WriteFile(pixels, img.Pix, 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"-c", script, pixels, "61", "47", filter.String(), out}
		var got []byte
		a := Augmenter{Options: Options{Crop: .08}}
		for seed := range uint64(30) {
			side := 16 + 5*int(seed)
			x, y, w, h := box(61, 47, .08, random(seed))
			for _, v := range []int{x, y, w, h, side} {
				args = append(args, strconv.Itoa(v))
			}
			p := imaging.Preprocessing{Height: side, Width: side, CropPct: .875, Filter: filter}
			got = append(got, a.apply(img, p, random(seed))...)
		}
		if text, err := exec.Command(python, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		want, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: not the pixels of Pillow", filter)
		}
	}
}

// TestSizes looks at one picture in several sizes: augmented by the same chance, then resized.
func TestSizes(t *testing.T) {
	t.Parallel()
	img := noise(40, 30, random(5))
	sizes := []imaging.Preprocessing{{Height: 32, Width: 32, CropPct: 1}, {Height: 16, Width: 16, CropPct: .875, Filter: imaging.Bicubic}}
	for _, o := range []Options{{Flip: true, Shift: 3}, {Flip: true, Crop: .2}} {
		a := Augmenter{Options: o}
		for seed := range uint64(20) {
			both := [][]uint8{make([]uint8, sizes[0].Size()), make([]uint8, sizes[1].Size())}
			a.Image(both, imaging.RGB{Width: img.Width, Height: img.Height, Pix: bytes.Clone(img.Pix)}, sizes, random(seed))
			for i, p := range sizes {
				if !bytes.Equal(both[i], a.apply(img, p, random(seed))) {
					t.Fatalf("%+v, seed %d: size %d is another picture", o, seed, i)
				}
			}
		}
	}
	// Large and small batches exchange the same rectangle.
	large, small := make([]uint8, 2*32*32*3), make([]uint8, 2*16*16*3)
	for i := range large[len(large)/2:] {
		large[i] = 255
	}
	for i := range small[len(small)/2:] {
		small[i] = 255
	}
	share := func(pixels []uint8) float64 {
		return 2 * float64(bytes.Count(pixels[:len(pixels)/2], []byte{0})) / float64(len(pixels))
	}
	for seed := range uint64(50) {
		a, b := bytes.Clone(large), bytes.Clone(small)
		Options{CutMix: 1}.Batch(a, 32, 32, nil, 2, random(seed))
		Options{CutMix: 1}.Batch(b, 16, 16, nil, 2, random(seed))
		if math.Abs(share(a)-share(b)) > .15 {
			t.Errorf("seed %d: %v of the large image and %v of the small one", seed, share(a), share(b))
		}
	}
}

// TestBatch compares batches with what a loop over pixels makes of the rectangle that their
// targets tell.
func TestBatch(t *testing.T) {
	t.Parallel()
	const n, w, h, classes = 5, 8, 6, 5
	o := Options{CutMix: .5}
	mixed, shares := 0, 0.0
	for seed := range uint64(4000) {
		pixels, targets := make([]uint8, n*w*h*3), make([]float32, n*classes)
		for i := range pixels {
			pixels[i] = uint8(i / (w * h * 3)) // the number of its image
		}
		for i := range n {
			targets[i*classes+i] = 1
		}
		o.Batch(pixels, h, w, targets, classes, random(seed))
		for i := range n {
			other := n - 1 - i
			foreign := 0
			for _, v := range pixels[i*w*h*3:][:w*h*3] {
				switch int(v) {
				case other:
					foreign++
				case i:
				default:
					t.Fatalf("image %d has pixels of image %d", i, v)
				}
			}
			share := float64(foreign) / (w * h * 3)
			if i == other {
				share = 1
			}
			for c := range classes {
				want := 0.0
				switch c {
				case other:
					want = share
				case i:
					want = 1 - share
				}
				if got := float64(targets[i*classes+c]); math.Abs(got-want) > 1e-6 {
					t.Fatalf("seed %d: image %d has %v of class %d and %v of its pixels", seed, i, got, c, want)
				}
			}
			if i == 0 && share > 0 {
				mixed++
				shares += share
			}
		}
	}
	// Without edges and rounding the mean share would be one half.
	if mixed < 1500 || mixed > 2000 || shares/float64(mixed) < .15 || shares/float64(mixed) > .5 {
		t.Errorf("of 4000 batches %d were mixed, by %v on average", mixed, shares/float64(mixed))
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for words, o := range map[string]Options{
		"":                      {Crop: .08, Shift: 2, Flip: true, CutMix: 1},
		"share of the area":     {Crop: math.NaN()},
		"shifted by 0 to 1024":  {Shift: -1},
		"the chance of CutMix ": {CutMix: 1.5},
		"RandAugment is from 0": {RandAugment: 11},
	} {
		if err := o.Check(); (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
