package ingest

import (
	"os"

	"golang.org/x/sys/unix"
)

// unnamed returns a file in dir that never has a name, where the file system has such files: a
// process that is killed leaves nothing.
func unnamed(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err != nil {
		return removed(dir) // which says what is wrong, if anything is
	}
	return f, nil
}
