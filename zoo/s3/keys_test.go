package s3_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/encas-zoo/encas-zoo/zoo/s3"
	"github.com/encas-zoo/encas-zoo/zoo/s3/s3test"
)

// Keys that somebody has set are used, or it is said why they cannot be. No secret is shown.
func TestKeys(t *testing.T) {
	server := s3test.New(t)
	var last atomic.Value
	server.Fail = func(_ http.ResponseWriter, r *http.Request) bool {
		last.Store(r.Header.Get("Authorization"))
		return false
	}
	home := t.TempDir()
	usual, other := filepath.Join(home, ".aws", "credentials"), filepath.Join(home, "other")
	if err := os.Mkdir(filepath.Dir(usual), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, []byte("[default]\naws_access_key_id = OTHER\naws_secret_access_key = HUSH\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	const pair = "aws_access_key_id = FILE\naws_secret_access_key = HUSH\n"
	none := map[string]string{}
	for what, test := range map[string]struct {
		file string // "": there is none
		env  map[string]string
		by   string // key that signs
		says string // what is wrong
	}{
		"nothing":                   {"", none, "", ""},
		"environment":               {"[default]\n" + pair, map[string]string{"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "HUSH"}, "ENV", ""},
		"half":                      {"[default]\n" + pair, map[string]string{"AWS_ACCESS_KEY_ID": "ENV"}, "", "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"},
		"other half":                {"", map[string]string{"AWS_SECRET_ACCESS_KEY": "HUSH"}, "", "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"},
		"default":                   {"[default]\n" + pair, none, "FILE", ""},
		"profile":                   {"[x]\n" + pair, map[string]string{"AWS_PROFILE": "x"}, "FILE", ""},
		"no default":                {"[x]\n" + pair, none, "", ""},
		"default without keys":      {"[default]\nregion = x\n", none, "", ""},
		"profile mistyped":          {"[x]\n" + pair, map[string]string{"AWS_PROFILE": "y"}, "", `no profile "y"`},
		"profile without keys":      {"[x]\nregion = x\n", map[string]string{"AWS_PROFILE": "x"}, "", `no profile "x" with keys`},
		"profile without file":      {"", map[string]string{"AWS_PROFILE": "x"}, "", usual},
		"malformed":                 {"[default]\naws_access_key_id = FILE\naws_secret_access_key HUSH\n", none, "", "lines of NAME = VALUE"},
		"half in file":              {"[default]\naws_secret_access_key = HUSH\n", none, "", "both aws_access_key_id and"},
		"process that fails":        {"[default]\ncredential_process = /bin/false HUSH\n", none, "", "credential_process"},
		"process that is none":      {"[default]\ncredential_process = /none/such HUSH\n", none, "", "credential_process"},
		"another file":              {"[default]\n" + pair, map[string]string{"AWS_SHARED_CREDENTIALS_FILE": other}, "OTHER", ""},
		"another file that is none": {"[default]\n" + pair, map[string]string{"AWS_SHARED_CREDENTIALS_FILE": other + "-none"}, "", other + "-none"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Setenv("HOME", home)
			t.Setenv("USERPROFILE", home)
			for _, variable := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"} {
				t.Setenv(variable, test.env[variable])
			}
			os.Remove(usual)
			if test.file != "" {
				if err := os.WriteFile(usual, []byte(test.file), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			s, err := s3.Open("s3://"+s3test.Bucket+"/x", "")
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "HUSH") {
					t.Errorf("%v, want %q", err, test.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			s.Get(t.Context(), "x", io.Discard)
			signed := last.Load().(string)
			if test.by == "" && signed != "" || !strings.Contains(signed, test.by) {
				t.Errorf("signed %q, want %q", signed, test.by)
			}
		})
	}
}
