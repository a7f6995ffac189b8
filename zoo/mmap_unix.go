//go:build unix

package zoo

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a file of the given size, above 0, for reading. The file may be
// closed; files of a zoo are replaced, never changed, so the content stays.
func mapFile(f *os.File, size int) (data []byte, unmap func() error, err error) {
	data, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, &os.PathError{Op: "mmap", Path: f.Name(), Err: err}
	}
	return data, func() error { return unix.Munmap(data) }, nil
}
