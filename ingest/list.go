package ingest

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// An Entry is one line of a list: a model and what is to be done otherwise than the
// model itself says.
type Entry struct {
	// Source is timm, torchvision, hf (transformers) or file; empty is a bare name, which
	// the first of timm and torchvision that knows it has.
	Source string
	// Name is the model's name in its library, which may be a pattern, or the path of a
	// TorchScript file or of transformers' folder.
	Name string
	// As is the name in the zoo.
	As string

	Size          *[2]int // height, width
	SizeOf        string  // test or train: which of the model's own sizes; "" for the run's
	CropPct       float64
	CropMode      string
	Interpolation string
	Mean, Std     *[3]float64
	Batch         int

	// Activation is what is still to be done with the model's outputs; "" if that is to
	// be found out.
	Activation classifier.Activation
	GFLOPs     float64 // as the user knows it; 0 for what is counted
	// Genome is the subnet of the file's supernet that is meant; nil for the file itself.
	Genome supernet.Genome
	// Classes is a file that says which classes its outputs are, [BackgroundFirst] or
	// [ImageNetHead]; "" if nothing is said: then names decide, and without any output i is class i.
	Classes string
}

// Pattern reports whether the entry means all names that match it.
func (e Entry) Pattern() bool { return e.Source != "file" && strings.ContainsAny(e.Name, "*?[") }

//go:embed encas518.txt
var encas518 []byte

// Encas518Missing are the models of the ENCAS paper that today's timm does not have.
var Encas518Missing = []string{"gluon_xception65", "ig_resnext101_32x48d"}

// Encas518 is the list of the 518 timm models of the ENCAS paper, by today's names,
// without those of Encas518Missing.
func Encas518() []Entry {
	entries, err := ParseList(bytes.NewReader(encas518), "encas-518", "")
	if err != nil {
		panic(err) // embedded
	}
	return entries
}

// ParseList reads a list of models, a line each: a timm name (resnet18.a1_in1k,
// timm/..., hf_hub:...), torchvision/NAME, hf:OWNER/NAME of transformers, or the path of
// a TorchScript file or of a folder that transformers saved, then key=value overrides,
// those of [Entry.set]. A # at the beginning of a line or after white space begins a
// comment. What has white space or a # in it is written in quotation marks, or with a
// backslash before each; a line whose text before the overrides is an existing file is
// that file as it is. Relative paths start at dir; with an empty dir no file is looked
// for. name is the list's own, for errors.
func ParseList(r io.Reader, name, dir string) ([]Entry, error) {
	var entries []Entry
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		if n == 1 {
			text = strings.TrimPrefix(text, "\ufeff") // what Windows puts before UTF-8
			if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
				return nil, fmt.Errorf("%s is in UTF-16; save it as UTF-8", name)
			}
			if strings.HasPrefix(text, "PK\x03\x04") {
				return nil, fmt.Errorf("%s is an archive, such as a TorchScript file, and no list of models: write its path on a line of a text file, and name that", name)
			}
		}
		words, err := lineWords(text, dir)
		if err == nil && len(words) == 0 {
			continue
		}
		var e Entry
		if err == nil {
			e, err = ParseEntry(words, dir)
		}
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", name, n, err)
		}
		entries = append(entries, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return entries, nil
}

// ParseEntry reads the words of one line.
func ParseEntry(words []string, dir string) (Entry, error) {
	e := Entry{Name: words[0], As: words[0]}
	if plain := strings.TrimRight(e.Name, ",;"); plain != e.Name && !isFile(dir, e.Name) {
		return e, fmt.Errorf("%q ends with a comma or semicolon: write %s alone, one model on each line, and what is to differ as key=value after a space", e.Name, plain)
	}
	switch {
	case isFile(dir, e.Name):
		e.asFile(dir)
	case strings.HasPrefix(e.Name, "timm/"):
		e.Source, e.Name = "timm", strings.TrimPrefix(e.Name, "timm/")
		e.As = e.Name
	case strings.HasPrefix(e.Name, "torchvision/"):
		e.Source, e.Name = "torchvision", strings.TrimPrefix(e.Name, "torchvision/")
	case strings.HasPrefix(e.Name, "hf_hub:"), strings.HasPrefix(e.Name, "hf-hub:"):
		e.Source = "timm"
	case strings.HasPrefix(e.Name, "hf:"):
		e.Source, e.Name = "hf", strings.TrimPrefix(e.Name, "hf:")
		e.As = e.Name
		if isModelFolder(dir, e.Name) {
			e.asFolder(dir)
		} else if err := checkHubName(dir, e.Name); err != nil {
			return e, err
		}
	case isModelFolder(dir, e.Name):
		e.asFolder(dir)
	case isPath(e.Name):
		e.asFile(dir)
	}
	given := map[string]bool{}
	for _, word := range words[1:] {
		key, value, ok := strings.Cut(word, "=")
		if !ok {
			return e, fmt.Errorf("%q is not of the form key=value%s", word, quoted(words))
		}
		if key == "genome" && given[key] {
			return e, fmt.Errorf("%s: the line has a genome already; write each subnet on a line of its own", word)
		}
		given[key] = true
		if err := e.set(key, value); err != nil {
			return e, fmt.Errorf("%s: %w", word, err)
		}
	}
	if (head{classes: e.Classes}).fromFile() {
		if dir != "" && !isFile(dir, e.Classes) {
			return e, fmt.Errorf("classes=%s: there is no file %s (a CSV file with the columns output and class); without a file there are classes=%s and classes=%s", e.Classes, fromFolder(dir, e.Classes), BackgroundFirst, ImageNetHead)
		}
		e.Classes = fromFolder(dir, e.Classes)
	}
	if e.Genome != nil {
		if e.Source != "file" {
			return e, fmt.Errorf("genome=%v: only a file that 'encas-zoo supernet export' wrote has subnets", e.Genome)
		}
		if !given["name"] {
			e.As += "/" + e.Genome.String()
		}
	}
	if e.Name == "" || e.As == "" {
		return e, fmt.Errorf("%q names no model", words[0])
	}
	return e, nil
}

