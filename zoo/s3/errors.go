package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// An Error is about an object, a bucket or the server.
type Error struct {
	text string
	err  error // of minio-go
	is   error // what the caller may ask for, or nil
}

func (e *Error) Error() string { return e.text }

func (e *Error) Unwrap() []error {
	if e.is == nil {
		return []error{e.err}
	}
	return []error{e.err, e.is}
}

// response is what the server answered, if it is what an error is about.
func response(err error) (r minio.ErrorResponse) {
	errors.As(err, &r)
	return r
}

// mostSaid is how much of what a server says is shown.
const mostSaid = 500

// explain says what went wrong with an object, and what to do about it.
func (s *Store) explain(ctx context.Context, name string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r := response(err)
	object, said := s.String()+"/"+name, err.Error()
	if len(said) > mostSaid {
		said = said[:mostSaid] + "..."
	}
	e := &Error{err: err}
	say := func(format string, args ...any) error {
		e.text = fmt.Sprintf(format, args...)
		return e
	}
	switch code := r.Code; {
	case code == "NoSuchKey":
		e.is = fs.ErrNotExist
		return say("there is no %s", object)
	case code == "PreconditionFailed", code == "ConditionalRequestConflict", r.StatusCode == http.StatusPreconditionFailed:
		e.is = zoo.ErrConflict
		return say("%s was changed by somebody else at this moment", object)
	case code == "NoSuchBucket":
		return say("there is no bucket %q on %s: make it there, or check the name in %s and the server in --endpoint", s.bucket, s.endpoint, s)
	case code == "InvalidAccessKeyId", code == "XAdminUserNotFound":
		return say("%s does not know the key in AWS_ACCESS_KEY_ID, or in the profile of ~/.aws/credentials (for %s)", s.endpoint, object)
	case code == "SignatureDoesNotMatch":
		return say("%s refuses the signature of %s: check AWS_SECRET_ACCESS_KEY, or the profile in ~/.aws/credentials", s.endpoint, object)
	case code == "ExpiredToken", code == "ExpiredTokenException", code == "InvalidToken":
		return say("%s refuses the session: get new keys and a new AWS_SESSION_TOKEN", s.endpoint)
	case code == "RequestTimeTooSkewed":
		return say("%s says that the clock of this machine is wrong: set it (such as with chronyc makestep), since requests are signed with the time", s.endpoint)
	case code == "AccessDenied" && s.unsigned, r.StatusCode == http.StatusForbidden && s.unsigned:
		return say("%s denies access to %s: there are no keys; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to one of ~/.aws/credentials", s.endpoint, object)
	case code == "AccessDenied", r.StatusCode == http.StatusForbidden:
		return say("%s denies access to %s: these keys need the rights to list the bucket %q, and to read and write its objects (%v)", s.endpoint, object, s.bucket, said)
	case code == "PermanentRedirect", code == "AuthorizationHeaderMalformed", code == "IllegalLocationConstraintException":
		return say("the bucket %q is in another region: set AWS_REGION (%v)", s.bucket, said)
	case code == "BadDigest", code == "XAmzContentSHA256Mismatch", code == "XAmzContentChecksumMismatch":
		return say("%s arrived damaged, or its file changed meanwhile (%v): the same command again sends it anew", object, said)
	case code == "XMinioStorageFull", code == "QuotaExceeded", strings.Contains(code, "StorageFull"):
		return say("%s has no room left for %s (%v)", s.endpoint, object, said)
	}
	if errors.As(err, new(*tls.CertificateVerificationError)) {
		return say("the certificate of %s is not trusted (%s): name the file with that of its authority in SSL_CERT_FILE", s.endpoint, said)
	}
	if network := net.Error(nil); errors.As(err, &network) || isBroken(err) {
		return say("%s cannot be reached, or the connection was lost (%v): check the server in --endpoint, and try the same command again", s.endpoint, said)
	}
	if r.Code != "" {
		return say("%s, %s: %v (%s)", s.endpoint, object, said, r.Code)
	}
	return say("%s, %s: %v", s.endpoint, object, said)
}
