package front

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A folder belongs to one search at a time, whatever the second one may do with an earlier run,
// and to the next one afterwards. A lock leaves nothing behind.
func TestFolderIsLocked(t *testing.T) {
	t.Parallel()
	for _, there := range []string{"new", "empty", "earlier run"} {
		dir := filepath.Join(t.TempDir(), "run")
		if there != "new" {
			os.Mkdir(dir, 0o777)
		}
		first := Refuse
		if there == "earlier run" {
			os.WriteFile(filepath.Join(dir, RunFile), nil, 0o666)
			first = Replace
		}
		f, err := CreateFolder(dir, time.Now(), "exact", first)
		if err != nil {
			t.Fatal(err)
		}
		for _, earlier := range []Earlier{Refuse, Replace, Continue} {
			if _, err := CreateFolder(dir, time.Now(), "exact", earlier); !errors.Is(err, ErrInUse) {
				t.Errorf("%s: a second search with %d: %v", there, earlier, err)
			}
		}
		f.Discard()
		if _, err := os.Stat(dir); (err == nil) != (there != "new") {
			t.Errorf("%s: afterwards: %v", there, err)
		}
		if f, err = CreateFolder(dir, time.Now(), "exact", first); err != nil {
			t.Errorf("%s: afterwards: %v", there, err)
			continue
		}
		f.Discard()
	}
}