// quoted is the end of a message about words of which some may be one path.
func quoted(words []string) string {
	for n := len(words); n > 1; n-- {
		if isPath(words[n-1]) {
			return fmt.Sprintf("; a path with spaces is written in quotation marks: \"%s\"", strings.Join(words[:n], " "))
		}
	}
	return ""
}

func (e *Entry) asFile(dir string) {
	e.Source = "file"
	e.As = strings.TrimSuffix(filepath.Base(e.Name), filepath.Ext(e.Name))
	e.Name = fromFolder(dir, e.Name)
}

func (e *Entry) asFolder(dir string) {
	e.Source = "hf"
	e.Name = fromFolder(dir, e.Name)
	e.As = filepath.Base(e.Name)
}

// fromFolder is a path that starts at dir unless it is absolute.
func fromFolder(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// isFile reports whether a path that starts at dir is a file. With an empty dir or path
// it is none.
func isFile(dir, path string) bool {
	if dir == "" || path == "" {
		return false
	}
	info, err := os.Stat(fromFolder(dir, path))
	return err == nil && info.Mode().IsRegular()
}

// isModelFolder reports whether a path that starts at dir is a folder that transformers
// saved a model to.
func isModelFolder(dir, path string) bool {
	return path != "" && isFile(dir, filepath.Join(path, "config.json"))
}

// checkHubName refuses what can be neither a model of the hub nor is a folder that
// transformers saved a model to.
func checkHubName(dir, name string) error {
	path := fromFolder(dir, name)
	if info, err := os.Stat(path); dir != "" && err == nil && info.IsDir() {
		return fmt.Errorf("folder %s has no config.json: it is none that transformers saved a model to", path)
	}
	if strings.Count(name, "/") > 1 || strings.HasPrefix(name, ".") || filepath.IsAbs(name) {
		return fmt.Errorf("there is no folder %s%s", path, nearest(path, func(e os.DirEntry) bool { return isModelFolder(filepath.Dir(path), e.Name()) }))
	}
	return nil
}

// isPath reports whether an entry is a file: no library's names hold a slash or end like
// this.
func isPath(s string) bool {
	switch filepath.Ext(s) {
	case ".pt", ".pts", ".pth", ".ts", ".jit", ".torchscript":
		return true
	}
	return strings.ContainsRune(s, filepath.Separator)
}

// Sizes are the names of the image sizes that a model itself may have.
func Sizes() []string { return []string{"test", "train"} }

// set does what one key=value word says.
func (e *Entry) set(key, value string) (err error) {
	switch key {
	case "name":
		e.As = value
	case "size":
		if slices.Contains(Sizes(), value) {
			e.SizeOf = value
			return nil
		}
		h, w, two := strings.Cut(value, "x")
		if !two {
			w = h
		}
		var size [2]int
		for i, s := range []string{h, w} {
			if size[i], err = strconv.Atoi(s); err != nil || size[i] < 1 || size[i] > imaging.MaxSize {
				return fmt.Errorf("want a number of pixels, or HEIGHTxWIDTH, each 1 to %d, or test or train", imaging.MaxSize)
			}
		}
		e.Size = &size
	case "crop_pct":
		if e.CropPct, err = strconv.ParseFloat(value, 64); err != nil || !(e.CropPct > 0) || math.IsInf(e.CropPct, 0) {
			return fmt.Errorf("want a number above 0")
		}
	case "crop_mode":
		e.CropMode = value
		_, err = imaging.ParseCropMode(value)
	case "interpolation":
		e.Interpolation = value
		_, err = imaging.ParseFilter(value)
	case "mean":
		e.Mean, err = three(value)
	case "std":
		e.Std, err = three(value)
	case "batch":
		if e.Batch, err = strconv.Atoi(value); err != nil || e.Batch < 1 {
			return fmt.Errorf("want a number of images above 0")
		}
	case "activation":
		e.Activation, err = classifier.ParseActivation(value)
	case "gflops":
		if e.GFLOPs, err = strconv.ParseFloat(value, 64); err != nil || !(e.GFLOPs > 0) || math.IsInf(e.GFLOPs, 0) {
			return fmt.Errorf("want a number above 0, 10^9 multiply-adds an image")
		}
	case "classes":
		if e.Classes = value; value == "" {
			return fmt.Errorf("want a CSV file with the columns output and class, %s or %s", BackgroundFirst, ImageNetHead)
		}
	case "genome":
		e.Genome, err = supernet.ParseGenome(value)
	default:
		return fmt.Errorf("no such key; known are name, genome, size, crop_pct, crop_mode, interpolation, mean, std, batch, activation, classes, gflops")
	}
	return err
}

func three(s string) (*[3]float64, error) {
	var v [3]float64
	words := strings.Split(s, ",")
	if len(words) != 3 {
		return nil, fmt.Errorf("want three numbers with commas between")
	}
	for i, w := range words {
		x, err := strconv.ParseFloat(w, 64)
		if err != nil {
			return nil, fmt.Errorf("want three numbers with commas between")
		}
		v[i] = x
	}
	return &v, nil
}
