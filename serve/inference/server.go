// Package inference answers images over HTTP by the Open Inference Protocol, version 2 of
// KServe's REST protocol, as its clients speak it (tritonclient, kserve): health, metadata,
// and infer with encoded images or pixels, in JSON or with the extension for binary data.
// docs/serve.md describes it for its users.
//
// A request is untrusted. Its size is bounded before it is read, the bytes of all requests
// together are bounded, it must arrive in time, an image's pixels are bounded before it is
// decoded, and what waits for a model is bounded: beyond that the answer is 429. Nothing of
// a request is written to disk, and nothing in it names a file.
package inference

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/semaphore"

	"github.com/encas-zoo/encas-zoo/bundle"
	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/serve"
)

// Options bound what a server takes.
type Options struct {
	Name        string        // of the model in URLs; "" for cascade
	Version     string        // of the program
	Images      int           // in a request, at most; 0 for 64, or as many as the engine has room for
	Body        int64         // bytes of a request, at most; 0 for 64 MiB
	Bodies      int64         // bytes of all requests at a time; 0 for 256 MiB
	Pixels      int           // of an image, at most; 0 for 50 million
	Connections int           // at a time; 0 for 1024
	Arrival     time.Duration // in which a request must have arrived, and its answer have been taken; 0 for 30 s
}

// A Server answers requests with an engine.
type Server struct {
	bundle  *bundle.Bundle
	engine  *serve.Engine
	o       Options
	bodies  *semaphore.Weighted
	images  decoders
	metrics *metrics
	mux     *http.ServeMux
	drain   chan struct{} // closed when the server takes no more
}

// New returns a server for a bundle that an engine runs.
func New(b *bundle.Bundle, e *serve.Engine, o Options) *Server {
	o.Name = cmp.Or(o.Name, "cascade")
	o.Images = min(cmp.Or(o.Images, 64), e.Room())
	o.Body = cmp.Or(o.Body, 64<<20)
	o.Bodies = max(cmp.Or(o.Bodies, 256<<20), o.Body)
	o.Pixels = cmp.Or(o.Pixels, 50_000_000)
	o.Connections = cmp.Or(o.Connections, 1024)
	o.Arrival = cmp.Or(o.Arrival, 30*time.Second)
	s := &Server{bundle: b, engine: e, o: o, bodies: semaphore.NewWeighted(o.Bodies), mux: http.NewServeMux(), drain: make(chan struct{})}
	s.images.limit = o.Pixels
	s.metrics = newMetrics(b, e, o.Name)
	s.routes()
	return s
}

func (s *Server) routes() {
	model := "/v2/models/{model}"
	s.mux.HandleFunc("GET /v2", s.server)
	s.mux.HandleFunc("GET /v2/health/live", func(w http.ResponseWriter, _ *http.Request) { give(w, map[string]bool{"live": true}) })
	s.mux.HandleFunc("GET /v2/health/ready", s.ready)
	for _, path := range []string{model, model + "/versions/{version}"} {
		s.mux.HandleFunc("GET "+path, s.named(s.metadata))
		s.mux.HandleFunc("GET "+path+"/ready", s.named(s.ready))
		s.mux.HandleFunc("POST "+path+"/infer", s.named(s.metrics.observe(s.infer)))
	}
	s.mux.HandleFunc("GET /drift", func(w http.ResponseWriter, _ *http.Request) {
		d := serve.DriftOf(s.bundle, s.engine.Tally())
		if d == nil {
			fail(w, &failure{http.StatusNotFound, errors.New("the bundle promises nothing to compare with")})
			return
		}
		give(w, d)
	})
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, &failure{http.StatusNotFound, fmt.Errorf("there is no %s %s here; GET /v2/models/%s describes the model", r.Method, r.URL.Path, s.o.Name)})
	})
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Serve answers what comes to a listener until ctx ends; then it takes no more, answers what
// has been taken, within grace, and returns.
func (s *Server) Serve(ctx context.Context, l net.Listener, grace time.Duration) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          nothing,
	}
	ended := make(chan error, 1)
	go func() {
		defer crash.Guard()()
		ended <- server.Serve(&bounded{Listener: l, most: int64(s.o.Connections)})
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	close(s.drain)
	last, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		server.Close()
		return fmt.Errorf("some requests were not answered within %v: %w", grace, err)
	}
	return nil
}

// draining reports whether the server takes no more.
func (s *Server) draining() bool {
	select {
	case <-s.drain:
		return true
	default:
		return false
	}
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if s.draining() {
		fail(w, &failure{http.StatusServiceUnavailable, errors.New("shutting down")})
		return
	}
	give(w, map[string]any{"name": s.o.Name, "ready": true})
}

// named refuses names and versions that are not the model's.
func (s *Server) named(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if name, version := r.PathValue("model"), r.PathValue("version"); name != s.o.Name || version != "" && version != "1" {
			fail(w, &failure{http.StatusNotFound, fmt.Errorf("there is no model %.100q, version %.40q, here; there is %q, version 1", name, cmp.Or(version, "1"), s.o.Name)})
			return
		}
		f(w, r)
	}
}

func (s *Server) server(w http.ResponseWriter, _ *http.Request) {
	give(w, map[string]any{"name": "encas-zoo", "version": s.o.Version, "extensions": []string{"binary_tensor_data"}})
}

// A tensor as metadata describe it.
type tensorType struct {
	Name  string `json:"name"`
	Type  string `json:"datatype"`
	Shape []int  `json:"shape"`
}

func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	outputs := []tensorType{}
	for _, o := range outputNames {
		outputs = append(outputs, tensorType{o.name, o.datatype, []int{-1}})
	}
	give(w, map[string]any{
		"name": s.o.Name, "versions": []string{"1"}, "platform": "encas-zoo",
		"inputs":  []tensorType{{inputImage, "BYTES", []int{-1}}, {inputPixels, "UINT8", []int{-1, -1, -1, 3}}},
		"outputs": outputs,
		"parameters": map[string]any{
			"cascade": s.bundle.Text, "classes": s.bundle.Classes, "promise": s.bundle.Promise, "max_images": s.o.Images, "max_bytes": s.o.Body,
		},
	})
}

// A failure is an error with the status that tells it.
type failure struct {
	status int
	error
}

func (f *failure) Unwrap() error { return f.error }

// fail writes an error as the protocol has it.
func fail(w http.ResponseWriter, f *failure) {
	w.Header().Set("Content-Type", "application/json")
	if f.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(f.status)
	json.NewEncoder(w).Encode(map[string]string{"error": f.Error()})
}

func give(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
