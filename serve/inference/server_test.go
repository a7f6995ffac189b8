package inference

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/answers"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/internal/bundletest"
	"github.com/encas-zoo/encas-zoo/serve"
	"github.com/encas-zoo/encas-zoo/study"
)

// A served bundle, its images and what it must answer to each.
type served struct {
	*Server
	engine *serve.Engine
	images [][]byte
	want   []answers.Answer
}

// start serves a cascade of fake models.
func start(t *testing.T, o Options, e serve.Options) *served {
	t.Helper()
	folder := bundletest.Pictures(t, 60)
	z, run := bundletest.Run(t, folder)
	c := cascade.Cascade{Stages: []cascade.Stage{
		{Model: "logits", Weight: 1, Threshold: 0.35}, {Model: "wide", Weight: 2, Threshold: 0.3}, {Model: "sigmoid", Weight: 1},
	}}
	opened, err := serve.Open(bundletest.Bundle(t, z, run, c), serve.Machine{Shim: torchtest.Fake(t), Device: "cpu", Batch: 8})
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.Warm(); err != nil {
		t.Fatal(err)
	}
	engine, err := opened.Engine(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(); opened.Close() })
	s := &served{Server: New(opened.Bundle, engine, o), engine: engine}
	for _, split := range []string{"search", "test"} {
		all, err := study.Answers(context.Background(), z, split, c, study.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		s.want = append(s.want, all...)
	}
	for _, a := range s.want {
		data, err := os.ReadFile(filepath.Join(folder, a.ID))
		if err != nil {
			t.Fatal(err)
		}
		s.images = append(s.images, data)
	}
	return s
}

// post sends a request and returns the status and the body.
func (s *served) post(header map[string]string, body []byte) (*httptest.ResponseRecorder, []byte) {
	r := httptest.NewRequest("POST", "/v2/models/cascade/infer", bytes.NewReader(body))
	for key, value := range header {
		r.Header.Set(key, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w, w.Body.Bytes()
}

// check compares outputs in JSON with what images must be answered.
func (s *served) check(t *testing.T, body []byte, images ...int) {
	t.Helper()
	var r struct {
		Outputs []struct {
			Name  string
			Shape []int
			Data  []any
		}
	}
	if err := json.Unmarshal(body, &r); err != nil || len(r.Outputs) != 4 {
		t.Fatalf("%s: %v", body, err)
	}
	got := map[string][]any{}
	for _, o := range r.Outputs {
		if !slices.Equal(o.Shape, []int{len(images)}) || len(o.Data) != len(images) {
			t.Fatalf("output %s has the shape %v and %d values", o.Name, o.Shape, len(o.Data))
		}
		got[o.Name] = o.Data
	}
	for i, k := range images {
		want := s.want[k]
		if got["class"][i] != float64(want.Class) || got["label"][i] != want.Name || got["confidence"][i] != want.Confidence || got["stage"][i] != float64(want.Stage) {
			t.Errorf("image %d: %v %v %v %v, want %+v", k, got["class"][i], got["label"][i], got["confidence"][i], got["stage"][i], want)
		}
	}
}

// request is a JSON request of encoded images.
func (s *served) request(images ...int) []byte {
	var texts []string
	for _, i := range images {
		texts = append(texts, base64.StdEncoding.EncodeToString(s.images[i]))
	}
	body, err := json.Marshal(map[string]any{"id": "7", "inputs": []any{map[string]any{"name": "image", "datatype": "BYTES", "shape": []int{len(images)}, "data": texts}}})
	if err != nil {
		panic(err)
	}
	return body
}

func TestInfer(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Images: 8}, serve.Options{})
	w, body := s.post(nil, s.request(3, 1, 4))
	if w.Code != 200 || !strings.Contains(string(body), `"id":"7"`) {
		t.Fatalf("%d %s", w.Code, body)
	}
	s.check(t, body, 3, 1, 4)

	// One image as it is.
	_, body = s.post(map[string]string{"Content-Type": "image/png"}, s.images[5])
	s.check(t, body, 5)
	_, body = s.post(map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, s.images[7]) // curl's own
	s.check(t, body, 7)
	_, body = s.post(map[string]string{headerLength: "0"}, s.images[6])
	s.check(t, body, 6)

	// Compressed.
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(s.request(2))
	z.Close()
	_, body = s.post(map[string]string{"Content-Encoding": "gzip"}, zipped.Bytes())
	s.check(t, body, 2)
	var deflated bytes.Buffer
	d := zlib.NewWriter(&deflated)
	d.Write(s.request(9))
	d.Close()
	_, body = s.post(map[string]string{"Content-Encoding": "deflate"}, deflated.Bytes())
	s.check(t, body, 9)

	// Pixels, in JSON and in bytes.
	var decoder imaging.Decoder
	defer decoder.Close()
	img, err := decoder.Decode(s.images[8])
	if err != nil {
		t.Fatal(err)
	}
	shape := []int{1, img.Height, img.Width, 3}
	numbers := make([]int, len(img.Pix))
	for i, v := range img.Pix {
		numbers[i] = int(v)
	}
	text, _ := json.Marshal(map[string]any{"inputs": []any{map[string]any{"name": "pixels", "datatype": "UINT8", "shape": shape, "data": numbers}}})
	_, body = s.post(nil, text)
	s.check(t, body, 8)
	text, _ = json.Marshal(map[string]any{"inputs": []any{map[string]any{"name": "pixels", "datatype": "UINT8", "shape": shape, "parameters": map[string]int{"binary_data_size": len(img.Pix)}}}})
	_, body = s.post(map[string]string{headerLength: fmt.Sprint(len(text))}, append(text, img.Pix...))
	s.check(t, body, 8)
}

