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
}

// newSpool makes a spool on the file system of dir.
func newSpool(dir string, classes int) (*spool, error) {
	f, err := unnamed(dir)
	if err != nil {
		return nil, err
	}
	return &spool{file: f, w: bufio.NewWriterSize(f, 1<<18), classes: classes}, nil
}

// removed returns a file without a name in dir that had one for a moment.
func removed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".ingest-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (s *spool) close() { s.file.Close() }

// add appends rows.
func (s *spool) add(probs []uint16) error {
	s.rows += len(probs) / s.classes
	if err := binary.Write(s.w, binary.LittleEndian, probs); err != nil {
		return fmt.Errorf("keeping outputs beside the zoo: %w", err)
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
	row := make([]uint16, s.classes)
	for i := range s.rows {
		if err := binary.Read(r, binary.LittleEndian, row); err != nil {
			return fmt.Errorf("row %d of the outputs kept beside the zoo: %w", i, err)
		}
		if err := f(row); err != nil {
			return err
		}
	}
	return nil
}
