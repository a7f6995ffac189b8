package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/scanner"
)

const (
	magic = "\x93NUMPY"
	// maxHeader bounds the text of a header. NumPy writes 118 bytes for a plain
	// array and by default refuses to read more than 10,000.
	maxHeader = 64 << 10
	// maxDims is NumPy's own limit.
	maxDims = 64
	// maxChars bounds a string item, so that a few items fit into the buffer.
	maxChars = 4096
)

type header struct {
	shape       []int
	dtype       DType
	columnMajor bool
}

// readHeader reads magic, version and header text, and returns how many bytes
// they took.
func readHeader(src io.Reader) (header, int64, error) {
	var fixed [12]byte // magic, version, and 2 or 4 bytes of length
	if err := readFull(src, fixed[:8]); err != nil {
		return header{}, 0, err
	}
	if string(fixed[:6]) != magic {
		return header{}, 0, fmt.Errorf("%w: it does not begin with the bytes \\x93NUMPY; save it with numpy.save", ErrFormat)
	}
	var length, start int64
	switch version := fixed[6]; version {
	case 1:
		if err := readFull(src, fixed[8:10]); err != nil {
			return header{}, 0, err
		}
		length, start = int64(binary.LittleEndian.Uint16(fixed[8:])), 10
	case 2, 3:
		if err := readFull(src, fixed[8:12]); err != nil {
			return header{}, 0, err
		}
		length, start = int64(binary.LittleEndian.Uint32(fixed[8:])), 12
	default:
		return header{}, 0, fmt.Errorf("%w: format version %d.%d is newer than 3.0", ErrUnsupported, version, fixed[7])
	}
	if length > maxHeader {
		return header{}, 0, fmt.Errorf("%w: a header of %d bytes (at most %d are read)", ErrFormat, length, maxHeader)
	}
	text := make([]byte, length)
	if err := readFull(src, text); err != nil {
		return header{}, 0, err
	}
	h, err := parseHeader(text)
	return h, start + length, err
}

// readFull fills b from the header, in which every early end means truncation.
func readFull(src io.Reader, b []byte) error {
	_, err := io.ReadFull(src, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends inside the header", ErrTruncated)
	}
	return err
}

// parseHeader reads the Python dictionary that describes the array, such as
//
//	{'descr': '<f2', 'fortran_order': False, 'shape': (10000, 10), }
func parseHeader(text []byte) (header, error) {
	s := newParser(text)
	var (
		h                     header
		fortran               bool
		hasDescr, hasOrder    bool
		hasShape, afterFields bool
	)
	if !s.accept('{') {
		return h, s.bad("a dictionary")
	}
	for !s.accept('}') {
		if afterFields {
			return h, s.bad("a comma or the end of the dictionary")
		}
		key, ok := s.quoted()
		if !ok || !s.accept(':') {
			return h, s.bad("a key and a colon")
		}
		switch {
		case key == "descr" && !hasDescr:
			hasDescr = true
			if s.accept('[') {
				return h, structured(s)
			}
			descr, ok := s.quoted()
			if !ok {
				return h, s.bad("a dtype")
			}
			var err error
			if h.dtype, err = parseDescr(descr); err != nil {
				return h, err
			}
		case key == "fortran_order" && !hasOrder:
			hasOrder = true
			if fortran, ok = s.boolean(); !ok {
				return h, s.bad("True or False")
			}
		case key == "shape" && !hasShape:
			hasShape = true
			if h.shape, ok = s.tuple(); !ok {
				return h, s.bad(fmt.Sprintf("a shape of at most %d sizes", maxDims))
			}
		default:
			return h, fmt.Errorf("%w: unexpected key %q in the header", ErrFormat, clip(key))
		}
		afterFields = !s.accept(',')
	}
	if s.next != scanner.EOF {
		return h, s.bad("the end of the header")
	}
	if !hasDescr || !hasOrder || !hasShape {
		return h, fmt.Errorf("%w: the header lacks descr, fortran_order or shape", ErrFormat)
	}
	long := 0
	total := h.dtype.Size
	for _, n := range h.shape {
		if n > 1 {
			long++
		}
		// Zero sizes are left out, so that every partial product is bounded too.
		if n > 0 {
			if total > math.MaxInt/n {
				return h, fmt.Errorf("%w: shape %s overflows", ErrFormat, shapeString(h.shape))
			}
			total *= n
		}
	}
	h.columnMajor = fortran && long > 1
	return h, nil
}

// structured is the error for an array with named fields, of which it gives the first.
func structured(s *parser) error {
	field := "field"
	if s.accept('(') {
		if name, ok := s.quoted(); ok && name != "" {
			field = clip(name)
		}
	}
	return fmt.Errorf("%w: it has named fields (a structured dtype), such as %q; save the one you need by itself: numpy.save(path, array[%q])", ErrUnsupported, field, field)
}

