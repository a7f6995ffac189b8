package front

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/seal"
)

// TestVerify changes every byte of every file of a run folder.
func TestVerify(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Verify(dir); err == nil {
		t.Error("an empty folder is a run folder")
	}
	folder, err := CreateFolder(dir, time.Now(), "exact", Refuse)
	if err != nil {
		t.Fatal(err)
	}
	f := newFront()
	if err := folder.Write(f, &Run{Version: Version, Command: []string{"encas-zoo"}, Options: map[string]any{"max-models": 3.0}}); err != nil {
		t.Fatal(err)
	}
	if err := folder.SaveState(seal.Seal([]byte(`{"units":3}`))); err != nil {
		t.Fatal(err)
	}
	if v, err := Verify(dir); err != nil || len(v.Problems) > 0 || v.Files != 4 || v.Unsealed != nil {
		t.Fatalf("%+v, %v", v, err)
	}
	for _, name := range []string{FrontFile, RunFile, CSVFile, StateFile} {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(data); at += 3 {
			d := slices.Clone(data)
			d[at] ^= 1
			os.WriteFile(path, d, 0o666)
			v, err := Verify(dir)
			// Of the name of its checksum a file may lose a letter: then it is as an older one.
			if err != nil || len(v.Problems) == 0 && len(v.Unsealed) == 0 {
				t.Errorf("%s, byte %d: %+v, %v", name, at, v, err)
			}
			for _, problem := range v.Problems {
				if !strings.Contains(problem.Error(), path) {
					t.Errorf("%v does not name the file", problem)
				}
			}
		}
		os.WriteFile(path, data, 0o666)
	}
}

// TestVerifyOtherTable: the table of a run is what was written with it, whatever columns a table
// has today; that of a run of an older version, of which no hash is kept, is said to be unchecked.
func TestVerifyOtherTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := &Folder{Dir: dir}
	run := &Run{Version: Version}
	if err := folder.Write(newFront(), run); err != nil {
		t.Fatal(err)
	}
	table := []byte("correct,a column of another version\n")
	for _, c := range []struct {
		hash     string
		problems int
		unsealed []string
	}{{tableHash(table), 0, nil}, {"", 0, []string{CSVFile}}, {tableHash(nil), 1, nil}} {
		run.Table = c.hash
		data, err := encodeSealed(run)
		if err != nil {
			t.Fatal(err)
		}
		if err := folder.write([]string{RunFile, CSVFile}, [][]byte{data, table}); err != nil {
			t.Fatal(err)
		}
		v, err := Verify(dir)
		if err != nil || len(v.Problems) != c.problems || !slices.Equal(v.Unsealed, c.unsealed) {
			t.Errorf("%q: %+v, %v", c.hash, v, err)
		}
	}
}

// TestOnlyTemporaryFiles: a run that was killed before it had written anything leaves a
// folder that the next one cleans and uses.
func TestOnlyTemporaryFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left := filepath.Join(dir, ".tmp-1")
	if err := os.WriteFile(left, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Hour)
	os.Chtimes(left, old, old)
	present, err := atomicfile.Create(filepath.Join(dir, "of another process"))
	if err != nil {
		t.Fatal(err)
	}
	defer present.Discard()
	folder, err := CreateFolder(dir, time.Now(), "exact", Refuse)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Write(newFront(), &Run{Version: Version}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed run left is there")
	}
	present.Close()
	if err := present.Rename(); err != nil {
		t.Error(err)
	}
}

// A file of a run folder is not taken for another one, though its checksum is correct.
func TestFilesAreNotExchanged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := CreateFolder(dir, time.Now(), "exact", Refuse)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	if err := f.Write(newFront(), &Run{Version: Version, Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := WriteCertificate(dir, certificate()); err != nil {
		t.Fatal(err)
	}
	read := map[string]func() error{
		FrontFile:     func() error { _, err := ReadFront(dir); return err },
		RunFile:       func() error { _, err := ReadRun(dir); return err },
		CertifiedFile: func() error { _, err := ReadCertificate(dir); return err },
	}
	for name, read := range read {
		if err := read(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []string{FrontFile, RunFile, CertifiedFile} {
			data, err := os.ReadFile(filepath.Join(dir, other))
			if err != nil {
				t.Fatal(err)
			}
			os.WriteFile(path, data, 0o666)
			if err := read(); (err == nil) != (other == name) {
				t.Errorf("%s with the content of %s: %v", name, other, err)
			}
			os.WriteFile(path, good, 0o666)
		}
	}
}
