package augment

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
)

//go:embed testdata/randaugment.json
var recorded []byte

// TestOperations compares each operation with Pillow's pixels, at the strengths that timm gives
// it; of small, grey and smooth images and of noise.
func TestOperations(t *testing.T) {
	t.Parallel()
	var want struct {
		Images []struct {
			Width, Height int
			Fill          [3]uint8
			Pixels        []byte
		}
		Results []struct {
			Image               int
			Operation, SHA256   string
			Magnitude, Strength float64
		}
	}
	if err := json.Unmarshal(recorded, &want); err != nil {
		t.Fatal(err)
	}
	known := map[string]*operation{}
	for i := range operations {
		known[operations[i].name] = &operations[i]
	}
	seen := map[string]bool{}
	for _, r := range want.Results {
		o := known[r.Operation]
		if o == nil {
			t.Fatalf("no %s", r.Operation)
		}
		seen[r.Operation] = true
		if got := o.strength(r.Magnitude); got != math.Abs(r.Strength) || r.Strength < 0 && !o.negated {
			t.Errorf("%s: strength %v at %v, want %v", r.Operation, got, r.Magnitude, r.Strength)
		}
		from := want.Images[r.Image]
		img := imaging.RGB{Width: from.Width, Height: from.Height, Pix: bytes.Clone(from.Pixels)}
		o.do(new(Augmenter), img, r.Strength, from.Fill)
		if sum := sha256.Sum256(img.Pix); hex.EncodeToString(sum[:]) != r.SHA256 {
			t.Errorf("%s by %v: image %d has not the pixels of Pillow", r.Operation, r.Strength, r.Image)
		}
	}
	if len(seen) != len(operations) {
		t.Errorf("%d operations of %d are compared", len(seen), len(operations))
	}
}

// TestDraw counts what is drawn.
func TestDraw(t *testing.T) {
	t.Parallel()
	const n, magnitude = 60_000, 9
	r := random(1)
	times, sizes := map[string]int{}, map[int]int{}
	negative, sum, squares := 0, 0., 0.
	for range n {
		changes := draw(magnitude, r)
		sizes[len(changes)]++
		for _, c := range changes {
			times[c.name]++
			if c.name != "Rotate" {
				continue
			}
			m := math.Abs(c.by) / 30 * MaxMagnitude
			sum, squares = sum+m, squares+m*m
			if c.by < 0 {
				negative++
			}
		}
	}
	close := func(what string, got int, want float64) {
		t.Helper()
		if math.Abs(float64(got)-want) > 5*math.Sqrt(want) {
			t.Errorf("%s: %d, about %v are expected", what, got, want)
		}
	}
	for k, share := range []float64{.25, .5, .25} {
		close("images of some changes", sizes[k], n*share)
	}
	for _, o := range operations {
		close(o.name, times[o.name], float64(n)/float64(len(operations)))
	}
	rotated := float64(times["Rotate"])
	close("negative", negative, rotated/2)
	mean := sum / rotated
	// Of a normal distribution around 9 what is above 10 is 10.
	if deviation := math.Sqrt(squares/rotated - mean*mean); math.Abs(mean-9) > .03 || math.Abs(deviation-.5) > .03 {
		t.Errorf("magnitudes are %v ± %v", mean, deviation)
	}
}

// TestRandAugment looks at whole images: by equal chance they are the same pictures, in several
// sizes, too, with the other changes as without RandAugment.
func TestRandAugment(t *testing.T) {
	t.Parallel()
	img := noise(40, 30, random(5))
	sizes := []imaging.Preprocessing{{Height: 32, Width: 32, CropPct: 1, Fill: [3]uint8{9, 8, 7}}, {Height: 16, Width: 24, CropPct: 1, Filter: imaging.Bicubic, Fill: [3]uint8{9, 8, 7}}}
	plain := Augmenter{Options: Options{Flip: true, Crop: .2}}
	a := Augmenter{Options: Options{Flip: true, Crop: .2, RandAugment: 9}}
	changed := 0
	for seed := range uint64(200) {
		both := [][]uint8{make([]uint8, sizes[0].Size()), make([]uint8, sizes[1].Size())}
		a.Image(both, imaging.RGB{Width: img.Width, Height: img.Height, Pix: bytes.Clone(img.Pix)}, sizes, random(seed))
		for i, p := range sizes {
			if !bytes.Equal(both[i], a.apply(img, p, random(seed))) {
				t.Fatalf("seed %d: size %d is another picture", seed, i)
			}
		}
		without := plain.apply(img, sizes[0], random(seed))
		r := random(seed)
		plain.apply(img, sizes[0], r)
		changes := draw(9, r)
		if len(changes) == 0 && !bytes.Equal(without, both[0]) {
			t.Errorf("seed %d: no change changed it", seed)
		}
		if !bytes.Equal(without, both[0]) {
			changed++
		}
	}
	if changed < 110 || changed > 170 {
		t.Errorf("of 200 images %d are changed", changed)
	}
}

// TestGrey keeps grey images grey.
func TestGrey(t *testing.T) {
	t.Parallel()
	img := noise(19, 23, random(2))
	for i := range img.Pix {
		img.Pix[i] = img.Pix[i-i%3]
	}
	r := rand.New(rand.NewPCG(3, 3))
	for _, o := range operations {
		got := imaging.RGB{Width: img.Width, Height: img.Height, Pix: bytes.Clone(img.Pix)}
		o.do(new(Augmenter), got, o.strength(10*r.Float64()), [3]uint8{50, 50, 50})
		for i := range got.Pix {
			if got.Pix[i] != got.Pix[i-i%3] {
				t.Errorf("%s gives a grey image colours", o.name)
				break
			}
		}
	}
}
