package importer

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestMemoryOfSamples: more samples than there is memory for are an error before any of them is
// read, in every format. It is not parallel, as it changes how much there is.
func TestMemoryOfSamples(t *testing.T) {
	before := spareMemory
	spareMemory = func() int64 { return 200 << 20 }
	defer func() { spareMemory = before }()
	for _, c := range []struct {
		samples int
		named   bool
		want    string
	}{
		{1_900_000, false, ""}, {2_200_000, false, "209 MB of memory to import, and there are 200 MB"},
		{800_000, true, ""}, {900_000, true, "223 MB"}, {maxSamples + 1, false, "at most 33554432"},
	} {
		err := checkSamples("f", c.samples, c.named)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%d samples, named %v: %v", c.samples, c.named, err)
		}
	}
	spareMemory = func() int64 { return 0 }
	if err := checkSamples("f", maxSamples, true); err != nil {
		t.Errorf("where it is not known how much there is: %v", err)
	}

	const samples = 2_200_000
	spareMemory = func() int64 { return 200 << 20 }
	zeros := make([]byte, samples)
	list := []byte("name,gflops\nm,1\n")
	one := npyFile("<f2", "(1, 2)", []uint16{0x3800, 0x3800})
	for what, c := range map[string]struct {
		format string
		files  files
		open   OpenOptions
	}{
		"labels":    {"npy", files{"labels.npy": npyFile("|u1", fmt.Sprintf("(%d,)", samples), zeros), "m.npy": one, "models.csv": list}, OpenOptions{}},
		"ids":       {"npy", files{"ids.npy": npyFile("|u1", fmt.Sprintf("(%d,)", samples), zeros), "m.npy": npyFile("|u1", fmt.Sprintf("(%d,)", samples), zeros), "models.csv": list}, OpenOptions{Unlabelled: true}},
		"no labels": {"npy", files{"m.npy": npyFile("|u1", fmt.Sprintf("(%d,)", samples), zeros), "models.csv": list}, OpenOptions{Unlabelled: true}},
		"lines":     {"csv", files{"m.csv": []byte("label,p0,p1\n" + strings.Repeat("0,1,0\n", 2*samples)), "models.csv": list}, OpenOptions{}},
	} {
		s, err := Open(c.format, []string{c.files.write(t)}, c.open)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "MB of memory to import") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestIDsCountedFirst: ids that are not as many as the samples are not read.
func TestIDsCountedFirst(t *testing.T) {
	t.Parallel()
	repeated := npyFile("<U1", "(3,)", []int32{'a', 'a', 'a'}) // which would be an error of another kind
	rows := npyFile("<f2", "(2, 2)", []uint16{0x3800, 0x3800, 0x3800, 0x3800})
	list := []byte("name,gflops\nm,1\n")
	for what, c := range map[string]struct {
		files files
		open  OpenOptions
		want  string
	}{
		"with labels": {files{"labels.npy": labels(0, 1), "ids.npy": repeated, "m.npy": rows, "models.csv": list}, OpenOptions{}, "has 3 ids, but"},
		"without":     {files{"ids.npy": repeated, "m.npy": rows, "models.csv": list}, OpenOptions{Unlabelled: true}, "m.npy has 2 rows, but"},
	} {
		dir := c.files.write(t)
		s, err := Open("npy", []string{dir}, c.open)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), filepath.Join(dir, "ids.npy")) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestLongIDs: many ids are of a length that somebody writes.
func TestLongIDs(t *testing.T) {
	t.Parallel()
	read := func(length, n int) error {
		r := idReader{where: func(int) string { return "" }}
		for i := range n {
			if err := r.add(fmt.Sprintf("%0*d", length, i)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := read(200, 100_000); err != nil {
		t.Error(err)
	}
	if err := read(maxID, 4000); err != nil {
		t.Error(err)
	}
	if err := read(maxID, 10_000); err == nil || !strings.Contains(err.Error(), "more than 256 bytes each") {
		t.Error(err)
	}
}
