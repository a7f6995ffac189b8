package scripts

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// A storage is an S3 server that scripts/s3 started, the program, and zoos to push.
type storage struct {
	dir    string // has zoo, with a model whose archive is sent in parts, and small
	env    []string
	client *minio.Client
	named  atomic.Int64
}

// TestS3 pushes zoos to a real S3 server and pulls them: twice, killed at any moment, several at
// once, damaged, replaced, with wrong keys, and beside objects that no zoo would have. With
// ENCAS_S3_SERVER that is the server of this URL, which takes the keys below, instead of one that
// is started; the buckets stay there.
func TestS3(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	s := newStorage(t)
	plain, secure := s.on(t, false), s.on(t, true)
	t.Run("tests", func(t *testing.T) {
		for name, test := range map[string]func(*storage, *testing.T){
			"same zoo": (*storage).same, "killed pushes": (*storage).killedPushes, "killed pulls": (*storage).killedPulls, "damaged": (*storage).damaged, "public": (*storage).public,
			"refused": (*storage).refused, "beside": (*storage).beside, "several": (*storage).several, "copied": (*storage).copied, "replaced": (*storage).replaced, "hostile": (*storage).hostile,
		} {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(secure, t) })
		}
		// What is signed, and how, is another thing without TLS.
		t.Run("same zoo without TLS", func(t *testing.T) { t.Parallel(); plain.same(t) })
		t.Run("damaged without TLS", func(t *testing.T) { t.Parallel(); plain.damaged(t) })
	})
}

const s3Key, s3Secret = "encas-test", "secret-of-encas-test"

func newStorage(t *testing.T) *storage {
	s := &storage{dir: t.TempDir()}
	s.env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+s3Key, "AWS_SECRET_ACCESS_KEY="+s3Secret, "AWS_SESSION_TOKEN=", "AWS_PROFILE=", "AWS_SHARED_CREDENTIALS_FILE=", "AWS_REGION=", "AWS_DEFAULT_REGION=", "AWS_ENDPOINT_URL_S3=", "HOME="+s.dir, "ENCAS_ZOO=")
	if _, err := os.Stat(filepath.Join("..", "build", "s3")); err != nil && os.Getenv("ENCAS_S3_SERVER") == "" {
		t.Skip("there is no S3 server here (scripts/s3 install)")
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(s.dir, "encas-zoo"), "../cmd/encas-zoo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// Noise does not compress: an archive of 17 MB is sent in two parts.
	makeStored(t, filepath.Join(s.dir, "zoo"), 1000, map[string]int{"search": 12500, "test": 50}, 0, 6, "search")
	makeStored(t, filepath.Join(s.dir, "small"), 10, map[string]int{"search": 2000, "test": 50}, 0, 20, "")
	return s
}

// on is the storage on a server, with TLS or without.
func (s *storage) on(t *testing.T, secure bool) *storage {
	s = &storage{dir: s.dir, env: slices.Clone(s.env)}
	address, transport := os.Getenv("ENCAS_S3_SERVER"), http.DefaultTransport
	if address == "" {
		at := t.TempDir()
		if secure {
			roots := certify(t, at)
			transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
			s.env = append(s.env, "SSL_CERT_FILE="+filepath.Join(at, "cert.pem"))
		}
		address = s.start(t, at)
	}
	s.env = append(s.env, "AWS_ENDPOINT_URL="+address)
	u, err := url.Parse(address)
	check(t, err)
	s.client, err = minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(s3Key, s3Secret, ""), Secure: u.Scheme == "https", Transport: transport})
	check(t, err)
	return s
}

