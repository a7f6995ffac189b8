package importer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func pickleText(text string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(text)))) + text
}

// pickleTensor describes a tensor as torch.save does.
func pickleTensor(storage, key string, offset int, shape, strides string) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n((" + pickleText("storage") + "ctorch\n" + storage + "\n" + pickleText(key) + pickleText("cpu") + "K\x06tQ" +
		"K" + string(rune(offset)) + "(" + shape + "t(" + strides + "t\x89ccollections\nOrderedDict\n)RtR"
}

// torchFile is a file with the pickle of a tensor, or of several, and the storage of a.npy of
// goodNPY.
func torchFile(t *testing.T, pickle string) []byte {
	values, _ := binary.Append(nil, binary.LittleEndian, []float32{1, 0, 0.5, 0.5, 0.25, 0.75})
	// torch does not compress its files, as zipFile does.
	return storedZip(t, "m/data.pkl", []byte("\x80\x02"+pickle+"."), "m/data/0", values, "m/version", []byte("3\n"))
}

// Tensors of torch and safetensors are read, and nothing else in their files is.
func TestTensors(t *testing.T) {
	t.Parallel()
	plain := pickleTensor("FloatStorage", "0", 0, "K\x03K\x02", "K\x02K\x01")
	pairs := func(name, value string) string {
		return "}(" + pickleText(name) + value + pickleText("epoch") + "K\x05u"
	}
	header := `{"probs":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},"__metadata__":{"by":"x"}}`
	tensors := func(header string) []byte {
		values, _ := binary.Append(nil, binary.LittleEndian, []float32{1, 0, 0.5, 0.5, 0.25, 0.75})
		return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), values...)
	}
	const remedy = "numpy.save"
	for _, c := range []struct {
		name, file string
		content    []byte
		says       []string
	}{
		{"tensor", "b.pt", torchFile(t, plain), nil},
		{"dictionary", "b.pth", torchFile(t, pairs("probs", plain)), nil},
		{"transposed", "b.pt", torchFile(t, pickleTensor("FloatStorage", "0", 0, "K\x03K\x02", "K\x01K\x03")), []string{"b.pt", "contiguous"}},
		{"cut out", "b.pt", torchFile(t, pickleTensor("FloatStorage", "0", 2, "K\x02K\x02", "K\x02K\x01")), []string{"b.pt", "2 rows"}},
		{"beyond the file", "b.pt", torchFile(t, pickleTensor("FloatStorage", "0", 9, "K\x03K\x02", "K\x02K\x01")), []string{"b.pt", "more than the file has"}},
		{"too many", "b.pt", torchFile(t, pickleTensor("FloatStorage", "0", 0, "K\x30K\x02", "K\x02K\x01")), []string{"b.pt", "more than the file has"}},
		{"half precision of a brain", "b.pt", torchFile(t, pickleTensor("BFloat16Storage", "0", 0, "K\x03K\x02", "K\x02K\x01")), []string{"BFloat16Storage", "tensor.float()"}},
		{"another storage", "b.pt", torchFile(t, pickleTensor("FloatStorage", "7", 0, "K\x03K\x02", "K\x02K\x01")), []string{"b.pt", "missing"}},
		{"a path", "b.pt", torchFile(t, pickleTensor("FloatStorage", "../0", 0, "K\x03K\x02", "K\x02K\x01")), []string{"b.pt", remedy}},
		{"a function", "b.pt", torchFile(t, "cposix\nsystem\n("+pickleText("true")+"tR"), []string{"posix.system", remedy}},
		{"a function in a dictionary", "b.pt", torchFile(t, pairs("probs", "cposix\nsystem\n("+pickleText("true")+"tR")), []string{"posix.system", remedy}},
		{"an object", "b.pt", torchFile(t, "c__main__\nNet\n)\x81"), []string{"more than plain tensors", remedy}},
		{"no tensor", "b.pt", torchFile(t, "K\x05"), []string{"no tensor", remedy}},
		{"cut short", "b.pt", torchFile(t, plain)[:90], []string{"b.pt", "cut short", "1.6"}},
		{"safetensors", "b.safetensors", tensors(header), nil},
		{"safetensors, bfloat16", "b.safetensors", tensors(`{"probs":{"dtype":"BF16","shape":[3,4],"data_offsets":[0,24]}}`), []string{"BF16", "tensor.float()"}},
		{"safetensors, shape", "b.safetensors", tensors(`{"probs":{"dtype":"F32","shape":[3,3],"data_offsets":[0,24]}}`), []string{"b.safetensors: probs", "36 bytes"}},
		{"safetensors, beyond", "b.safetensors", tensors(`{"probs":{"dtype":"F32","shape":[3,3],"data_offsets":[0,36]}}`), []string{"b.safetensors", "bytes 0 to 36 of 24"}},
		{"safetensors, no header", "b.safetensors", []byte("{}"), []string{"b.safetensors", "safetensors"}},
		{"safetensors, long header", "b.safetensors", bytes.Repeat([]byte{0xFF}, 40), []string{"b.safetensors", "header"}},
		{"safetensors, two", "b.safetensors", tensors(`{"x":{"dtype":"F32","shape":[3,1],"data_offsets":[0,12]},"y":{"dtype":"F32","shape":[3,1],"data_offsets":[12,24]}}`), []string{"x, y", `"probs"`, "--format npz"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := goodNPY.with("b.npy", nil).with(c.file, c.content).write(t)
			if c.says != nil {
				_, err := tryImport(t, "npy", OpenOptions{}, dir)
				wantSays(t, err, c.says...)
				return
			}
			z, _ := mustImport(t, t.TempDir(), mustOpen(t, "npy", OpenOptions{}, dir), "all")
			if got, want := fmt.Sprint(readZooRows(t, z, "b", "all")), fmt.Sprint(readZooRows(t, z, "a", "all")); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// Any file is one of tensors, or an error.
func FuzzTensors(f *testing.F) {
	f.Add(true, []byte("\x80\x02"+pickleTensor("FloatStorage", "0", 0, "K\x03K\x02", "K\x02K\x01")+"."))
	f.Add(true, []byte("\x80\x02}q\x00(h\x00\x85\x86\x87\x8a\x01\xFFG\x00su."))
	f.Add(false, []byte("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}        "))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, torch bool, content []byte) {
		file := "m.safetensors"
		if torch {
			file, content = "m.pt", storedZip(t, "m/data.pkl", content, "m/data/0", make([]byte, 24))
		} else {
			content = append(binary.LittleEndian.AppendUint64(nil, uint64(max(0, len(content)-8))), content...)
		}
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o666); err != nil {
			t.Fatal(err)
		}
		var h held
		defer h.Close()
		folder, err := openFolder(dir, &h)
		if err != nil {
			t.Fatal(err)
		}
		c, err := folder.container(file, &h)
		if err != nil {
			return
		}
		for _, name := range c.names {
			a, err := c.open(name)
			if err != nil {
				continue
			}
			if a.Remaining()*a.DType().Size > len(content) {
				t.Fatalf("%d items in %d bytes", a.Remaining(), len(content))
			}
			a.Close()
		}
	})
}
