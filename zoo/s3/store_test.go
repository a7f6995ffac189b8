package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/s3"
	"github.com/encas-zoo/encas-zoo/zoo/s3/s3test"
)

func open(t *testing.T, prefix string) *s3.Store {
	t.Helper()
	s, err := s3.Open("s3://"+s3test.Bucket+"/"+prefix, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func describe(data []byte) zoo.Object {
	sum := sha256.Sum256(data)
	return zoo.Object{Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
}

func TestStore(t *testing.T) {
	server := s3test.New(t)
	for _, prefix := range []string{"", "a", "a b/c+d%41/ü"} {
		s, ctx := open(t, prefix), t.Context()
		data := []byte("some text")
		if _, err := s.Stat(ctx, "x"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		var sent int64
		if err := s.Put(ctx, "x", describe(data), bytes.NewReader(data), func(n int64) { sent += n }); err != nil || sent != int64(len(data)) {
			t.Fatal(sent, err)
		}
		if key := strings.TrimPrefix(prefix+"/x", "/"); string(server.Object(key)) != string(data) {
			t.Errorf("%q holds %q", key, server.Object(key))
		}
		if o, err := s.Stat(ctx, "x"); err != nil || o != describe(data) {
			t.Errorf("%+v, %v", o, err)
		}
		var got bytes.Buffer
		version, err := s.Get(ctx, "x", &got)
		if err != nil || got.String() != string(data) || version == "" {
			t.Errorf("%q, %q, %v", &got, version, err)
		}
		// Conditions.
		other := []byte("other text")
		for _, old := range []string{"", "0123456789abcdef0123456789abcdef"} {
			if err := s.Swap(ctx, "x", describe(other), bytes.NewReader(other), old); !errors.Is(err, zoo.ErrConflict) {
				t.Errorf("version %q: %v", old, err)
			}
		}
		if err := s.Swap(ctx, "x", describe(other), bytes.NewReader(other), version); err != nil {
			t.Error(err)
		}
		if err := s.Swap(ctx, "new", describe(other), bytes.NewReader(other), ""); err != nil {
			t.Error(err)
		}
		// Lists come a few at a time.
		for _, name := range []string{"1", "2", "3", "4", "5", "6", "7", "sub/8"} {
			if err := s.Put(ctx, "models/"+name, describe(data), bytes.NewReader(data), nil); err != nil {
				t.Fatal(err)
			}
		}
		var names []string
		if err := s.List(ctx, "models", func(name string) error { names = append(names, name); return nil }); err != nil || strings.Join(names, "") != "1234567" {
			t.Errorf("%q, %v", names, err)
		}
		stop := errors.New("enough")
		if err := s.List(ctx, "models", func(string) error { return stop }); err != stop {
			t.Error(err)
		}
	}
}

// A server without conditions gets what it takes.
func TestSwapWithoutConditions(t *testing.T) {
	server := s3test.New(t)
	server.Fail = func(w http.ResponseWriter, r *http.Request) bool {
		conditional := r.Header.Get("If-Match")+r.Header.Get("If-None-Match") != ""
		if conditional {
			io.Copy(io.Discard, r.Body)
			s3test.Refuse(w, http.StatusNotImplemented, "NotImplemented")
		}
		return conditional
	}
	s, data := open(t, "a"), []byte("text")
	for _, version := range []string{"", "0123"} {
		if err := s.Swap(t.Context(), "x", describe(data), bytes.NewReader(data), version); err != nil {
			t.Error(err)
		}
	}
}

// An object that is being read goes on where the connection broke, if it is still the same.
func TestGetGoesOn(t *testing.T) {
	server := s3test.New(t)
	data := bytes.Repeat([]byte("0123456789"), 20000)
	server.Set("a/x", data)
	var requests atomic.Int64
	// The body breaks off; its ETag is another one than the object has when the rest is asked for.
	server.Fail = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || requests.Add(1) > 1 {
			return false
		}
		w.Header().Set("ETag", `"0123"`)
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		w.Header().Set("Content-Length", "200000")
		w.Write(data[:len(data)/8])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	s := open(t, "a")
	var got bytes.Buffer
	if _, err := s.Get(t.Context(), "x", &got); !errors.Is(err, zoo.ErrConflict) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	// The same, again and again, with the right one.
	requests.Store(0)
	server.Fail = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || requests.Add(1) > 9 {
			return false
		}
		server.Part(w, r, "a/x", 5000)
		panic(http.ErrAbortHandler)
	}
	got.Reset()
	if _, err := s.Get(t.Context(), "x", &got); err != nil || !bytes.Equal(got.Bytes(), data) || requests.Load() != 10 {
		t.Errorf("%d bytes in %d requests, %v", got.Len(), requests.Load(), err)
	}

	// A server that knows no ranges sends the whole again, which is not the rest.
	requests.Store(0)
	server.Fail = func(w http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("Range")
		if r.Method != http.MethodGet || requests.Add(1) > 1 {
			return false
		}
		server.Part(w, r, "a/x", 5000)
		panic(http.ErrAbortHandler)
	}
	got.Reset()
	if _, err := s.Get(t.Context(), "x", &got); err == nil || !strings.Contains(err.Error(), "the rest") || got.Len() != 5000 {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}

	requests.Store(0)
	server.Fail = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && requests.Add(1)%2 == 1 && requests.Load() < 8 {
			panic(http.ErrAbortHandler) // nothing at all
		}
		return false
	}
	got.Reset()
	if _, err := s.Get(t.Context(), "x", &got); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	// What the writer says ends it.
	full := errors.New("full")
	if _, err := s.Get(t.Context(), "x", failing{full}); err != full {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// Errors say what to do.
func TestErrors(t *testing.T) {
	server := s3test.New(t)
	var status int
	var code string
	server.Fail = func(w http.ResponseWriter, r *http.Request) bool {
		io.Copy(io.Discard, r.Body)
		s3test.Refuse(w, status, code)
		return true
	}
	s, data := open(t, "a"), []byte("text")
	for _, test := range []struct {
		status int
		code   string
		says   string
	}{
		{403, "RequestTimeTooSkewed", "the clock of this machine"},
		{403, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"},
		{403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"},
		{403, "AccessDenied", "need the rights"},
		{400, "InvalidToken", "AWS_SESSION_TOKEN"},
		{404, "NoSuchBucket", "there is no bucket"},
		{301, "PermanentRedirect", "AWS_REGION"},
		{400, "BadDigest", "the same command again"},
		{507, "XMinioStorageFull", "no room"},
		{418, "Teapot\u009b", "Teapot"},
	} {
		status, code = test.status, test.code
		_, got := s.Get(t.Context(), "x", io.Discard)
		put := s.Put(t.Context(), "x", describe(data), bytes.NewReader(data), nil)
		list := s.List(t.Context(), "models", func(string) error { return nil })
		for _, err := range []error{got, put, list} {
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: %v", test.code, err)
			}
		}
	}
}

// A busy server is asked again, and whoever does not want to wait for it does not.
func TestBusy(t *testing.T) {
	server := s3test.New(t)
	var busy atomic.Int64
	s, data := open(t, "a"), []byte("text")
	busy.Store(2)
	// The body was read, and is sent anew.
	server.Fail = func(w http.ResponseWriter, r *http.Request) bool {
		if busy.Add(-1) >= 0 {
			io.Copy(io.Discard, r.Body)
			s3test.Refuse(w, http.StatusServiceUnavailable, "SlowDown")
			return true
		}
		return false
	}
	if err := s.Put(t.Context(), "x", describe(data), bytes.NewReader(data), nil); err != nil || string(server.Object("a/x")) != "text" {
		t.Errorf("%q, %v", server.Object("a/x"), err)
	}
	busy.Store(1 << 30)
	stopped := errors.New("stopped")
	ctx, stop := context.WithCancelCause(t.Context())
	time.AfterFunc(200*time.Millisecond, func() { stop(stopped) })
	began := time.Now()
	if err := s.Put(ctx, "x", describe(data), bytes.NewReader(data), nil); err != stopped || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	if _, err := s.Get(ctx, "x", io.Discard); err != stopped {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	s3test.New(t)
	for _, bad := range []string{"", "s3:", "s3:///x", "s3://a/x", "s3://-bucket/x", "s3://bu..ket/x", "s3://bucket/a//b", "s3://bucket/./b", "s3://bucket/a/../b", "s3://bucket/a\x1b", "s3://bucket/a\\b", "s3://bucket/" + strings.Repeat("a", 701)} {
		if s, err := s3.Open(bad, ""); err == nil || !strings.Contains(err.Error(), "s3://BUCKET/PREFIX") {
			t.Errorf("%q: %v, %v", bad, s, err)
		}
	}
	for _, good := range []string{"s3://bucket", "s3://bucket/", "s3://bucket/a/b/", "s3://my.bucket-1/ü x"} {
		if s, err := s3.Open(good, ""); err != nil || s.String() != strings.TrimSuffix(good, "/") {
			t.Errorf("%q: %v, %v", good, s, err)
		}
	}
	for _, bad := range []string{"127.0.0.1:9000", "ftp://host", "http://", "http://a:b@host", "http://host/bucket", "https://host?x=y", "http://ho st"} {
		if _, err := s3.Open("s3://bucket/x", bad); err == nil || !strings.Contains(err.Error(), "--endpoint") || strings.Contains(err.Error(), "a:b") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	// A password is not shown, however the URL is mistyped.
	for _, bad := range []string{"key:hush@host", "http://key:hu%sh@host", "https://key:hush@host:x", "https://host/key:hush@x", "http://key:hush@host"} {
		if _, err := s3.Open("s3://bucket/x", bad); err == nil || !strings.Contains(err.Error(), "--endpoint") || strings.Contains(err.Error(), "key:") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{"s3://key:hush@bucket/x", "https://key:hush@host/bucket", "key:hush@host"} {
		if _, err := s3.Open(bad, ""); err == nil || !strings.Contains(err.Error(), "s3://BUCKET/PREFIX") || strings.Contains(err.Error(), "key:") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, variable := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} {
		t.Setenv("AWS_ENDPOINT_URL_S3", "")
		t.Setenv("AWS_ENDPOINT_URL", "")
		t.Setenv(variable, "https://host:1")
		if _, err := s3.Open("s3://bucket/x", ""); err != nil {
			t.Error(err)
		}
		t.Setenv(variable, "host:1")
		if _, err := s3.Open("s3://bucket/x", ""); err == nil || !strings.Contains(err.Error(), variable) {
			t.Error(err)
		}
	}
	t.Setenv("AWS_ENDPOINT_URL", "")
	if _, err := s3.Open("s3://bucket/x", ""); err == nil || !strings.Contains(err.Error(), "--endpoint") {
		t.Error(err)
	}
}

// A list without end is not read into memory.
func TestEndlessList(t *testing.T) {
	server := s3test.New(t)
	var written atomic.Int64
	server.Fail = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "application/xml")
		io.WriteString(w, "<ListBucketResult><Contents><Key>a/models/")
		text := strings.Repeat("x", 1<<16)
		for {
			n, err := io.WriteString(w, text)
			if written.Add(int64(n)); err != nil || written.Load() > 1<<30 {
				return true
			}
		}
	}
	if err := open(t, "a").List(t.Context(), "models", func(string) error { return nil }); err == nil || written.Load() > 300<<20 {
		t.Errorf("%v after %d bytes", err, written.Load())
	}
}
