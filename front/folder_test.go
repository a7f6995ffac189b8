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

// What was made of the front of an earlier moment goes when a search that is continued writes its
// own; what a person put there stays.
func TestWriteRemovesReports(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := CreateFolder(dir, time.Now(), "exact", Refuse)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	made := []string{CertifiedFile, ReportFile, "front.svg", "front.png", "front.pdf"}
	for _, name := range append(made, "notes.txt") {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Write(&Front{Models: []Model{}}, &Run{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range made {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s of the earlier front is still there", name)
		}
	}
	for _, name := range []string{FrontFile, "notes.txt"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
