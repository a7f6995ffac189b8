// Package s3 keeps zoos in buckets of S3 servers: it is a [zoo.Store] that calls minio-go.
//
// What arrives is not believed: package zoo compares sizes and checksums, and makes all names.
// Each request is repeated by minio-go for some seconds if the server is busy or the connection is lost;
// an object that is being read goes on where it was. A connection on which nothing moves is
// closed.
package s3

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// A Store is the objects of a bucket that have one prefix.
type Store struct {
	client   minio.Core
	endpoint string
	bucket   string
	prefix   string // "" or with a slash at its end
	unsigned bool   // there are no keys
}

var _ zoo.Store = (*Store)(nil)

// Open returns the store at s3://BUCKET/PREFIX on the server with the URL endpoint, or, if that is
// empty, the one that the environment names. Keys come from the environment or the user's file of
// credentials. Nothing is sent yet.
func Open(location, endpoint string) (*Store, error) {
	bucket, prefix, err := parse(location)
	if err != nil {
		return nil, err
	}
	u, err := server(endpoint)
	if err != nil {
		return nil, err
	}
	keys, unsigned, err := findKeys()
	if err != nil {
		return nil, err
	}
	secure := u.Scheme == "https"
	transport, err := minio.DefaultTransport(secure)
	if err != nil {
		return nil, err
	}
	transport.DialContext = dial
	client, err := minio.New(u.Host, &minio.Options{
		Creds: keys, Secure: secure, Transport: bounded{transport}, Region: region(), MaxRetries: retries,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u, err)
	}
	if prefix != "" {
		prefix += "/"
	}
	return &Store{minio.Core{Client: client}, u.Scheme + "://" + u.Host, bucket, prefix, unsigned}, nil
}

// region is the one that the environment names, "" to ask the server.
func region() string {
	if region := os.Getenv("AWS_REGION"); region != "" {
		return region
	}
	return os.Getenv("AWS_DEFAULT_REGION")
}

const (
	// retries is how often minio-go sends a request, within about five seconds.
	retries = 8
	// silence is how long nothing may move on a connection.
	silence = time.Minute
	// readings is how often the rest of an object is asked for without anything having come.
	readings = 5
)

// maxAnswer is how long an answer may be that is no object: a list of 1,000 keys of 1,024 bytes, in XML.
const maxAnswer = 16 << 20

// bounded bounds the answers that minio-go reads into memory.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil && (r.Method != http.MethodGet || r.URL.RawQuery != "") {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswer)
	}
	return answer, err
}

// dial opens a connection that fails after a silence.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return lively{c, silence}, nil
}

// A lively connection fails if nothing moves for a while.
type lively struct {
	net.Conn
	silence time.Duration
}

func (c lively) Read(p []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(c.silence))
	return c.Conn.Read(p)
}

// Write extends the time of reading, too: an answer is waited for while its request is still being sent.
func (c lively) Write(p []byte) (int, error) {
	c.SetDeadline(time.Now().Add(c.silence))
	return c.Conn.Write(p)
}

// String returns s3://BUCKET/PREFIX.
func (s *Store) String() string { return strings.TrimSuffix(scheme+s.bucket+"/"+s.prefix, "/") }

