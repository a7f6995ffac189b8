package inference

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/serve"
)

// The inputs that a request may have: encoded images, or decoded ones of one size.
const (
	inputImage  = "image"  // BYTES [n]
	inputPixels = "pixels" // UINT8 [n, height, width, 3], RGB
)

// headerLength is the header of the binary extension: the bytes of the JSON part.
const headerLength = "Inference-Header-Content-Length"

// outputNames are the tensors of an answer, [n] each.
var outputNames = []struct{ name, datatype string }{
	{"class", "INT64"},
	{"label", "BYTES"},
	{"confidence", "FP64"},
	{"stage", "INT64"}, // from 1
}

// A request is the JSON part of one. What it has more of than is understood, a million
// inputs say, takes no memory.
type request struct {
	ID         string      `json:"id"`
	Inputs     few[tensor] `json:"inputs"`
	Outputs    few[wanted] `json:"outputs"`
	Parameters struct {
		Binary bool `json:"binary_data_output"`
	} `json:"parameters"`
}

// few is a short list: its JSON may have at most as many as there are outputs.
type few[T any] []T

func (f *few[T]) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if token, err := d.Token(); err != nil || token == nil {
		return err
	} else if token != json.Delim('[') {
		return errors.New("it is not a list")
	}
	for d.More() {
		if len(*f) == len(outputNames) {
			return fmt.Errorf("a list has more than %d elements", len(outputNames))
		}
		var v T
		if err := d.Decode(&v); err != nil {
			return err
		}
		*f = append(*f, v)
	}
	return nil
}

type tensor struct {
	Name       string          `json:"name"`
	Type       string          `json:"datatype"`
	Shape      few[int]        `json:"shape"`
	Data       json.RawMessage `json:"data,omitempty"`
	Parameters struct {
		Bytes *int `json:"binary_data_size,omitempty"`
	} `json:"parameters"`
}

type wanted struct {
	Name       string `json:"name"`
	Parameters struct {
		Binary         *bool `json:"binary_data"`
		Classification int   `json:"classification"`
	} `json:"parameters"`
}

// infer answers the images of a request.
func (s *Server) infer(w http.ResponseWriter, r *http.Request) {
	body, release, err := s.read(w, r)
	if err != nil {
		fail(w, asFailure(err))
		return
	}
	defer release()
	q, loads, err := s.parse(r, body)
	if err != nil {
		fail(w, asFailure(err))
		return
	}
	answers, err := s.answer(r.Context(), loads)
	if err != nil {
		fail(w, asFailure(err))
		return
	}
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.o.Arrival))
	s.write(w, q, answers)
}

// clientGone is the status, in the metrics, of a request whose client did not wait; that of
// nginx.
const clientGone = 499

// asFailure finds the status of an error: that of the request, unless it says otherwise.
func asFailure(err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, serve.ErrBusy):
		return &failure{http.StatusTooManyRequests, err}
	case errors.Is(err, serve.ErrClosed):
		return &failure{http.StatusServiceUnavailable, err}
	case errors.Is(err, context.Canceled):
		return &failure{clientGone, err}
	}
	return &failure{http.StatusBadRequest, err}
}

// step is how many bytes of a request are reserved at a time, as they arrive: a client that
// only says that much will come keeps nothing from others.
const step = 256 << 10

