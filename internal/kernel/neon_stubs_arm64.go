//go:build !purego

package kernel

// judgeNEON is judge for n samples, n a multiple of 32.
//
//go:noescape
func judgeNEON(may *byte, open *int32, a, b *uint16, n int) (nOpen int)

// differNEON lists the numbers of n bytes, n a multiple of 16, whose lowest bits differ.
//
//go:noescape
func differNEON(list *int32, from, to *byte, n int) (listed int)

// evaluateNEON is evaluate for k tables of n bytes, n a multiple of 16. It adds to reach[1:k].
//
//go:noescape
func evaluateNEON(tables *[]byte, k, n int, exits *byte, reach *int) (correct int)

// settleNEON is settle for n bytes, n a multiple of 16.
//
//go:noescape
func settleNEON(to, table *byte, n int, exit, keep, code byte)

// correctNEON is correct for n bytes, n a multiple of 16.
//
//go:noescape
func correctNEON(table *byte, n int) (right int)

// sameNEON is same for n classes, n a multiple of 16.
//
//go:noescape
func sameNEON(a, b *uint16, n int) (equal int)
