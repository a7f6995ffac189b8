// Package export turns model names of timm and torchvision into TorchScript files,
// through a Python that has those libraries, and reads what such a file states of
// itself. Files that exist need no Python.
package export

import (
	"archive/zip"
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// Format is the version of the metadata.
const Format = 1

//go:embed export.py
var script string

// Meta is what an exported file states about its model.
type Meta struct {
	Format        int        `json:"format"`
	Name          string     `json:"name"`
	Source        string     `json:"source"` // timm or torchvision
	Version       string     `json:"version"`
	Architecture  string     `json:"architecture"`
	Tag           string     `json:"tag"`
	ImageSize     [2]int     `json:"image_size"` // height, width
	Mean          [3]float64 `json:"mean"`
	Std           [3]float64 `json:"std"`
	CropPct       float64    `json:"crop_pct"`
	CropMode      string     `json:"crop_mode"`
	Interpolation string     `json:"interpolation"`
	Classes       int        `json:"classes"`
	Params        int64      `json:"params"`
	License       string     `json:"license"`
	Checkpoint    string     `json:"checkpoint"` // SHA-256 over the weights
	Pretrained    bool       `json:"pretrained"`
	Torch         string     `json:"torch"`
}

// ErrNoMeta: the file was not made by this package.
var ErrNoMeta = errors.New("no encas-zoo metadata in the file")

// ReadMeta reads the metadata of an exported file. A TorchScript file is a zip
// archive, so torch is not needed. The error is ErrNoMeta for any other file.
func ReadMeta(path string) (Meta, error) {
	var m Meta
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
		text, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err != nil {
			return m, fmt.Errorf("%s: %w", path, err)
		}
		if err := json.Unmarshal(text, &m); err != nil {
			return m, fmt.Errorf("%s: its metadata: %w", path, err)
		}
		if m.Format != Format {
			return m, fmt.Errorf("%s: %w: it has format %d and not %d", path, ErrNoMeta, m.Format, Format)
		}
		return m, nil
	}
	return m, fmt.Errorf("%s: %w", path, ErrNoMeta)
}

// A Request names a model to export.
type Request struct {
	Source     string // timm, torchvision, or "" for the first of them that knows it
	Name       string
	Size       *[2]int // height, width; nil for the model's own
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
	e.stop()
}

func (e *Exporter) stop() error {
	if e.cmd == nil {
		return nil
	}
	e.in.Close()
	e.cmd.Process.Kill()
	err := e.cmd.Wait()
	e.cmd = nil
	return err
}

// Names lists the models of a library that match a shell pattern.
func (e *Exporter) Names(ctx context.Context, source, pattern string) ([]string, error) {
	var reply struct{ Names []string }
	err := e.ask(ctx, map[string]any{"op": "names", "source": source, "pattern": pattern}, &reply)
	return reply.Names, err
}

// Export makes the file. The error explains why a model cannot be exported.
func (e *Exporter) Export(ctx context.Context, r Request) (Meta, error) {
	var reply struct{ Meta Meta }
	err := e.ask(ctx, map[string]any{
		"op": "export", "source": r.Source, "name": r.Name, "size": r.Size,
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
		status := e.stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s ended while it worked on this (%v); if it was killed, memory ran out", e.python, status)
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
	cmd := exec.Command(e.python, "-u", "-c", script)
	cmd.Stderr = e.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("names are exported with Python: %w; say --python PATH to one that has torch and timm", err)
	}
	e.cmd, e.in, e.replies = cmd, in, bufio.NewReader(out)
	return nil
}
