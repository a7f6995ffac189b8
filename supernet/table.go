package supernet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// A Table describes a supernet: what its subnets may choose, and how the network is put
// together from that. All lists of choices ascend.
type Table struct {
	Name        string   `json:"name"`
	License     string   `json:"license,omitempty"` // of the published weights
	Resolutions []int    `json:"resolutions"`
	Stem        Stem     `json:"stem"`
	Stages      []Stage  `json:"stages"`
	Head        Head     `json:"head"`
	Shortcut    Shortcut `json:"shortcut"`
	Shrink      Shrink   `json:"shrink"`
	Genes       Coding   `json:"genes"`
	Eps         float64  `json:"eps"` // of the batch norms
	Calibration Variance `json:"calibration"`
	Images      Images   `json:"images"`
}

// A Stem is the 3x3 convolution at the beginning.
type Stem struct {
	Widths     []int      `json:"widths"`
	Stride     int        `json:"stride"`
	Activation Activation `json:"activation"`
}

// A Stage is a row of inverted residual blocks of the same width. The first of them has
// the stride.
type Stage struct {
	Widths     []int      `json:"widths"`
	Depths     []int      `json:"depths"`
	Kernels    []int      `json:"kernels"`
	Expansions []int      `json:"expansions"`
	Stride     int        `json:"stride"`
	Activation Activation `json:"activation"`
	SE         bool       `json:"se,omitempty"`
	// Fixed: genomes have no say in this stage, which takes its largest choices.
	Fixed bool `json:"fixed,omitempty"`
}

// A Head comes after the last stage. Its first width is one of Expand, or Factor times
// that of the last stage.
type Head struct {
	Kind       HeadKind   `json:"kind"`
	Expand     []int      `json:"expand,omitempty"`
	Factor     int        `json:"factor,omitempty"`
	Widths     []int      `json:"widths"`
	Activation Activation `json:"activation"`
}

// Images says how images are prepared, for a subnet of any resolution.
type Images struct {
	Mean          [3]float64 `json:"mean"`
	Std           [3]float64 `json:"std"`
	Interpolation string     `json:"interpolation"`
	// Crop: the shorter side becomes ceil(side/Crop), then the centre is cut out.
	Crop float64 `json:"crop"`
	// Side is the side of the images, if the network resizes them itself; otherwise 0.
	Input int `json:"input,omitempty"`
}

// The words of a table.
type (
	Activation string
	HeadKind   string
	Shortcut   string
	Shrink     string
	Coding     string
	// A Variance is a custom of recalibrating batch norms.
	Variance string
)

const (
	ReLU   Activation = "relu"
	ReLU6  Activation = "relu6"
	HSwish Activation = "h-swish"
	Swish  Activation = "swish"

	// ExpandMix: 1x1, norm, activation, pool, 1x1, activation, linear.
	ExpandMix HeadKind = "expand-mix"
	// Mix: 1x1, norm, activation, pool, linear.
	Mix HeadKind = "mix"

	// Identity: where stride is 1 and the widths are equal.
	Identity Shortcut = "identity"
	// Pool: everywhere, by average pooling and a 1x1 convolution if the widths differ.
	Pool Shortcut = "pool"

	// Crop: the centre of the larger kernel.
	Crop Shrink = "crop"
	// Matrix: the centre, multiplied by a learned matrix, one size after the other.
	Matrix Shrink = "matrix"

	// ByBlock: every block chooses its kernel and expansion.
	ByBlock Coding = "block"
	// ByStage: all blocks of a stage have the same.
	ByStage Coding = "stage"

	// Biased: averages weighted by batch size, variances with divisor n, as OFA.
	Biased Variance = "biased"
	// Unbiased: plain averages over batches, divisor n-1, as AttentiveNAS.
	Unbiased Variance = "unbiased"
)

// What a table may be at most. The largest network within them has costs that an int64
// holds.
const (
	maxChoices    = 256
	maxStages     = 32
	maxDepth      = 64
	maxWidth      = 1 << 14
	maxKernel     = 31
	maxExpansion  = 64
	maxResolution = 4096
	maxTableBytes = 1 << 20
)

// ReadTable reads a table in JSON and checks it. A field that is not known is an error.
func ReadTable(r io.Reader) (Table, error) {
	var t Table
	text, err := io.ReadAll(io.LimitReader(r, maxTableBytes+1))
	if err != nil {
		return t, err
	}
	if len(text) > maxTableBytes {
		return t, fmt.Errorf("the table is larger than %d bytes", maxTableBytes)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return Table{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Table{}, errors.New("there is something after the table")
	}
	if err := t.Check(); err != nil {
		return Table{}, err
	}
	return t, nil
}

// Check fails if the table describes no supernet.
func (t *Table) Check() error {
	if t.Name == "" {
		return errors.New("the table has no name")
	}
	err := errors.Join(
		choices("resolutions", t.Resolutions, maxResolution),
		choices("stem: widths", t.Stem.Widths, maxWidth),
		stride("stem", t.Stem.Stride),
		oneOf("stem: activation", t.Stem.Activation, ReLU, ReLU6, HSwish, Swish),
		choices("head: widths", t.Head.Widths, maxWidth),
		oneOf("head: activation", t.Head.Activation, ReLU, ReLU6, HSwish, Swish),
		oneOf("head: kind", t.Head.Kind, ExpandMix, Mix),
		oneOf("shortcut", t.Shortcut, Identity, Pool),
		oneOf("shrink", t.Shrink, Crop, Matrix),
		oneOf("genes", t.Genes, ByBlock, ByStage),
		oneOf("calibration", t.Calibration, Biased, Unbiased),
		t.Images.check(),
	)
	if err == nil && (len(t.Stages) == 0 || len(t.Stages) > maxStages) {
		err = fmt.Errorf("stages: there are %d, and 1 to %d are possible", len(t.Stages), maxStages)
	}
	if err == nil && !(t.Eps > 0 && t.Eps < 1) {
		err = fmt.Errorf("eps: %v is not between 0 and 1", t.Eps)
	}
	if err != nil {
		return firstOf(err)
	}
	for i, stage := range t.Stages {
		if err := stage.check(t.Genes); err != nil {
			return fmt.Errorf("stage %d: %w", i+1, firstOf(err))
		}
	}
	return t.checkHead()
}

// firstOf is the first of joined errors.
func firstOf(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()[0]
	}
	return err
}

