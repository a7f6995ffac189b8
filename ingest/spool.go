package ingest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// A spool keeps the output of one model on one split until all of it is there. Its
// file has no name, so that nothing is left of it however the process ends.
type spool struct {
	file    *os.File
	w       *bufio.Writer
	classes int
	rows    int
	buf     []byte
}

// newSpool makes a spool on the file system of dir.
func newSpool(dir string, classes int) (*spool, error) {
	f, err := os.CreateTemp(dir, ".ingest-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return &spool{file: f, w: bufio.NewWriterSize(f, 1<<18), classes: classes}, nil
}

func (s *spool) close() { s.file.Close() }

// add appends rows.
func (s *spool) add(probs []uint16) error {
	s.rows += len(probs) / s.classes
	for len(probs) > 0 {
		n := min(len(probs), 1<<14)
		s.buf = s.buf[:0]
		for _, v := range probs[:n] {
			s.buf = binary.LittleEndian.AppendUint16(s.buf, v)
		}
		if _, err := s.w.Write(s.buf); err != nil {
			return fmt.Errorf("keeping outputs beside the zoo: %w", err)
		}
		probs = probs[n:]
	}
	return nil
}

// each calls f with every row in order. It may be called again.
func (s *spool) each(f func(row []uint16) error) error {
	if err := s.w.Flush(); err != nil {
		return fmt.Errorf("keeping outputs beside the zoo: %w", err)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReaderSize(s.file, 1<<18)
	row, raw := make([]uint16, s.classes), make([]byte, 2*s.classes)
	for i := range s.rows {
		if _, err := io.ReadFull(r, raw); err != nil {
			return fmt.Errorf("row %d of the outputs kept beside the zoo: %w", i, err)
		}
		for c := range row {
			row[c] = binary.LittleEndian.Uint16(raw[2*c:])
		}
		if err := f(row); err != nil {
			return err
		}
	}
	return nil
}
