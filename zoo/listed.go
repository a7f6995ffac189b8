package zoo

import (
	"context"
	"fmt"
	"io"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// ListsComplete reports whether top-K lists have all classes, so that nothing is lost where
// lists alone are kept.
func (z *Zoo) ListsComplete() bool { return outputs.ListLength(z.classes) >= z.classes }

// ListLength is the number of classes that top-K lists have, K.
func (z *Zoo) ListLength() int { return outputs.ListLength(z.classes) }

// ListsSmaller reports whether the top-K lists of outputs take less than the outputs.
func (z *Zoo) ListsSmaller() bool { return outputs.ListBytes(1, z.classes) < 2*z.classes }

// ListedRows gives the outputs of a model of which lists alone were kept, in the order of the
// samples, as far as the lists tell: every class that is not in a sample's list has the mean of
// what these classes had together. Answers, the confidences in them, and everything if the lists
// are complete, are those of the full outputs. It is used from one goroutine.
type ListedRows struct {
	file    *ListFile
	block   Lists // room for what is read at a time
	at      int
	classes int
}

// Listed opens the lists of a model on a split of which nothing else was kept: Predictions is
// for the others. The file is checked as whenever an index is opened.
func (z *Zoo) Listed(model, split string) (*ListedRows, error) {
	m, err := z.Model(model)
	if err != nil {
		return nil, err
	}
	s, err := z.Split(split)
	if err != nil {
		return nil, err
	}
	if a, ok := m.Splits[split]; !ok || !a.IndexOnly {
		return nil, fmt.Errorf("%w: model %q has no lists alone on %q", ErrNoSplit, clip(model, 200), split)
	}
	file, err := z.openLists(context.Background(), m, s)
	if err != nil {
		return nil, z.orChanged(m, s, err)
	}
	return &ListedRows{file: file, classes: z.classes}, nil
}

// ReadRows is that of [Reader].
func (r *ListedRows) ReadRows(dst []uint16) (rows int, err error) {
	if len(dst) == 0 || len(dst)%r.classes != 0 {
		return 0, fmt.Errorf("zoo: ReadRows: room for %d values is not a multiple of %d classes", len(dst), r.classes)
	}
	rows = min(len(dst)/r.classes, r.file.Samples()-r.at)
	if rows == 0 {
		return 0, io.EOF
	}
	if r.block.Len() < rows {
		r.block = outputs.NewLists(rows, r.classes)
	}
	block := r.block.Slice(0, rows)
	if err := r.file.Read(&block, r.at); err != nil {
		return 0, err
	}
	for i := range rows {
		outputs.ListedRow(dst[i*r.classes:(i+1)*r.classes], &block, i)
	}
	r.at += rows
	return rows, nil
}

// Close closes the file.
func (r *ListedRows) Close() error { return r.file.Close() }
