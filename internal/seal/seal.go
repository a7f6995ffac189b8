// Package seal puts a checksum into JSON files: a first field "checksum", the SHA-256 of the
// file without that field. A byte that changes anywhere shows. It is no signature: who means
// to change a file can seal it again.
package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
)

// ErrBroken: a file is not what was written.
var ErrBroken = errors.New("its checksum is wrong: the file was damaged or edited since it was written")

// field is the first field of a sealed object, with what precedes it.
var field = regexp.MustCompile(`^\{\s*"checksum": "([0-9a-f]{64})",`)

// Seal adds the checksum to a JSON object that has at least one field and no checksum.
func Seal(object []byte) []byte {
	rest, ok := bytes.CutPrefix(object, []byte("{"))
	if !ok || len(bytes.TrimSpace(rest)) < 2 {
		panic(fmt.Sprintf("seal: %.20q is no object with a field", object))
	}
	space := rest[:len(rest)-len(bytes.TrimLeft(rest, " \n"))]
	return bytes.Join([][]byte{{'{'}, space, []byte(`"checksum": "` + sum(object) + `",`), rest}, nil)
}

// Check compares data with its checksum, and reports whether there is one: files of older
// programs have none. Data that is no JSON is left to its reader.
func Check(data []byte) (sealed bool, err error) {
	if m := field.FindSubmatchIndex(data); m != nil {
		h := sha256.New()
		h.Write([]byte{'{'})
		h.Write(data[m[1]:])
		if hex.EncodeToString(h.Sum(nil)) != string(data[m[2]:m[3]]) {
			return true, ErrBroken
		}
		return true, nil
	}
	var head struct {
		Checksum *json.RawMessage `json:"checksum"`
	}
	if json.Unmarshal(data, &head) == nil && head.Checksum != nil {
		return true, ErrBroken
	}
	return false, nil
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}
