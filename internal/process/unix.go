//go:build unix

package process

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exists reports whether there is a process of that number.
func Exists(pid int) bool {
	return pid > 0 && unix.Kill(pid, 0) != unix.ESRCH
}

// FileIdentity identifies a file on this machine; "" if it cannot be told.
func FileIdentity(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d:%d", s.Dev, s.Ino)
}
