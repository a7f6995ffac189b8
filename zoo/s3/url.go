package s3

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const scheme = "s3://"

// IsURL reports whether a text is meant as the URL of objects.
func IsURL(text string) bool { return strings.HasPrefix(text, scheme) }

var bucketForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$`)

// maxPrefix leaves room for the names of objects, which may have 1,024 bytes.
const maxPrefix = 700

// parse takes s3://BUCKET/PREFIX apart. The prefix has no slash at its ends, and may be empty.
func parse(text string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(text, scheme)
	bucket, prefix, _ = strings.Cut(rest, "/")
	if strings.Contains(bucket, "@") || !ok && strings.Contains(text, "@") { // a password, perhaps: it is not shown
		return "", "", errors.New("what is to be like s3://BUCKET/PREFIX has an @ in it: keys belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and no bucket is called so")
	}
	if !ok {
		return "", "", fmt.Errorf("%q is not like s3://BUCKET/PREFIX", text)
	}
	prefix = strings.TrimSuffix(prefix, "/")
	if !bucketForm.MatchString(bucket) || strings.Contains(bucket, "..") {
		return "", "", fmt.Errorf("%q cannot name a bucket, as in s3://BUCKET/PREFIX: use 3 to 63 letters, digits, '.', '_' or '-'", bucket)
	}
	if prefix == "" {
		return bucket, "", nil
	}
	printable := utf8.ValidString(prefix) && !strings.ContainsFunc(prefix, func(r rune) bool { return !strconv.IsPrint(r) || r == '\\' })
	parts := strings.Split(prefix, "/")
	if !printable || len(prefix) > maxPrefix || slices.ContainsFunc(parts, func(part string) bool { return part == "" || part == "." || part == ".." }) {
		return "", "", fmt.Errorf("%q cannot be the prefix of objects, as in s3://BUCKET/PREFIX: use printable names with a slash between two, at most %d bytes", prefix, maxPrefix)
	}
	return bucket, prefix, nil
}

// endpointVariables name the server, if nothing else does; the first that is set counts.
var endpointVariables = []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}

// server returns the URL of the server to ask.
func server(endpoint string) (*url.URL, error) {
	from := "--endpoint"
	for _, variable := range endpointVariables {
		if endpoint == "" {
			endpoint, from = os.Getenv(variable), variable
		}
	}
	if endpoint == "" {
		return nil, errors.New("name the S3 server with --endpoint, such as https://s3.example.org, or in AWS_ENDPOINT_URL")
	}
	if strings.Contains(endpoint, "@") { // whatever it is, a password in it is not shown
		return nil, fmt.Errorf("%s: a URL with a password in it is not taken: keys belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", from)
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("%s: %q is not the URL of a server, such as https://s3.example.org or http://127.0.0.1:9000", from, endpoint)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%s: %q has something behind the name of the server: the bucket belongs in s3://BUCKET/PREFIX", from, endpoint)
	}
	return u, nil
}