// TestBinary: encoded images in bytes, and outputs in bytes.
func TestBinary(t *testing.T) {
	t.Parallel()
	s := start(t, Options{}, serve.Options{})
	var raw []byte
	for _, i := range []int{0, 11} {
		raw = append(binary.LittleEndian.AppendUint32(raw, uint32(len(s.images[i]))), s.images[i]...)
	}
	text := fmt.Appendf(nil, `{"inputs":[{"name":"image","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":%d}}],
		"outputs":[{"name":"label","parameters":{"binary_data":true}},{"name":"confidence","parameters":{"binary_data":true}},{"name":"stage"}]}`, len(raw))
	w, body := s.post(map[string]string{headerLength: fmt.Sprint(len(text))}, append(text, raw...))
	var n int
	if _, err := fmt.Sscan(w.Header().Get(headerLength), &n); err != nil {
		t.Fatalf("%d %s: %v", w.Code, body, err)
	}
	var r response
	if err := json.Unmarshal(body[:n], &r); err != nil || len(r.Outputs) != 3 || r.Outputs[0].Data != nil {
		t.Fatalf("%s: %v", body[:n], err)
	}
	rest := body[n:]
	for _, i := range []int{0, 11} {
		name := s.want[i].Name
		if got := string(rest[4 : 4+len(name)]); binary.LittleEndian.Uint32(rest) != uint32(len(name)) || got != name {
			t.Errorf("label %q, want %q", got, name)
		}
		rest = rest[4+len(name):]
	}
	confidences := make([]float64, 2)
	if k, err := binary.Decode(rest, binary.LittleEndian, confidences); err != nil || k != len(rest) {
		t.Fatalf("%d of %d bytes: %v", k, len(rest), err)
	}
	if confidences[0] != s.want[0].Confidence || confidences[1] != s.want[11].Confidence {
		t.Errorf("%v", confidences)
	}
}

