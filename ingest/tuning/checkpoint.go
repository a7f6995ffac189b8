package tuning

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/regular"
)

// A checkpoint is the first line of a file that a training goes on from; the states follow.
type checkpoint struct {
	Format int     `json:"format"`
	Origin *origin `json:"origin"`
	Step   int     `json:"step"`
	State  int64   `json:"state"` // bytes
	Mean   int64   `json:"mean"`  // bytes of the weights' mean, 0 for none
	SHA256 string  `json:"sha256"`
}

const (
	checkpointFormat = 1
	maxHead          = 16 << 20 // the longest first line
)

// keep writes a checkpoint.
func (r *run) keep() error {
	state, err := r.training.State()
	if err != nil {
		return err
	}
	var mean []byte
	if r.mean != nil {
		if mean, err = r.meanOf.State(); err != nil {
			return err
		}
	}
	c := checkpoint{Format: checkpointFormat, Origin: r.from, Step: r.step, State: int64(len(state)), Mean: int64(len(mean)), SHA256: sumOf(state, mean)}
	head, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(r.part(), slices.Concat(head, []byte("\n"), state, mean))
}

func sumOf(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// resume goes on from a checkpoint, if there is one. One of another training is refused.
func (r *run) resume() error {
	c, state, mean, err := readCheckpoint(r.part())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	again := fmt.Sprintf("remove %s to begin anew", r.part())
	if err != nil {
		return fmt.Errorf("the training cannot go on: %w; %s", err, again)
	}
	if other := differences(c.Origin, r.from); other != "" {
		return fmt.Errorf("%s is of a training with %s: go on with that, or %s", r.part(), other, again)
	}
	if c.Step < 0 || c.Step > r.steps {
		return fmt.Errorf("%s is after step %d, of %d; %s", r.part(), c.Step, r.steps, again)
	}
	if err := r.training.Restore(state); err != nil {
		return fmt.Errorf("%s: %w; %s", r.part(), err, again)
	}
	if r.mean != nil {
		if err := r.meanOf.Restore(mean); err != nil {
			return fmt.Errorf("%s: %w; %s", r.part(), err, again)
		}
	}
	r.step = c.Step
	return nil
}

// readCheckpoint reads a file that keep wrote, all of it or nothing.
func readCheckpoint(path string) (c checkpoint, state, mean []byte, err error) {
	f, err := regular.Open(path)
	if err != nil {
		return c, nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return c, nil, nil, err
	}
	damaged := fmt.Errorf("%s is damaged, or is no checkpoint of a training", path)
	in := bufio.NewReader(f)
	head, err := readLine(in)
	if err != nil || json.Unmarshal(head, &c) != nil || c.Format != checkpointFormat || c.Origin == nil {
		return c, nil, nil, damaged
	}
	left := info.Size() - int64(len(head))
	if c.State < 0 || c.Mean < 0 || c.State > left || c.Mean != left-c.State {
		return c, nil, nil, damaged
	}
	state, mean = make([]byte, c.State), make([]byte, c.Mean)
	for _, part := range [][]byte{state, mean} {
		if _, err := io.ReadFull(in, part); err != nil {
			return c, nil, nil, damaged
		}
	}
	if sumOf(state, mean) != c.SHA256 {
		return c, nil, nil, damaged
	}
	return c, state, mean, nil
}

// readLine returns the first line, its end included.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line bytes.Buffer
	for line.Len() < maxHead {
		part, err := in.ReadSlice('\n')
		line.Write(part)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line.Bytes(), err
		}
	}
	return nil, bufio.ErrTooLong
}

// differences says what is different of the first of two origins, "" for nothing.
func differences(a, b *origin) string {
	x, y := fields(a), fields(b)
	var all []string
	for _, key := range slices.Sorted(maps.Keys(x)) {
		switch v, w := string(x[key]), string(y[key]); {
		case v == w:
		case key == "start":
			all = append(all, "other weights to begin with")
		case key == "candidates":
			all = append(all, "other subnets")
		case key == "images":
			all = append(all, "other images")
		default:
			all = append(all, fmt.Sprintf("%s %s and not %s", key, v, w))
		}
	}
	return strings.Join(all, ", ")
}

// fields are an origin's, by their names in JSON.
func fields(o *origin) (of map[string]json.RawMessage) {
	text, err := json.Marshal(o)
	if err == nil {
		err = json.Unmarshal(text, &of)
	}
	if err != nil {
		panic(err) // numbers that Check let through
	}
	return of
}
