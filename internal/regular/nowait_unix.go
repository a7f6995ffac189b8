//go:build unix

package regular

import "syscall"

// noWait makes the opening of a pipe return at once. It changes nothing for a regular file.
const noWait = syscall.O_NONBLOCK
