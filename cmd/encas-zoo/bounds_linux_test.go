package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	parquetschema "github.com/apache/arrow/go/v17/parquet/schema"
)

// TestMemoryOfImports imports files that are small, or have few samples, and claim or unpack to
// much: an import takes less than 300 MB of memory, whether it is refused or not.
func TestMemoryOfImports(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make   func(t *testing.T, dir string)
		format string
		want   string // in the error; "" if it is imported
	}{
		"long-ids":   {func(t *testing.T, dir string) { longIDs(t, dir, 100_000) }, "npz", "more than 256 bytes each"},
		"many-ids":   {func(t *testing.T, dir string) { longIDs(t, dir, 4) }, "npz", "has 100000 ids, but"},
		"models":     {manyModels, "npy", "it is too long"},
		"cells":      {manyCells, "npy", "it is too long"},
		"row-groups": {manyRowGroups, "parquet", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c.make(t, dir)
			source := dir
			if c.format == "npz" {
				source = filepath.Join(dir, "m.npz")
			}
			// What a child's usage says begins with that of the test, which it is forked from; the
			// process itself knows better.
			cmd := exec.Command("encas-zoo-peak", "import", "--zoo", filepath.Join(dir, "z"), "--format", c.format, "--split", "s", source, "-q")
			cmd.Env = append(os.Environ(), "GOMAXPROCS=2", "ENCAS_TEST_PEAK="+filepath.Join(dir, "peak"))
			out, err := cmd.CombinedOutput()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(string(out), c.want)) {
				t.Errorf("%v\n%.1000s", err, out)
			}
			var peak int64 // in kB
			text, err := os.ReadFile(filepath.Join(dir, "peak"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Sscan(string(text), &peak); err != nil || peak > 300<<10 {
				t.Errorf("it took %d MB of memory (%v)", peak>>10, err)
			}
		})
	}
}

// writeFile writes a file of a test.
func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// longIDs writes an archive with labels of so many samples, and ids of 100,000, each of 4,096
// characters, of which the first thousands are there.
func longIDs(t *testing.T, dir string, samples int) {
	t.Helper()
	const ids, characters, there = 100_000, 4096, 6000
	array := func(kind, shape string, values any) []byte {
		header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", kind, shape)
		header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
		var b bytes.Buffer
		b.WriteString("\x93NUMPY\x01\x00")
		binary.Write(&b, binary.LittleEndian, uint16(len(header)))
		b.WriteString(header)
		binary.Write(&b, binary.LittleEndian, values)
		return b.Bytes()
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, data := range map[string][]byte{
		"labels.npy": array("<i8", fmt.Sprintf("(%d,)", samples), make([]int64, samples)),
		"m.npy":      array("<f2", fmt.Sprintf("(%d, 2)", samples), bytes.Repeat([]byte{0, 0x38}, 2*samples)),
	} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(data)
	}
	var packed bytes.Buffer
	z, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	head := array(fmt.Sprintf("<U%d", characters), fmt.Sprintf("(%d,)", ids), []byte{})
	z.Write(head)
	row := bytes.Repeat([]byte{'a', 0, 0, 0}, characters)
	for i := range there {
		for k, digit := range fmt.Sprintf("%06d", i) {
			row[4*k] = byte(digit)
		}
		z.Write(row)
	}
	z.Flush()
	raw, err := w.CreateRaw(&zip.FileHeader{Name: "ids.npy", Method: zip.Deflate, CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(len(head) + 4*ids*characters)})
	if err != nil {
		t.Fatal(err)
	}
	raw.Write(packed.Bytes())
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "m.npz"), out.Bytes())
	writeFile(t, filepath.Join(dir, "models.csv"), []byte("name,gflops\nm,1\n"))
}

// manyModels writes a long list of models.
func manyModels(t *testing.T, dir string) {
	t.Helper()
	if err := makeOutputs(dir, 1, 4, 2); err != nil {
		t.Fatal(err)
	}
	var list bytes.Buffer
	list.WriteString("name,gflops\n")
	for i := range 3_000_000 {
		fmt.Fprintf(&list, "%d,1\n", i)
	}
	writeFile(t, filepath.Join(dir, "models.csv"), list.Bytes())
}

// manyCells writes a list of models that is long and wide.
func manyCells(t *testing.T, dir string) {
	t.Helper()
	if err := makeOutputs(dir, 1, 4, 2); err != nil {
		t.Fatal(err)
	}
	var list bytes.Buffer
	list.WriteString("name,gflops")
	for i := range 1000 {
		fmt.Fprintf(&list, ",c%d", i)
	}
	for i := range 15_000 {
		fmt.Fprintf(&list, "\n%d,1%s", i, strings.Repeat(",1", 1000))
	}
	writeFile(t, filepath.Join(dir, "models.csv"), list.Bytes())
}

// manyRowGroups writes a table in row groups of one row each.
func manyRowGroups(t *testing.T, dir string) {
	t.Helper()
	root, err := parquetschema.NewGroupNode("schema", parquet.Repetitions.Required, parquetschema.FieldList{
		parquetschema.NewInt32Node("label", parquet.Repetitions.Required, -1),
		parquetschema.NewFloat32Node("p0", parquet.Repetitions.Required, -1), parquetschema.NewFloat32Node("p1", parquet.Repetitions.Required, -1),
	}, -1)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "m.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	w := file.NewParquetWriter(out, root)
	for i := range 15_000 {
		group := w.AppendRowGroup()
		for column := range 3 {
			c, err := group.NextColumn()
			if err != nil {
				t.Fatal(err)
			}
			switch c := c.(type) {
			case *file.Int32ColumnChunkWriter:
				_, err = c.WriteBatch([]int32{int32(i % 2)}, nil, nil)
			case *file.Float32ColumnChunkWriter:
				_, err = c.WriteBatch([]float32{float32(0.25 + 0.5*float64((column+i)%2))}, nil, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		group.Close()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "models.csv"), []byte("name,gflops\nm,1\n"))
}

// TestWideLists: the time that an import takes grows as the columns of a list do, and not as
// their square. It is that of the processor, which other programs do not change.
func TestWideLists(t *testing.T) {
	t.Parallel()
	imported := func(columns int) float64 {
		dir := t.TempDir()
		if err := makeOutputs(dir, 1, 4, 2); err != nil {
			t.Fatal(err)
		}
		var list bytes.Buffer
		list.WriteString("name,gflops")
		for i := range columns {
			fmt.Fprintf(&list, ",%x", i)
		}
		fmt.Fprintf(&list, "\nm00,1%s\n", strings.Repeat(",x", columns))
		writeFile(t, filepath.Join(dir, "models.csv"), list.Bytes())
		cmd := exec.Command("encas-zoo", "import", "--zoo", filepath.Join(dir, "z"), "--format", "npy", "--split", "s", dir, "-q")
		cmd.CombinedOutput()
		usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
	}
	few, many := imported(15_000), imported(150_000)
	t.Logf("%.2f s and %.2f s", few, many)
	if many > 40*max(few, 0.05) {
		t.Errorf("ten times the columns take %.1f s of the processor instead of %.1f s", many, few)
	}
}