// List implements [zoo.Store].
func (s *Store) List(ctx context.Context, folder string, f func(name string) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop() // ends the listing
	prefix := s.prefix + folder + "/"
	for o := range s.client.Client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix}) {
		if o.Err != nil {
			return s.explain(ctx, folder, o.Err)
		}
		name, ok := strings.CutPrefix(o.Key, prefix)
		if !ok || name == "" {
			name = o.Key // none of the names that were asked for, whatever it is
		}
		if err := f(name); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// checksum is the header of S3's own SHA-256, in base64; metadata is the field of ours.
const (
	checksum = "X-Amz-Checksum-Sha256"
	metadata = "sha256"
)

// Stat implements [zoo.Store].
func (s *Store) Stat(ctx context.Context, name string) (zoo.Object, error) {
	info, err := s.client.Client.StatObject(ctx, s.bucket, s.prefix+name, minio.StatObjectOptions{Checksum: true})
	if err != nil {
		return zoo.Object{}, s.explain(ctx, name, err)
	}
	o := zoo.Object{Size: info.Size}
	for field, value := range info.UserMetadata {
		if strings.EqualFold(field, metadata) {
			o.SHA256 = value
		}
	}
	// That of an object in parts is not of its content, and has another form.
	if sum, err := base64.StdEncoding.DecodeString(info.ChecksumSHA256); err == nil && len(sum) == 32 {
		o.SHA256 = hex.EncodeToString(sum)
	}
	return o, nil
}

// Get implements [zoo.Store].
func (s *Store) Get(ctx context.Context, name string, w io.Writer) (version string, err error) {
	to := &keepsError{w: w}
	var at int64
	for idle := 0; ; {
		var n int64
		version, n, err = s.getFrom(ctx, name, version, at, to)
		at += n
		switch {
		case err == nil:
			return version, nil
		case to.err != nil:
			return version, to.err
		case ctx.Err() != nil || !isBroken(err):
			return version, s.explain(ctx, name, err)
		}
		if idle++; n > 0 {
			idle = 0
		}
		if idle == readings {
			return version, s.explain(ctx, name, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(idle+1) * 200 * time.Millisecond):
		}
	}
}

// getFrom reads an object from a byte on, if it still has the version; "": whatever it is.
func (s *Store) getFrom(ctx context.Context, name, version string, at int64, w io.Writer) (string, int64, error) {
	o := minio.GetObjectOptions{}
	if at > 0 {
		if err := errors.Join(o.SetRange(at, 0), o.SetMatchETag(version)); err != nil {
			return version, 0, err
		}
	}
	body, info, header, err := s.client.GetObject(ctx, s.bucket, s.prefix+name, o)
	if err != nil {
		return version, 0, err
	}
	defer body.Close()
	if at > 0 && !strings.HasPrefix(header.Get("Content-Range"), fmt.Sprintf("bytes %d-", at)) {
		return version, 0, errors.New("the connection was lost, and the server does not send the rest of an object alone: the same command begins it anew")
	}
	n, err := io.Copy(w, body)
	if err != nil {
		err = brokenError{err}
	}
	return info.ETag, n, err
}

// A brokenError is that of a body that ended before its end.
type brokenError struct{ error }

func isBroken(err error) bool { return errors.As(err, new(brokenError)) }

// keepsError remembers the error of a writer.
type keepsError struct {
	w   io.Writer
	err error
}

func (k *keepsError) Write(p []byte) (int, error) {
	n, err := k.w.Write(p)
	if err != nil {
		k.err = err
	}
	return n, err
}

// partSize is what is sent in one part at most.
const partSize = 16 << 20

// Put implements [zoo.Store].
func (s *Store) Put(ctx context.Context, name string, o zoo.Object, content io.ReaderAt, sent func(n int64)) error {
	return s.put(ctx, name, o, content, sent, minio.PutObjectOptions{})
}

// Swap implements [zoo.Store].
func (s *Store) Swap(ctx context.Context, name string, o zoo.Object, content io.ReaderAt, version string) error {
	var options minio.PutObjectOptions
	if version == "" {
		options.SetMatchETagExcept("*")
	} else {
		options.SetMatchETag(version)
	}
	err := s.put(ctx, name, o, content, nil, options)
	if r := response(err); r.Code == "NotImplemented" || r.StatusCode == http.StatusNotImplemented {
		return s.put(ctx, name, o, content, nil, minio.PutObjectOptions{}) // a server without conditions
	}
	return err
}

func (s *Store) put(ctx context.Context, name string, o zoo.Object, content io.ReaderAt, sent func(n int64), options minio.PutObjectOptions) error {
	options.UserMetadata = map[string]string{metadata: o.SHA256}
	options.NumThreads = 2 // besides the other objects that are being sent
	if sent != nil {
		options.Progress = progress(sent)
	}
	if o.Size <= partSize {
		sum, err := hex.DecodeString(o.SHA256)
		if err != nil {
			return err
		}
		options.UserMetadata[checksum] = base64.StdEncoding.EncodeToString(sum)
	}
	_, err := s.client.Client.PutObject(ctx, s.bucket, s.prefix+name, io.NewSectionReader(content, 0, o.Size), o.Size, options)
	return s.explain(ctx, name, err)
}

// progress is what minio-go tells how much was sent, by reading so much from it.
type progress func(n int64)

func (f progress) Read(p []byte) (int, error) {
	f(int64(len(p)))
	return len(p), nil
}