// TestRefusals: every request that is wrong gets a status and says what is wrong; the server
// goes on.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Images: 4, Body: 1 << 16, Pixels: 10_000}, serve.Options{})
	input := func(fields string) []byte { return []byte(`{"inputs":[{"name":"image",` + fields + `}]}`) }
	bomb := func() []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(make([]byte, 10<<20))
		z.Close()
		return b.Bytes()
	}()
	short := input(`"datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":4}`)
	var large bytes.Buffer
	if err := png.Encode(&large, image.NewGray(image.Rect(0, 0, 200, 100))); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name   string
		header map[string]string
		body   []byte
		code   int
		says   string
	}{
		{"nothing", nil, nil, 400, "not JSON"},
		{"no JSON", nil, []byte("hello"), 400, "not JSON"},
		{"no inputs", nil, []byte(`{}`), 400, "one input"},
		{"two inputs", nil, []byte(`{"inputs":[{"name":"image"},{"name":"image"}]}`), 400, "this one has 2"},
		{"another input", nil, []byte(`{"inputs":[{"name":"x","datatype":"BYTES","shape":[1]}]}`), 400, `no input \"x\"`},
		{"another type", nil, input(`"datatype":"FP32","shape":[1],"data":[1]`), 400, "datatype"},
		{"no data", nil, input(`"datatype":"BYTES","shape":[1]`), 400, "no data"},
		{"no base64", nil, input(`"datatype":"BYTES","shape":[1],"data":["%"]`), 400, "not base64"},
		{"no image", nil, input(`"datatype":"BYTES","shape":[1],"data":["aGVsbG8="]`), 400, "image 0: not a JPEG"},
		{"numbers", nil, input(`"datatype":"BYTES","shape":[1],"data":[1]`), 400, "base64"},
		{"another shape", nil, input(`"datatype":"BYTES","shape":[2],"data":["aGVsbG8="]`), 400, "the shape says 2"},
		{"a negative shape", nil, input(`"datatype":"BYTES","shape":[-1],"data":[]`), 400, "shape"},
		{"a shape without images", nil, input(`"datatype":"BYTES","shape":[0],"data":[]`), 400, "shape"},
		{"too many images", nil, input(`"datatype":"BYTES","shape":[5],"data":[]`), 413, "at most 4"},
		{"a huge shape", nil, []byte(`{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,2000000000,2000000000,3],"data":[1]}]}`), 400, "at most 10000"},
		{"too few pixels", nil, []byte(`{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,2,2,3],"data":[1]}]}`), 400, "has 1 values"},
		{"too many pixels", nil, []byte(`{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,1,1,3],"data":[1,2,3,4]}]}`), 400, "more than 3 values"},
		{"pixels that are none", nil, []byte(`{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,1,1,3],"data":[1,2,256]}]}`), 400, "256 is no number"},
		{"pixels of an object", nil, []byte(`{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,1,1,3],"data":{"a":1}}]}`), 400, "no list"},
		{"another output", nil, []byte(`{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":[""]}],"outputs":[{"name":"x"}]}`), 400, `no output \"x\"`},
		{"an output twice", nil, []byte(`{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":[""]}],"outputs":[{"name":"class"},{"name":"class"}]}`), 400, "asked for twice"},
		{"too many outputs", nil, []byte(`{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":[""]}],"outputs":[{},{},{},{},{}]}`), 400, "more than 4 elements"},
		{"a shape of many sizes", nil, input(`"datatype":"BYTES","shape":[1,1,1,1,1,1],"data":[""]`), 400, "more than 4 elements"},
		{"more images than said", nil, input(`"datatype":"BYTES","shape":[1],"data":["","","",""]`), 400, "more than 1 images"},
		{"classification", nil, []byte(`{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":[""]}],"outputs":[{"name":"class","parameters":{"classification":3}}]}`), 400, "classification"},
		{"a header longer than the body", map[string]string{headerLength: "99"}, []byte("{}"), 400, "has 2 bytes"},
		{"a header that is none", map[string]string{headerLength: "-1"}, []byte("{}"), 400, "-1"},
		{"bytes without the header", nil, input(`"datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}`), 400, "0 follow the JSON"},
		{"an image after the end", map[string]string{headerLength: fmt.Sprint(len(short))}, append(short, 0xFF, 0xFF, 0xFF, 0xFF), 400, "ends after the data do"},
		{"too long", nil, make([]byte, 1<<16+1), 413, "at most 65536 bytes"},
		{"too long unpacked", map[string]string{"Content-Encoding": "gzip"}, bomb, 413, "at most 65536 bytes"},
		{"no gzip", map[string]string{"Content-Encoding": "gzip"}, []byte("hello"), 400, "not gzip"},
		{"another encoding", map[string]string{"Content-Encoding": "br"}, []byte("hello"), 415, "br"},
		{"too large an image", map[string]string{"Content-Type": "image/png"}, large.Bytes(), 400, "at most 10000 in all are read"},
		{"a truncated image", map[string]string{"Content-Type": "image/png"}, s.images[0][:50], 400, "image 0"},
	} {
		w, body := s.post(x.header, x.body)
		var reply struct{ Error string }
		if err := json.Unmarshal(body, &reply); err != nil || w.Code != x.code || !strings.Contains(string(body), x.says) {
			t.Errorf("%s: %d %s, want %d %q (%v)", x.name, w.Code, body, x.code, x.says, err)
		}
	}
	_, body := s.post(nil, s.request(0, 1))
	s.check(t, body, 0, 1)
	if free := s.bodies.TryAcquire(s.o.Bodies); !free {
		t.Error("requests that were refused keep their share of the memory")
	}
}

