package torch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// TrainOptions are those of stochastic gradient descent with Nesterov's momentum.
type TrainOptions struct {
	Momentum float64
	Decay    float64 // of the weights
	Scale    float64 // of losses in float16, at first; a power of two, 0 for none
}

// A Weight is a parameter or a buffer.
type Weight struct {
	Name string // as its state_dict has it
	Kind string // type and shape, as Python prints them: torch.float32 (16, 3, 3, 3)
	Data []byte // its numbers, row by row
}

// parseWeights reads what the shim writes: each weight's numbers after a line with their
// size in bytes, name and kind.
func parseWeights(data []byte) (all []Weight, err error) {
	for len(data) > 0 {
		line, rest, found := bytes.Cut(data, []byte("\n"))
		size, name, ok := strings.Cut(string(line), " ")
		name, kind, named := strings.Cut(name, " ")
		n, err := strconv.Atoi(size)
		if err != nil || !found || !ok || !named || n < 0 || n > len(rest) {
			return nil, errors.New("torch: the shim returned no weights")
		}
		all, data = append(all, Weight{name, kind, rest[:n]}), rest[n:]
	}
	return all, nil
}

// Checkpoint identifies weights, by the hash that an exported file states of its own.
func Checkpoint(weights []Weight) string {
	h := sha256.New()
	for _, w := range slices.SortedFunc(slices.Values(weights), func(a, b Weight) int { return strings.Compare(a.Name, b.Name) }) {
		fmt.Fprintf(h, "%s %s ", w.Name, w.Kind)
		h.Write(w.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}
