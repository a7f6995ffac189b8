// Package bundle keeps one cascade with everything needed to run it in a folder that can be
// moved to another machine. docs/bundle.md describes it.
//
// A bundle may come from anybody, so nothing that is read from one is trusted: no path in it
// leads out of its folder, and a model's file is the one that was written or it is not
// loaded.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/internal/seal"
)

// The files of a bundle.
const (
	CascadeFile = "cascade.json"
	ClassesFile = "classes.txt"
	ReadmeFile  = "README.md"
	ModelsDir   = "models"
)

const (
	maxCascadeBytes = 64 << 20
	maxClassesBytes = 64 << 20
)

// Bins is the number of equal parts of [0, 1] that confidences are counted in.
const Bins = 20

// A Bundle is the content of cascade.json and of classes.txt.
type Bundle struct {
	front.Export
	Stages    []Stage         `json:"stages"` // in place of the export's
	Promise   *Promise        `json:"promise,omitempty"`
	Certified []Certification `json:"certified,omitempty"`

	// ClassesSHA256 is the checksum of classes.txt; "" if there is none, or the bundle is older.
	ClassesSHA256 string `json:"classes_sha256,omitempty"`

	ClassNames []string        `json:"-"` // nil if they have none
	Cascade    cascade.Cascade `json:"-"`
	Dir        string          `json:"-"` // that it was read from
}

// A Stage is a stage of the cascade.
type Stage struct {
	front.ExportedStage
	*Model // nil if the zoo was imported: there is no file of it

	// Histogram counts the samples that reach the stage, on those of the promise, by
	// confidence.
	Histogram []int `json:"confidence_histogram,omitempty"`
}

// A Model is a model's file, where it comes from and how it is run.
type Model struct {
	File   File   `json:"file"`
	Origin Origin `json:"origin"`
	classifier.Recipe
}

// A File is one of the bundle.
type File struct {
	Path   string `json:"path"` // in the bundle, with slashes
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// An Origin is where a model comes from.
type Origin struct {
	Source       string `json:"source,omitempty"`
	Architecture string `json:"architecture,omitempty"`
	Tag          string `json:"tag,omitempty"`
	Version      string `json:"library_version,omitempty"`
	License      string `json:"license,omitempty"`
	Checkpoint   string `json:"checkpoint,omitempty"` // SHA-256 over the weights

	// Of a subnet of a supernet: that, the subnet, and what its batch norms were recalibrated
	// with. The checkpoint is the subnet's own.
	Supernet    string `json:"supernet,omitempty"`
	Genome      string `json:"genome,omitempty"`
	Calibration string `json:"calibration,omitempty"`
}

// A Promise is what the cascade is measured against when it runs.
type Promise struct {
	Split    string     `json:"split"`
	Searched bool       `json:"searched,omitempty"` // the cascade was chosen on these samples: the accuracy is that expected on others
	Samples  int        `json:"n"`
	Correct  int        `json:"correct"`     // of the samples
	Accuracy float64    `json:"accuracy"`    // correct/n, or expected
	Interval [2]float64 `json:"accuracy_95"` // Wilson, or of the expected accuracy
	Cost     float64    `json:"cost"`        // mean over the samples
	Reach    []int      `json:"reach"`       // samples that reach each stage
}

// Exits are the samples that each stage answers.
func (p *Promise) Exits() []int {
	exits := slices.Clone(p.Reach)
	for i := 1; i < len(exits); i++ {
		exits[i-1] -= exits[i]
	}
	return exits
}

// A Certification is a claim that was certified of the cascade.
type Certification struct {
	Confidence float64     `json:"confidence"` // that everything certified together holds
	Claim      front.Claim `json:"claim"`
	Reference  string      `json:"reference"` // the model that it is compared with
	Split      string      `json:"split"`
	Samples    int         `json:"n"`
	Correct    int         `json:"correct"`
	Accuracy   float64     `json:"accuracy"`
	Saving     float64     `json:"saving"` // share of the reference's cost
}

// ClassName is what a class is called: its name, or its number.
func (b *Bundle) ClassName(class int) string {
	if b.ClassNames == nil {
		return fmt.Sprint(class)
	}
	return b.ClassNames[class]
}

// CanRun returns an error for a bundle without the files of its models.
func (b *Bundle) CanRun() error {
	for i, s := range b.Stages {
		if s.Model == nil {
			return fmt.Errorf("%s: it has no file for stage %d, model %q, because its predictions were imported: only a cascade of ingested models can be run here; encas_zoo.load in Python takes models of your own", b.Dir, i+1, s.ExportedStage.Model)
		}
	}
	return nil
}

// Read reads a bundle. The files of models are not read: [Bundle.Verify] checks them.
func Read(dir string) (*Bundle, error) {
	root, err := regular.Root(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	data, err := readFile(root, CascadeFile, maxCascadeBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not a bundle: it has no %s; encas-zoo export --format bundle makes one", dir, CascadeFile)
	}
	if err != nil {
		return nil, err
	}
	data = unixLines(data)
	if _, err := seal.Check(data); err != nil {
		return nil, fmt.Errorf("%s: %w; export the bundle again, or, if what it says is correct, delete its line \"checksum\"", filepath.Join(dir, CascadeFile), err)
	}
	b := &Bundle{Dir: dir}
	if err := json.Unmarshal(data, b); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, CascadeFile), err)
	}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, CascadeFile), err)
	}
	names, err := readFile(root, ClassesFile, maxClassesBytes)
	if errors.Is(err, fs.ErrNotExist) && b.ClassesSHA256 == "" {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	names = unixLines(names)
	if b.ClassesSHA256 != "" && b.ClassesSHA256 != hashOf(names) {
		return nil, fmt.Errorf("%s is not what was written: its SHA-256 is not that in %s; export the bundle again", filepath.Join(dir, ClassesFile), CascadeFile)
	}
	b.ClassNames = strings.Split(strings.TrimSuffix(string(names), "\n"), "\n")
	if len(b.ClassNames) != b.Classes {
		return nil, fmt.Errorf("%s has %d names, and the cascade %d classes", filepath.Join(dir, ClassesFile), len(b.ClassNames), b.Classes)
	}
	return b, nil
}

