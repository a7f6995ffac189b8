package dataset

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

func packed(t *testing.T, data string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const (
	threeImages = "\x00\x00\x08\x03\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x02" + "abcdef"
	threeLabels = "\x00\x00\x08\x01\x00\x00\x00\x03" + "\x07\x00\x03"
)

func TestIDX(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ images, labels string }{
		{"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
		{"t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"},
		{"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"},
		{"emnist-letters-test-images-idx3-ubyte", "emnist-letters-test-labels-idx1-ubyte.gz"},
	} {
		dir := t.TempDir()
		for name, data := range map[string]string{c.images: threeImages, c.labels: threeLabels} {
			if strings.HasSuffix(name, ".gz") {
				data = packed(t, data)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, c.images)
		for _, unlabelled := range []bool{false, true} {
			s, err := OpenEither(path, unlabelled, nil)
			if err != nil {
				t.Fatal(err)
			}
			if s.Len() != 3 || s.IDs[2] != c.images+"#2" || unlabelled != (s.Labels == nil) {
				t.Errorf("%s: %q, labels %v", c.images, s.IDs, s.Labels)
			}
			if !unlabelled && (s.Labels[0] != 7 || s.Labels[2] != 3) {
				t.Errorf("labels %v", s.Labels)
			}
			img, err := s.NewReader().Image(1)
			if err != nil || img.Width != 2 || img.Height != 1 || string(img.Pix) != "cccddd" {
				t.Errorf("image 1: %+v, %v", img, err)
			}
		}
	}
}

// Labels in order pack to next to nothing.
func TestSortedIDX(t *testing.T) {
	t.Parallel()
	const n = 200_000
	labels := []byte("\x00\x00\x08\x01")
	labels = binary.BigEndian.AppendUint32(labels, n)
	for i := range n {
		labels = append(labels, byte(i*10/n))
	}
	path := filepath.Join(t.TempDir(), "t10k-labels-idx1-ubyte.gz")
	if err := os.WriteFile(path, []byte(packed(t, string(labels))), 0o600); err != nil {
		t.Fatal(err)
	}
	if shape, data, err := readIDX(path, 1); err != nil || shape[0] != n || data[n-1] != 9 {
		t.Errorf("%v, %v", shape, err)
	}
}

func TestIDXDamage(t *testing.T) {
	t.Parallel()
	const name = "t10k-images-idx3-ubyte"
	for _, c := range []struct{ what, images, labels, says string }{
		{"no labels", threeImages, "", "there is no"},
		{"fewer labels", threeImages, "\x00\x00\x08\x01\x00\x00\x00\x01\x07", "1 labels for 3 images"},
		{"a short file", threeImages[:20], threeLabels, "ends after 4 of 6 bytes"},
		{"a long file", threeImages + "x", threeLabels, "goes on after"},
		{"a short header", threeImages[:9], threeLabels, "ends within its header"},
		{"labels as images", threeLabels + strings.Repeat("x", 20), threeLabels, "3 dimensions"},
		{"a bomb", "\x00\x00\x08\x03\x7f\xff\xff\xff\x7f\xff\xff\xff\x7f\xff\xff\xff", threeLabels, "header promises more"},
		{"no pixels", "\x00\x00\x08\x03\x00\x00\x00\x03\x00\x00\x00\x00\x7f\xff\xff\xff", threeLabels, "no pixels"},
	} {
		for _, gz := range []string{"", ".gz"} {
			dir := t.TempDir()
			images, labels := c.images, c.labels
			if gz != "" {
				images = packed(t, images)
			}
			if err := os.WriteFile(filepath.Join(dir, name+gz), []byte(images), 0o600); err != nil {
				t.Fatal(err)
			}
			if labels != "" {
				if err := os.WriteFile(filepath.Join(dir, "t10k-labels-idx1-ubyte"), []byte(labels), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Open(filepath.Join(dir, name+gz))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s%s: %v", c.what, gz, err)
			}
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name+".gz"), []byte(packed(t, threeImages)[:30]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenUnlabelled(filepath.Join(dir, name+".gz")); err == nil {
		t.Error("a gzip file that is cut off is read")
	}
}