// read reads the body of a request, and returns what gives back its share of the memory.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	tooLarge := &failure{http.StatusRequestEntityTooLarge, fmt.Errorf("a request has at most %d bytes", s.o.Body)}
	if r.ContentLength > s.o.Body {
		return nil, nil, tooLarge
	}
	reserved := int64(0)
	free := func() { s.bodies.Release(reserved) }
	defer func() {
		if err != nil {
			free()
		}
	}()
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.o.Arrival))
	in, err := unpacked(r.Header.Get("Content-Encoding"), http.MaxBytesReader(w, r.Body, s.o.Body))
	if err != nil {
		return nil, nil, err
	}
	var pieces [][]byte
	for size := int64(0); ; {
		if !s.bodies.TryAcquire(step) {
			return nil, nil, &failure{http.StatusTooManyRequests, errors.New("too many bytes of requests are being read")}
		}
		reserved += step
		piece := bytes.NewBuffer(make([]byte, 0, step+bytes.MinRead))
		n, err := io.CopyN(piece, in, step)
		pieces, size = append(pieces, piece.Bytes()), size+n
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large) || size > s.o.Body:
			return nil, nil, tooLarge
		case errors.Is(err, io.EOF):
			http.NewResponseController(w).SetReadDeadline(time.Time{})
			return bytes.Join(pieces, nil), free, nil
		case err != nil:
			return nil, nil, fmt.Errorf("the body did not arrive: %w", err)
		}
	}
}

// unpacked is what a body says by its encoding.
func unpacked(encoding string, in io.Reader) (io.Reader, error) {
	switch encoding {
	case "", "identity":
		return in, nil
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("the body is not gzip: %w", err)
		}
		return z, nil
	case "deflate":
		z, err := inflate(in)
		if err != nil {
			return nil, fmt.Errorf("the body is not deflate: %w", err)
		}
		return z, nil
	}
	return nil, &failure{http.StatusUnsupportedMediaType, fmt.Errorf("the encoding %.40q is none of gzip, deflate, identity", encoding)}
}

// inflate reads deflate as clients write it: with zlib's header or without.
func inflate(in io.Reader) (io.Reader, error) {
	var head [2]byte
	n, err := io.ReadFull(in, head[:])
	if err != nil {
		return nil, err
	}
	if head[0]&0x0F == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 && head[1]&0x20 == 0 {
		return flate.NewReader(in), nil
	}
	return flate.NewReader(io.MultiReader(bytes.NewReader(head[:n]), in)), nil
}

// parse finds the images of a request.
func (s *Server) parse(r *http.Request, body []byte) (*request, []load, error) {
	q := &request{}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if strings.HasPrefix(kind, "image/") || r.Header.Get(headerLength) == "0" || strings.HasPrefix(http.DetectContentType(body), "image/") {
		return q, []load{s.images.of(body)}, nil // one image as it is
	}
	text, rest := body, []byte(nil)
	binaryPart := r.Header.Get(headerLength) != ""
	if binaryPart {
		n, err := strconv.Atoi(r.Header.Get(headerLength))
		if err != nil || n < 0 || n > len(body) {
			return nil, nil, fmt.Errorf("the header %s is %.40q, and the body has %d bytes", headerLength, r.Header.Get(headerLength), len(body))
		}
		text, rest = body[:n], body[n:]
	}
	if err := json.Unmarshal(text, q); err != nil {
		return nil, nil, fmt.Errorf("the request is not JSON of the Open Inference Protocol: %w", err)
	}
	if len(q.Inputs) != 1 {
		return nil, nil, fmt.Errorf("a request has one input, %s (BYTES [n], encoded images) or %s (UINT8 [n, height, width, 3]); this one has %d", inputImage, inputPixels, len(q.Inputs))
	}
	if err := q.checkOutputs(); err != nil {
		return nil, nil, err
	}
	t := &q.Inputs[0]
	n, err := s.count(t)
	if err != nil {
		return nil, nil, err
	}
	raw := []byte(nil)
	switch size := t.Parameters.Bytes; {
	case size == nil && t.Data == nil:
		return nil, nil, fmt.Errorf("the input %s has no data", t.Name)
	case size != nil && (!binaryPart || *size != len(rest)):
		return nil, nil, fmt.Errorf("the input %s has %d bytes by its binary_data_size, and %d follow the JSON", t.Name, *size, len(rest))
	case size != nil:
		raw = rest
	}
	var loads []load
	if t.Name == inputImage {
		loads, err = s.encoded(t, n, raw)
	} else {
		loads, err = pixels(t, raw)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the input %s: %w", t.Name, err)
	}
	return q, loads, nil
}

