package front

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/encas-zoo/encas-zoo/internal/seal"
)

// A Verification is what is wrong with a run folder.
type Verification struct {
	Files    int      // that were read
	Problems []error  // each names a file
	Unsealed []string // files of an older program, without a checksum
}

// Verify reads all that a search has written to a run folder: every file against its
// checksum and for itself, and the table against the front.
func Verify(dir string) (*Verification, error) {
	v := &Verification{}
	for _, file := range []struct {
		name string
		read func([]byte) error
	}{
		{RunFile, func(data []byte) error { return decodeRun(data, new(Run)) }},
		{FrontFile, func(data []byte) error { return v.front(dir, data) }},
		{CertifiedFile, func(data []byte) error {
			c := new(Certificate)
			if err := decodeSealed(data, c); err != nil {
				return err
			}
			return c.check()
		}},
		{StateFile, func(data []byte) error {
			return decodeSealed(data, new(struct{}))
		}},
	} {
		err := open(dir, file.name, func(r io.Reader) error {
			data, err := readAll(r, maxStateBytes)
			if err != nil {
				return err
			}
			v.Files++
			if sealed, err := seal.Check(data); err == nil && !sealed {
				v.Unsealed = append(v.Unsealed, file.name)
			}
			return file.read(data)
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			v.Problems = append(v.Problems, err)
		}
	}
	if v.Files == 0 && len(v.Problems) == 0 {
		return nil, fmt.Errorf("%s is not a run folder: it has none of %s, %s and %s", dir, RunFile, FrontFile, StateFile)
	}
	return v, nil
}

// front checks front.json, and the table beside it.
func (v *Verification) front(dir string, data []byte) error {
	f, err := DecodeFront(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if sealed, _ := seal.Check(data); !sealed {
		return nil // the table may have had fewer columns then
	}
	var want bytes.Buffer
	if err := f.WriteCSV(&want); err != nil {
		return err
	}
	err = open(dir, CSVFile, func(r io.Reader) error {
		v.Files++
		data, err := readAll(r, maxFrontBytes)
		if err == nil && !bytes.Equal(data, want.Bytes()) {
			err = fmt.Errorf("it is not the table of %s", FrontFile)
		}
		return err
	})
	if err != nil {
		v.Problems = append(v.Problems, fmt.Errorf("%w; %s has all that it had", err, filepath.Join(dir, FrontFile)))
	}
	return nil
}
