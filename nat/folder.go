package nat

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/lock"
	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/internal/seal"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// Files of a run folder.
const (
	RunFile   = "nat.json"  // what the run is
	CurveFile = "curve.csv" // how it went, a row for each iteration
	FrontFile = "front.txt" // its front, as a list of models

	AverageFile    = "average.json" // what the mean of weights gave, like an iteration's
	AverageWeights = "average.pt"   // the file with that mean
)

// A Folder is a run folder that is taken: no other process may run in it.
type Folder struct {
	dir  string
	made bool
	lock *lock.Lock
}

// Take takes a run folder, and makes it if it is missing, without waiting. The error wraps
// ErrInUse if another process has it. Who takes a folder before it prepares a run knows at once.
func Take(dir string) (*Folder, error) {
	_, err := os.Stat(dir)
	f := &Folder{dir: dir, made: errors.Is(err, fs.ErrNotExist)}
	if f.lock, err = lock.Folder(dir); errors.Is(err, lock.ErrInUse) {
		return nil, fmt.Errorf("%s: %w: wait until it ends, or name another folder", dir, ErrInUse)
	} else if err != nil {
		return nil, err
	}
	return f, nil
}

// Leave gives the folder back, and removes it if nothing came of it.
func (f *Folder) Leave() {
	if f.made {
		os.Remove(f.dir) // fails if there is anything in it
	}
	f.lock.Unlock()
}

// iterationFile is the file of an iteration.
func iterationFile(n int) string { return fmt.Sprintf("iteration-%04d.json", n) }

const version = 2

// A description says what a run is. Runs of different descriptions share no folder.
type description struct {
	Version  int      `json:"version"`
	Supernet string   `json:"supernet"` // the name of its table
	Weights  string   `json:"weights"`  // SHA-256 of the file
	Genes    int      `json:"genes"`
	Trained  bool     `json:"trained"`
	Settings Settings `json:"settings"` // Iterations and Average are what was asked for last
	Facts    []Fact   `json:"facts"`
}

// id tells runs apart: the SHA-256 of what does not change while a run goes on.
func (d description) id() string {
	d.Settings.Iterations, d.Settings.Average = 0, 0
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // numbers and strings
	}
	hash := sha256.Sum256(text)
	return hex.EncodeToString(hash[:])
}

// differs names the first difference that makes another run; "" if there is none.
func (d *description) differs(other *description) string {
	type pair struct {
		name      string
		mine, his any
	}
	pairs := []pair{
		{"the weights' SHA-256", d.Weights, other.Weights},
		{"the supernet", d.Supernet, other.Supernet},
		{"the number of genes", d.Genes, other.Genes},
		{"training", d.Trained, other.Trained},
		{"--start", d.Settings.Start, other.Settings.Start},
		{"--candidates", d.Settings.Candidates, other.Settings.Candidates},
		{"--surrogate-evaluations", d.Settings.Evaluations, other.Settings.Evaluations},
		{"--interpolants", d.Settings.Interpolants, other.Settings.Interpolants},
		{"--search", d.Settings.Search, other.Settings.Search},
		{"--scale", d.Settings.Scale, other.Settings.Scale},
		{"replacing the archive, as in --preset cifar,", d.Settings.Replace, other.Settings.Replace},
		{"--seed", d.Settings.Seed, other.Settings.Seed},
	}
	facts := map[string]string{}
	for _, f := range other.Facts {
		facts[f.Name] = f.Value
	}
	for _, f := range d.Facts {
		pairs = append(pairs, pair{f.Name, f.Value, facts[f.Name]})
		delete(facts, f.Name)
	}
	for _, f := range other.Facts {
		if value, ok := facts[f.Name]; ok {
			pairs = append(pairs, pair{f.Name, "", value})
		}
	}
	for _, p := range pairs {
		if p.mine != p.his {
			return fmt.Sprintf("%s was %v and is %v", p.name, shown(p.his), shown(p.mine))
		}
	}
	return ""
}

func shown(v any) any {
	if v == "" {
		return "nothing"
	}
	return v
}

