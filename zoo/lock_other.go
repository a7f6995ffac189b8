//go:build !windows && (!unix || solaris || aix)

package zoo

import (
	"errors"
	"os"
)

// lockFile refuses: without a lock that dies with its process, two writers could
// meet.
func lockFile(f *os.File) error {
	return &os.PathError{Op: "lock", Path: f.Name(), Err: errors.ErrUnsupported}
}