// TestPages: what is asked with GET.
func TestPages(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Name: "m", Version: "v1"}, serve.Options{})
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, w.Body.String()
	}
	for _, x := range []struct {
		path string
		code int
		says string
	}{
		{"/v2", 200, `"version":"v1"`},
		{"/v2/health/live", 200, "true"},
		{"/v2/health/ready", 200, "true"},
		{"/v2/models/m", 200, `"platform":"encas-zoo"`},
		{"/v2/models/m/ready", 200, "true"},
		{"/v2/models/m/versions/1/ready", 200, "true"},
		{"/v2/models/m/versions/2/ready", 404, "version 1"},
		{"/v2/models/other", 404, `there is \"m\"`},
		{"/v2/models/..%2f..%2fetc%2fpasswd", 404, "no model"},
		{"/", 404, "/v2/models/m describes"},
		{"/drift", 200, `"drifted":false`},
		{"/metrics", 200, `encas_promised_reach{model="logits",stage="1"} 1`},
	} {
		if code, body := get(x.path); code != x.code || !strings.Contains(body, x.says) {
			t.Errorf("%s: %d %s, want %d %q", x.path, code, body, x.code, x.says)
		}
	}
}

// TestMemoryOfRequests: what a request says it has a million of takes no memory, and clients
// that say that much will come keep nothing from others.
func TestMemoryOfRequests(t *testing.T) {
	s := start(t, Options{Bodies: 64 << 20}, serve.Options{})
	for name, body := range map[string]string{
		"inputs":     `{"inputs":[` + strings.Repeat("{},", 4<<20) + `{}]}`,
		"outputs":    `{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":[""]}],"outputs":[` + strings.Repeat(`{"name":"class"},`, 1<<20) + `{}]}`,
		"parameters": `{"parameters":{"a":[` + strings.Repeat("[],", 4<<20) + `[]]},"inputs":[]}`,
		"images":     `{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":[` + strings.Repeat(`"",`, 4<<20) + `""]}]}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if w, _ := s.post(nil, []byte(body)); w.Code != 400 {
			t.Errorf("%s: %d", name, w.Code)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > uint64(10*len(body)) {
			t.Errorf("%s: a request of %d bytes allocates %d", name, len(body), took)
		}
	}
	var raw []byte
	for range 1 << 20 {
		raw = append(raw, 0, 0, 0, 0)
	}
	text := fmt.Appendf(nil, `{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":%d}}]}`, len(raw))
	if w, body := s.post(map[string]string{headerLength: fmt.Sprint(len(text))}, append(text, raw...)); w.Code != 400 || !strings.Contains(string(body), "more than 1 images") {
		t.Errorf("%d %s", w.Code, body)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, l, time.Second) }()
	for range 20 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /v2/models/cascade/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nabc", 64<<20)
	}
	time.Sleep(100 * time.Millisecond)
	r, err := http.Post("http://"+l.Addr().String()+"/v2/models/cascade/infer", "application/json", bytes.NewReader(s.request(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 {
		t.Fatalf("beside clients that only say that much will come: %d %s %v", r.StatusCode, body, err)
	}
	s.check(t, body, 1)
	stop()
	<-ended
}

// TestDriftIsSeen: images like those of the promise show no drift, others do.
func TestDriftIsSeen(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Images: 64}, serve.Options{Waiting: 64})
	drift := func() serve.Drift {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", "/drift", nil))
		var d serve.Drift
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	all := make([]int, len(s.images))
	for i := range all {
		all[i] = i
	}
	for range 3 {
		_, body := s.post(nil, s.request(all...))
		s.check(t, body, all...)
	}
	if d := drift(); d.Drifted || d.Images != 3*len(all) || len(d.Tests) == 0 {
		t.Errorf("of the same images: %+v", d)
	}
	last := slices.DeleteFunc(slices.Clone(all), func(i int) bool { return s.want[i].Stage < 3 })
	for range 300/len(last) + 1 {
		s.post(nil, s.request(last...))
	}
	if d := drift(); !d.Drifted {
		t.Errorf("of images that all reach the last stage: %+v", d)
	}
}

// TestBusy: while a model works the queue fills, then the answer is 429, then all is well.
func TestBusy(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Images: 4}, serve.Options{Waiting: 4, Wait: 200 * time.Millisecond})
	var wait sync.WaitGroup
	var mu sync.Mutex
	codes := map[int]int{}
	for range 20 {
		wait.Go(func() {
			w, _ := s.post(nil, s.request(0, 1, 2))
			mu.Lock()
			defer mu.Unlock()
			codes[w.Code]++
			if w.Code == 429 && w.Header().Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		})
	}
	wait.Wait()
	if codes[200] == 0 || codes[429] == 0 || codes[200]+codes[429] != 20 {
		t.Errorf("answers by status: %v", codes)
	}
	_, body := s.post(nil, s.request(1))
	s.check(t, body, 1)
}