// parseDescr reads a dtype string: byte order, letter, size.
func parseDescr(descr string) (DType, error) {
	refuse := func(what string) (DType, error) {
		return DType{}, fmt.Errorf("%w: dtype %q%s; convert it with array.astype('float32') (outputs), astype('int64') (labels) or astype('str') (ids)", ErrUnsupported, clip(descr), what)
	}
	rest := descr
	var d DType
	if rest != "" && strings.IndexByte("<>|=", rest[0]) >= 0 {
		d.BigEndian = rest[0] == '>'
		rest = rest[1:]
	}
	if rest == "" {
		return refuse("")
	}
	d.Kind = Kind(rest[0])
	if d.Kind == 'O' {
		return DType{}, fmt.Errorf("%w: it holds Python objects (a pickle), which are never loaded; save a plain array with array.astype('float32'), astype('int64') or astype('str')", ErrUnsupported)
	}
	size, err := strconv.ParseUint(rest[1:], 10, 31)
	if err != nil {
		return refuse("")
	}
	d.Size = int(size)
	switch d.Kind {
	case Float:
		if d.Size != 2 && d.Size != 4 && d.Size != 8 {
			return refuse("")
		}
	case Int, Uint:
		if d.Size != 1 && d.Size != 2 && d.Size != 4 && d.Size != 8 {
			return refuse("")
		}
	case Bool:
		if d.Size != 1 {
			return refuse("")
		}
	case String:
		if d.Size > maxChars {
			return DType{}, fmt.Errorf("%w: strings of %d characters (at most %d are read)", ErrUnsupported, d.Size, maxChars)
		}
		// NumPy stores a width of 0 as 1; a 0 here would make every item empty
		// and the array's length independent of the file's.
		if d.Size == 0 {
			return refuse("")
		}
		d.Size *= 4
	case 'V':
		return refuse(" (raw bytes; bfloat16 is saved like this)")
	default:
		return refuse("")
	}
	return d, nil
}

// A parser walks over the few forms of Python literals in a header.
type parser struct {
	scanner.Scanner
	text []byte
	next rune // token
}

func newParser(text []byte) *parser {
	p := &parser{text: text}
	// No string of a valid header holds a quotation mark, so both kinds are scanned as one.
	p.Init(bytes.NewReader(bytes.ReplaceAll(text, []byte("'"), []byte(`"`))))
	p.Mode = scanner.ScanIdents | scanner.ScanInts | scanner.ScanStrings
	p.Whitespace |= 1 << 0                      // some pad with zeros
	p.Error = func(*scanner.Scanner, string) {} // what follows is no token that is asked for
	p.next = p.Scan()
	return p
}

// accept consumes a token if it comes next.
func (p *parser) accept(token rune) bool {
	if p.next != token {
		return false
	}
	p.next = p.Scan()
	return true
}

// quoted consumes a string. No string of a valid header needs an escape, so a backslash
// is refused.
func (p *parser) quoted() (string, bool) {
	if p.next != scanner.String {
		return "", false
	}
	text := p.text[p.Offset:][:len(p.TokenText())]
	last := len(text) - 1
	if last == 0 || text[0] != text[last] || bytes.IndexByte(text, '\\') >= 0 {
		return "", false
	}
	return string(text[1:last]), p.accept(scanner.String)
}

func (p *parser) boolean() (value, ok bool) {
	word := p.TokenText()
	return word == "True", (word == "True" || word == "False") && p.accept(scanner.Ident)
}

// tuple consumes (), (n,), (n, m), ... Python 2 wrote large sizes as 10L.
func (p *parser) tuple() ([]int, bool) {
	if !p.accept('(') {
		return nil, false
	}
	shape := []int{}
	for !p.accept(')') {
		n, err := strconv.ParseUint(p.TokenText(), 10, strconv.IntSize-1)
		if err != nil || len(shape) == maxDims || !p.accept(scanner.Int) {
			return nil, false
		}
		if p.TokenText() == "L" {
			p.accept(scanner.Ident)
		}
		shape = append(shape, int(n))
		if !p.accept(',') {
			return shape, p.accept(')')
		}
	}
	return shape, true
}

// bad is the error for a header that is not what NumPy writes.
func (p *parser) bad(want string) error {
	at := min(p.Offset, len(p.text))
	return fmt.Errorf("%w: the header needs %s at byte %d: %q", ErrFormat, want, at, clip(string(p.text[at:])))
}

// clip keeps text from a file short enough for a message.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
