package classifier

import (
	"fmt"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// A Recipe says how a model's file makes probabilities of classes out of an image.
type Recipe struct {
	Input     Input   `json:"input"`
	Outputs   Outputs `json:"outputs"`
	Precision string  `json:"precision"` // fp32, bf16 or fp16
}

// A Source is a recipe and the file that it is for.
type Source struct {
	File   string `json:"file"` // absolute path
	Bytes  int64  `json:"bytes"`
	Genome string `json:"genome,omitempty"` // the subnet of the file's supernet that is meant; "" for the file itself
	Recipe
}

// Input is how an image becomes the numbers that the model sees.
type Input struct {
	Height        int        `json:"height"`
	Width         int        `json:"width"`
	CropPct       float64    `json:"crop_pct"`
	CropMode      string     `json:"crop_mode"`
	Interpolation string     `json:"interpolation"`
	Mean          [3]float64 `json:"mean"` // (pixel/255 - mean)/std, for R, G and B
	Std           [3]float64 `json:"std"`
}

// Preprocessing is the pixels' part of it.
func (in Input) Preprocessing() (p imaging.Preprocessing, err error) {
	p = imaging.Preprocessing{Height: in.Height, Width: in.Width, CropPct: in.CropPct}
	if p.Mode, err = imaging.ParseCropMode(in.CropMode); err != nil {
		return p, err
	}
	if p.Filter, err = imaging.ParseFilter(in.Interpolation); err != nil {
		return p, err
	}
	if p.Mode == imaging.Border {
		p.SetFill(in.Mean)
	}
	return p, p.Validate()
}

// Normalization is the mean and the standard deviation of the channels.
func (in Input) Normalization() (mean, std [3]float32, err error) {
	for c := range 3 {
		mean[c], std[c] = float32(in.Mean[c]), float32(in.Std[c])
		if !(in.Std[c] > 0) || !(in.Mean[c] >= -10 && in.Mean[c] <= 10) {
			return mean, std, fmt.Errorf("mean %v and std %v cannot be", in.Mean, in.Std)
		}
	}
	return mean, std, nil
}

// Outputs say what the numbers are that the model returns.
type Outputs struct {
	Activation Activation `json:"activation"`
	// ClassMap is the class of each output, -1 for none; nil if output i is class i.
	ClassMap outputs.ClassMap `json:"class_map,omitempty"`
	// Order is the output of each class, if the model has them in another order; nil if not.
	Order []int `json:"order,omitempty"`
}

// Check reports a recipe that cannot be, for so many classes.
func (r Recipe) Check(classes int) error {
	if _, err := r.Input.Preprocessing(); err != nil {
		return err
	}
	if _, _, err := r.Input.Normalization(); err != nil {
		return err
	}
	if _, err := torch.ParsePrecision(r.Precision); err != nil {
		return err
	}
	return r.Outputs.check(classes)
}

func (o Outputs) check(classes int) error {
	if !o.Activation.known() {
		return fmt.Errorf("there is no activation %.40q", string(o.Activation))
	}
	for output, class := range o.ClassMap {
		if class < -1 || int(class) >= classes {
			return fmt.Errorf("output %d is class %d, and there are %d classes", output, class, classes)
		}
	}
	if o.Order != nil && len(o.Order) != classes {
		return fmt.Errorf("an order of %d outputs for %d classes", len(o.Order), classes)
	}
	of := make(map[int]int, len(o.Order)) // the class of each output
	for class, output := range o.Order {
		if output < 0 || output >= classes {
			return fmt.Errorf("class %d is output %d, and there are %d", class, output, classes)
		}
		if before, ok := of[output]; ok {
			return fmt.Errorf("output %d is both class %d and class %d", output, before, class)
		}
		of[output] = class
	}
	return nil
}
