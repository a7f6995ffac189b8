// Package kernel holds the inner loops of encas-zoo: float16 rows to top-K lists,
// lists to the sums of a set of models, sums to set tables of one byte a sample,
// and set tables to the accuracy and cost of cascades.
//
// It knows nothing but slices of numbers. Every kernel has a reference in Go,
// which is always built, and most have assembly for AVX2 and AVX-512 beside it.
// All paths give the same bytes: everything up to the cost is integer arithmetic,
// and the cost is a fixed order of float64 operations without fused
// multiply-adds. docs/kernels.md explains each kernel in words.
//
// Units. A probability is a float16 in [0, 1], bits 0x0000..0x3C00, and therefore
// an integer multiple of 2^-24. Sums are uint32 in that unit (fixed point), exact
// for weights that sum to at most 255.
//
// Kernels do not allocate, keep nothing, and may run in parallel on different
// outputs. They panic when the lengths of their arguments do not fit together:
// that is a mistake in the caller, never a property of the data. Data outside the
// ranges named here give unspecified results, but never touch memory outside the
// arguments.
package kernel

// NoClass pads lists of fewer than K classes. It is no class.
const NoClass = 0xFFFF

// need panics with a message that names the function and the rule the caller
// broke. Callers pass constants, so a good call costs a compare.
func need(ok bool, rule string) {
	if !ok {
		panic("kernel: " + rule)
	}
}

//go:generate go run -C _gen . -family float16 -out ../float16_amd64.s -stubs ../float16_stubs_amd64.go -pkg kernel
//go:generate go run -C _gen . -family topk -out ../topk_amd64.s -stubs ../topk_stubs_amd64.go -pkg kernel
//go:generate go run -C _gen . -family lists -out ../lists_amd64.s -stubs ../lists_stubs_amd64.go -pkg kernel
//go:generate go run -C _gen . -family heads -out ../heads_amd64.s -stubs ../heads_stubs_amd64.go -pkg kernel
//go:generate go run -C _gen . -family screen -out ../screen_amd64.s -stubs ../screen_stubs_amd64.go -pkg kernel
//go:generate go run -C _gen . -family table -out ../table_amd64.s -stubs ../table_stubs_amd64.go -pkg kernel
//go:generate go run -C _gen . -family chain -out ../chain_amd64.s -stubs ../chain_stubs_amd64.go -pkg kernel
//go:generate go run -C _gen . -family margins -out ../margins_amd64.s -stubs ../margins_stubs_amd64.go -pkg kernel
