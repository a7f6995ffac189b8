package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

//go:embed peers/*.py
var peerScripts embed.FS

// A peer is a Python process that evaluates cascades in its own way
// (peers/README.md).
type peer struct {
	name  string
	about string // versions, and the interpreter
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *json.Decoder
}

// A reply of a peer; which fields are set depends on the command.
type reply struct {
	About   string  `json:"about"`
	Seconds float64 `json:"seconds"`
	Correct []int   `json:"correct"`
	Reach   [][]int `json:"reach"`
}

// startPeer starts peers/NAME_form.py on the given outputs, with the first
// interpreter that has the package of that name.
func (b *bench) startPeer(ctx context.Context, name string, f *fullOutputs) (*peer, error) {
	python, err := b.python.with(ctx, name)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, "peers")
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.CopyFS(b.dir, peerScripts); err != nil {
		return nil, err
	}
	p := &peer{name: name, cmd: exec.CommandContext(ctx, python, filepath.Join(dir, name+"_form.py"), f.dir)}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	var hello reply
	if err := p.out.Decode(&hello); err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.Join(err, p.stop()))
	}
	p.about = fmt.Sprintf("%s, %s", hello.About, shortPath(python))
	if !slices.Contains(b.peers, p.about) {
		b.peers = append(b.peers, p.about)
	}
	return p, nil
}

// shortPath returns a path as it is from the current folder, if it is inside.
func shortPath(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if short, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(short) {
		return short
	}
	return path
}

// ask has the peer evaluate all n genomes.
func (p *peer) ask(do string, n, threads int) (reply, error) {
	var r reply
	_, err := fmt.Fprintf(p.in, "{\"do\": %q, \"from\": 0, \"to\": %d, \"threads\": %d}\n", do, n, threads)
	if err == nil {
		err = p.out.Decode(&r)
	}
	if err == nil && len(r.Correct) != n {
		err = fmt.Errorf("%d results for %d cascades", len(r.Correct), n)
	}
	if err != nil {
		return reply{}, fmt.Errorf("%s: %w", p.name, err)
	}
	return r, nil
}

// rate is how many evaluations a second the peer's own form makes on one thread: the median of
// some runs.
func (p *peer) rate(c *contest, runs int) (float64, error) {
	var rates []float64
	for range runs {
		r, err := p.ask("time", len(c.genomes), 1)
		if err != nil {
			return 0, err
		}
		rates = append(rates, float64(len(c.genomes))/r.Seconds)
	}
	return measurement("", rates).Median, nil
}

func (p *peer) stop() error {
	p.in.Close()
	return p.cmd.Wait()
}
