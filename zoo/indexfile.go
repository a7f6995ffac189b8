package zoo

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strconv"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	flatbuffers "github.com/google/flatbuffers/go"
	"golang.org/x/sys/cpu"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// An index file is an Arrow IPC file with one record batch, uncompressed, with a row
// per sample and the columns
//
//	classes    fixed_size_list<uint16>[K]
//	values     fixed_size_list<float16>[K]
//	tail       uint32, units of 2^-24
//	top_class  uint16
//	top_value  float16, the confidence
//	correct    bool
//
// The schema's metadata identifies what the file was made from. A reader uses the
// file only if all of it matches and the checksum is correct.

// indexVersion counts changes of what an index file holds. Another version is
// rebuilt.
const indexVersion = 1

// indexMeta is the metadata of an index file's schema.
type indexMeta struct {
	archive string // SHA-256 of the archive, or "none"
	split   string // fingerprint
	samples int
	classes int
	k       int
}

// list gives keys and values in a fixed order.
func (m indexMeta) list() (keys, values []string) {
	return []string{"encas-zoo.index", "archive", "split", "samples", "classes", "k"},
		[]string{strconv.Itoa(indexVersion), m.archive, m.split, strconv.Itoa(m.samples), strconv.Itoa(m.classes), strconv.Itoa(m.k)}
}

const checksumKey = "crc32c"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(buffers [][]byte) string {
	var sum uint32
	for _, b := range buffers {
		sum = crc32.Update(sum, castagnoli, b)
	}
	return fmt.Sprintf("%08x", sum)
}

// indexPart is where a column of the file is among the buffers of its record
// batch, and how long it is.
type indexPart struct {
	buffer int
	bytes  int
}

// indexBuffers is the number of buffers of the record batch. A list column has one
// for validity, and its values, like every other column, one for validity and one
// for content. Validity buffers are empty: nothing is missing.
const indexBuffers = 14

func (m indexMeta) parts() [6]indexPart {
	n, k := m.samples, m.k
	return [6]indexPart{{2, 2 * n * k}, {5, 2 * n * k}, {7, 4 * n}, {9, 2 * n}, {11, 2 * n}, {13, (n + 7) / 8}}
}

// bytesOf returns the memory of v.
func bytesOf[T uint16 | uint32](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(*new(T))))
}

// sliceOf returns b as numbers: in place, or copied if b is not aligned to their
// size.
func sliceOf[T uint16 | uint32](b []byte) []T {
	size := int(unsafe.Sizeof(*new(T)))
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(p)%uintptr(size) == 0 {
		return unsafe.Slice((*T)(p), len(b)/size)
	}
	v := make([]T, len(b)/size)
	copy(bytesOf(v), b)
	return v
}

// writeIndex writes l to out, which it leaves open.
func writeIndex(out *atomicfile.File, l Lists, labels []uint16, meta indexMeta) error {
	if cpu.IsBigEndian {
		return fmt.Errorf("zoo: index files are written on little-endian machines only: %w", errors.ErrUnsupported)
	}
	n := meta.samples
	correct := make([]byte, (n+7)/8)
	for i, c := range l.TopClass {
		if c == labels[i] {
			correct[i/8] |= 1 << (i % 8)
		}
	}
	parts := [][]byte{bytesOf(l.Classes), bytesOf(l.Values), bytesOf(l.Tail), bytesOf(l.TopClass), bytesOf(l.TopValue), correct}

	list := func(of arrow.DataType, values []byte) arrow.ArrayData {
		child := array.NewData(of, n*l.K, []*memory.Buffer{nil, memory.NewBufferBytes(values)}, nil, 0, 0)
		return array.NewData(arrow.FixedSizeListOfNonNullable(int32(l.K), of), n, []*memory.Buffer{nil}, []arrow.ArrayData{child}, 0, 0)
	}
	flat := func(of arrow.DataType, values []byte) arrow.ArrayData {
		return array.NewData(of, n, []*memory.Buffer{nil, memory.NewBufferBytes(values)}, nil, 0, 0)
	}
	names := []string{"classes", "values", "tail", "top_class", "top_value", "correct"}
	data := []arrow.ArrayData{
		list(arrow.PrimitiveTypes.Uint16, parts[0]),
		list(arrow.FixedWidthTypes.Float16, parts[1]),
		flat(arrow.PrimitiveTypes.Uint32, parts[2]),
		flat(arrow.PrimitiveTypes.Uint16, parts[3]),
		flat(arrow.FixedWidthTypes.Float16, parts[4]),
		flat(arrow.FixedWidthTypes.Boolean, parts[5]),
	}
	fields := make([]arrow.Field, len(data))
	columns := make([]arrow.Array, len(data))
	for i, d := range data {
		fields[i] = arrow.Field{Name: names[i], Type: d.DataType()}
		columns[i] = array.MakeFromData(d)
	}
	keys, values := meta.list()
	about := arrow.NewMetadata(append(keys, checksumKey), append(values, checksum(parts)))
	schema := arrow.NewSchema(fields, &about)

	w, err := ipc.NewFileWriter(out, ipc.WithSchema(schema))
	if err == nil {
		err = w.Write(array.NewRecord(schema, columns, int64(n)))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		out.Fail(err)
	}
	return out.Err()
}

