package zoo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
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
	"github.com/encas-zoo/encas-zoo/internal/regular"
)

// An index file is an Arrow IPC file with one record batch, uncompressed, with a row
// per sample and the columns
//
//	classes    fixed_size_list<uint16>[K]
//	values     fixed_size_list<float16>[K]
//	tail       uint32, units of 2^-24
//	top_class  uint16
//	top_value  float16, the confidence
//	correct    bool, false without labels
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

	// checksum is the one that the file must have of its content; "" if it is not known.
	checksum string
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

// parts cuts the columns out of the body of the record batch, which is at the end of
// data. Arrow begins each at a multiple of 8 bytes. A list column has a buffer for
// validity, and its values, like every other column, one for validity and one for
// content; those for validity are empty: nothing is missing.
func (m indexMeta) parts(data []byte) (parts [6][]byte, ok bool) {
	columns, sizes, ok := m.columns(int64(len(data)))
	if !ok {
		return parts, false
	}
	for i, at := range columns {
		end := at + sizes[i]
		parts[i] = data[at:end:end]
	}
	return parts, true
}

// columns returns where the columns begin, and how long they are, in data that end at end.
func (m indexMeta) columns(end int64) (columns, sizes [6]int64, ok bool) {
	n, k := int64(m.samples), int64(m.k)
	sizes = [6]int64{2 * n * k, 2 * n * k, 4 * n, 2 * n, 2 * n, (n + 7) / 8}
	at := end
	for _, size := range sizes {
		at -= (size + 7) &^ 7
	}
	if at < 0 {
		return columns, sizes, false
	}
	for i, size := range sizes {
		columns[i] = at
		at += (size + 7) &^ 7
	}
	return columns, sizes, true
}

// bytesOf returns the memory of v.
func bytesOf[T uint16 | uint32](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(*new(T))))
}

