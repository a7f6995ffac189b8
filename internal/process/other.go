//go:build !unix

package process

import "os"

// Exists reports whether there is a process of that number.
func Exists(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	p.Release()
	return true
}

// FileIdentity identifies a file on this machine; "" if it cannot be told.
func FileIdentity(string) string { return "" }
