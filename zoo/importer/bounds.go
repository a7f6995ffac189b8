package importer

import (
	"fmt"

	"github.com/encas-zoo/encas-zoo/internal/memory"
)

// maxSamples bounds the samples of a source: their numbers are kept in 32 bits.
const maxSamples = 1 << 25

// What an import keeps of a sample until all models are written, in bytes, as measured: its
// label, its place and the number that it is called by, or its id beside the text of that.
const (
	sampleBytes = 100
	namedBytes  = 260
)

// spareMemory is how much memory there is; 0 if that is unknown.
var spareMemory = memory.Spare

// checkSamples refuses a number of samples that is too large, also for the memory of this machine,
// before any of them is read.
func checkSamples(file string, samples int, named bool) error {
	if samples > maxSamples {
		return fmt.Errorf("%s: %d samples, at most %d can be imported", file, samples, maxSamples)
	}
	need := int64(samples) * sampleBytes
	if named {
		need = int64(samples) * namedBytes
	}
	if spare := spareMemory(); spare > 0 && need > spare && need > 100<<20 {
		return fmt.Errorf("%s: %d samples take about %d MB of memory to import, and there are %d MB: make room for them, or import fewer", file, samples, need>>20, spare>>20)
	}
	return nil
}
