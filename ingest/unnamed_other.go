//go:build !linux

package ingest

import "os"

// unnamed returns a file in dir that has a name for a moment only.
func unnamed(dir string) (*os.File, error) { return removed(dir) }