// certify writes a certificate for the loopback address, and its key, into a folder.
func certify(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	check(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(cryptorand.Reader, c, c, &key.PublicKey, key)
	check(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	check(t, os.WriteFile(filepath.Join(dir, "cert.pem"), text, 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return roots
}

// start starts a server that keeps what it has in a folder, and skips the test if there is none.
func (s *storage) start(t *testing.T, dir string) string {
	return startService(t, s.env, "./s3", dir, "600")
}

// makeStored makes a zoo of models m<first> and so on. The first of them alone has predictions on the
// split large; without that all have predictions on all splits.
func makeStored(t *testing.T, dir string, classes int, splits map[string]int, first, models int, large string) {
	t.Helper()
	z, err := zoo.Create(dir, classes)
	check(t, err)
	w, err := z.Write()
	check(t, err)
	for split, n := range splits {
		labels := make([]uint16, n)
		for i := range labels {
			labels[i] = uint16(i % classes)
		}
		check(t, w.AddSplit(split, labels, nil))
	}
	for i := range models {
		random := rand.New(rand.NewPCG(uint64(first+i), 7))
		m, err := w.NewModel(zoo.Model{Name: fmt.Sprintf("m%02d", first+i), Columns: map[string]string{"gflops": fmt.Sprint(first + i + 1)}})
		check(t, err)
		for split, n := range splits {
			if split == large && i > 0 {
				continue
			}
			row := make([]uint16, classes)
			for sample := range n {
				class := sample % classes
				if random.IntN(10+i) < 5 {
					class = random.IntN(classes)
				}
				noise(random, row, class)
				check(t, m.WriteRow(split, row))
			}
		}
		check(t, m.Commit())
	}
	check(t, w.Close())
}

// noise draws an output of which a class has the most, and all others nearly the same, with all bits of their fractions
// drawn.
func noise(random *rand.Rand, row []uint16, class int) {
	exponent := -bits.Len(uint(len(row)-1)) - 1
	left := 1.0
	for c := range row {
		fraction := random.IntN(1 << 10)
		row[c] = uint16((exponent+15)<<10 | fraction)
		if c != class {
			left -= math.Ldexp(1+float64(fraction)/(1<<10), exponent)
		}
	}
	fraction, exponent := math.Frexp(left)
	row[class] = uint16((exponent+14)<<10 | int((2*fraction-1)*(1<<10)))
}

// bucket makes a bucket for a test, and returns the place in it.
func (s *storage) bucket(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("zoos-%d-%d", time.Now().UnixNano(), s.named.Add(1))
	check(t, s.client.MakeBucket(t.Context(), name, minio.MakeBucketOptions{}))
	return "s3://" + name + "/zoos/a zoo"
}

// at takes a place apart.
func at(place string) (bucket, prefix string) {
	bucket, prefix, _ = strings.Cut(strings.TrimPrefix(place, "s3://"), "/")
	return bucket, prefix + "/"
}

// command is the program with arguments.
func (s *storage) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.dir, "encas-zoo"), args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// moved is the JSON of a push or a pull.
type moved struct {
	Added, Skipped []string
	Failed         []struct{ Model, Reason string }
	Sent           int64 `json:"sent_bytes"`
	Objects        int
	Fetched        int64 `json:"fetched_bytes"`
}

// run runs a push or a pull, which must end with a code.
func (s *storage) run(t *testing.T, code int, args ...string) (m moved) {
	t.Helper()
	cmd := s.command(append(args, "--json")...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != code {
		t.Fatalf("%q: %v: %s", args, err, &stderr)
	}
	check(t, json.Unmarshal(out, &m))
	return m
}

// fails runs a command that must fail, and say some words and no other error.
func (s *storage) fails(t *testing.T, env []string, args []string, words ...string) {
	t.Helper()
	cmd := s.command(args...)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("%q %q succeeds", env, args)
	}
	for _, word := range words {
		if !strings.Contains(string(out), word) {
			t.Errorf("%q %q says nothing of %q:\n%s", env, args, word, out)
		}
	}
}

// equal checks that a zoo is whole and has the same as another one.
func (s *storage) equal(t *testing.T, dir, as string) {
	t.Helper()
	z, err := zoo.Open(dir)
	check(t, err)
	check(t, z.Verify(t.Context(), nil))
	other, err := zoo.Open(filepath.Join(s.dir, as))
	check(t, err)
	if z.Fingerprint() != other.Fingerprint() {
		t.Errorf("%s is not the same as %s: it has %d models, that %d", dir, as, len(z.Models()), len(other.Models()))
	}
}

// object reads an object.
func (s *storage) object(t *testing.T, place, name string) []byte {
	t.Helper()
	bucket, prefix := at(place)
	o, err := s.client.GetObject(t.Context(), bucket, prefix+name, minio.GetObjectOptions{})
	check(t, err)
	data, err := io.ReadAll(o)
	check(t, err)
	return data
}

// put writes an object, with its metadata if it is there.
func (s *storage) put(t *testing.T, place, name string, data []byte) error {
	t.Helper()
	bucket, prefix := at(place)
	var o minio.PutObjectOptions
	if info, err := s.client.StatObject(t.Context(), bucket, prefix+name, minio.StatObjectOptions{}); err == nil {
		o.UserMetadata = info.UserMetadata
	}
	_, err := s.client.PutObject(t.Context(), bucket, prefix+name, bytes.NewReader(data), int64(len(data)), o)
	return err
}

// keys lists the objects of a place, without its prefix.
func (s *storage) keys(place string) (keys []string) {
	bucket, prefix := at(place)
	for o := range s.client.ListObjects(context.Background(), bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		keys = append(keys, strings.TrimPrefix(o.Key, prefix))
	}
	return keys
}

// What is pulled is what was pushed, with the same front, and the second time nothing moves.
func (s *storage) same(t *testing.T) {
	place, dir := s.bucket(t), filepath.Join(t.TempDir(), "pulled")
	first := s.run(t, 0, "zoo", "push", "zoo", place)
	if len(first.Added) != 6 || first.Sent < 17<<20 {
		t.Errorf("%+v", first)
	}
	if again := s.run(t, 0, "zoo", "push", "zoo", place); again.Objects != 0 || again.Sent != 0 || len(again.Skipped) != 6 {
		t.Errorf("a second push: %+v", again)
	}
	if pulled := s.run(t, 0, "zoo", "pull", place, "--out", dir); len(pulled.Added) != 6 || pulled.Fetched != first.Sent {
		t.Errorf("%+v", pulled)
	}
	s.equal(t, dir, "zoo")
	if again := s.run(t, 0, "zoo", "pull", place, "--out", dir); again.Fetched != 0 || len(again.Skipped) != 6 {
		t.Errorf("a second pull: %+v", again)
	}
	if left := s.run(t, 0, "zoo", "pull", place, "--out", dir+"-some", "--models", "m0[1-3],!m02"); !slices.Equal(left.Added, []string{"m01", "m03"}) {
		t.Errorf("%+v", left)
	}
	// The objects are the files, and no others.
	want := []string{}
	check(t, filepath.WalkDir(filepath.Join(s.dir, "zoo"), func(path string, e os.DirEntry, err error) error {
		name, _ := filepath.Rel(filepath.Join(s.dir, "zoo"), path)
		if err == nil && !e.IsDir() && name != "lock" && !strings.HasPrefix(name, "index") {
			want = append(want, filepath.ToSlash(name))
		}
		return err
	}))
	keys := s.keys(place)
	slices.Sort(keys)
	slices.Sort(want)
	if !slices.Equal(keys, want) {
		t.Errorf("objects\n%q, files\n%q", keys, want)
	}

	place, dir = s.bucket(t), filepath.Join(t.TempDir(), "pulled")
	s.run(t, 0, "zoo", "push", "small", place)
	s.run(t, 0, "zoo", "pull", place, "--out", dir)
	for _, z := range []string{"small", dir} {
		if out, err := s.command("optimize", "--quiet", "--zoo", z, "--algorithm", "exact", "--out", dir+"-"+filepath.Base(z)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	a, err := os.ReadFile(dir + "-small/front.csv")
	check(t, err)
	b, err := os.ReadFile(dir + "-pulled/front.csv")
	check(t, err)
	if !bytes.Equal(a, b) || bytes.Count(a, []byte("\n")) < 5 {
		t.Errorf("fronts\n%s\n%s", a, b)
	}
}

// kill starts a command, and kills it once so much has happened, unless it ends before.
func kill(t *testing.T, cmd *exec.Cmd, happened func() bool) (killed bool) {
	t.Helper()
	check(t, cmd.Start())
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	for {
		select {
		case <-ended:
			return false
		default:
		}
		if happened() {
			cmd.Process.Kill()
			<-ended
			return true
		}
	}
}

// A push that is killed leaves whole models; the same command does the rest.
func (s *storage) killedPushes(t *testing.T) {
	killed := 0
	for _, z := range []string{"small", "zoo"} {
		place := s.bucket(t)
		moments := []int{0, 1, 3, 8, 20}
		for _, objects := range moments {
			objects += len(s.keys(place))
			if kill(t, s.command("zoo", "push", z, place), func() bool { return len(s.keys(place)) >= objects }) {
				killed++
			}
			if dir := filepath.Join(t.TempDir(), "part"); slices.Contains(s.keys(place), "zoo.json") {
				if cmd := s.command("zoo", "pull", place, "--out", dir); cmd.Run() == nil {
					part, err := zoo.Open(dir)
					check(t, err)
					check(t, part.Verify(t.Context(), nil))
				} else if slices.ContainsFunc(s.keys(place), func(key string) bool { return strings.HasPrefix(key, "models/") }) {
					out, _ := s.command("zoo", "pull", place, "--out", dir).CombinedOutput()
					t.Errorf("after %d objects: %s", objects, out)
				}
			}
		}
		s.run(t, 0, "zoo", "push", z, place)
		dir := filepath.Join(t.TempDir(), "pulled")
		s.run(t, 0, "zoo", "pull", place, "--out", dir)
		s.equal(t, dir, z)
	}
	if killed < 3 {
		t.Errorf("only %d pushes were killed", killed)
	}

	// Ctrl-C ends one at once, and in words.
	place := s.bucket(t)
	cmd := s.command("zoo", "push", "zoo", place)
	var said strings.Builder
	cmd.Stderr = &said
	check(t, cmd.Start())
	for len(s.keys(place)) == 0 {
		time.Sleep(time.Millisecond)
	}
	check(t, cmd.Process.Signal(os.Interrupt))
	began := time.Now()
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 130 || !strings.Contains(said.String(), "the same command again does the rest") || time.Since(began) > 5*time.Second {
		t.Errorf("exit code %d after %v: %s", cmd.ProcessState.ExitCode(), time.Since(began), &said)
	}
}

// So does a pull.
func (s *storage) killedPulls(t *testing.T) {
	killed := 0
	for _, z := range []string{"small", "zoo"} {
		place, dir := s.bucket(t), filepath.Join(t.TempDir(), "pulled")
		s.run(t, 0, "zoo", "push", z, place)
		for _, files := range []int{1, 2, 5, 9, 30} {
			count := func() (n int) {
				filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
					if err == nil && !e.IsDir() {
						n++
					}
					return nil
				})
				return n
			}
			files += count()
			if kill(t, s.command("zoo", "pull", place, "--out", dir), func() bool { return count() >= files }) {
				killed++
			}
			if part, err := zoo.Open(dir); err == nil {
				check(t, part.Verify(t.Context(), nil))
			}
		}
		s.run(t, 0, "zoo", "pull", place, "--out", dir)
		s.equal(t, dir, z)
	}
	if killed < 3 {
		t.Errorf("only %d pulls were killed", killed)
	}
}

// An object that is damaged and has its size is named, and what mends it does; the other models are pulled.
func (s *storage) damaged(t *testing.T) {
	place, dir := s.bucket(t), filepath.Join(t.TempDir(), "pulled")
	s.run(t, 0, "zoo", "push", "zoo", place)
	var archives []string
	for _, key := range s.keys(place) {
		if strings.HasPrefix(key, "archive/search/m00") || strings.HasPrefix(key, "archive/test/m02") || strings.HasPrefix(key, "models/m03") || strings.HasPrefix(key, "archive/test/m04") {
			archives = append(archives, key)
		}
	}
	for i, key := range archives {
		data := s.object(t, place, key)
		data[len(data)/2] ^= 1
		if i == 2 {
			data = append(data, 0) // longer, which is another way
		}
		check(t, s.put(t, place, key, data))
	}
	pulled := s.run(t, 3, "zoo", "pull", place, "--out", dir)
	names := map[string]string{}
	for _, f := range pulled.Failed {
		if strings.HasPrefix(f.Model, place+"/models/m03") { // its file does not tell its name any more
			f.Model = "m03"
		}
		names[f.Model] = f.Reason
		if !strings.Contains(f.Reason, place+"/") || !strings.Contains(f.Reason, "--replace") || strings.Contains(f.Reason, os.TempDir()) {
			t.Errorf("%s: %s", f.Model, f.Reason)
		}
	}
	if len(archives) != 4 || len(names) != 4 || names["m00"] == "" || names["m02"] == "" || names["m03"] == "" || names["m04"] == "" || !slices.Equal(pulled.Added, []string{"m01", "m05"}) {
		t.Errorf("%+v", pulled)
	}
	s.run(t, 0, "zoo", "push", "zoo", place, "--replace", "--models", "m00,m02,m03,m04")
	if pulled := s.run(t, 0, "zoo", "pull", place, "--out", dir); len(pulled.Added) != 4 {
		t.Errorf("%+v", pulled)
	}
	s.equal(t, dir, "zoo")

	// An object that is not there, or has another size, is sent again without being asked.
	bucket, prefix := at(place)
	check(t, s.client.RemoveObject(t.Context(), bucket, prefix+archives[1], minio.RemoveObjectOptions{}))
	check(t, s.put(t, place, archives[0], []byte("short")))
	if again := s.run(t, 0, "zoo", "push", "zoo", place); again.Objects != 2 || len(again.Added) != 2 {
		t.Errorf("%+v", again)
	}
	s.run(t, 0, "zoo", "pull", place, "--out", dir+"-again")
	s.equal(t, dir+"-again", "zoo")

	// A zoo that is damaged here is not pushed.
	broken := filepath.Join(t.TempDir(), "broken")
	check(t, os.CopyFS(broken, os.DirFS(filepath.Join(s.dir, "zoo"))))
	found, err := filepath.Glob(filepath.Join(broken, "archive", "test", "m01*"))
	check(t, err)
	data, err := os.ReadFile(found[0])
	check(t, err)
	data[len(data)/2] ^= 1
	check(t, os.WriteFile(found[0], data, 0o666))
	place = s.bucket(t)
	if pushed := s.run(t, 3, "zoo", "push", broken, place); len(pushed.Failed) != 1 || pushed.Failed[0].Model != "m01" || len(pushed.Added) != 5 {
		t.Errorf("%+v", pushed)
	}
	s.run(t, 0, "zoo", "pull", place, "--out", broken+"-pulled")
}

// What is wrong with keys, buckets, servers and prefixes is said, with what to do.
func (s *storage) refused(t *testing.T) {
	place, out := s.bucket(t), filepath.Join(t.TempDir(), "out")
	s.run(t, 0, "zoo", "push", "small", place)
	makeStored(t, filepath.Join(s.dir, "classes"), 12, map[string]int{"search": 20}, 0, 1, "")
	makeStored(t, filepath.Join(s.dir, "samples"), 10, map[string]int{"search": 21}, 0, 1, "")
	push, pull := []string{"zoo", "push", "small", place}, []string{"zoo", "pull", place, "--out", out}
	for _, args := range [][]string{push, pull} {
		s.fails(t, []string{"AWS_SECRET_ACCESS_KEY=wrong"}, args, "AWS_SECRET_ACCESS_KEY", place)
		s.fails(t, []string{"AWS_ACCESS_KEY_ID=wrong"}, args, "AWS_ACCESS_KEY_ID", place)
		s.fails(t, []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="}, args, "there are no keys", "AWS_PROFILE")
		s.fails(t, []string{"AWS_ACCESS_KEY_ID="}, args, "only one of AWS_ACCESS_KEY_ID")
		if strings.HasPrefix(s.client.EndpointURL().String(), "https") {
			s.fails(t, []string{"SSL_CERT_FILE=/dev/null"}, args, "is not trusted", "SSL_CERT_FILE")
		}
		s.fails(t, []string{"AWS_ENDPOINT_URL="}, args, "--endpoint")
		s.fails(t, []string{"AWS_ENDPOINT_URL=http://127.0.0.1:1"}, args, "cannot be reached", "127.0.0.1:1")
		s.fails(t, []string{"AWS_ENDPOINT_URL_S3=ftp://x"}, args, "AWS_ENDPOINT_URL_S3", "ftp://x")
	}
	s.fails(t, nil, []string{"zoo", "push", "small", "s3://no-such-bucket-here/x"}, `no bucket "no-such-bucket-here"`, "make it there")
	s.fails(t, nil, []string{"zoo", "pull", "s3://no-such-bucket-here/x", "--out", out}, `no bucket "no-such-bucket-here"`)
	s.fails(t, nil, []string{"zoo", "pull", place + "/nothing", "--out", out}, "there is no zoo in "+place+"/nothing")
	s.fails(t, nil, []string{"zoo", "push", "classes", place}, "classes has 12", place)
	s.fails(t, nil, []string{"zoo", "push", "samples", place}, "21", "2000 samples", place)
	s.fails(t, nil, []string{"zoo", "pull", place, "--out", "classes"}, "classes has 12", place)
	for _, bad := range []string{"bucket/x", "s3://", "s3://x", "s3://bucket/../x", "s3://bucket//x", "s3://bu$cket/x", "http://bucket/x"} {
		s.fails(t, nil, []string{"zoo", "pull", bad, "--out", out}, "s3://BUCKET/PREFIX", "--help")
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a pull that failed leaves a folder")
	}
	// Keys of a profile.
	check(t, os.MkdirAll(filepath.Join(s.dir, ".aws"), 0o777))
	check(t, os.WriteFile(filepath.Join(s.dir, ".aws", "credentials"), fmt.Appendf(nil, "[other]\naws_access_key_id = %s\naws_secret_access_key = %s\n", s3Key, s3Secret), 0o600))
	cmd := s.command(pull...)
	cmd.Env = append(cmd.Env, "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_PROFILE=other")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, text)
	}
}

// A zoo in a public bucket is pulled without keys, and not pushed to.
func (s *storage) public(t *testing.T) {
	place, dir := s.bucket(t), filepath.Join(t.TempDir(), "pulled")
	s.run(t, 0, "zoo", "push", "small", place)
	bucket, _ := at(place)
	policy := `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::` + bucket + `/*"]},
		{"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::` + bucket + `"]}]}`
	check(t, s.client.SetBucketPolicy(t.Context(), bucket, policy))
	nobody := []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="}
	cmd := s.command("zoo", "pull", place, "--out", dir)
	cmd.Env = append(cmd.Env, nobody...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.equal(t, dir, "small")
	s.fails(t, nobody, []string{"zoo", "push", "small", place, "--replace"}, "denies access", "there are no keys")
}

// Objects that another program copies are a zoo, and files that another program has put there are pulled.
func (s *storage) copied(t *testing.T) {
	place, dir := s.bucket(t), t.TempDir()
	s.run(t, 0, "zoo", "push", "small", place)
	for _, key := range s.keys(place) {
		path := filepath.Join(dir, "down", filepath.FromSlash(key))
		check(t, os.MkdirAll(filepath.Dir(path), 0o777))
		check(t, os.WriteFile(path, s.object(t, place, key), 0o666))
	}
	s.equal(t, filepath.Join(dir, "down"), "small")

	place = s.bucket(t)
	check(t, filepath.WalkDir(filepath.Join(s.dir, "small"), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		check(t, err)
		name, err := filepath.Rel(filepath.Join(s.dir, "small"), path)
		check(t, err)
		if len(data) == 0 { // lock
			return nil
		}
		return s.put(t, place, filepath.ToSlash(name), data)
	}))
	s.run(t, 0, "zoo", "pull", place, "--out", filepath.Join(dir, "up"))
	s.equal(t, filepath.Join(dir, "up"), "small")
	// It is not known what they are, so they are sent once.
	if m := s.run(t, 0, "zoo", "push", "small", place); len(m.Added) != 20 {
		t.Errorf("%+v", m)
	}
	if m := s.run(t, 0, "zoo", "push", "small", place); m.Objects != 0 {
		t.Errorf("%+v", m)
	}
}

// Pulls beside a push see whole models only.
func (s *storage) beside(t *testing.T) {
	place := s.bucket(t)
	s.run(t, 0, "zoo", "push", "small", place, "--models", "m00")
	push := s.command("zoo", "push", "small", place)
	check(t, push.Start())
	ended := make(chan error, 1)
	go func() { ended <- push.Wait() }()
	counts := map[int]bool{}
	for done := false; !done; {
		select {
		case err := <-ended:
			check(t, err)
			done = true
		default:
		}
		dir := filepath.Join(t.TempDir(), "pulled")
		s.run(t, 0, "zoo", "pull", place, "--out", dir)
		z, err := zoo.Open(dir)
		check(t, err)
		check(t, z.Verify(t.Context(), nil))
		counts[len(z.Models())] = true
	}
	if !counts[20] {
		t.Errorf("after the push: %v models", counts)
	}
}

// Several pushes to one place at once put all models there, and all splits.
func (s *storage) several(t *testing.T) {
	const parts = 6
	place := s.bucket(t)
	pushes := make([]*exec.Cmd, parts)
	outputs := make([]bytes.Buffer, parts)
	for i := range parts {
		dir := filepath.Join(t.TempDir(), "part")
		makeStored(t, dir, 10, map[string]int{"search": 100, fmt.Sprint("own", i): 20 + i}, 10*i, 3, "")
		pushes[i] = s.command("zoo", "push", dir, place)
		pushes[i].Stdout, pushes[i].Stderr = &outputs[i], &outputs[i]
	}
	for _, push := range pushes {
		check(t, push.Start())
	}
	for i, push := range pushes {
		if err := push.Wait(); err != nil {
			t.Errorf("%v: %s", err, &outputs[i])
		}
	}
	dir := filepath.Join(t.TempDir(), "pulled")
	s.run(t, 0, "zoo", "pull", place, "--out", dir)
	z, err := zoo.Open(dir)
	check(t, err)
	check(t, z.Verify(t.Context(), nil))
	if len(z.Models()) != 3*parts || len(z.Splits()) != 1+parts {
		t.Errorf("%d models on %d splits", len(z.Models()), len(z.Splits()))
	}
}

// A model with other outputs is refused, and with --replace put in the place of the one that is there, whose
// predictions stay for those who are about to read them.
func (s *storage) replaced(t *testing.T) {
	place, dir := s.bucket(t), t.TempDir()
	splits := map[string]int{"search": 200, "test": 50}
	makeStored(t, filepath.Join(dir, "one"), 10, splits, 0, 3, "")
	makeStored(t, filepath.Join(dir, "two"), 10, splits, 1000, 1, "")
	two, err := zoo.Open(filepath.Join(dir, "two"))
	check(t, err)
	// The model m1000 as one called m00.
	rename(t, two, filepath.Join(dir, "other"), "m00")
	other := filepath.Join(dir, "other")
	s.run(t, 0, "zoo", "push", filepath.Join(dir, "one"), place)
	before := s.keys(place)
	s.fails(t, nil, []string{"zoo", "push", other, place}, "m00", "nothing was pushed", "--replace")
	for turn := range 3 { // there and back again
		from := []string{other, filepath.Join(dir, "one")}[turn%2]
		s.run(t, 0, "zoo", "push", from, place, "--replace", "--models", "m00")
		pulled := filepath.Join(t.TempDir(), "pulled")
		s.run(t, 0, "zoo", "pull", place, "--out", pulled)
		z, err := zoo.Open(pulled)
		check(t, err)
		check(t, z.Verify(t.Context(), nil))
		a, err := z.Model("m00")
		check(t, err)
		source, err := zoo.Open(from)
		check(t, err)
		b, err := source.Model("m00")
		check(t, err)
		if len(z.Models()) != 3 || a.Splits["search"].SHA256 != b.Splits["search"].SHA256 || a.Columns["gflops"] != b.Columns["gflops"] {
			t.Errorf("turn %d: %+v instead of %+v", turn, a, b)
		}
	}
	if after := s.keys(place); len(after) != len(before)+2 {
		t.Errorf("objects %q, before %q", after, before)
	}
	pulled := filepath.Join(dir, "pulled")
	s.run(t, 0, "zoo", "pull", place, "--out", pulled)
	s.run(t, 0, "zoo", "push", filepath.Join(dir, "one"), place, "--replace")
	s.fails(t, nil, []string{"zoo", "pull", place, "--out", pulled}, "m00", "nothing was pulled", "zoo remove --zoo "+pulled+" -- m00")
}

// rename writes a zoo in dir that has the only model of another one under a name.
func rename(t *testing.T, from *zoo.Zoo, dir, name string) {
	t.Helper()
	z, err := zoo.Create(dir, from.Classes())
	check(t, err)
	w, err := z.Write()
	check(t, err)
	was := from.Models()[0]
	m, err := w.NewModel(zoo.Model{Name: name, Columns: was.Columns})
	check(t, err)
	for _, split := range from.Splits() {
		labels, ids, err := from.Labels(split.Name)
		check(t, err)
		check(t, w.AddSplit(split.Name, labels, ids))
		rows, err := from.Predictions(was.Name, split.Name)
		check(t, err)
		row := make([]uint16, from.Classes())
		for {
			n, err := rows.ReadRows(row)
			if errors.Is(err, io.EOF) || n == 0 {
				break
			}
			check(t, err)
			check(t, m.WriteRow(split.Name, row))
		}
		check(t, rows.Close())
	}
	check(t, m.Commit())
	check(t, w.Close())
}

// Objects that no zoo would have do nothing to the machine, and no harm to the models.
func (s *storage) hostile(t *testing.T) {
	place, out := s.bucket(t), t.TempDir()
	s.run(t, 0, "zoo", "push", "small", place)
	var model string
	for _, key := range s.keys(place) {
		if strings.HasPrefix(key, "models/m00") {
			model = key
		}
	}
	text := s.object(t, place, model)
	odd := 0
	for _, key := range []string{"models/x.json", "models/..json", "models/.json", "models/ .json", "models/a\\b.json", "models/" + strings.Repeat("a", 200) + ".json",
		"models/sub/m00-0123456789abcdef.json", "models/m00-0123456789abcdef.json", "models/other-0123456789abcdef.json", "lock", "writer-0123456789abcdef.json", "index/search/x.arrow", "README"} {
		if s.put(t, place, key, text) == nil { // some servers refuse some of them
			odd++
		}
	}
	if odd < 8 {
		t.Errorf("only %d odd objects", odd)
	}
	pulled := s.run(t, 3, "zoo", "pull", place, "--out", filepath.Join(out, "zoo"))
	if len(pulled.Added) != 20 || len(pulled.Failed) != 2 { // those called like models
		t.Errorf("%d added, failed: %+v", len(pulled.Added), pulled.Failed)
	}
	s.equal(t, filepath.Join(out, "zoo"), "small")
	if list, err := os.ReadDir(out); err != nil || len(list) != 1 {
		t.Errorf("%v: %v", list, err)
	}

	// A zoo.json that is none.
	for text, says := range map[string]string{
		`{"format": 1, "classes": 10, "splits": {"../../x": {"samples": 2, "fingerprint": "` + strings.Repeat("0", 64) + `"}}}`: "cannot name a split",
		`{"format": 1, "classes": 1000000000}`: "1000000000 classes",
		`{"format": 99, "classes": 10}`:        "newer",
		"":                                     "damaged",
	} {
		check(t, s.put(t, place, "zoo.json", []byte(text)))
		s.fails(t, nil, []string{"zoo", "pull", place, "--out", filepath.Join(out, "none")}, says, place+"/zoo.json")
		s.fails(t, nil, []string{"zoo", "push", "small", place}, says, place+"/zoo.json")
	}
}
