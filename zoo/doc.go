// Package zoo keeps the predictions of trained classifiers on disk.
//
// A zoo is a folder. It holds splits (named sets of labelled samples in a fixed
// order), models (a name, columns of facts such as the cost per sample), and for
// every model and split an archive: one softmax output per sample, in float16, as a
// Parquet file that any tool can read. Beside each archive is a search index,
// derived from it: the few largest classes of every output, memory-mapped. A search
// over hundreds of models reads only this.
//
// One process writes at a time, any number read. A model is there as a whole
// or not at all: every file is written under a temporary name, synced and renamed, and
// the model's own JSON file comes last. A writer may be killed at any moment; the
// next one removes what it left.
//
// Probabilities travel as the bits of float16 numbers in uint16 (0x0000 to 0x3C00). Rows
// and classes are numbered from 0, in messages too.
package zoo
