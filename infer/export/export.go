// Package export turns model names of timm, torchvision and transformers into
// TorchScript files, through a Python that has those libraries, and reads what such a file states of
// itself. Files that exist need no Python.
package export

import (
	"archive/zip"
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/python"
	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// Format is the version of the metadata. That of version 1 does not tell the size that
// a model was trained at, nor whether it has a classifier; that of version 2 what timm's
// models call their classes.
const Format = 3

//go:embed export.py
var script string

// Meta is what an exported file states about its model.
type Meta struct {
	Format        int        `json:"format"`
	Name          string     `json:"name"`
	Source        string     `json:"source"` // timm, torchvision or hf
	Version       string     `json:"version"`
	Architecture  string     `json:"architecture"`
	Tag           string     `json:"tag"`
	ImageSize     [2]int     `json:"image_size"` // height, width
	TrainSize     [2]int     `json:"train_size"` // 0 if not known
	Mean          [3]float64 `json:"mean"`
	Std           [3]float64 `json:"std"`
	CropPct       float64    `json:"crop_pct"`
	CropMode      string     `json:"crop_mode"`
	Interpolation string     `json:"interpolation"`
	Classes       int        `json:"classes"`
	Labels        []string   `json:"labels"`  // what it calls them; none if not known
	Aliases       [][]string `json:"aliases"` // the same by other names, "" for one that has none
	Params        int64      `json:"params"`
	License       string     `json:"license"`
	Checkpoint    string     `json:"checkpoint"` // SHA-256 over the weights
	Pretrained    bool       `json:"pretrained"`
	Torch         string     `json:"torch"`

	// Training identifies what made the weights of a supernet: where they began, settings and
	// images.
	Training string `json:"training,omitempty"`

	// Supernet is the table of a file that holds a supernet. All else is of its largest
	// subnet, which the file is by itself.
	Supernet *supernet.Table `json:"supernet,omitempty"`
	// Subnet is the one that was extracted to the file, which is an ordinary model.
	Subnet *Subnet `json:"subnet,omitempty"`
}

// A Subnet is where the model of a file was extracted from.
type Subnet struct {
	Supernet    string `json:"supernet"`    // the name of its table
	Checkpoint  string `json:"checkpoint"`  // of the supernet
	Calibration string `json:"calibration"` // what its batch norms were recalibrated with
	supernet.Member
}

// Names are all lists of names of the model's outputs.
func (m Meta) Names() [][]string {
	if len(m.Labels) == 0 {
		return nil
	}
	return append([][]string{m.Labels}, m.Aliases...)
}

// ErrNoMeta: the file was not made by this package.
var ErrNoMeta = errors.New("no encas-zoo metadata in the file")

// ReadMeta reads the metadata of an exported file. A TorchScript file is a zip
// archive, so torch is not needed. The error is ErrNoMeta for any other file.
func ReadMeta(path string) (Meta, error) {
	var m Meta
	if err := regular.Check(path); err != nil {
		return m, err
	}
	z, err := zip.OpenReader(path)
	if errors.Is(err, os.ErrNotExist) {
		return m, err
	}
	if err != nil {
		return m, fmt.Errorf("%s: %w: %w", path, ErrNoMeta, err)
	}
	defer z.Close()
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/extra/encas.json") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return m, fmt.Errorf("%s: %w", path, err)
		}
		defer r.Close()
		text, err := io.ReadAll(io.LimitReader(r, 16<<20))
		if err != nil {
			return m, fmt.Errorf("%s: %w", path, err)
		}
		if err := json.Unmarshal(text, &m); err != nil {
			return m, fmt.Errorf("%s: its metadata: %w", path, err)
		}
		if m.Format < 1 || m.Format > Format {
			return m, fmt.Errorf("%s: %w: it has format %d, and this program knows 1 to %d", path, ErrNoMeta, m.Format, Format)
		}
		m.Aliases = slices.DeleteFunc(m.Aliases, func(names []string) bool { return len(names) != len(m.Labels) })
		return m, nil
	}
	return m, fmt.Errorf("%s: %w", path, ErrNoMeta)
}

// Identity tells networks apart: the checkpoint, for a supernet with its table, since the same
// weights under another one are another network. It is "" without a checkpoint.
func (m *Meta) Identity() string {
	if m.Supernet == nil || m.Checkpoint == "" {
		return m.Checkpoint
	}
	table, err := json.Marshal(m.Supernet)
	if err != nil {
		panic(err) // it was read from JSON
	}
	sum := sha256.Sum256(append([]byte(m.Checkpoint+"\n"), table...))
	return hex.EncodeToString(sum[:])
}

