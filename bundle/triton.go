package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

const (
	// tritonBatch is the largest batch of a model, and of requests.
	tritonBatch = 32
	// tritonDelay is how long, in microseconds, a request waits for others.
	tritonDelay = 2000
)

// tritonModel is the program of the model that takes requests. What it does is in the Python
// package, where it is tested.
const tritonModel = "# Needs the package encas_zoo and Pillow in Triton's Python.\nfrom encas_zoo.triton import TritonPythonModel  # noqa: F401\n"

// TritonFolder returns the folder in a model repository of Triton where its bundle is.
func TritonFolder(repository string) string { return filepath.Join(repository, "cascade", "1") }

// CheckTriton returns an error if a model repository cannot be written to a folder.
func CheckTriton(repository string) error {
	entries, err := os.ReadDir(repository)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty (it has %s): name another folder for the model repository", repository, entries[0].Name())
	}
	return nil
}

// RemoveTriton removes what there is of a model repository that could not be completed, from
// a folder that was empty.
func RemoveTriton(repository string) error {
	entries, err := os.ReadDir(repository)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(repository, e.Name())))
	}
	return err
}

// MakeTriton makes a model repository of Triton around a bundle, which is in its
// TritonFolder: a model of the PyTorch backend for each model's file, which is moved there,
// and the model cascade of the Python backend, which takes images and asks them.
func MakeTriton(repository string, b *Bundle) error {
	if err := b.CanRun(); err != nil {
		return err
	}
	for _, s := range b.Stages {
		if s.Precision != "fp32" {
			return fmt.Errorf("model %q runs in %s, which Triton's PyTorch backend does not do by itself: ingest it with --precision fp32", s.ExportedStage.Model, s.Precision)
		}
	}
	moved := map[File]bool{}
	for i, s := range b.Stages {
		if moved[s.File] {
			continue
		}
		moved[s.File] = true
		dir := filepath.Join(repository, tritonName(i))
		if err := atomicfile.MakeDirs(filepath.Join(dir, "1")); err != nil {
			return err
		}
		if err := os.Rename(b.Path(s.File), filepath.Join(dir, "1", "model.pt")); err != nil {
			return err
		}
		if err := atomicfile.WriteFile(filepath.Join(dir, "config.pbtxt"), tritonStage(i, s.Model, b.Classes)); err != nil {
			return err
		}
	}
	// The page of the bundle says how to run one with its files.
	if err := errors.Join(os.Remove(filepath.Join(b.Dir, ModelsDir)), os.Remove(filepath.Join(b.Dir, ReadmeFile))); err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(b.Dir, "model.py"), []byte(tritonModel)); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(repository, "cascade", "config.pbtxt"), tritonCascade())
}

// tritonName is what the model of a stage is called, unless an earlier one has the same file.
func tritonName(stage int) string { return "stage_" + strconv.Itoa(stage+1) }

func tritonStage(stage int, m *Model, classes int) []byte {
	outputs := classes
	if m.Outputs.ClassMap != nil {
		outputs = len(m.Outputs.ClassMap)
	}
	return fmt.Appendf(nil, `name: %q
backend: "pytorch"
max_batch_size: %d
input [ { name: "INPUT__0" data_type: TYPE_FP32 dims: [ 3, %d, %d ] } ]
output [ { name: "OUTPUT__0" data_type: TYPE_FP32 dims: [ %d ] } ]
dynamic_batching { max_queue_delay_microseconds: %d }
parameters { key: "INFERENCE_MODE" value { string_value: "true" } }
`, tritonName(stage), tritonBatch, m.Input.Height, m.Input.Width, outputs, tritonDelay)
}

func tritonCascade() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `name: "cascade"
backend: "python"
max_batch_size: %d
input [ { name: "image" data_type: TYPE_STRING dims: [ 1 ] } ]
`, tritonBatch)
	for _, out := range [][2]string{{"class", "INT32"}, {"name", "STRING"}, {"confidence", "FP64"}, {"stage", "INT32"}} {
		fmt.Fprintf(&b, "output [ { name: %q data_type: TYPE_%s dims: [ 1 ] } ]\n", out[0], out[1])
	}
	fmt.Fprintf(&b, `dynamic_batching { max_queue_delay_microseconds: %d }
instance_group [ { kind: KIND_CPU count: 2 } ]
parameters { key: "stage_batch" value { string_value: "%d" } }
`, tritonDelay, tritonBatch)
	return []byte(b.String())
}
