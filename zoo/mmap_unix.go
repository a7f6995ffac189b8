//go:build unix

package zoo

import (
	"cmp"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/encas-zoo/encas-zoo/internal/memory"
)

// copied is the number of bytes that copyFile holds.
var copied atomic.Int64

// copyLimit bounds them: what is beyond is mapped.
var copyLimit = sync.OnceValue(func() int64 { return min(cmp.Or(memory.Spare(), 2<<30)/2, 1<<30) })

// mapFile gives the content of a file of the given size, above 0, in memory outside of Go's
// heap. A file of a zoo is replaced and never changed, but other programs may cut one short,
// and reading a mapping of it then ends the process; so it is copied if there is room. If it is
// mapped, drop gives back the memory that its content takes, which is read again when needed.
func mapFile(f *os.File, size int) (data []byte, drop, unmap func() error, err error) {
	if copied.Add(int64(size)) <= copyLimit() {
		data, unmap, err = copyFile(f, size)
		return data, nil, unmap, err
	}
	copied.Add(-int64(size))
	data, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, nil, &os.PathError{Op: "mmap", Path: f.Name(), Err: err}
	}
	drop = func() error { return unix.Madvise(data, unix.MADV_DONTNEED) }
	return data, drop, func() error { return unix.Munmap(data) }, nil
}

// copyFile is mapFile for a size that is in copied already.
func copyFile(f *os.File, size int) (data []byte, unmap func() error, err error) {
	data, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		copied.Add(-int64(size))
		return nil, nil, &os.PathError{Op: "mmap", Path: f.Name(), Err: err}
	}
	unmap = func() error {
		copied.Add(-int64(size))
		return unix.Munmap(data)
	}
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, int64(size)), data); err != nil {
		unmap()
		return nil, nil, &os.PathError{Op: "read", Path: f.Name(), Err: err}
	}
	return data, unmap, nil
}
