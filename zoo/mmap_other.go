//go:build !unix

package zoo

import (
	"io"
	"os"
)

// mapFile reads a file of the given size, above 0, into memory.
func mapFile(f *os.File, size int) (data []byte, drop, unmap func() error, err error) {
	data = make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, nil, nil, &os.PathError{Op: "read", Path: f.Name(), Err: err}
	}
	return data, nil, func() error { return nil }, nil
}
