//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreFileSizeSignal lets a write beyond the file size limit fail with an error,
// as one to a full disk does, instead of ending the program.
func ignoreFileSizeSignal() { signal.Ignore(syscall.SIGXFSZ) }