// Checkpoint identifies the network in a model's file: by its metadata, or else the SHA-256
// of the file.
func Checkpoint(path string) (string, error) {
	m, err := ReadMeta(path)
	if err == nil && m.Checkpoint != "" {
		return m.Identity(), nil
	}
	if err != nil && !errors.Is(err, ErrNoMeta) {
		return "", err
	}
	f, err := regular.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// ConstantsHash is a SHA-256 over a name and the tensors that the code of a TorchScript file
// names, which are the weights of a frozen model.
func ConstantsHash(path, name string) (string, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return "", err
	}
	defer z.Close()
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", name)
	for _, f := range z.File {
		_, constant, ok := strings.Cut(f.Name, "/constants/")
		if !ok {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", constant, f.UncompressedSize64)
		_, err = io.Copy(h, r)
		r.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// A Request names a model to export.
type Request struct {
	Source     string // timm, torchvision, hf, or "" for the first of the first two that knows it
	Name       string
	Size       *[2]int // height, width; nil for the model's own
	SizeOf     string  // train: its own is what it was trained at, not what it is tested at
	Pretrained bool    // false: random weights
	Seed       uint64  // of the random weights
	Out        string
}

// An Exporter runs one Python process, which is started when first needed and again
// should it die. It may be used from several goroutines; requests wait for each
// other.
type Exporter struct {
	python string
	stderr io.Writer

	mu      sync.Mutex
	cmd     *exec.Cmd
	in      io.WriteCloser
	replies *bufio.Reader
	last    *tail // of what it wrote to standard error
}

// New returns an exporter that will run python. What the libraries print goes to
// stderr, which may be nil.
func New(python string, stderr io.Writer) *Exporter {
	return &Exporter{python: python, stderr: stderr}
}

// Close ends the process.
func (e *Exporter) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stop(0)
}

// stop ends the process, which has a while to end by itself.
func (e *Exporter) stop(while time.Duration) error {
	if e.cmd == nil {
		return nil
	}
	e.in.Close()
	process := e.cmd.Process
	kill := time.AfterFunc(while, func() { process.Kill() })
	defer kill.Stop()
	err := e.cmd.Wait()
	e.cmd = nil
	return err
}

// Missing returns those of some libraries that cannot be imported, and why. The error is
// for a Python that does not even start.
func (e *Exporter) Missing(ctx context.Context, libraries ...string) (map[string]string, error) {
	var reply struct{ Missing map[string]string }
	err := e.ask(ctx, map[string]any{"op": "missing", "libraries": libraries}, &reply)
	return reply.Missing, err
}

// Path is that of the Python, if it can be found.
func (e *Exporter) Path() string {
	if path, err := exec.LookPath(e.python); err == nil {
		return path
	}
	return e.python
}

// Names lists the models of a library that match a shell pattern.
func (e *Exporter) Names(ctx context.Context, source, pattern string) ([]string, error) {
	var reply struct{ Names []string }
	err := e.ask(ctx, map[string]any{"op": "names", "source": source, "pattern": pattern}, &reply)
	return reply.Names, err
}

// ImageNetHeads returns, for each ImageNet head that timm knows, what its outputs are called,
// as [Meta.Names] does.
func (e *Exporter) ImageNetHeads(ctx context.Context) (heads [][][]string, err error) {
	var reply struct{ Heads [][][]string }
	err = e.ask(ctx, map[string]any{"op": "imagenet"}, &reply)
	return reply.Heads, err
}

// Export makes the file. The error explains why a model cannot be exported.
func (e *Exporter) Export(ctx context.Context, r Request) (Meta, error) {
	var reply struct{ Meta Meta }
	err := e.ask(ctx, map[string]any{
		"op": "export", "source": r.Source, "name": r.Name, "size": r.Size, "size_of": cmp.Or(r.SizeOf, "test"),
		"pretrained": r.Pretrained, "seed": r.Seed, "out": r.Out,
	}, &reply)
	return reply.Meta, err
}

// ask sends one request and decodes the reply.
func (e *Exporter) ask(ctx context.Context, request, reply any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.cmd == nil {
		if err := e.start(); err != nil {
			return err
		}
	}
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	// Killing the process is the one way to stop a library in the middle of a model.
	process := e.cmd.Process
	stop := context.AfterFunc(ctx, func() { process.Kill() })
	defer stop()
	_, err = e.in.Write(append(line, '\n'))
	var answer []byte
	if err == nil {
		answer, err = e.replies.ReadBytes('\n')
	}
	if err != nil {
		status := e.stop(time.Second)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case status != nil && status.Error() == "signal: killed":
			return fmt.Errorf("%s was killed while it worked on this, as for want of memory (%w)", e.Path(), status)
		}
		return fmt.Errorf("%s ended while it worked on this (%v)%s", e.Path(), cmp.Or(status, errors.New("without an error")), e.last.line())
	}
	var failure struct{ Error string }
	if err := json.Unmarshal(answer, &failure); err != nil {
		return fmt.Errorf("%s answered %q: %w", e.python, answer, err)
	}
	if failure.Error != "" {
		return errors.New(failure.Error)
	}
	return json.Unmarshal(answer, reply)
}

func (e *Exporter) start() error {
	cmd := python.Command(context.Background(), e.python, script)
	e.last = &tail{}
	cmd.Stderr = e.last
	if e.stderr != nil {
		cmd.Stderr = io.MultiWriter(e.stderr, e.last)
	}
	cmd.WaitDelay = time.Second // for children of its own that hold what it writes to
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s cannot be started: %w", e.python, err)
	}
	e.cmd, e.in, e.replies = cmd, in, bufio.NewReader(out)
	return nil
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(len(t.text)-1<<12, 0):]
	return len(p), nil
}

// line is the last line, as the end of a message.
func (t *tail) line() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(string(t.text))
	if text == "" {
		return ""
	}
	return ": " + text[strings.LastIndexByte(text, '\n')+1:]
}