// unixLines undoes what version control does to text files on Windows.
func unixLines(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// readFile reads a file of at most so many bytes.
func readFile(root *os.Root, name string, most int64) ([]byte, error) {
	f, err := regular.OpenIn(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is larger than %d MB, which no such file is", filepath.Join(root.Name(), name), most>>20)
	}
	return data, err
}

// check fills Cascade and reports what contradicts it.
func (b *Bundle) check() (err error) {
	switch {
	case b.Format != front.ExportFormat:
		return fmt.Errorf("it is not a cascade: its format is %.40q and not %q", b.Format, front.ExportFormat)
	case b.Version < 1:
		return fmt.Errorf("it has version %d", b.Version)
	case b.Version > front.ExportVersion:
		return fmt.Errorf("it has version %d, and this encas-zoo reads up to version %d: use a newer one", b.Version, front.ExportVersion)
	case b.Classes < 1 || b.Classes > 1<<16:
		return fmt.Errorf("%d classes cannot be", b.Classes)
	case len(b.Stages) == 0:
		return errors.New("it has no stages")
	}
	if b.Cascade, err = cascade.Parse(b.Text); err != nil {
		return err
	}
	if len(b.Stages) != len(b.Cascade.Stages) {
		return fmt.Errorf("it lists %d stages, and its text has %d", len(b.Stages), len(b.Cascade.Stages))
	}
	for i, s := range b.Stages {
		want := front.NewStageJSON(b.Cascade, i, s.Cost)
		same := s.ExportedStage.Model == want.Model && s.Weight == want.Weight && (s.Threshold == nil) == (want.Threshold == nil) &&
			(s.Threshold == nil || *s.Threshold == *want.Threshold)
		switch {
		case !same:
			return fmt.Errorf("stage %d is not as in its text %.200q", i+1, b.Text)
		case s.Temperature < 0:
			return fmt.Errorf("stage %d has the temperature %g", i+1, s.Temperature)
		case !(s.Cost >= 0):
			return fmt.Errorf("stage %d costs %g", i+1, s.Cost)
		case s.Histogram != nil && (len(s.Histogram) != Bins || slices.Min(s.Histogram) < 0):
			return fmt.Errorf("stage %d has the histogram %v and not %d counts", i+1, s.Histogram, Bins)
		}
		for j, before := range b.Stages[:i] {
			if before.ExportedStage.Model == s.ExportedStage.Model && !sameModel(before.Model, s.Model) {
				return fmt.Errorf("stages %d and %d have one model, but it is run in two ways", j+1, i+1)
			}
		}
		if s.Model == nil {
			continue
		}
		if err := s.Model.check(b.Classes); err != nil {
			return fmt.Errorf("stage %d, model %.200q: %w", i+1, s.ExportedStage.Model, err)
		}
	}
	return b.Promise.check(len(b.Stages))
}

// check reports what cannot be promised of a cascade of so many stages.
func (p *Promise) check(stages int) error {
	if p == nil {
		return nil
	}
	falling := func(a, b int) int { return b - a }
	switch {
	case len(p.Reach) != stages || p.Samples < 1 || p.Reach[0] != p.Samples || slices.Min(p.Reach) < 0 || !slices.IsSortedFunc(p.Reach, falling):
		return fmt.Errorf("%v of %d samples reach the %d stages on the split %.200q: that cannot be", p.Reach, p.Samples, stages, p.Split)
	case p.Correct < 0 || p.Correct > p.Samples:
		return fmt.Errorf("%d of %d samples are answered correctly on the split %.200q: that cannot be", p.Correct, p.Samples, p.Split)
	case !(0 <= p.Interval[0] && p.Interval[0] <= p.Accuracy && p.Accuracy <= p.Interval[1] && p.Interval[1] <= 1):
		return fmt.Errorf("an accuracy of %v in an interval of %v to %v is promised: that cannot be", p.Accuracy, p.Interval[0], p.Interval[1])
	case !(p.Cost >= 0):
		return fmt.Errorf("a cost of %v is promised", p.Cost)
	}
	return nil
}

// sameModel reports whether two stages run one model alike.
func sameModel(a, b *Model) bool {
	return a == nil && b == nil || a != nil && b != nil && reflect.DeepEqual(*a, *b)
}

func (m *Model) check(classes int) error {
	if path := filepath.FromSlash(m.File.Path); !filepath.IsLocal(path) || filepath.Dir(path) != ModelsDir {
		return fmt.Errorf("its file %.200q is not in %s", m.File.Path, ModelsDir)
	}
	return m.Recipe.Check(classes)
}

// Path is the path of a model's file.
func (b *Bundle) Path(f File) string { return filepath.Join(b.Dir, filepath.FromSlash(f.Path)) }
