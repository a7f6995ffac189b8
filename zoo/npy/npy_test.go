package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// file makes a .npy file of version 1 with the given header text and body.
func file(header string, body []byte) []byte {
	b := []byte(magic + "\x01\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	return append(append(b, header...), body...)
}

// array makes a .npy file from a dtype and a shape as NumPy would print them.
func array(descr, shape string, body []byte) []byte {
	return file(fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape), body)
}

// body encodes fixed-size values.
func body(order binary.AppendByteOrder, values any) []byte {
	b, err := binary.Append(nil, order.(binary.ByteOrder), values)
	if err != nil {
		panic(err)
	}
	return b
}

func open(t *testing.T, b []byte) *Reader {
	t.Helper()
	r, err := NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// readAll reads an array with one of the Read methods, in pieces of a few items.
func readAll[T any](t *testing.T, r *Reader, read func([]T) (int, error)) []T {
	t.Helper()
	var all []T
	piece := make([]T, 3)
	for {
		n, err := read(piece)
		all = append(all, piece[:n]...)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestIntegers(t *testing.T) {
	t.Parallel()
	orders := map[string]binary.AppendByteOrder{"<": binary.LittleEndian, ">": binary.BigEndian}
	for mark, order := range orders {
		for _, c := range []struct {
			descr  string
			values any
			want   []int64
		}{
			{"i1", []int8{-128, -1, 0, 127}, []int64{-128, -1, 0, 127}},
			{"i2", []int16{-32768, -1, 5, 32767}, []int64{-32768, -1, 5, 32767}},
			{"i4", []int32{math.MinInt32, -1, 0, math.MaxInt32}, []int64{math.MinInt32, -1, 0, math.MaxInt32}},
			{"i8", []int64{math.MinInt64, -1, 0, math.MaxInt64}, []int64{math.MinInt64, -1, 0, math.MaxInt64}},
			{"u1", []uint8{0, 1, 200, 255}, []int64{0, 1, 200, 255}},
			{"u2", []uint16{0, 1, 40000, 65535}, []int64{0, 1, 40000, 65535}},
			{"u4", []uint32{0, 1, 2, math.MaxUint32}, []int64{0, 1, 2, math.MaxUint32}},
			{"u8", []uint64{0, 1, 2, math.MaxInt64}, []int64{0, 1, 2, math.MaxInt64}},
			{"b1", []bool{true, false, false, true}, []int64{1, 0, 0, 1}},
		} {
			t.Run(mark+c.descr, func(t *testing.T) {
				r := open(t, array(mark+c.descr, "(4,)", body(order, c.values)))
				if got := readAll(t, r, r.ReadInt64); !slices.Equal(got, c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		}
	}
	t.Run("uint64 too large", func(t *testing.T) {
		r := open(t, array("<u8", "(2,)", body(binary.LittleEndian, []uint64{7, math.MaxUint64})))
		_, err := r.ReadInt64(make([]int64, 2))
		wantError(t, err, ErrUnsupported, "row 1", "18446744073709551615")
	})
}

func TestFloats(t *testing.T) {
	t.Parallel()
	for mark, order := range map[string]binary.AppendByteOrder{"<": binary.LittleEndian, ">": binary.BigEndian, "=": binary.LittleEndian, "|": binary.LittleEndian} {
		t.Run(mark, func(t *testing.T) {
			bits := []uint16{0, 1, 0x3C00, 0x7C00, 0x8000, 0xFFFF}
			r := open(t, array(mark+"f2", "(3, 2)", body(order, bits)))
			if got := readAll(t, r, r.ReadFloat16); !slices.Equal(got, bits) {
				t.Errorf("float16: got %x, want %x", got, bits)
			}
			singles := []float32{0.1, -3, math.MaxFloat32, 1e-45}
			r = open(t, array(mark+"f4", "(2, 2)", body(order, singles)))
			if got := readAll(t, r, r.ReadFloat32); !slices.Equal(got, singles) {
				t.Errorf("float32: got %v, want %v", got, singles)
			}
			r = open(t, array(mark+"f4", "(2, 2)", body(order, singles)))
			for i, got := range readAll(t, r, r.ReadFloat64) {
				if got != float64(singles[i]) {
					t.Errorf("float32 as float64: got %v, want %v", got, singles[i])
				}
			}
			doubles := []float64{0.1, -3, math.MaxFloat64, 5e-324}
			r = open(t, array(mark+"f8", "(4,)", body(order, doubles)))
			if got := readAll(t, r, r.ReadFloat64); !slices.Equal(got, doubles) {
				t.Errorf("float64: got %v, want %v", got, doubles)
			}
		})
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	want := []string{"", "a", "héé", "日本\U0001F600"}
	for mark, order := range map[string]binary.AppendByteOrder{"<": binary.LittleEndian, ">": binary.BigEndian} {
		var chars []uint32
		for _, s := range want {
			item := make([]uint32, 3)
			for i, c := range []rune(s) {
				item[i] = uint32(c)
			}
			chars = append(chars, item...)
		}
		r := open(t, array(mark+"U3", "(4,)", body(order, chars)))
		if got := readAll(t, r, r.ReadStrings); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", mark, got, want)
		}
	}
	for _, c := range []uint32{0xD800, 0x110000, 0xFFFFFFFF} {
		r := open(t, array("<U1", "(1,)", body(binary.LittleEndian, []uint32{c})))
		_, err := r.ReadStrings(make([]string, 1))
		wantError(t, err, ErrFormat, "row 0", "not a character")
	}
}

// Every length around the buffer's boundary comes back whole, whatever the
// length of the pieces read.
func TestBufferBoundaries(t *testing.T) {
	t.Parallel()
	for _, items := range []int{0, 1, bufferSize/8 - 1, bufferSize / 8, bufferSize/8 + 1, 3*bufferSize/8 + 5} {
		values := make([]int64, items)
		for i := range values {
			values[i] = int64(i) * 0x0123456789
		}
		b := array("<i8", fmt.Sprintf("(%d,)", items), body(binary.LittleEndian, values))
		for _, piece := range []int{1, 7, bufferSize / 8, items + 1} {
			if piece == 1 && items > 100 {
				continue
			}
			r := open(t, b)
			var got []int64
			buf := make([]int64, piece)
			for {
				n, err := r.ReadInt64(buf)
				got = append(got, buf[:n]...)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if n != piece && r.Remaining() > 0 {
					t.Fatalf("read %d of %d items before the end", n, piece)
				}
			}
			if !slices.Equal(got, values) {
				t.Errorf("%d items in pieces of %d: wrong values", items, piece)
			}
		}
	}
}

func TestShapes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shape        string
		want         []int
		rows, rowLen int
		items        int
	}{
		{"()", []int{}, 1, 1, 1},
		{"(0,)", []int{0}, 0, 1, 0},
		{"(3,)", []int{3}, 3, 1, 3},
		{"(3, 0)", []int{3, 0}, 3, 0, 0},
		{"(2, 3, 4)", []int{2, 3, 4}, 2, 12, 24},
		{"(2L, 3L)", []int{2, 3}, 2, 3, 6}, // Python 2
	} {
		r := open(t, array("|u1", c.shape, make([]byte, c.items)))
		if !slices.Equal(r.Shape(), c.want) || r.Rows() != c.rows || r.RowLen() != c.rowLen || r.Remaining() != c.items {
			t.Errorf("%s: shape %v, %d rows of %d, %d items", c.shape, r.Shape(), r.Rows(), r.RowLen(), r.Remaining())
		}
		if got := len(readAll(t, r, r.ReadInt64)); got != c.items {
			t.Errorf("%s: read %d items, want %d", c.shape, got, c.items)
		}
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	head := "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }"
	for version := byte(1); version <= 4; version++ {
		b := []byte(magic)
		b = append(b, version, 0)
		if version == 1 {
			b = binary.LittleEndian.AppendUint16(b, uint16(len(head)))
		} else {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
		}
		b = append(append(b, head...), 42)
		r, err := NewReader(bytes.NewReader(b), Unknown)
		if version == 4 {
			wantError(t, err, ErrUnsupported, "version 4.0")
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, r, r.ReadInt64); !slices.Equal(got, []int64{42}) {
			t.Errorf("version %d: got %v", version, got)
		}
	}
}

func TestFortranOrder(t *testing.T) {
	t.Parallel()
	head := "{'descr': '|u1', 'fortran_order': True, 'shape': %s, }"
	r := open(t, file(fmt.Sprintf(head, "(2, 3)"), []byte{1, 2, 3, 4, 5, 6}))
	if got := readAll(t, r, r.ReadInt64); !r.ColumnMajor() || !slices.Equal(got, []int64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("column by column is %v: got %v", r.ColumnMajor(), got)
	}
	short := file(fmt.Sprintf(head, "(2, 3)"), make([]byte, 5))
	_, err := NewReader(bytes.NewReader(short), int64(len(short)))
	wantError(t, err, ErrTruncated, "(2, 3)")
	// With at most one axis longer than 1 both orders are the same.
	r = open(t, file(fmt.Sprintf(head, "(1, 3)"), []byte{1, 2, 3}))
	if got := readAll(t, r, r.ReadInt64); r.ColumnMajor() || !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("column by column is %v: got %v", r.ColumnMajor(), got)
	}
}

// Tensors of other libraries have their shape and type elsewhere.
func TestRaw(t *testing.T) {
	t.Parallel()
	r, err := NewRaw(bytes.NewReader([]byte{0, 0x3C, 0, 0xC0}), []int{2, 1}, DType{Kind: Float, Size: 2}, 4)
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, r, r.ReadFloat64); !slices.Equal(got, []float64{1, -2}) {
		t.Errorf("got %v", got)
	}
	for _, shape := range [][]int{{3, 1}, {-2, 1}, {math.MaxInt, 4}} {
		_, err := NewRaw(bytes.NewReader(make([]byte, 4)), shape, DType{Kind: Float, Size: 2}, 4)
		wantError(t, err, ErrFormat, "shape")
	}
}

func TestBadHeaders(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxHeader+1)
	huge := append([]byte(magic+"\x02\x00"), 0xFF, 0xFF, 0xFF, 0xFF)
	for name, c := range map[string]struct {
		file []byte
		want error
		says []string
	}{
		"empty":              {nil, ErrTruncated, []string{"header"}},
		"only magic":         {[]byte(magic), ErrTruncated, []string{"header"}},
		"text":               {[]byte("sample,label\n1,2\n"), ErrFormat, []string{"numpy.save"}},
		"header cut short":   {array("<f2", "(1,)", nil)[:40], ErrTruncated, []string{"header"}},
		"long header":        {huge, ErrFormat, []string{"4294967295"}},
		"not a dictionary":   {file("[1, 2]", nil), ErrFormat, []string{"dictionary"}},
		"no end":             {file("{'descr': '<f2'", nil), ErrFormat, nil},
		"no comma":           {file("{'descr': '<f2' 'shape': ()}", nil), ErrFormat, []string{"comma"}},
		"key twice":          {file("{'descr': '<f2', 'descr': '<f4'}", nil), ErrFormat, []string{"unexpected key"}},
		"key unknown":        {file("{'code': '<f2'}", nil), ErrFormat, []string{"unexpected key"}},
		"key missing":        {file("{'descr': '<f2', 'shape': ()}", nil), ErrFormat, []string{"lacks"}},
		"bytes after":        {file("{'descr': '<f2', 'fortran_order': False, 'shape': ()} ()", nil), ErrFormat, nil},
		"escape":             {file(`{'de\'scr': '<f2'}`, nil), ErrFormat, nil},
		"bool a number":      {file("{'fortran_order': 0}", nil), ErrFormat, []string{"True or False"}},
		"negative size":      {array("<f2", "(-1,)", nil), ErrFormat, []string{"shape"}},
		"size not a number":  {array("<f2", "(x,)", nil), ErrFormat, []string{"shape"}},
		"size too large":     {array("<f2", "(99999999999999999999,)", nil), ErrFormat, []string{"shape"}},
		"product too large":  {array("<f2", "(9223372036854775807, 2)", nil), ErrFormat, []string{"overflows"}},
		"product, with zero": {array("<f2", "(9223372036854775807, 9223372036854775807, 0)", nil), ErrFormat, []string{"overflows"}},
		"bytes too large":    {array("<f8", "(4611686018427387904,)", nil), ErrFormat, []string{"overflows"}},
		"too many axes":      {array("<f8", "("+strings.Repeat("1,", maxDims+1)+")", nil), ErrFormat, []string{"shape"}},
		"objects":            {array("|O", "(1,)", nil), ErrUnsupported, []string{"pickle", "astype"}},
		"fields":             {file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", nil), ErrUnsupported, []string{"named fields", `array["a"]`}},
		"complex":            {array("<c8", "(1,)", nil), ErrUnsupported, []string{"<c8", "astype"}},
		"date":               {array("<M8[ns]", "(1,)", nil), ErrUnsupported, []string{"astype"}},
		"bfloat16":           {array("<V2", "(1,)", nil), ErrUnsupported, []string{"bfloat16"}},
		"long double":        {array("<f16", "(1,)", nil), ErrUnsupported, []string{"<f16"}},
		"float8":             {array("<f1", "(1,)", nil), ErrUnsupported, []string{"<f1"}},
		"int3":               {array("<i3", "(1,)", nil), ErrUnsupported, []string{"<i3"}},
		"bool2":              {array("<b2", "(1,)", nil), ErrUnsupported, []string{"<b2"}},
		"bytes":              {array("|S8", "(1,)", nil), ErrUnsupported, []string{"|S8"}},
		"no letter":          {array("<", "(1,)", nil), ErrUnsupported, nil},
		"empty dtype":        {array("", "(1,)", nil), ErrUnsupported, nil},
		"long strings":       {array("<U4097", "(1,)", nil), ErrUnsupported, []string{"4097"}},
		"empty strings":      {array("<U0", "(9223372036854775807,)", nil), ErrUnsupported, nil},
		"long dtype":         {array(long[:100], "(1,)", nil), ErrUnsupported, []string{"..."}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewReader(bytes.NewReader(c.file), Unknown)
			wantError(t, err, c.want, c.says...)
		})
	}
}

// A stream shorter or longer than its header says is refused: at once when the
// size is known, else where it ends, and always with the row.
func TestLength(t *testing.T) {
	t.Parallel()
	b := array("<f4", "(5, 2)", make([]byte, 40))
	for _, c := range []struct {
		name  string
		bytes []byte
		want  error
		says  string
	}{
		{"no values", b[:len(b)-40], ErrTruncated, "row 0 of 5"},
		{"cut inside row 3", b[:len(b)-10], ErrTruncated, "row 3 of 5"},
		{"one byte short", b[:len(b)-1], ErrTruncated, "row 4 of 5"},
		{"one byte more", append(slices.Clone(b), 0), ErrFormat, "follow the array"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewReader(bytes.NewReader(c.bytes), int64(len(c.bytes)))
			wantError(t, err, c.want, c.says, "(5, 2)")

			r, err := NewReader(bytes.NewReader(c.bytes), Unknown)
			if err != nil {
				t.Fatal(err)
			}
			row := make([]float32, 2)
			for err == nil {
				_, err = r.ReadFloat32(row)
			}
			wantError(t, err, c.want, c.says, "(5, 2)")
		})
	}
	t.Run("header only", func(t *testing.T) {
		_, err := NewReader(bytes.NewReader(b), 20)
		wantError(t, err, ErrTruncated, "row 0 of 5")
	})
}

func TestWrongType(t *testing.T) {
	t.Parallel()
	r := open(t, array("<f4", "(1,)", make([]byte, 4)))
	_, err := r.ReadInt64(make([]int64, 1))
	wantError(t, err, ErrUnsupported, "float32", "integers")
	_, err = r.ReadFloat16(make([]uint16, 1))
	wantError(t, err, ErrUnsupported, "float32", "float16")
	_, err = r.ReadStrings(make([]string, 1))
	wantError(t, err, ErrUnsupported, "float32", "strings")
	r = open(t, array("<U2", "(1,)", make([]byte, 8)))
	_, err = r.ReadFloat32(make([]float32, 1))
	wantError(t, err, ErrUnsupported, "<U2", "float32")
	_, err = r.ReadFloat64(make([]float64, 1))
	wantError(t, err, ErrUnsupported, "<U2", "floats")
}

func TestReadError(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	b := array("<i2", "(4,)", make([]byte, 8))
	r, err := NewReader(io.MultiReader(bytes.NewReader(b[:len(b)-4]), &failing{broken}), Unknown)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.ReadInt64(make([]int64, 4))
	wantError(t, err, broken, "row 2")
	// A checksum that fails after the last value is an error too, not an end.
	r, err = NewReader(io.MultiReader(bytes.NewReader(b), &failing{broken}), Unknown)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.ReadInt64(make([]int64, 4)); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	_, err = r.ReadInt64(make([]int64, 4))
	wantError(t, err, broken, "after the last row")
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func wantError(t *testing.T, err, want error, says ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want one that wraps %v", err, want)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
}

// Whatever the bytes, reading ends with io.EOF or a known error, and never
// yields more items than the stream can hold.
func FuzzReader(f *testing.F) {
	f.Add(array("<f2", "(2, 3)", make([]byte, 12)))
	f.Add(array(">f4", "(2, 1)", make([]byte, 8)))
	f.Add(array("<f8", "(1,)", make([]byte, 8)))
	f.Add(array(">i8", "(2,)", make([]byte, 16)))
	f.Add(array("|b1", "()", []byte{1}))
	f.Add(array("<U2", "(2,)", make([]byte, 16)))
	f.Add(array("<f4", "(1000000000, 1000)", make([]byte, 16)))
	f.Add(array("|O", "(2,)", nil))
	f.Add([]byte(magic + "\x03\x00\x10\x00\x00\x00{'descr': '<f2'}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, size := range []int64{Unknown, int64(len(b))} {
			r, err := NewReader(bytes.NewReader(b), size)
			items := 0
			for err == nil {
				var n int
				switch d := r.DType(); {
				case d.Kind == String:
					n, err = r.ReadStrings(make([]string, 5))
				case d.Kind != Float:
					n, err = r.ReadInt64(make([]int64, 5))
				case d.Size == 2:
					n, err = r.ReadFloat16(make([]uint16, 5))
				default:
					n, err = r.ReadFloat64(make([]float64, 5))
				}
				items += n
			}
			if items > len(b) {
				t.Fatalf("%d items from %d bytes", items, len(b))
			}
			if err != io.EOF && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrTruncated) {
				t.Fatalf("unknown error %v", err)
			}
		}
	})
}

// The body of an array is its values as they are in the file.
func TestBody(t *testing.T) {
	t.Parallel()
	values := bytes.Repeat([]byte{1, 2, 3, 4}, 50_000)
	got, err := io.ReadAll(open(t, array(">f4", "(50000,)", values)).Body())
	if err != nil || !bytes.Equal(got, values) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	short, err := NewReader(bytes.NewReader(array(">f4", "(50000,)", values[:70_000])), Unknown)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(short.Body())
	wantError(t, err, ErrTruncated, "50000")
}