// An iteration is the content of its file.
type iteration struct {
	Version   int      `json:"version"`
	Run       string   `json:"run"` // which run it is of: [description.id]
	Iteration int      `json:"iteration"`
	Averaged  int      `json:"averaged,omitempty"` // how many iterations up to this one have these weights as their mean; 0: it is one itself
	Artifact  string   `json:"artifact,omitempty"` // with the weights trained for it, from the run folder
	Weights   string   `json:"weights,omitempty"`  // SHA-256 of the artifact; "" before it is trained
	Members   []member `json:"members"`
	Surrogate *Quality `json:"surrogate,omitempty"` // of errors in per cent, once all are evaluated
}

// A member is a subnet of an iteration.
type member struct {
	Genome    string   `json:"genome"`
	GFLOPs    float64  `json:"gflops"`
	Predicted *float64 `json:"predicted,omitempty"` // error in per cent
	Correct   int      `json:"correct"`
	Samples   int      `json:"samples"` // 0 before it is evaluated

	genome supernet.Genome
}

// wrong is the share of wrong answers.
func (m *member) wrong() float64 { return 1 - float64(m.Correct)/float64(m.Samples) }

func (m *member) evaluated() bool { return m.Samples > 0 }

// complete reports whether all subnets of an iteration are evaluated.
func (it *iteration) complete() bool {
	for i := range it.Members {
		if !it.Members[i].evaluated() {
			return false
		}
	}
	return true
}

// maxFile bounds files of a run folder.
const maxFile = 64 << 20

// write writes a sealed file.
func (r *run) write(name string, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(r.Dir, name), append(seal.Seal(data), '\n'))
}

// read reads a sealed file. The error wraps fs.ErrNotExist if there is none.
func (r *run) read(name string, v any) error {
	path := filepath.Join(r.Dir, name)
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return err
	}
	if len(data) > maxFile {
		return fmt.Errorf("%s: it is larger than %d bytes", path, maxFile)
	}
	sealed, err := seal.Check(data[:len(bytes.TrimRight(data, "\n"))])
	if err == nil && !sealed {
		err = errors.New("it has no checksum: no run wrote it")
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// open makes the folder, or reads what is in it.
func (r *run) open() error {
	if err := atomicfile.MakeDirs(r.Dir); err != nil {
		return err
	}
	if err := atomicfile.RemoveAbandoned(r.Dir); err != nil {
		return err
	}
	var there description
	err := r.read(RunFile, &there)
	if errors.Is(err, fs.ErrNotExist) {
		return r.begin()
	}
	if err != nil {
		return fmt.Errorf("%w; name another folder", err)
	}
	if there.Version != version {
		return fmt.Errorf("%s: version %d; this program reads version %d", filepath.Join(r.Dir, RunFile), there.Version, version)
	}
	if what := r.describe.differs(&there); what != "" {
		return fmt.Errorf("%w: %s: %s; name another folder", ErrOther, r.Dir, what)
	}
	if err := r.readIterations(); err != nil {
		return err
	}
	if n := len(r.iterations) - 1; n > r.Iterations {
		return fmt.Errorf("%s has %d iterations already, and %d are asked for; name another folder", r.Dir, n, r.Iterations)
	}
	if err := r.readAverage(); err != nil {
		return err
	}
	return r.write(RunFile, r.describe)
}

// begin begins a run in a folder without one, and without anything else.
func (r *run) begin() error {
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !atomicfile.IsTemporary(e.Name()) {
			return fmt.Errorf("%s has files of something else, such as %s; name another folder", r.Dir, e.Name())
		}
	}
	return r.write(RunFile, r.describe)
}

// readIterations reads those that there are.
func (r *run) readIterations() error {
	for n := 0; n <= maxIterations; n++ {
		it := new(iteration)
		err := r.read(iterationFile(n), it)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			if err = r.checkIteration(it, n); err != nil {
				err = fmt.Errorf("%s: %w", filepath.Join(r.Dir, iterationFile(n)), err)
			}
		}
		if err != nil {
			return err
		}
		r.iterations = append(r.iterations, it)
	}
	return nil
}

// readAverage reads what the mean of weights gave, if it is what the run ends with.
func (r *run) readAverage() error {
	if r.Trainer == nil {
		return nil
	}
	it := new(iteration)
	if r.Average > 0 {
		if err := r.read(AverageFile, it); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	last := len(r.iterations) - 1
	if it.Averaged == 0 || it.Averaged != r.Average || it.Iteration != r.Iterations || last != r.Iterations || !r.iterations[last].complete() {
		return r.dropAverage()
	}
	if err := r.checkIteration(it, r.Iterations); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(r.Dir, AverageFile), err)
	}
	r.average = it
	return nil
}