// TestServe: over real connections, many clients at a time, some of which go away in the
// middle of a request or never finish one; then the server drains.
func TestServe(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Connections: 50, Arrival: 300 * time.Millisecond}, serve.Options{Wait: time.Millisecond, Waiting: 1000})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, l, 10*time.Second) }()
	url := "http://" + l.Addr().String() + "/v2/models/cascade/infer"
	var wait sync.WaitGroup
	for client := range 16 {
		wait.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(client), 1))
			for range 15 {
				images := []int{rng.IntN(len(s.images)), rng.IntN(len(s.images))}
				r, err := http.Post(url, "application/json", bytes.NewReader(s.request(images...)))
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(r.Body)
				r.Body.Close()
				if err != nil || r.StatusCode != 200 {
					t.Errorf("%d %s %v", r.StatusCode, body, err)
					return
				}
				s.check(t, body, images...)
			}
		})
	}
	for kind := range 12 {
		wait.Go(func() {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			fmt.Fprintf(c, "POST /v2/models/cascade/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 5000)
			if kind%2 == 0 {
				return // gone in the middle of its request
			}
			c.SetDeadline(time.Now().Add(10 * time.Second))
			answer, err := io.ReadAll(c) // never sends the rest
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
				t.Errorf("a request that does not arrive: %q %v", answer, err)
			}
		})
	}
	wait.Wait()

	// Connections beyond the bound are told so.
	var open []net.Conn
	refused := 0
	for range 80 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
	}
	for _, c := range open {
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		answer := make([]byte, 12)
		if n, _ := io.ReadFull(c, answer); string(answer[:n]) == "HTTP/1.1 503" {
			refused++
		}
	}
	if refused < 25 {
		t.Errorf("%d of 80 connections were refused, and 50 may be open", refused)
	}
	for _, c := range open {
		c.Close()
	}

	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := s.engine.Waiting(); n != 0 {
		t.Errorf("%d images wait at the end", n)
	}
	if !s.bodies.TryAcquire(s.o.Bodies) {
		t.Error("some request keeps its share of the memory")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/v2/health/ready", nil))
	if w.Code != 503 {
		t.Errorf("ready after the end: %d", w.Code)
	}
}
