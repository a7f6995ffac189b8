package answers

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// writeJSON writes an array with an object a line.
func writeJSON(b *bytes.Buffer, all []Answer) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	b.WriteString("[")
	for i, a := range all {
		if i > 0 {
			b.Truncate(b.Len() - 1) // the encoder ends a line
			b.WriteString(",\n ")
		}
		if err := e.Encode(a); err != nil {
			return err
		}
	}
	b.WriteString("]\n")
	return nil
}

// A jsonAnswer is an answer whose fields may be missing, and whose id may be a number.
type jsonAnswer struct {
	ID         json.RawMessage `json:"id"`
	Class      *int            `json:"class"`
	Name       *string         `json:"name"`
	Confidence *float64        `json:"confidence"`
	Stage      *int            `json:"stage"`
}

var errNoArray = errors.New("it is not an array of objects with the fields id, class, confidence and stage, as in [{\"id\": \"a\", \"class\": 1, \"confidence\": 0.5, \"stage\": 1}]")

func readJSON(f *os.File) ([]Answer, error) {
	d := json.NewDecoder(bufio.NewReader(f))
	if token, err := d.Token(); err != nil || token != json.Delim('[') {
		return nil, errNoArray
	}
	var all []Answer
	for d.More() {
		a, err := decodeAnswer(d)
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", len(all), err)
		}
		all = append(all, a)
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("it ends after %d objects, within the array: it is cut short or damaged; write it again", len(all))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the array: a file of answers is one array")
	}
	return all, nil
}

func decodeAnswer(d *json.Decoder) (a Answer, err error) {
	var j jsonAnswer
	if err := d.Decode(&j); err != nil {
		return a, err
	}
	switch {
	case j.ID == nil || string(j.ID) == "null":
		return a, missingField("id")
	case j.Class == nil:
		return a, missingField("class")
	case j.Confidence == nil:
		return a, missingField("confidence")
	case j.Stage == nil:
		return a, missingField("stage")
	}
	a = Answer{Class: *j.Class, Confidence: *j.Confidence, Stage: *j.Stage}
	if j.Name != nil {
		a.Name = *j.Name
	}
	var number json.Number
	if json.Unmarshal(j.ID, &a.ID) != nil {
		if json.Unmarshal(j.ID, &number) != nil {
			return a, errors.New("the id is neither a text nor a number")
		}
		a.ID = number.String()
	}
	return a, a.check()
}

func missingField(name string) error {
	return fmt.Errorf("the field %q is missing: an answer has id, class, confidence and stage, and may have name", name)
}
