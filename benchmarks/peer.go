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
	"strings"
)

//go:embed peers/*.py
var peerScripts embed.FS

// A peer is a Python process that evaluates cascades in its own way
// (peers/README.md).
type peer struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
}

// A reply of a peer; which fields are set depends on the command.
type reply struct {
	About   string  `json:"about"`
	Seconds float64 `json:"seconds"`
	Correct []int   `json:"correct"`
	Reach   [][]int `json:"reach"`
}

// A noPeer is the reason why a peer cannot run on this machine.
type noPeer string

func (e noPeer) Error() string { return string(e) }

// startPeer starts peers/NAME_form.py on the given outputs, with the first
// interpreter that has the package of that name.
func (b *bench) startPeer(ctx context.Context, name string, f *fullOutputs) (*peer, error) {
	python := b.pythonWith(ctx, name)
	if python == "" {
		return nil, noPeer(fmt.Sprintf("no Python with %s among %s (see -python)", name, strings.Join(b.python, ", ")))
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
	var err error
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
	b.peers = append(b.peers, hello.About)
	return p, nil
}

// pythonWith is the first interpreter that has numpy and another package; "" if none has.
func (b *bench) pythonWith(ctx context.Context, name string) string {
	for _, p := range b.python {
		if exec.CommandContext(ctx, p, "-c", "import numpy, "+name).Run() == nil {
			return p
		}
	}
	return ""
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

func (p *peer) stop() error {
	p.in.Close()
	return p.cmd.Wait()
}