// swapPairs turns little-endian pairs into the machine's order and back.
func swapPairs(b []byte) {
	if !cpu.IsBigEndian {
		return
	}
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
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

// createIndex writes l to a new file, which it leaves open, and returns the checksum of its
// content, too. labels are nil if the split has none.
func createIndex(path string, l Lists, labels []uint16, meta indexMeta) (*atomicfile.File, string, error) {
	if cpu.IsBigEndian {
		return nil, "", fmt.Errorf("zoo: index files are written on little-endian machines only: %w", errors.ErrUnsupported)
	}
	n := meta.samples
	correct := make([]byte, (n+7)/8)
	for i, label := range labels {
		if l.TopClass[i] == label {
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
	sum := checksum(parts)
	about := arrow.NewMetadata(append(keys, checksumKey), append(values, sum))
	schema := arrow.NewSchema(fields, &about)

	out, err := atomicfile.Create(path)
	if err != nil {
		return nil, "", err
	}
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
	if err := out.Err(); err != nil {
		out.Discard()
		return nil, "", err
	}
	return out, sum, nil
}

// An openIndex is the lists of one model with the file that they are mapped from.
type openIndex struct {
	lists Lists
	drop  func() error // gives back what memory the file takes; nil if it is not mapped
	unmap func() error // nil for lists in memory
}

// errStale: an index file is of another version, or made from something else.
var errStale = errors.New("it was made from another archive, split, or version of this program")

// readIndex maps the index file at path and checks it, with check first, which may be nil. The
// error wraps fs.ErrNotExist if there is none, and errStale if it is a valid one of something
// else.
func readIndex(path string, meta indexMeta, check func(*os.File) error) (ix openIndex, err error) {
	f, err := regular.Open(path)
	if err != nil {
		return openIndex{}, fmt.Errorf("zoo: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return openIndex{}, fmt.Errorf("zoo: %w", err)
	}
	if check != nil {
		if err := check(f); err != nil {
			return openIndex{}, err
		}
	}
	if info.Size() < 1 || int64(int(info.Size())) != info.Size() {
		return openIndex{}, fmt.Errorf("zoo: %s is not an index file", path)
	}
	data, drop, unmap, err := mapFile(f, int(info.Size()))
	if err != nil {
		return openIndex{}, fmt.Errorf("zoo: %w", err)
	}
	lists, err := parseIndex(data, meta)
	if err != nil {
		unmap()
		if !errors.Is(err, errors.ErrUnsupported) {
			err = damage{err}
		}
		return openIndex{}, fmt.Errorf("zoo: %s: %w", path, err)
	}
	if drop != nil {
		drop() // what checking it has read
	}
	return openIndex{lists, drop, unmap}, nil
}

// parseIndex returns the lists in an index file's bytes, without copying them if
// they are aligned.
func parseIndex(data []byte, meta indexMeta) (Lists, error) {
	if cpu.IsBigEndian {
		return Lists{}, fmt.Errorf("index files are read on little-endian machines only: %w", errors.ErrUnsupported)
	}
	about, body, err := parseArrow(data)
	if err != nil {
		return Lists{}, err
	}
	keys, values := meta.list()
	for i, k := range keys {
		if about[k] != values[i] {
			return Lists{}, errStale
		}
	}
	parts, ok := meta.parts(body)
	if !ok {
		return Lists{}, errors.New("it is damaged: it is too short")
	}
	if err := meta.checkSum(checksum(parts[:]), about); err != nil {
		return Lists{}, err
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

// checkSum compares the checksum of a file's content with those that it must have.
func (m indexMeta) checkSum(sum string, about map[string]string) error {
	switch {
	case sum != about[checksumKey]:
		return errors.New("it is damaged: its checksum is wrong")
	case m.checksum != "" && m.checksum != sum:
		return errors.New("it is damaged, or of another model: its checksum is not the one it was written with")
	}
	return nil
}

var arrowMagic = []byte("ARROW1")

// parseArrow finds the metadata of an Arrow IPC file, and what is before its footer:
// the end of that is the body of the last record batch. (The Arrow library reads
// buffers by copying them, and allocates as much as a damaged file claims.)
//
// The offsets are those of the tables in Arrow's File.fbs and Schema.fbs: field number
// i of a table is found through 4+2i.
func parseArrow(data []byte) (about map[string]string, body []byte, err error) {
	defer func() {
		if r := recover(); r != nil { // an offset that leads outside
			err = fmt.Errorf("it is damaged: %v", r)
		}
	}()
	bad := errors.New("it is damaged, or not an Arrow file")

	// The file ends in the footer, its length, and the magic.
	tail := len(data) - len(arrowMagic) - 4
	if tail < 0 || !bytes.Equal(data[tail+4:], arrowMagic) {
		return nil, nil, bad
	}
	length := int(flatbuffers.GetUint32(data[tail:]))
	if length < 8 || length > tail {
		return nil, nil, bad
	}
	b := data[tail-length : tail]
	footer := flatbuffers.Table{Bytes: b, Pos: flatbuffers.GetUOffsetT(b)}

	// Footer: 1 schema.
	o := flatbuffers.UOffsetT(footer.Offset(4 + 2*1))
	if o == 0 {
		return nil, nil, bad
	}
	schema := flatbuffers.Table{Bytes: b, Pos: footer.Indirect(o + footer.Pos)}

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
	return about, data[:tail-length], nil
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
// is no valid one. Its stamp names the archive that it was made from. Lists that are all there
// is have none, so that they must be the file that the model's file names.
func (z *Zoo) loadIndex(ctx context.Context, m Model, s Split) (openIndex, error) {
	a := m.Splits[s.Name]
	if !a.IndexOnly {
		return readIndex(z.indexPath(s.Name, m.Name), z.indexMeta(a, s), nil)
	}
	return readIndex(z.listsPath(s.Name, m.Name, a.Second), z.indexMeta(a, s), func(f *os.File) error {
		return z.checkKept(ctx, f, a)
	})
}

// checkKept compares a file of lists that are all there is with what was written, as far as reading
// it does not.
func (z *Zoo) checkKept(ctx context.Context, f *os.File, a Archive) error {
	if a.CRC32C == "" {
		return z.checkContent(ctx, f, a)
	}
	return checkSize(f, a)
}

func (z *Zoo) indexMeta(a Archive, s Split) indexMeta {
	meta := indexMeta{archive: a.SHA256, split: s.Fingerprint, samples: s.Samples, classes: z.classes, k: outputs.ListLength(z.classes)}
	if a.IndexOnly {
		meta.archive, meta.checksum = "none", a.CRC32C
	}
	return meta
}

// saveIndex writes the index file of one model. It is not synced: if a crash
// loses part of it, its checksum is wrong and it is built again.
func (z *Zoo) saveIndex(path string, l Lists, labels []uint16, meta indexMeta) error {
	f, _, err := createIndex(path, l, labels, meta)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := f.Close(); err != nil {
		return err
	}
	return f.Rename()
}
