package inference

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/encas-zoo/encas-zoo/serve"
)

// A response is the JSON part of one.
type response struct {
	Model   string   `json:"model_name"`
	Version string   `json:"model_version"`
	ID      string   `json:"id,omitempty"`
	Outputs []output `json:"outputs"`
}

type output struct {
	Name       string         `json:"name"`
	Type       string         `json:"datatype"`
	Shape      []int          `json:"shape"`
	Parameters map[string]int `json:"parameters,omitempty"`
	Data       any            `json:"data,omitempty"`
}

// write writes the answers to a request: the outputs it asks for, or all.
func (s *Server) write(w http.ResponseWriter, q *request, answers []serve.Answer) {
	asked := q.Outputs
	if len(asked) == 0 {
		for _, o := range outputNames {
			asked = append(asked, wanted{Name: o.name})
		}
	}
	all := q.Parameters.Binary
	r := response{Model: s.o.Name, Version: "1", ID: q.ID}
	var raw bytes.Buffer
	for _, a := range asked {
		o := output{Name: a.Name, Shape: []int{len(answers)}}
		data, binaryData := s.tensor(&o, answers)
		if a.Parameters.Binary != nil && *a.Parameters.Binary || a.Parameters.Binary == nil && all {
			o.Parameters = map[string]int{"binary_data_size": len(binaryData)}
			raw.Write(binaryData)
		} else {
			o.Data = data
		}
		r.Outputs = append(r.Outputs, o)
	}
	text, err := json.Marshal(r)
	if err != nil {
		fail(w, &failure{http.StatusInternalServerError, err})
		return
	}
	kind := "application/json"
	if raw.Len() > 0 {
		kind = "application/octet-stream"
		w.Header().Set(headerLength, strconv.Itoa(len(text)))
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)+raw.Len()))
	w.Write(text)
	w.Write(raw.Bytes())
}

// tensor fills an output, and returns its values for JSON and in bytes, the lowest first.
func (s *Server) tensor(o *output, answers []serve.Answer) (any, []byte) {
	var raw []byte
	switch o.Name {
	case "label":
		o.Type = "BYTES"
		names := make([]string, len(answers))
		for i, a := range answers {
			names[i] = s.bundle.ClassName(a.Class)
			raw = binary.LittleEndian.AppendUint32(raw, uint32(len(names[i])))
			raw = append(raw, names[i]...)
		}
		return names, raw
	case "confidence":
		o.Type = "FP64"
		values := make([]float64, len(answers))
		for i, a := range answers {
			values[i] = a.Confidence
		}
		raw, _ = binary.Append(nil, binary.LittleEndian, values)
		return values, raw
	}
	o.Type = "INT64"
	values := make([]int64, len(answers))
	for i, a := range answers {
		if values[i] = int64(a.Class); o.Name == "stage" {
			values[i] = int64(a.Stage) + 1
		}
	}
	raw, _ = binary.Append(nil, binary.LittleEndian, values)
	return values, raw
}
