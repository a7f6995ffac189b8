package bundle

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
)

// Every byte of a bundle's texts counts: what is changed is refused, or has no meaning. Line ends
// of Windows have none, and bundles of older versions have no checksums.
func TestReadDamaged(t *testing.T) {
	t.Parallel()
	c, err := cascade.Parse("a@0.62,b*2")
	if err != nil {
		t.Fatal(err)
	}
	b := &Bundle{Export: front.Export{Format: front.ExportFormat, Version: front.ExportVersion, Text: c.String(), Classes: 3, Cost: "gflops"}, ClassNames: []string{"ant", "bee", "cat"}}
	for i := range c.Stages {
		b.Stages = append(b.Stages, Stage{ExportedStage: front.ExportedStage{StageJSON: front.NewStageJSON(c, i, 1), Reach: 1}})
	}
	dir := filepath.Join(t.TempDir(), "bundle")
	if err := Write(dir, b, []string{"", ""}, false, nil); err != nil {
		t.Fatal(err)
	}
	want, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{CascadeFile, ClassesFile} {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		read := func(data []byte) (*Bundle, error) {
			t.Helper()
			if err := os.WriteFile(path, data, 0o666); err != nil {
				t.Fatal(err)
			}
			return Read(dir)
		}
		for i := range good {
			changed := slices.Clone(good)
			changed[i] ^= 1
			for _, data := range [][]byte{changed, good[:i]} {
				if got, err := read(data); err == nil && !reflect.DeepEqual(got, want) {
					t.Fatalf("%s: a change at %d is not noticed: %s", name, i, data)
				}
			}
		}
		if got, err := read(bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n"))); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s with line ends of Windows: %v", name, err)
		}
		os.Remove(path)
		if _, err := Read(dir); err == nil {
			t.Errorf("without %s", name)
		}
		if _, err := read(good); err != nil {
			t.Error(err)
		}
	}
}