// checkOutputs refuses outputs that there are not.
func (q *request) checkOutputs() error {
	for i, o := range q.Outputs {
		if !slices.ContainsFunc(outputNames, func(known struct{ name, datatype string }) bool { return known.name == o.Name }) {
			return fmt.Errorf("there is no output %.100q; there are class, label, confidence and stage", o.Name)
		}
		if slices.ContainsFunc(q.Outputs[:i], func(before wanted) bool { return before.Name == o.Name }) {
			return fmt.Errorf("the output %s is asked for twice", o.Name)
		}
		if o.Parameters.Classification != 0 {
			return errors.New("the extension classification is not supported: ask for the outputs class and label")
		}
	}
	return nil
}

// count is the number of images of an input, whose type and shape it checks.
func (s *Server) count(t *tensor) (int, error) {
	switch {
	case t.Name != inputImage && t.Name != inputPixels:
		return 0, fmt.Errorf("there is no input %.100q; there are %s and %s", t.Name, inputImage, inputPixels)
	case t.Name == inputImage && t.Type != "BYTES", t.Name == inputPixels && t.Type != "UINT8":
		return 0, fmt.Errorf("the input %s has the datatype %.40q: it is BYTES for %s and UINT8 for %s", t.Name, t.Type, inputImage, inputPixels)
	case slices.ContainsFunc(t.Shape, func(n int) bool { return n < 1 || n > math.MaxInt32 }):
		return 0, fmt.Errorf("the input %s has the shape %v", t.Name, t.Shape)
	case t.Name == inputImage && len(t.Shape) == 2 && t.Shape[1] == 1:
		t.Shape = t.Shape[:1]
	case t.Name == inputPixels && len(t.Shape) == 3:
		t.Shape = append([]int{1}, t.Shape...)
	}
	switch {
	case t.Name == inputImage && len(t.Shape) != 1:
		return 0, fmt.Errorf("the input %s has the shape %v: it is [n]", t.Name, t.Shape)
	case t.Name == inputPixels && (len(t.Shape) != 4 || t.Shape[3] != 3):
		return 0, fmt.Errorf("the input %s has the shape %v: it is [n, height, width, 3]", t.Name, t.Shape)
	case t.Shape[0] > s.o.Images:
		return 0, &failure{http.StatusRequestEntityTooLarge, fmt.Errorf("%d images in a request; at most %d are taken: send more requests", t.Shape[0], s.o.Images)}
	case t.Name == inputPixels && t.Shape[1] > s.o.Pixels/t.Shape[2]:
		return 0, fmt.Errorf("images of %d x %d pixels; at most %d are taken", t.Shape[2], t.Shape[1], s.o.Pixels)
	}
	return t.Shape[0], nil
}

// atMost is a count that was not taken further than one above n.
func atMost(count, n int) string {
	if count > n {
		return fmt.Sprintf("more than %d", n)
	}
	return strconv.Itoa(count)
}

// A load decodes an image.
type load = func() (imaging.RGB, error)

// encoded are the images of an input of encoded ones: in raw, each after its length in 4
// bytes, or in base64 if raw is nil.
func (s *Server) encoded(t *tensor, n int, raw []byte) (loads []load, err error) {
	if raw == nil {
		if loads, err = s.base64(t.Data, n); err != nil {
			return nil, err
		}
	}
	for len(raw) > 0 && len(loads) <= n {
		if len(raw) < 4 || uint64(binary.LittleEndian.Uint32(raw)) > uint64(len(raw)-4) {
			return nil, fmt.Errorf("image %d ends after the data do: each is its length in 4 bytes, the lowest first, and its bytes", len(loads))
		}
		size := int(binary.LittleEndian.Uint32(raw))
		loads = append(loads, s.images.of(raw[4:4+size]))
		raw = raw[4+size:]
	}
	if len(loads) != n {
		return nil, fmt.Errorf("it has %s images, and the shape says %d", atMost(len(loads), n), n)
	}
	return loads, nil
}

