package importer

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/encas-zoo/encas-zoo/zoo/npy"
)

// torch opens what torch.save wrote since version 1.6: a zip archive with a pickle, which
// describes the tensors, and the tensors' values. Nothing is unpickled: the pickle's
// few instructions for tensors, and for dictionaries and lists of them, are followed, and
// any other is refused, so that no name in the file is ever looked up or called.
func (f *folder) torch(file string, h *held) (container, error) {
	const remedy = "save the tensor as tensor.numpy() with numpy.save, or with safetensors.torch.save_file"
	var c container
	archive, err := f.zip(file, h, "it is cut short, or older than torch 1.6: "+remedy)
	if err != nil {
		return c, err
	}
	parts := map[string]*zip.File{} // without the folder that they are in
	for _, z := range archive.File {
		_, name, _ := bytes.Cut([]byte(z.Name), []byte("/"))
		parts[string(name)] = z
	}
	tensors, err := readTensors(parts["data.pkl"])
	if err != nil {
		return c, fmt.Errorf("%s: %w: %s", f.name(file), err, remedy)
	}
	if z := parts["byteorder"]; z != nil {
		order, err := readPart(z, 16)
		if err != nil || string(order) != "little" {
			return c, fmt.Errorf("%s: its values are big-endian: %s", f.name(file), remedy)
		}
	}
	c.names = sortedKeys(tensors)
	c.open = func(name string) (*array, error) {
		t := tensors[name]
		title := f.name(file)
		if name != "" {
			title += ": " + name
		}
		z := parts["data/"+t.storage]
		if z == nil || z.Method != zip.Store {
			return nil, fmt.Errorf("%s: its values are missing: %s", title, remedy)
		}
		src, err := z.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", title, err)
		}
		size := int64(t.dtype.Size)
		for _, n := range t.shape {
			if n > 0 && size > int64(z.UncompressedSize64)/int64(n) {
				return nil, errors.Join(fmt.Errorf("%s: shape %v is more than the file has", title, t.shape), src.Close())
			}
			size *= int64(n)
		}
		start := t.offset * int64(t.dtype.Size)
		if start < 0 || start+size > int64(z.UncompressedSize64) {
			return nil, errors.Join(fmt.Errorf("%s: shape %v is more than the file has", title, t.shape), src.Close())
		}
		if _, err := io.CopyN(io.Discard, src, start); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", title, err), src.Close())
		}
		a, err := rawArray(title, io.LimitReader(src, size), t.shape, t.dtype, size)
		if err != nil {
			return nil, errors.Join(err, src.Close())
		}
		a.close = src.Close
		return a, nil
	}
	return c, nil
}

// maxPickle bounds the description of tensors.
const maxPickle = 1 << 20

