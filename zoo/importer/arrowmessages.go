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
// are in it, for whose lengths the library makes room; taken bounds what it unpacks. It panics
// at what is wrong there.
type arrowMessages struct {
	src     *io.SectionReader
	left    int64
	taken   *limitedAllocator
	kind    byte // of the last message
	batches int  // so far
}

func newArrowMessages(src *io.SectionReader) *arrowMessages {
	return &arrowMessages{src: src, left: src.Size(), taken: &limitedAllocator{Allocator: memory.DefaultAllocator, packed: src.Size()}}
}

// continued comes before the length of a message.
const continued = 0xFFFFFFFF

func (m *arrowMessages) Retain()  {}
func (m *arrowMessages) Release() {}

func (m *arrowMessages) Message() (*ipc.Message, error) {
	m.taken.begin(m.kind == dictionaryMessage)
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
	kind, length := flatbuffer(meta).check()
	body, err := m.take(length)
	if err != nil {
		return nil, err
	}
	if m.kind = kind; kind == batchMessage {
		m.batches++
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
	if _, err := io.ReadFull(m.src, b); err != nil {
		return nil, fmt.Errorf("a message of %d bytes: %v", n, err) // not the end, even if it is io.EOF
	}
	return b, nil
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

// check checks the metadata and returns the kind of the message and how long its body is.
func (b flatbuffer) check() (kind byte, body int64) {
	message := b.table(0)
	header := b.field(message, 2)
	if header > 0 {
		header = b.table(header)
		kind = b[b.field(message, 1)]
		switch kind {
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
		return kind, 0
	}
	return kind, int64(binary.LittleEndian.Uint64(b[length:]))
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

// maxBatch bounds the bytes of a batch, which is held in memory: those that it has in the
// file, and those that it has when it is unpacked, of all its columns together.
const maxBatch = 128 << 20

// A batch may take smallBatch in memory, and unpackFactor times the size of the file: only
// what is all alike is packed more closely.
const (
	unpackFactor = 1000
	smallBatch   = 1 << 20
)

var (
	errLargeBatch = fmt.Errorf("a batch of rows has more than %d MB: write it in smaller ones, as by write_table(table, max_chunksize=1000)", maxBatch>>20)
	errPacked     = fmt.Errorf("a batch of rows takes more than %d times the bytes of the file: write it without compression", unpackFactor)
)

// A limitedAllocator bounds what the library takes for the batch that it reads, together with
// the dictionaries that it keeps. It panics at what is too large, which the reader makes an
// error.
type limitedAllocator struct {
	memory.Allocator
	packed int64 // size of the file
	taken  int64 // for this batch and the dictionaries
	kept   int64 // of these, for the dictionaries
}

// begin begins a message after another one, which had a dictionary or not.
func (l *limitedAllocator) begin(dictionary bool) {
	if dictionary {
		l.kept = l.taken
	}
	l.taken = l.kept
}

func (l *limitedAllocator) Allocate(size int) []byte {
	l.take(size)
	return l.Allocator.Allocate(size)
}

func (l *limitedAllocator) Reallocate(size int, b []byte) []byte {
	if size > cap(b) {
		l.take(size)
	}
	return l.Allocator.Reallocate(size, b)
}

func (l *limitedAllocator) take(size int) {
	if size < 0 || int64(size) > maxBatch-l.taken {
		panic(errLargeBatch)
	}
	if l.taken += int64(size); l.taken > smallBatch+unpackFactor*l.packed {
		panic(errPacked)
	}
}
