package ingest

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What torch.save writes is told from TorchScript by the names in it, and never unpickled.
func TestCheckTorchScript(t *testing.T) {
	t.Parallel()
	zipped := func(names ...string) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, name := range names {
			if _, err := w.Create(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"state":  {zipped("state/data.pkl", "state/data/0", "state/version"), "weights (a state_dict) or a pickled model; save the model as TorchScript: torch.jit.trace("},
		"legacy": {[]byte("\x80\x02\x8a\nl\xfc"), "a pickle"},
		"script": {zipped("m/data.pkl", "m/constants.pkl", "m/code/__torch__.py"), ""},
		"other":  {[]byte("fake"), ""},
		"empty":  {nil, ""},
	} {
		path := filepath.Join(t.TempDir(), name+".pt")
		if err := os.WriteFile(path, c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		err := checkTorchScript(path)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