// An openIndex is the lists of one model with the file that they are mapped from.
type openIndex struct {
	lists Lists
	unmap func() error // nil for lists in memory
}

// errStale: an index file is of another version, or made from something else.
var errStale = errors.New("it was made from another archive, split, or version of this program")

// readIndex maps the index file at path and checks it. The error wraps
// fs.ErrNotExist if there is none, and errStale if it is a valid one of something
// else.
func readIndex(path string, meta indexMeta) (ix openIndex, err error) {
	f, err := os.Open(path)
	if err != nil {
		return openIndex{}, fmt.Errorf("zoo: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return openIndex{}, fmt.Errorf("zoo: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() < 1 || int64(int(info.Size())) != info.Size() {
		return openIndex{}, fmt.Errorf("zoo: %s is not an index file", path)
	}
	data, unmap, err := mapFile(f, int(info.Size()))
	if err != nil {
		return openIndex{}, fmt.Errorf("zoo: %w", err)
	}
	lists, err := parseIndex(data, meta)
	if err != nil {
		unmap()
		return openIndex{}, fmt.Errorf("zoo: %s: %w", path, err)
	}
	return openIndex{lists, unmap}, nil
}

// parseIndex returns the lists in an index file's bytes, without copying them if
// they are aligned.
func parseIndex(data []byte, meta indexMeta) (Lists, error) {
	if cpu.IsBigEndian {
		return Lists{}, fmt.Errorf("index files are read on little-endian machines only: %w", errors.ErrUnsupported)
	}
	about, buffers, err := parseArrow(data)
	if err != nil {
		return Lists{}, err
	}
	keys, values := meta.list()
	for i, k := range keys {
		if about[k] != values[i] {
			return Lists{}, errStale
		}
	}
	if len(buffers) != indexBuffers {
		return Lists{}, fmt.Errorf("it is damaged: %d buffers instead of %d", len(buffers), indexBuffers)
	}
	var parts [6][]byte
	for i, p := range meta.parts() {
		if parts[i] = buffers[p.buffer]; len(parts[i]) != p.bytes {
			return Lists{}, fmt.Errorf("it is damaged: a column has %d bytes instead of %d", len(parts[i]), p.bytes)
		}
	}
	if checksum(parts[:]) != about[checksumKey] {
		return Lists{}, errors.New("it is damaged: its checksum is wrong")
	}
	l := Lists{
		K:        meta.k,
		Classes:  sliceOf[uint16](parts[0]),
		Values:   sliceOf[uint16](parts[1]),
		Tail:     sliceOf[uint32](parts[2]),
		TopClass: sliceOf[uint16](parts[3]),
		TopValue: sliceOf[uint16](parts[4]),
	}
	if err := outputs.CheckLists(&l, meta.samples, meta.classes); err != nil {
		return Lists{}, fmt.Errorf("it is damaged: %w", err)
	}
	return l, nil
}

var arrowMagic = []byte("ARROW1")

// parseArrow finds the metadata and the buffers of an Arrow IPC file with one
// record batch, in place. (The Arrow library reads buffers by copying them, and
// allocates as much as a damaged file claims.)
//
// The offsets are those of the tables in Arrow's File.fbs, Message.fbs and
// Schema.fbs: field number i of a table is found through 4+2i.
func parseArrow(data []byte) (about map[string]string, buffers [][]byte, err error) {
	defer func() {
		if r := recover(); r != nil { // an offset that leads outside
			err = fmt.Errorf("it is damaged: %v", r)
		}
	}()
	bad := errors.New("it is damaged, or not an Arrow file with one record batch")

	// The file ends in the footer, its length, and the magic.
	tail := len(data) - len(arrowMagic) - 4
	if tail < 0 || !bytes.Equal(data[tail+4:], arrowMagic) {
		return nil, nil, bad
	}
	length := int(flatbuffers.GetUint32(data[tail:]))
	if length < 8 || length > tail {
		return nil, nil, bad
	}
	footer := root(data[tail-length : tail])

	// Footer: 1 schema, 2 dictionaries, 3 recordBatches.
	schema, ok := subtable(footer, 4+2*1)
	if !ok {
		return nil, nil, bad
	}
	if n, _ := vector(footer, 4+2*2, 24); n != 0 {
		return nil, nil, bad
	}
	n, block := vector(footer, 4+2*3, 24)
	if n != 1 {
		return nil, nil, bad
	}

	// Schema: 2 custom_metadata, a vector of KeyValue: 0 key, 1 value.
	about = map[string]string{}
	pairs, at := vector(schema, 4+2*2, 4)
	if pairs > 64 {
		return nil, nil, bad
	}
	for range pairs {
		kv := flatbuffers.Table{Bytes: schema.Bytes, Pos: schema.Indirect(at)}
		about[text(kv, 4)] = text(kv, 6)
		at += 4
	}

	// Block: a struct of offset int64, metaDataLength int32, padding, bodyLength int64.
	// At offset are a continuation mark, the length of the message, and the message.
	start, meta, size := footer.GetInt64(block), int64(footer.GetInt32(block+8)), footer.GetInt64(block+16)
	if end := int64(tail - length); start < 0 || meta < 16 || size < 0 || start > end || meta > end-start || size > end-start-meta {
		return nil, nil, bad
	}
	message := root(data[start+8 : start+meta])
	body := data[start+meta : start+meta+size]

	// Message: 2 header, here a RecordBatch: 2 buffers, structs of offset and length
	// int64, 3 compression.
	batch, ok := subtable(message, 4+2*2)
	if !ok || batch.Offset(4+2*3) != 0 {
		return nil, nil, bad
	}
	n, at = vector(batch, 4+2*2, 16)
	for range n {
		from, size := batch.GetInt64(at), batch.GetInt64(at+8)
		if from < 0 || size < 0 || from > int64(len(body)) || size > int64(len(body))-from {
			return nil, nil, bad
		}
		buffers = append(buffers, body[from:from+size:from+size])
		at += 16
	}
	return about, buffers, nil
}

// root returns the root table of a flatbuffer.
func root(b []byte) flatbuffers.Table {
	return flatbuffers.Table{Bytes: b, Pos: flatbuffers.GetUOffsetT(b)}
}

// subtable returns the table in a field of t.
func subtable(t flatbuffers.Table, field flatbuffers.VOffsetT) (flatbuffers.Table, bool) {
	o := flatbuffers.UOffsetT(t.Offset(field))
	if o == 0 {
		return t, false
	}
	return flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(o + t.Pos)}, true
}

// vector returns the length of the vector in a field of t and where it begins. All
// of its elements, of the given size, are inside.
func vector(t flatbuffers.Table, field flatbuffers.VOffsetT, size int) (int, flatbuffers.UOffsetT) {
	o := flatbuffers.UOffsetT(t.Offset(field))
	if o == 0 {
		return 0, 0
	}
	n, at := t.VectorLen(o), t.Vector(o)
	if n < 0 || n > (len(t.Bytes)-int(at))/size {
		panic("a vector runs over the end")
	}
	return n, at
}

// text returns the string in a field of t. All that are asked for are short.
func text(t flatbuffers.Table, field flatbuffers.VOffsetT) string {
	if o := flatbuffers.UOffsetT(t.Offset(field)); o != 0 {
		b := t.ByteVector(o + t.Pos)
		return string(b[:min(len(b), 200)])
	}
	return ""
}

// loadIndex reads the index file of one model, or returns an error if there
// is no valid one.
func (z *Zoo) loadIndex(m Model, s Split) (openIndex, error) {
	return readIndex(z.indexPath(s.Name, m.Name), z.indexMeta(m.Splits[s.Name], s))
}

func (z *Zoo) indexMeta(a Archive, s Split) indexMeta {
	meta := indexMeta{archive: a.SHA256, split: s.Fingerprint, samples: s.Samples, classes: z.classes, k: ListLength(z.classes)}
	if a.IndexOnly {
		meta.archive = "none"
	}
	return meta
}

// saveIndex writes the index file of one model. It is not synced: if a crash
// loses part of it, its checksum is wrong and it is built again.
func (z *Zoo) saveIndex(path string, l Lists, labels []uint16, meta indexMeta) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := writeIndex(f, l, labels, meta); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return f.Rename()
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
