package importer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// arrowMessages reads the messages of a stream for the library. Unlike its own reader it
// takes no more memory than there are bytes left, and looks whether the lists in a message
// are in it, for whose lengths the library makes room. It panics at what is wrong there.
type arrowMessages struct {
	src  *io.SectionReader
	left int64
}

// continued comes before the length of a message.
const continued = 0xFFFFFFFF

func (m *arrowMessages) Retain()  {}
func (m *arrowMessages) Release() {}

func (m *arrowMessages) Message() (*ipc.Message, error) {
	size, err := m.length()
	if err == nil && size == continued {
		size, err = m.length()
	}
	if errors.Is(err, io.EOF) || err == nil && size == 0 {
		return nil, io.EOF
	}
	if err != nil {
		return nil, err
	}
	meta, err := m.take(int64(size))
	if err != nil {
		return nil, err
	}
	body, err := m.take(flatbuffer(meta).check())
	if err != nil {
		return nil, err
	}
	return ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body)), nil
}

func (m *arrowMessages) length() (uint32, error) {
	var b [4]byte
	_, err := io.ReadFull(m.src, b[:])
	m.left -= 4
	return binary.LittleEndian.Uint32(b[:]), err
}

func (m *arrowMessages) take(n int64) ([]byte, error) {
	if n < 0 || n > m.left {
		return nil, fmt.Errorf("a message of %d bytes, with %d left: %w", n, m.left, io.ErrUnexpectedEOF)
	}
	if n > maxBatch {
		return nil, errLargeBatch
	}
	m.left -= n
	b := make([]byte, n)
	_, err := io.ReadFull(m.src, b)
	return b, err
}

// A flatbuffer is the metadata of a message.
type flatbuffer []byte

// Kinds of messages, and of columns.
const (
	schemaMessage     = 1
	dictionaryMessage = 2
	batchMessage      = 3

	unionColumn = 14
)

// check checks the metadata and returns how long the body of the message is.
func (b flatbuffer) check() int64 {
	message := b.table(0)
	header := b.field(message, 2)
	if header > 0 {
		header = b.table(header)
		switch kind := b.field(message, 1); b[kind] {
		case schemaMessage:
			columns := 0
			first, n := b.vector(header, 1, 4)
			for i := range n {
				b.checkColumn(b.table(first+4*i), 0, &columns)
			}
			b.vector(header, 2, 4)
		case dictionaryMessage:
			b.checkBatch(b.table(b.field(header, 1)))
		case batchMessage:
			b.checkBatch(header)
		}
	}
	length := b.field(message, 3)
	if length == 0 {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(b[length:]))
}

func (b flatbuffer) checkColumn(column int64, depth int, columns *int) {
	if *columns++; *columns > 1<<17 || depth > 32 {
		panic("too many columns, or columns in columns")
	}
	if kind := b.field(column, 2); kind > 0 && b[kind] == unionColumn {
		panic("unions are not read")
	}
	first, n := b.vector(column, 5, 4)
	for i := range n {
		b.checkColumn(b.table(first+4*i), depth+1, columns)
	}
	b.vector(column, 6, 4)
}

func (b flatbuffer) checkBatch(batch int64) {
	b.vector(batch, 1, 16)
	b.vector(batch, 2, 16)
	b.vector(batch, 4, 8)
}

// table follows the reference to a table.
func (b flatbuffer) table(at int64) int64 { return at + int64(binary.LittleEndian.Uint32(b[at:])) }

// field returns where a field of a table is; 0 if it is not there.
func (b flatbuffer) field(table, number int64) int64 {
	order := binary.LittleEndian
	fields := table - int64(int32(order.Uint32(b[table:])))
	if at := 4 + 2*number; at+2 <= int64(order.Uint16(b[fields:])) {
		if offset := int64(order.Uint16(b[fields+at:])); offset != 0 {
			return table + offset
		}
	}
	return 0
}

// vector returns where the elements of a list are, of so many bytes each, and how many.
func (b flatbuffer) vector(table, number, size int64) (first, n int64) {
	at := b.field(table, number)
	if at == 0 {
		return 0, 0
	}
	at = b.table(at)
	if n = int64(binary.LittleEndian.Uint32(b[at:])); at+4+n*size > int64(len(b)) {
		panic("a list is cut off")
	}
	return at + 4, n
}

// maxBatch bounds the bytes of a batch, which is held in memory, and of what is unpacked at
// a time.
const maxBatch = 128 << 20

var errLargeBatch = fmt.Errorf("a batch of rows has more than %d MB: write it in smaller ones, as by write_table(table, max_chunksize=1000)", maxBatch>>20)

// A limitedAllocator panics at what is too large, which the reader makes an error.
type limitedAllocator struct{ memory.Allocator }

func (l limitedAllocator) Allocate(size int) []byte {
	checkBatch(size)
	return l.Allocator.Allocate(size)
}

func (l limitedAllocator) Reallocate(size int, b []byte) []byte {
	checkBatch(size)
	return l.Allocator.Reallocate(size, b)
}

func checkBatch(size int) {
	if size < 0 || size > maxBatch {
		panic(errLargeBatch)
	}
}
