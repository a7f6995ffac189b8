package importer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/encas-zoo/encas-zoo/zoo/npy"
)

// maxTensors bounds the header of a file of tensors.
const maxTensors = 16 << 20

// safetensors opens a file of the library safetensors: the length of a JSON header, the
// header, and the tensors' values in C order.
func (f *folder) safetensors(file string, h *held) (container, error) {
	var c container
	opened, size, err := f.open(file)
	if err != nil {
		return c, err
	}
	h.keep(opened)
	bad := func(format string, args ...any) (container, error) {
		return c, fmt.Errorf("%s: %s: it is cut short, or was not made with safetensors", f.name(file), fmt.Sprintf(format, args...))
	}
	var length [8]byte
	if _, err := opened.ReadAt(length[:], 0); err != nil {
		return bad("no header")
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxTensors || int64(n) > size-8 {
		return bad("a header of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := opened.ReadAt(text, 8); err != nil {
		return bad("%v", err)
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(text, &header); err != nil {
		return bad("%v", err)
	}
	delete(header, "__metadata__")
	type tensor struct {
		DType   string   `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	tensors := map[string]tensor{}
	values := size - 8 - int64(n)
	for name, text := range header {
		var t tensor
		if err := json.Unmarshal(text, &t); err != nil {
			return bad("%s: %v", name, err)
		}
		if t.Offsets[0] < 0 || t.Offsets[1] < t.Offsets[0] || t.Offsets[1] > values {
			return bad("%s is at bytes %d to %d of %d", name, t.Offsets[0], t.Offsets[1], values)
		}
		tensors[name] = t
	}
	c.names = sortedKeys(tensors)
	c.open = func(name string) (*array, error) {
		t := tensors[name]
		title := f.name(file) + ": " + name
		dtype, ok := tensorTypes[t.DType]
		if !ok {
			return nil, fmt.Errorf("%s: it holds %s: convert it with tensor.float() (outputs) or tensor.long() (labels)", title, t.DType)
		}
		length := t.Offsets[1] - t.Offsets[0]
		return rawArray(title, io.NewSectionReader(opened, 8+int64(n)+t.Offsets[0], length), t.Shape, dtype, length)
	}
	return c, nil
}

// tensorTypes are the types of tensors as safetensors calls them.
var tensorTypes = map[string]npy.DType{
	"F64": {Kind: npy.Float, Size: 8}, "F32": {Kind: npy.Float, Size: 4}, "F16": {Kind: npy.Float, Size: 2},
	"I64": {Kind: npy.Int, Size: 8}, "I32": {Kind: npy.Int, Size: 4}, "I16": {Kind: npy.Int, Size: 2}, "I8": {Kind: npy.Int, Size: 1},
	"U64": {Kind: npy.Uint, Size: 8}, "U32": {Kind: npy.Uint, Size: 4}, "U16": {Kind: npy.Uint, Size: 2}, "U8": {Kind: npy.Uint, Size: 1},
	"BOOL": {Kind: npy.Bool, Size: 1},
}

// rawArray is an array in C order without a header.
func rawArray(name string, src io.Reader, shape []int, dtype npy.DType, size int64) (*array, error) {
	r, err := npy.NewRaw(src, shape, dtype, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &array{Reader: r, name: name, close: func() error { return nil }}, nil
}