func (s *Stage) check(coding Coding) error {
	err := errors.Join(
		choices("widths", s.Widths, maxWidth),
		choices("depths", s.Depths, maxDepth),
		choices("kernels", s.Kernels, maxKernel),
		choices("expansions", s.Expansions, maxExpansion),
		stride("stride", s.Stride),
		oneOf("activation", s.Activation, ReLU, ReLU6, HSwish, Swish),
	)
	if err != nil {
		return err
	}
	for i, k := range s.Kernels {
		if k%2 == 0 {
			return fmt.Errorf("kernels: %d is even", k)
		}
		if i > 0 && k != s.Kernels[i-1]+2 {
			return fmt.Errorf("kernels: %d does not follow %d", k, s.Kernels[i-1])
		}
	}
	if coding == ByBlock {
		for i, d := range s.Depths {
			if d != s.Depths[0]+i {
				return fmt.Errorf("depths: %d does not follow %d, as genes by block need", d, s.Depths[i-1])
			}
		}
	}
	return nil
}

func (t *Table) checkHead() error {
	h, last := t.Head, t.Stages[len(t.Stages)-1]
	switch {
	case h.Kind == Mix && (len(h.Expand) > 0 || h.Factor != 0):
		return fmt.Errorf("head: of kind %s it has neither expand nor factor", h.Kind)
	case h.Kind == Mix:
		return nil
	case (len(h.Expand) > 0) == (h.Factor != 0):
		return fmt.Errorf("head: of kind %s it has expand or factor", h.Kind)
	case h.Factor != 0:
		if widest := slices.Max(last.Widths); h.Factor < 1 || h.Factor*widest > maxWidth {
			return fmt.Errorf("head: factor: %d times %d is not a width from 1 to %d", h.Factor, widest, maxWidth)
		}
		return nil
	case len(h.Expand) > 1:
		return errors.New("head: expand: there is no gene for more than one width")
	}
	return choices("head: expand", h.Expand, maxWidth)
}

func (i *Images) check() error {
	for c := range 3 {
		if !(math.Abs(i.Mean[c]) <= 1) || !(i.Std[c] > 0 && i.Std[c] <= 1) {
			return errors.New("images: mean and std are three numbers of at most 1, those of std above 0")
		}
	}
	if !(i.Crop > 0 && i.Crop <= 1) {
		return fmt.Errorf("images: crop: %v is not above 0 and at most 1", i.Crop)
	}
	if i.Input < 0 || i.Input > maxResolution {
		return fmt.Errorf("images: input: %d is not a number of pixels up to %d", i.Input, maxResolution)
	}
	return oneOf("images: interpolation", i.Interpolation, "bilinear", "bicubic", "lanczos")
}

// choices fails unless values are some ascending numbers from 1 to most.
func choices(name string, values []int, most int) error {
	if len(values) == 0 || len(values) > maxChoices {
		return fmt.Errorf("%s: there are %d values, and 1 to %d are possible", name, len(values), maxChoices)
	}
	for i, v := range values {
		if v < 1 || v > most {
			return fmt.Errorf("%s: %d is not a number from 1 to %d", name, v, most)
		}
		if i > 0 && v <= values[i-1] {
			return fmt.Errorf("%s: %d comes after %d; values ascend", name, v, values[i-1])
		}
	}
	return nil
}

func stride(name string, v int) error {
	if v != 1 && v != 2 {
		return fmt.Errorf("%s: the stride %d is neither 1 nor 2", name, v)
	}
	return nil
}

func oneOf[T ~string](name string, v T, known ...T) error {
	if !slices.Contains(known, v) {
		return fmt.Errorf("%s: %q is none of %q", name, v, known)
	}
	return nil
}

// Side is the side of the images for a subnet of some resolution.
func (i *Images) Side(resolution int) int {
	if i.Input > 0 {
		return i.Input
	}
	return resolution
}

// CropPct is the share with which timm, which resizes the shorter side to
// floor(side/share), resizes it to ceil(side/Crop).
func (i *Images) CropPct(side int) float64 {
	// 224/0.875 is 256, but not to the last bit for every side.
	resized := math.Ceil(float64(side)/i.Crop - 1e-9)
	pct := float64(side) / resized
	for math.Floor(float64(side)/pct) < resized {
		pct = math.Nextafter(pct, 0)
	}
	return pct
}
