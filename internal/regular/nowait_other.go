//go:build !unix

package regular

// noWait is for systems whose files may be pipes.
const noWait = 0
