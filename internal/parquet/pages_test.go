package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/klauspost/compress/zstd"
)

// The types of Thrift's compact protocol that the tests write.
const (
	thriftI32    = 5
	thriftBinary = 8
	thriftList   = 9
	thriftMap    = 11
	thriftStruct = 12
)

// TestBombs gives the page reader small pages that claim or unpack to a lot.
func TestBombs(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	zeros := enc.EncodeAll(make([]byte, 200<<20), nil)
	page := func(uncompressed, compressed, values int64, data []byte) []byte {
		num := func(b []byte, v int64) []byte { return binary.AppendVarint(append(b, 1<<4|thriftI32), v) }
		b := num(nil, 0)
		b = num(b, uncompressed)
		b = num(b, compressed)
		b = append(b, 2<<4|thriftStruct)
		b = num(b, values)
		b = num(b, 0)
		b = append(b, 0, 0)
		return append(b, data...)
	}
	for _, c := range []struct {
		what   string
		page   []byte
		values int64
		want   string
	}{
		{"honest about its size", page(200<<20, int64(len(zeros)), 50<<20, zeros), 50 << 20, "at most 8388608 are read"},
		{"dishonest about its size", page(4, int64(len(zeros)), 1, zeros), 1, ""},
		{"longer than the file", page(4, 1<<31-1, 1, zeros), 1, "runs over the end"},
		{"negative", page(-4, 4, 1, zeros), 1, "claims"},
		{"negative compressed", page(4, -4, 1, zeros), 1, "claims"},
		{"too many values", page(4, 4, 2, zeros), 1, "claims"},
		{"no header", make([]byte, 1<<20), 1, "claims"},
		{"a Snappy block that claims much", page(4, 6, 1, []byte{0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0}), 1, "4294967295 bytes instead of 4"},
		{"too long a header", binary.AppendUvarint([]byte{7<<4 | thriftBinary}, 1<<19), 1, "Thrift"},
		{"nested headers", bytes.Repeat([]byte{1<<4 | thriftStruct}, 1<<20), 1, "Thrift"},
		{"nested lists", append([]byte{9<<4 | thriftList}, bytes.Repeat([]byte{1<<4 | thriftList}, 1<<20)...), 1, "Thrift"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f := &File{in: bytes.NewReader(c.page), size: int64(len(c.page)), limits: Limits{Page: 8 << 20, Header: 1024}}
		p := Pages{f: f, left: f.size, values: c.values, Codec: compress.Codecs.Zstd}
		if strings.Contains(c.what, "Snappy") {
			p.Codec = compress.Codecs.Snappy
		}
		_, err := p.Next()
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", c.what, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 24<<20 {
			t.Errorf("%s: %d MB were allocated for %d bytes", c.what, used>>20, len(c.page))
		}
	}
}

// TestFooters gives footers whose lists are longer than they are, and schemas that are
// not.
func TestFooters(t *testing.T) {
	t.Parallel()
	element := []byte{5<<4 | thriftI32, 2, 0} // a group of one
	schema := func(n int, elements ...byte) []byte {
		b := binary.AppendUvarint([]byte{2<<4 | thriftList, 0xF0 | thriftStruct}, uint64(n))
		return append(append(b, elements...), 0)
	}
	for _, c := range []struct {
		footer []byte
		want   error
	}{
		{binary.AppendUvarint([]byte{4<<4 | thriftList, 0xF0 | thriftStruct}, 1<<27), errThrift},
		{append(binary.AppendUvarint([]byte{4<<4 | thriftList, 0xF0 | thriftStruct}, 1000), make([]byte, 1000)...), errIncomplete}, // empty row groups
		{binary.AppendUvarint([]byte{9<<4 | thriftMap}, 1<<40), errThrift},
		{bytes.Repeat([]byte{1<<4 | thriftStruct}, 1000), errThrift},
		{nil, errThrift},
		{[]byte{2<<4 | thriftList, 4<<4 | thriftStruct, 0, 0, 0, 0, 0}, errSchema}, // too many
		{schema(3, append(bytes.Clone(element), 0, 0)...), errSchema},              // one too many
		{schema(3, 5<<4|thriftI32, 4, 0, 0, 0), nil},                               // a root with two columns
		{schema(2, 5<<4|thriftI32, 1, 0, 0), errSchema},                            // -1 columns
		{schema(3, append(bytes.Repeat(element, 2), 0)...), nil},                   // three deep
		{schema(1<<30, bytes.Repeat(element, 1000)...), errThrift},                 // longer than the footer
	} {
		if _, _, err := new(footer).walk(c.footer, 3); !errors.Is(err, c.want) {
			t.Errorf("footer %x: %v", c.footer, err)
		}
	}
	if _, _, err := new(footer).walk(schema(1000, bytes.Repeat(element, 1000)...), 1<<20); !errors.Is(err, errSchema) {
		t.Errorf("1000 groups in each other: %v", err)
	}
}

// TestLongFooter gives files that say more of their footers than there is.
func TestLongFooter(t *testing.T) {
	t.Parallel()
	whole := texts(t, []string{"a", "b"}, false)
	for name, damage := range map[string]func(b []byte) []byte{
		"cut":       func(b []byte) []byte { return b[:len(b)-1] },
		"empty":     func(b []byte) []byte { return nil },
		"too long":  func(b []byte) []byte { binary.LittleEndian.PutUint32(b[len(b)-8:], 1<<31); return b },
		"too short": func(b []byte) []byte { binary.LittleEndian.PutUint32(b[len(b)-8:], 1); return b },
	} {
		_, err := NewFile(bytes.NewReader(damage(bytes.Clone(whole))), "some.parquet", Limits{Page: 1 << 20})
		if err == nil || !strings.Contains(err.Error(), "some.parquet: it cannot be read as Parquet") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// FuzzFile reads all cells of files.
func FuzzFile(f *testing.F) {
	for _, dictionary := range []bool{false, true} {
		data := texts(f, []string{"one", "", "two", "one"}, dictionary)
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := NewFile(bytes.NewReader(data), "fuzz", Limits{Page: 1 << 16})
		if err != nil {
			return
		}
		for column := range file.Schema().NumColumns() {
			for group := range file.Groups() {
				cells, err := Open(file, group, column, 0, func(b []byte) int { return len(b) })
				for more := err == nil; more && !cells.Missing; {
					if more, err = cells.Next(); err != nil {
						break
					}
				}
			}
		}
	})
}

func FuzzPageHeader(f *testing.F) {
	f.Add([]byte{0x15, 0, 0x15, 8, 0x15, 8, 0x2C, 0x15, 2, 0x15, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, n, err := parsePageHeader(data); err == nil && (n < 1 || n > len(data)) {
			t.Errorf("a header of %d bytes in %d", n, len(data))
		}
		new(footer).walk(data, 100)
	})
}