func readPart(z *zip.File, limit int64) ([]byte, error) {
	if z == nil {
		return nil, errors.New("it holds no data.pkl, as torch.save writes it")
	}
	src, err := z.Open()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	data, err := io.ReadAll(io.LimitReader(src, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", z.Name, limit)
	}
	return data, err
}

// A tensor is one as a pickle describes it.
type tensor struct {
	storage string
	dtype   npy.DType
	offset  int64 // in values
	shape   []int
}

// storages are the types of values, by their names in torch.
var storages = map[string]npy.DType{
	"DoubleStorage": {Kind: npy.Float, Size: 8}, "FloatStorage": {Kind: npy.Float, Size: 4}, "HalfStorage": {Kind: npy.Float, Size: 2},
	"LongStorage": {Kind: npy.Int, Size: 8}, "IntStorage": {Kind: npy.Int, Size: 4}, "ShortStorage": {Kind: npy.Int, Size: 2}, "CharStorage": {Kind: npy.Int, Size: 1},
	"ByteStorage": {Kind: npy.Uint, Size: 1}, "BoolStorage": {Kind: npy.Bool, Size: 1},
}

// What a pickle's stack holds beside texts, numbers and tensors.
type (
	global    string // the name of a function or class
	mark      struct{}
	tuple     []any
	dict      map[string]any
	storageOf struct {
		key   string
		dtype npy.DType
	}
)

// readTensors returns the tensors that a pickle describes: by name, or one without.
func readTensors(z *zip.File) (map[string]tensor, error) {
	data, err := readPart(z, maxPickle)
	if err != nil {
		return nil, err
	}
	u := unpickler{data: data, memo: map[uint32]any{}}
	value, err := u.run()
	if err != nil {
		return nil, err
	}
	tensors := map[string]tensor{}
	switch v := value.(type) {
	case tensor:
		tensors[""] = v
	case *dict:
		for name, x := range *v {
			if t, ok := x.(tensor); ok {
				tensors[name] = t
			}
		}
	}
	if len(tensors) == 0 {
		return nil, errors.New("it holds no tensor, and no dictionary of tensors")
	}
	return tensors, nil
}

// An unpickler follows a pickle's instructions as far as they make tensors.
type unpickler struct {
	data  []byte
	stack []any
	memo  map[uint32]any
}

var errPickle = errors.New("it holds more than plain tensors, or is damaged")

// take returns the next bytes.
func (u *unpickler) take(n int) ([]byte, error) {
	if n < 0 || n > len(u.data) {
		return nil, errPickle
	}
	b := u.data[:n]
	u.data = u.data[n:]
	return b, nil
}

// line returns the next line.
func (u *unpickler) line() (string, error) {
	line, rest, ok := bytes.Cut(u.data, []byte("\n"))
	if !ok {
		return "", errPickle
	}
	u.data = rest
	return string(line), nil
}

// number reads a little-endian unsigned number.
func (u *unpickler) number(bytes int) (uint32, error) {
	b, err := u.take(bytes)
	if err != nil {
		return 0, err
	}
	var full [4]byte
	copy(full[:], b)
	return binary.LittleEndian.Uint32(full[:]), nil
}

func (u *unpickler) push(v any) { u.stack = append(u.stack, v) }

// pop takes values off the stack.
func (u *unpickler) pop(n int) ([]any, error) {
	if n > len(u.stack) {
		return nil, errPickle
	}
	v := slices.Clone(u.stack[len(u.stack)-n:])
	u.stack = u.stack[:len(u.stack)-n]
	return v, nil
}

// popMark takes what is above the highest mark, and the mark, off the stack.
func (u *unpickler) popMark() ([]any, error) {
	for i := len(u.stack) - 1; i >= 0; i-- {
		if _, ok := u.stack[i].(mark); ok {
			v := slices.Clone(u.stack[i+1:])
			u.stack = u.stack[:i]
			return v, nil
		}
	}
	return nil, errPickle
}

// run follows the instructions to the end and returns the value that they make.
func (u *unpickler) run() (any, error) {
	for {
		op, err := u.take(1)
		if err != nil {
			return nil, err
		}
		if op[0] == '.' {
			v, err := u.pop(1)
			if err != nil {
				return nil, err
			}
			return v[0], nil
		}
		if err := u.do(op[0]); err != nil {
			return nil, err
		}
	}
}

// do follows one instruction. The letters are those of Python's pickle module.
func (u *unpickler) do(op byte) error {
	switch op {
	case 0x80: // PROTO
		_, err := u.take(1)
		return err
	case '(': // MARK
		u.push(mark{})
	case '}': // EMPTY_DICT
		u.push(&dict{})
	case ']', ')': // EMPTY_LIST, EMPTY_TUPLE
		u.push(tuple{})
	case 'N': // NONE
		u.push(nil)
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		u.push(op == 0x88)
	case 'K', 'M', 'J': // BININT1, BININT2, BININT
		n, err := u.number(map[byte]int{'K': 1, 'M': 2, 'J': 4}[op])
		u.push(int64(int32(n)))
		return err
	case 0x8a: // LONG1
		n, err := u.number(1)
		if err != nil {
			return err
		}
		b, err := u.take(int(n))
		if err != nil || n > 8 {
			return errPickle
		}
		var v int64
		for i, x := range b {
			v |= int64(x) << (8 * i)
		}
		if n > 0 && n < 8 && b[n-1]&0x80 != 0 {
			v -= 1 << (8 * n)
		}
		u.push(v)
	case 'G': // BINFLOAT
		_, err := u.take(8)
		u.push(nil)
		return err
	case 'X', 0x8c, 'U', 'T': // BINUNICODE, SHORT_BINUNICODE, SHORT_BINSTRING, BINSTRING
		width := 4
		if op == 0x8c || op == 'U' {
			width = 1
		}
		n, err := u.number(width)
		if err != nil {
			return err
		}
		b, err := u.take(int(n))
		u.push(string(b))
		return err
	case 'q', 'r': // BINPUT, LONG_BINPUT
		n, err := u.number(map[byte]int{'q': 1, 'r': 4}[op])
		if err != nil || len(u.stack) == 0 {
			return errPickle
		}
		u.memo[n] = u.stack[len(u.stack)-1]
	case 'h', 'j': // BINGET, LONG_BINGET
		n, err := u.number(map[byte]int{'h': 1, 'j': 4}[op])
		v, ok := u.memo[n]
		if err != nil || !ok {
			return errPickle
		}
		u.push(v)
	case 'c': // GLOBAL
		module, err := u.line()
		if err != nil {
			return err
		}
		name, err := u.line()
		u.push(global(module + "." + name))
		return err
	case 0x85, 0x86, 0x87: // TUPLE1, TUPLE2, TUPLE3
		v, err := u.pop(int(op) - 0x84)
		u.push(tuple(v))
		return err
	case 't': // TUPLE
		v, err := u.popMark()
		u.push(tuple(v))
		return err
	case 'a': // APPEND, to a list, which no tensor needs
		_, err := u.pop(1)
		return err
	case 'e': // APPENDS
		_, err := u.popMark()
		return err
	case 's', 'u': // SETITEM, SETITEMS
		var items []any
		var err error
		if op == 's' {
			items, err = u.pop(2)
		} else {
			items, err = u.popMark()
		}
		if err != nil || len(items)%2 != 0 || len(u.stack) == 0 {
			return errPickle
		}
		d, ok := u.stack[len(u.stack)-1].(*dict)
		if !ok {
			return errPickle
		}
		for i := 0; i < len(items); i += 2 {
			name, ok := items[i].(string)
			if !ok {
				return errPickle
			}
			(*d)[name] = items[i+1]
		}
	case 'Q': // BINPERSID: a storage
		return u.storage()
	case 'R': // REDUCE: a function is called
		return u.reduce()
	default:
		return errPickle
	}
	return nil
}

// storage replaces ('storage', type, key, device, length) by a storage.
func (u *unpickler) storage() error {
	v, err := u.pop(1)
	if err != nil {
		return err
	}
	t, ok := v[0].(tuple)
	if !ok || len(t) < 4 || t[0] != "storage" {
		return errPickle
	}
	name, isName := t[1].(global)
	key, isKey := t[2].(string)
	if _, err := strconv.ParseUint(key, 10, 32); !isName || !isKey || err != nil {
		return errPickle
	}
	_, kind, _ := bytes.Cut([]byte(name), []byte("torch."))
	dtype, ok := storages[string(kind)]
	if !ok {
		return fmt.Errorf("it holds a tensor of %s; convert it with tensor.float() or tensor.long()", name)
	}
	u.push(storageOf{key, dtype})
	return nil
}

// reduce stands for the two functions that a file of tensors calls: the one that makes a
// tensor of a storage, and that of an empty ordered dictionary.
func (u *unpickler) reduce() error {
	v, err := u.pop(2)
	if err != nil {
		return err
	}
	name, _ := v[0].(global)
	args, ok := v[1].(tuple)
	if !ok {
		return errPickle
	}
	switch name {
	case "collections.OrderedDict":
		if len(args) != 0 {
			return errPickle
		}
		u.push(&dict{})
		return nil
	case "torch._utils._rebuild_tensor_v2":
		t, err := newTensor(args)
		u.push(t)
		return err
	}
	return fmt.Errorf("it holds more than plain tensors (%s)", name)
}

// newTensor reads (storage, offset, shape, strides, ...).
func newTensor(args tuple) (tensor, error) {
	if len(args) < 4 {
		return tensor{}, errPickle
	}
	s, isStorage := args[0].(storageOf)
	offset, isOffset := args[1].(int64)
	sizes, isShape := args[2].(tuple)
	strides, isStrides := args[3].(tuple)
	if !isStorage || !isOffset || !isShape || !isStrides || offset < 0 || len(sizes) != len(strides) {
		return tensor{}, errPickle
	}
	t := tensor{storage: s.key, dtype: s.dtype, offset: offset}
	step := int64(1)
	for i := len(sizes) - 1; i >= 0; i-- {
		n, ok := sizes[i].(int64)
		stride, ok2 := strides[i].(int64)
		if !ok || !ok2 || n < 0 || n > 0 && step > (1<<40)/n {
			return tensor{}, errPickle
		}
		if n > 1 && stride != step {
			return tensor{}, errors.New("a tensor is not contiguous (transposed, or cut out of another): save tensor.contiguous()")
		}
		t.shape = append(t.shape, int(n))
		step *= max(n, 1)
	}
	slices.Reverse(t.shape)
	return t, nil
}
