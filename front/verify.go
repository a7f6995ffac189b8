package front

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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
// checksum and for itself, and the table against that in run.json.
func Verify(dir string) (*Verification, error) {
	v := &Verification{}
	run := new(Run)
	for _, file := range []struct {
		name string
		read func([]byte) error
	}{
		{RunFile, func(data []byte) error { return decodeRun(data, run) }},
		{FrontFile, func(data []byte) error {
			_, err := DecodeFront(bytes.NewReader(data))
			return err
		}},
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
	v.table(dir, run.Table)
	return v, nil
}

// table checks the table beside the front by its hash. Another version of this program may
// write another table of the same front.
func (v *Verification) table(dir, hash string) {
	err := open(dir, CSVFile, func(r io.Reader) error {
		data, err := readAll(r, maxFrontBytes)
		if err != nil {
			return err
		}
		v.Files++
		switch hash {
		case tableHash(data):
		case "":
			v.Unsealed = append(v.Unsealed, CSVFile)
		default:
			return fmt.Errorf("it is not the table that was written with %s; %s has all that it had", RunFile, filepath.Join(dir, FrontFile))
		}
		return nil
	})
	if err != nil && (hash != "" || !errors.Is(err, os.ErrNotExist)) {
		v.Problems = append(v.Problems, err)
	}
}

func tableHash(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}