// dropAverage removes an average that the run does not end with, if there is one. The front names
// the file with its weights no longer when that goes.
func (r *run) dropAverage() error {
	if err := remove(filepath.Join(r.Dir, AverageFile)); err != nil {
		return err
	}
	if len(r.iterations) > 0 && r.iterations[0].complete() {
		if err := r.writeFront(); err != nil {
			return err
		}
	}
	return remove(filepath.Join(r.Dir, AverageWeights))
}

// remove removes a file, if there is one.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// checkIteration reports what no iteration has.
func (r *run) checkIteration(it *iteration, n int) error {
	switch {
	case it.Version != version || it.Iteration != n:
		return fmt.Errorf("version %d, iteration %d; it should be version %d, iteration %d", it.Version, it.Iteration, version, n)
	case it.Run != r.describe.id():
		return fmt.Errorf("it is of another run than %s; start again in another folder", RunFile)
	case len(it.Members) == 0 || len(it.Members) > maxSubnets:
		return fmt.Errorf("%d subnets", len(it.Members))
	case n > 0 && !r.iterations[n-1].complete():
		return fmt.Errorf("iteration %d before it is not complete", n-1)
	case it.Artifact != "" && !filepath.IsLocal(it.Artifact):
		return fmt.Errorf("its weights are in %s, outside of the folder", it.Artifact)
	case (it.Artifact != "") != (it.Weights != "" && r.Trainer != nil) || it.Weights == "" && r.Trainer == nil:
		return errors.New("it does not say which weights it has")
	}
	for i := range it.Members {
		m := &it.Members[i]
		g, err := supernet.ParseGenome(m.Genome)
		if err != nil {
			return err
		}
		cost, err := r.Space.CostOf(g)
		if err != nil {
			return err
		}
		if m.GFLOPs != cost.MACs/1e9 || m.Samples < 0 || m.Correct < 0 || m.Correct > m.Samples {
			return fmt.Errorf("genome %s: %d correct answers of %d at %v gflops", m.Genome, m.Correct, m.Samples, m.GFLOPs)
		}
		m.genome = g
	}
	return nil
}

// file is where an iteration, or an average, is kept.
func (it *iteration) file() string {
	if it.Averaged > 0 {
		return AverageFile
	}
	return iterationFile(it.Iteration)
}

func (r *run) save(it *iteration) error { return r.write(it.file(), it) }

// writeFront writes the front and the curve so far, which are made of the iterations.
func (r *run) writeFront() error {
	o := r.outcome()
	var list strings.Builder
	for _, p := range o.Front {
		path, err := r.fromFolder(p.Artifact)
		if err != nil {
			return err
		}
		genome, err := supernet.ParseGenome(p.Genome)
		if err != nil {
			return err
		}
		line := r.Line(path, genome)
		if p.Artifact != r.Artifact { // all runs have files of such names
			line += fmt.Sprintf(" name=%s-%.8s/%s", strings.TrimSuffix(filepath.Base(p.Artifact), ".pt"), p.Weights, p.Genome)
		}
		list.WriteString(line + "\n")
	}
	var table bytes.Buffer
	w := csv.NewWriter(&table)
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	w.Write([]string{"iteration", "subnets", "hypervolume", "least_error", "rmse", "spearman", "kendall"})
	for _, s := range o.Curve {
		row := []string{strconv.Itoa(s.Iteration), strconv.Itoa(s.Subnets), number(s.Hypervolume), number(s.LeastError), "", "", ""}
		if q := s.Surrogate; q != nil {
			row = append(row[:4], number(q.RMSE), number(q.Spearman), number(q.Kendall))
		}
		w.Write(row)
	}
	w.Flush()
	return errors.Join(
		atomicfile.WriteFile(filepath.Join(r.Dir, CurveFile), table.Bytes()),
		atomicfile.WriteFile(filepath.Join(r.Dir, FrontFile), []byte(list.String())),
	)
}

// fromFolder is a path as seen from the run folder, in which the list is.
func (r *run) fromFolder(path string) (string, error) {
	dir, err := filepath.Abs(r.Dir)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", err
	}
	if relative, err := filepath.Rel(dir, path); err == nil {
		return relative, nil
	}
	return path, nil // on another drive
}
