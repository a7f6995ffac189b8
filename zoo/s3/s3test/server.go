// Package s3test has an S3 server in memory, for tests that make requests fail or need what
// no real server would answer. It believes every signature, knows one bucket, and no parts. What
// is true of real servers is tested on one: see scripts/s3.
package s3test

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Bucket is the only bucket.
const Bucket = "bucket"

// A Server is a server in memory.
type Server struct {
	URL string

	// Fail answers a request instead of the server, and reports whether it did. It may be nil.
	Fail func(w http.ResponseWriter, r *http.Request) bool

	mu      sync.Mutex
	objects map[string]object
	puts    []string
}

type object struct {
	data   []byte
	header http.Header // metadata
}

func (o object) etag() string {
	sum := md5.Sum(o.data)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// New starts a server for the time of a test, and has the environment name it, and keys.
func New(t *testing.T) *Server {
	s := &Server{objects: map[string]object{}}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.URL = web.URL
	for variable, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": s.URL, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1", "AWS_SESSION_TOKEN": "",
	} {
		t.Setenv(variable, value)
	}
	return s
}

// Set puts an object there, or changes the content of one; its metadata stay.
func (s *Server) Set(key string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = object{data, s.objects[key].header}
}

// Remove removes an object.
func (s *Server) Remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
}

// Object returns the content of an object, nil if it is not there.
func (s *Server) Object(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[key].data
}

// Keys returns the keys of all objects, sorted.
func (s *Server) Keys() (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.objects {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Puts returns the keys of the objects that were written since the last call, in their order.
func (s *Server) Puts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	puts := s.puts
	s.puts = nil
	return puts
}

// Refuse answers with an error of S3.
func Refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Fail != nil && s.Fail(w, r) {
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case bucket != Bucket:
		Refuse(w, http.StatusNotFound, "NoSuchBucket")
	case key == "":
		s.list(w, r)
	case r.Method == http.MethodPut:
		s.put(w, r, key)
	default:
		s.get(w, r, key)
	}
}

// Part answers a request for an object with its head and so many bytes of what was asked for.
func (s *Server) Part(w http.ResponseWriter, r *http.Request, key string, n int) {
	s.get(&short{w, n}, r, key)
	w.(http.Flusher).Flush()
}

// short writes some bytes, and drops the others.
type short struct {
	http.ResponseWriter
	left int
}

func (s *short) Write(p []byte) (int, error) {
	n, err := s.ResponseWriter.Write(p[:min(len(p), s.left)])
	s.left -= n
	return len(p), err
}

func (s *Server) get(w http.ResponseWriter, r *http.Request, key string) {
	s.mu.Lock()
	o, ok := s.objects[key]
	s.mu.Unlock()
	if !ok {
		Refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	for field, values := range o.header {
		w.Header()[field] = values
	}
	w.Header().Set("ETag", o.etag())
	w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
	data, status := o.data, http.StatusOK
	if match := r.Header.Get("If-Match"); match != "" && match != o.etag() {
		Refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		at, err := strconv.Atoi(strings.TrimSuffix(from, "-"))
		if err != nil || at >= len(data) {
			Refuse(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", at, len(data)-1, len(data)))
		data, status = data[at:], http.StatusPartialContent
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		w.Write(data)
	}
}

func (s *Server) put(w http.ResponseWriter, r *http.Request, key string) {
	data, err := content(r)
	if err != nil {
		Refuse(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	o := object{data, http.Header{}}
	for field, values := range r.Header {
		if strings.HasPrefix(field, "X-Amz-Meta-") || strings.HasPrefix(field, "X-Amz-Checksum-") {
			o.header[field] = values
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	was, there := s.objects[key]
	match := r.Header.Get("If-Match")
	if r.Header.Get("If-None-Match") == "*" && there || match != "" && match != was.etag() {
		Refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	s.objects[key] = o
	s.puts = append(s.puts, key)
	w.Header().Set("ETag", o.etag())
}

// content reads a body, which may have a signature in each of its chunks.
func content(r *http.Request) (data []byte, err error) {
	if !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return io.ReadAll(r.Body)
	}
	body := bufio.NewReader(r.Body)
	for {
		line, err := body.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseInt(size, 16, 32)
		if err != nil || n == 0 {
			return data, err
		}
		chunk := make([]byte, n+2) // and the end of the line
		if _, err := io.ReadFull(body, chunk); err != nil {
			return nil, err
		}
		data = append(data, chunk[:n]...)
	}
}

// list answers with all keys of a folder, a few at a time.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	const most = 3
	type entry struct {
		Key  string
		Size int
		ETag string
	}
	var answer struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Contents              []entry
		IsTruncated           bool
		NextContinuationToken string
	}
	q := r.URL.Query()
	for _, key := range s.Keys() {
		rest, ok := strings.CutPrefix(key, q.Get("prefix"))
		if !ok || strings.Contains(rest, "/") && q.Get("delimiter") == "/" || key <= q.Get("continuation-token") {
			continue
		}
		if len(answer.Contents) == most {
			answer.IsTruncated, answer.NextContinuationToken = true, answer.Contents[most-1].Key
			break
		}
		answer.Contents = append(answer.Contents, entry{key, len(s.Object(key)), "x"})
	}
	w.Header().Set("Content-Type", "application/xml")
	xml.NewEncoder(w).Encode(answer)
}
