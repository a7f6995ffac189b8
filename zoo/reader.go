package zoo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// A Reader gives the predictions of one model on one split, in the order of the
// samples. It holds a page of the archive in memory, whatever the number of
// samples. It is used from one goroutine.
type Reader struct {
	t       *table
	classes int
	rows    fixedPages // full outputs
	labels  fixedPages // or answers
	conf    fixedPages
	buf     []byte
	err     error
}

// Predictions opens the archive of a model on a split. The error wraps ErrNoModel,
// ErrNoSplit, or ErrIndexOnly if only a search index was ever written.
//
// The file is compared with the size and SHA-256 that it was written with, which reads all of
// it the first time.
func (z *Zoo) Predictions(model, split string) (*Reader, error) {
	return z.predictions(context.Background(), model, split)
}

func (z *Zoo) predictions(ctx context.Context, model, split string) (*Reader, error) {
	m, err := z.Model(model)
	if err != nil {
		return nil, err
	}
	s, err := z.Split(split)
	if err != nil {
		return nil, err
	}
	a, ok := m.Splits[split]
	if !ok {
		return nil, fmt.Errorf("%w: model %q has no predictions on %q", ErrNoSplit, clip(model, 200), split)
	}
	if a.IndexOnly {
		return nil, fmt.Errorf("%w: model %q on %q", ErrIndexOnly, clip(model, 200), split)
	}
	r := &Reader{classes: z.classes}
	if m.Answers {
		r.t, err = z.openArchive(ctx, m, s, labelColumn, confidenceColumn)
		r.labels = fixedPages{pages: pages{t: r.t, column: 0}, width: 4}
		r.conf = fixedPages{pages: pages{t: r.t, column: 1}, width: 2}
	} else {
		r.t, err = z.openArchive(ctx, m, s, probsColumn(z.classes))
		r.rows = fixedPages{pages: pages{t: r.t, column: 0}, width: 2 * z.classes}
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Close closes the archive.
func (r *Reader) Close() error { return r.t.close() }

// ReadRows fills dst, whose length is a multiple of the number of classes, with the
// next outputs as float16 bits, and returns how many there were: as many as dst
// takes, except before the end. At the end it returns 0 and io.EOF. Every row is
// checked; an error names the file and the row.
func (r *Reader) ReadRows(dst []uint16) (rows int, err error) {
	if r.rows.width == 0 {
		return 0, fmt.Errorf("zoo: %s has answers, not probabilities: use ReadAnswers", r.t.path)
	}
	if len(dst) == 0 || len(dst)%r.classes != 0 {
		return 0, fmt.Errorf("zoo: ReadRows: room for %d values is not a multiple of %d classes", len(dst), r.classes)
	}
	if r.err != nil {
		return 0, r.err
	}
	r.err = r.t.try(func() error {
		first := r.rows.row
		b := bytesOf(dst)
		n, err := r.rows.read(b)
		if err != nil {
			return err
		}
		swapPairs(b[:n*r.rows.width])
		for i := range n {
			if err := outputs.CheckRow(dst[i*r.classes : (i+1)*r.classes]); err != nil {
				return fmt.Errorf("row %d: %w", first+i, err)
			}
		}
		rows = n
		return nil
	})
	return rows, r.err
}

// readLists reads and checks the next rows and returns how many there were; io.EOF at
// the end. It adds them to the lists l, from sample at on, unless l is nil.
func (r *Reader) readLists(l *Lists, at int) (n int, err error) {
	if r.rows.width == 0 {
		var labels, confidences [1024]uint16
		n, err = r.ReadAnswers(labels[:], confidences[:])
		for i := 0; l != nil && i < n; i++ {
			outputs.SetAnswer(l, at+i, labels[i], confidences[i])
		}
		return n, err
	}
	err = r.eachRow(func(i int, row []uint16) error {
		n++
		return checkRow(l, i, row)
	})
	return n, err
}

// checkRow checks a row and adds it to the lists l, unless they are nil: finding the
// largest classes also gives the sum.
func checkRow(l *Lists, i int, row []uint16) error {
	if l == nil {
		return outputs.CheckRow(row)
	}
	if err := outputs.CheckValues(row); err != nil {
		return err
	}
	return outputs.CheckSum(outputs.SetRow(l, i, row))
}

// eachRow calls f for the rows left in the current page, or of the next one, with
// their numbers; io.EOF at the end.
func (r *Reader) eachRow(f func(i int, row []uint16) error) error {
	if r.err != nil {
		return r.err
	}
	r.err = r.t.try(func() error {
		first := r.rows.row
		b, err := r.rows.view(r.t.rows)
		if err != nil {
			return err
		}
		swapPairs(b)
		rows := sliceOf[uint16](b)
		for i := range len(rows) / r.classes {
			if err := f(first+i, rows[i*r.classes:(i+1)*r.classes]); err != nil {
				return fmt.Errorf("row %d: %w", first+i, err)
			}
		}
		return nil
	})
	return r.err
}

// ReadAnswers fills labels and confidences, of equal length, with the next answers
// of a model that gives no probabilities, and returns how many there were; io.EOF at
// the end. Confidences are float16 bits.
func (r *Reader) ReadAnswers(labels, confidences []uint16) (n int, err error) {
	if r.rows.width != 0 {
		return 0, fmt.Errorf("zoo: %s has probabilities, not answers: use ReadRows", r.t.path)
	}
	if len(labels) == 0 || len(labels) != len(confidences) {
		return 0, errors.New("zoo: ReadAnswers: labels and confidences need equal length, above 0")
	}
	if r.err != nil {
		return 0, r.err
	}
	r.err = r.t.try(func() error {
		first := r.labels.row
		if cap(r.buf) < 4*len(labels) {
			r.buf = make([]byte, 4*len(labels))
		}
		got, err := r.labels.read(r.buf[:4*len(labels)])
		if err != nil {
			return err
		}
		for i := range got {
			label := int32(binary.LittleEndian.Uint32(r.buf[4*i:]))
			if err := outputs.CheckLabel(int64(label), r.classes); err != nil {
				return fmt.Errorf("row %d: %w", first+i, err)
			}
			labels[i] = uint16(label)
		}
		conf := bytesOf(confidences[:got])
		also, err := r.conf.read(conf)
		if err == io.EOF || err == nil && also != got {
			err = errors.New("it has fewer confidences than labels")
		}
		if err != nil {
			return err
		}
		swapPairs(conf)
		for i, c := range confidences[:got] {
			if err := outputs.CheckConfidence(c); err != nil {
				return fmt.Errorf("row %d: %w", first+i, err)
			}
		}
		n = got
		return nil
	})
	return n, r.err
}