// base64 decodes a list of texts, and at most one more than n of them.
func (s *Server) base64(data json.RawMessage, n int) (loads []load, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if token, err := d.Token(); err != nil || token != json.Delim('[') {
		return nil, errors.New("its data are not a list of texts, each an image in base64")
	}
	for d.More() && len(loads) <= n {
		var text string
		if err := d.Decode(&text); err != nil {
			return nil, errors.New("its data are not a list of texts, each an image in base64")
		}
		image, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("image %d is not base64: %w (in JSON bytes are written in base64; the binary extension needs none)", len(loads), err)
		}
		loads = append(loads, s.images.of(image))
	}
	return loads, nil
}

// pixels are the images of an input of decoded ones.
func pixels(t *tensor, raw []byte) (loads []load, err error) {
	height, width := t.Shape[1], t.Shape[2]
	size := 3 * height * width
	if raw == nil {
		if raw, err = flatten(t.Data, size*t.Shape[0]); err != nil {
			return nil, err
		}
	}
	if len(raw) != size*t.Shape[0] {
		return nil, fmt.Errorf("it has %d values, and the shape %v says %d", len(raw), t.Shape, size*t.Shape[0])
	}
	for part := range slices.Chunk(raw, size) {
		loads = append(loads, func() (imaging.RGB, error) { return imaging.RGB{Width: width, Height: height, Pix: part}, nil })
	}
	return loads, nil
}

// flatten reads numbers from 0 to 255 in JSON, in lists within lists or one, at most so many.
func flatten(data json.RawMessage, most int) (values []byte, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		switch v := token.(type) {
		case json.Delim:
			if v != '[' && v != ']' {
				return nil, errors.New("its data are no list of numbers")
			}
		case float64:
			if v != math.Trunc(v) || v < 0 || v > 255 {
				return nil, fmt.Errorf("%v is no number from 0 to 255", v)
			}
			if len(values) == most {
				return nil, fmt.Errorf("it has more than %d values", most)
			}
			values = append(values, byte(v))
		default:
			return nil, fmt.Errorf("%v is no number from 0 to 255", v)
		}
	}
}

// answer runs the images, all or none.
func (s *Server) answer(ctx context.Context, loads []load) ([]serve.Answer, error) {
	if s.draining() {
		return nil, &failure{http.StatusServiceUnavailable, errors.New("shutting down")}
	}
	// One image that fails ends the others.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := make([]serve.Answer, len(loads))
	var left sync.WaitGroup
	left.Add(len(loads))
	err := s.engine.Offer(ctx, loads, func(image int, a serve.Answer, err error) {
		if err != nil {
			status := http.StatusInternalServerError
			if errors.As(err, new(*serve.ImageError)) {
				status = http.StatusBadRequest
			}
			cancel(&failure{status, fmt.Errorf("image %d: %w", image, err)})
		}
		out[image] = a
		left.Done()
	})
	if err != nil {
		return nil, err
	}
	left.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return out, nil
}

// decoders decode encoded images, each of at most so many pixels. There are as many as are
// used at a time.
type decoders struct {
	limit int
	mu    sync.Mutex
	free  []*imaging.Decoder
}

// keptPixels is the largest image, in bytes, whose decoder's buffers are kept for others.
const keptPixels = 32 << 20

// of returns what decodes an image.
func (d *decoders) of(image []byte) load {
	return func() (imaging.RGB, error) {
		decoder := d.take()
		img, err := decoder.Decode(image)
		img.Pix = slices.Clone(img.Pix)
		if len(img.Pix) > keptPixels {
			decoder.Close() // and its buffers go
			return img, err
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.free = append(d.free, decoder)
		return img, err
	}
}

func (d *decoders) take() *imaging.Decoder {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.free)
	if n == 0 {
		return &imaging.Decoder{Limit: d.limit}
	}
	decoder := d.free[n-1]
	d.free = d.free[:n-1]
	return decoder
}
