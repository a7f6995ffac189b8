//go:build !unix

package zoo

import "os"

// processRuns reports whether there is a process of that number.
func processRuns(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	p.Release()
	return true
}

// fileIdentity identifies a file on this machine; "" if it cannot be told.
func fileIdentity(string) string { return "" }
