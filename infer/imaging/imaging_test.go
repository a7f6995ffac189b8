package imaging

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/imaging/turbojpeg"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
)

// parseSetting reads a setting as golden.py writes it: 224x224:bicubic:0.875:center.
func parseSetting(t testing.TB, s string) Preprocessing {
	t.Helper()
	f := strings.Split(s, ":")
	var p Preprocessing
	var err error
	if _, err = fmt.Sscanf(f[0], "%dx%d", &p.Height, &p.Width); err != nil {
		t.Fatal(err)
	}
	if p.Filter, err = ParseFilter(f[1]); err != nil {
		t.Fatal(err)
	}
	if p.CropPct, err = strconv.ParseFloat(f[2], 64); err != nil {
		t.Fatal(err)
	}
	if p.Mode, err = ParseCropMode(f[3]); err != nil {
		t.Fatal(err)
	}
	if p.Mode == Border {
		p.Fill = [3]uint8{124, 116, 104}
	}
	return p
}

func needTurboJPEG(t testing.TB) {
	t.Helper()
	d, err := turbojpeg.NewDecoder()
	if errors.Is(err, turbojpeg.ErrMissing) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	d.Close()
}

// crop runs one file through decoder and resizer.
func crop(t testing.TB, d *Decoder, r *Resizer, path string, p Preprocessing) ([]byte, error) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	img, err := d.Decode(data)
	if err != nil {
		return nil, err
	}
	out := make([]byte, p.Size())
	r.Apply(out, img, p)
	return out, nil
}

// TestGolden compares with the hashes of Pillow's crops in testdata/golden.csv. The
// folders testdata and photos are ours; jpegs are photographs of the reference data.
func TestGolden(t *testing.T) {
	t.Parallel()
	needTurboJPEG(t)
	f, err := os.Open("testdata/golden.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"testdata", "photos", "jpegs"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join("testdata", folder)
			switch folder {
			case "testdata":
				dir = folder
			case "jpegs":
				dir = sharedtest.Dir(t, folder)
			}
			var d Decoder
			defer d.Close()
			var r Resizer
			n := 0
			for i, row := range rows[1:] {
				if testing.Short() && i%9 > 0 {
					continue // 8 settings a file: each setting comes up
				}
				path := filepath.Join(dir, row[0])
				if _, err := os.Stat(path); err != nil {
					continue
				}
				n++
				out, err := crop(t, &d, &r, path, parseSetting(t, row[1]))
				switch {
				case row[2] == "truncated":
					if !errors.Is(err, ErrTruncated) {
						t.Errorf("%s: error %v, want ErrTruncated", row[0], err)
					}
				case err != nil:
					t.Errorf("%s at %s: %v", row[0], row[1], err)
				default:
					sum := sha256.Sum256(out)
					if hex.EncodeToString(sum[:]) != row[2] {
						t.Errorf("%s at %s: not the pixels of Pillow", row[0], row[1])
					}
				}
			}
			if n == 0 {
				t.Error("golden.csv names no file of this folder")
			}
		})
	}
}

// TestAgainstPillow makes the crops anew with the Pillow of this machine.
func TestAgainstPillow(t *testing.T) {
	t.Parallel()
	needTurboJPEG(t)
	version, err := exec.Command("/usr/bin/python3", "-c", "import PIL; print(PIL.__version__)").Output()
	if err != nil {
		t.Skipf("needs Pillow in /usr/bin/python3: %v", err)
	}
	major, _, _ := strings.Cut(string(version), ".")
	names, err := filepath.Glob("testdata/*.[jpw]*g*")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	if testing.Short() {
		names = names[:4]
	}
	var d Decoder
	defer d.Close()
	var r Resizer
	names = slices.DeleteFunc(names, func(name string) bool { return filepath.Ext(name) == ".py" })
	for _, setting := range []string{"47x47:bicubic:0.875:center", "80x64:lanczos:1.0:border", "33x33:bilinear:0.9:squash"} {
		if n, _ := strconv.Atoi(major); n >= 13 && strings.HasSuffix(setting, "squash") {
			continue // resizes some images vertically first
		}
		want, err := exec.Command("/usr/bin/python3", append([]string{"testdata/golden.py", "--raw", setting}, names...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		p := parseSetting(t, setting)
		if len(want) != len(names)*p.Size() {
			t.Fatalf("%s: Pillow made %d bytes of %d files", setting, len(want), len(names))
		}
		for _, name := range names {
			got, err := crop(t, &d, &r, name, p)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !bytes.Equal(got, want[:p.Size()]) {
				t.Errorf("%s at %s: not the pixels of Pillow %s", name, setting, version)
			}
			want = want[p.Size():]
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	needTurboJPEG(t)
	jpeg, err := os.ReadFile("testdata/ycc420.jpg")
	if err != nil {
		t.Fatal(err)
	}
	png, err := os.ReadFile("testdata/rgba.png")
	if err != nil {
		t.Fatal(err)
	}
	huge := bytes.Clone(jpeg)
	sof := bytes.Index(huge, []byte{0xFF, 0xC0})
	copy(huge[sof+5:], []byte{0xFF, 0xFF, 0xFF, 0xFF})
	var d Decoder
	defer d.Close()
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, ErrTruncated},
		{"text", []byte("hello, I am no image at all"), ErrFormat},
		{"JPEG without its end", jpeg[:len(jpeg)-2], ErrTruncated},
		{"half a JPEG", jpeg[:len(jpeg)/2], ErrTruncated},
		{"JPEG header cut", jpeg[:20], ErrTruncated},
		{"half a PNG", png[:len(png)/2], ErrTruncated},
		{"65535 x 65535", huge, nil},
	} {
		_, err := d.Decode(c.data)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
	// The decoder still works after errors, and Pillow reads past rubbish.
	rubbish := append(bytes.Clone(jpeg[:len(jpeg)-2]), "rubbish\xff\xd9"...)
	if _, err := d.Decode(rubbish); err != nil {
		t.Errorf("rubbish before the end marker: %v", err)
	}
}

func TestResized(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		setting      string
		w, h, rw, rh int
	}{
		{"224x224:bicubic:0.875:center", 500, 375, 341, 256},
		{"224x224:bicubic:0.875:center", 375, 500, 256, 341},
		{"224x224:bicubic:0.875:center", 1, 1000, 256, 256000},
		{"224x224:bicubic:0.95:center", 235, 235, 235, 235},
		{"299x299:bicubic:0.897:squash", 500, 375, 333, 333},
		{"100x100:bicubic:1:border", 500, 333, 100, 67},
		{"100x200:bicubic:1:center", 500, 333, 200, 133},
	} {
		if w, h := parseSetting(t, c.setting).resized(c.w, c.h); w != c.rw || h != c.rh {
			t.Errorf("%s of %dx%d: %dx%d, want %dx%d", c.setting, c.w, c.h, w, h, c.rw, c.rh)
		}
	}
}

// TestApplyShapes runs every mode over shapes where crop and image cross, and
// checks that a picture of one colour stays one.
func TestApplyShapes(t *testing.T) {
	t.Parallel()
	var r Resizer
	for _, w := range []int{1, 2, 3, 17, 64} {
		for _, h := range []int{1, 2, 31, 64} {
			img := RGB{w, h, bytes.Repeat([]byte{10, 20, 30}, w*h)}
			for _, mode := range []CropMode{Center, Squash, Border} {
				for _, pct := range []float64{0.5, 1, 1.7} {
					for f := Bilinear; f <= Lanczos; f++ {
						p := Preprocessing{Height: 12, Width: 9, CropPct: pct, Mode: mode, Filter: f, Fill: [3]uint8{10, 20, 30}}
						out := make([]byte, p.Size())
						r.Apply(out, img, p)
						for i := 0; i < len(out); i += 3 {
							px := [3]byte(out[i:])
							if px != [3]byte{10, 20, 30} && (mode == Border || pct <= 1 || px != [3]byte{}) {
								t.Fatalf("%v of %dx%d: pixel %d is %v", p, w, h, i/3, px)
							}
						}
					}
				}
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	names, _ := filepath.Glob("testdata/*")
	for _, name := range names {
		if data, err := os.ReadFile(name); err == nil && filepath.Ext(name) != ".py" && filepath.Ext(name) != ".csv" {
			f.Add(data)
		}
	}
	needTurboJPEG(f)
	var d Decoder
	f.Cleanup(d.Close)
	var r Resizer
	p := Preprocessing{Height: 16, Width: 16, CropPct: 0.875, Filter: Bicubic}
	out := make([]byte, p.Size())
	f.Fuzz(func(t *testing.T, data []byte) {
		if w, h, _, _, err := jpegHeader(data); err == nil && w*h > 1<<22 {
			return // slow, and nothing else
		}
		img, err := d.Decode(data)
		if err != nil {
			return
		}
		if img.Width <= 0 || img.Height <= 0 || len(img.Pix) != img.Width*img.Height*3 {
			t.Fatalf("%d x %d with %d bytes", img.Width, img.Height, len(img.Pix))
		}
		r.Apply(out, img, p)
	})
}

// BenchmarkDecode decodes, resizes and crops photographs of ImageNet's usual size, ours
// if there is no reference data, in turns with Pillow.
func BenchmarkDecode(b *testing.B) {
	needTurboJPEG(b)
	python := torchtest.Python(b)
	pattern := filepath.Join("testdata", "photos", "*_4[24][04].jpg")
	if dir, ok := sharedtest.Find(b, "jpegs"); ok {
		pattern = filepath.Join(dir, "n*.JPEG")
	}
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) < 4 {
		b.Fatal(names, err)
	}
	var files [][]byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, data)
	}
	for _, c := range []struct{ setting, resize, crop string }{
		{"224x224:bicubic:0.875:center", "256", "224"}, {"384x384:bicubic:1.0:center", "384", "384"},
	} {
		b.Run(c.setting, func(b *testing.B) {
			p := parseSetting(b, c.setting)
			var d Decoder
			defer d.Close()
			var r Resizer
			out := make([]byte, p.Size())
			torchtest.Turns(b, python, `
import io, sys, time
from pathlib import Path
from PIL import Image
resize, crop = int(sys.argv[1]), int(sys.argv[2])
files = [Path(f).read_bytes() for f in sys.argv[3:]]
for _ in sys.stdin:
    begin = time.process_time()
    for f in files:
        m = Image.open(io.BytesIO(f)).convert("RGB")
        w, h = m.size
        size = (resize, int(resize * h / w)) if w <= h else (int(resize * w / h), resize)
        m = m.resize(size, Image.BICUBIC)
        x, y = round((m.width - crop) / 2), round((m.height - crop) / 2)
        m.crop((x, y, x + crop, y + crop)).tobytes()
    print(time.process_time() - begin)`, append([]string{c.resize, c.crop}, names...), len(files), func() {
				for _, f := range files {
					img, err := d.Decode(f)
					if err != nil {
						b.Fatal(err)
					}
					r.Apply(out, img, p)
				}
			})
		})
	}
}

// segment is a segment of a JPEG file.
func segment(marker byte, body ...byte) []byte {
	return append([]byte{0xFF, marker, 0, byte(len(body) + 2)}, body...)
}

// progressive makes a grey progressive JPEG of 8 x 8 pixels: one scan of its mean, and others that
// refine nothing.
func progressive(scans int) []byte {
	data := []byte{0xFF, 0xD8}
	quantization := slices.Repeat([]byte{1}, 65)
	quantization[0] = 0
	data = append(data, segment(0xDB, quantization...)...)
	data = append(data, segment(0xC2, 8, 0, 8, 0, 8, 1, 1, 0x11, 0)...)
	codes := make([]byte, 18) // one code of one bit, for 0
	codes[1] = 1
	data = append(data, segment(0xC4, codes...)...)
	codes[0] = 0x10
	data = append(data, segment(0xC4, codes...)...)
	data = append(append(data, segment(0xDA, 1, 1, 0, 0, 0, 0)...), 0x7F)
	for range scans - 1 {
		data = append(append(data, segment(0xDA, 1, 1, 0, 1, 63, 0)...), 0x7F)
	}
	return append(data, 0xFF, 0xD9)
}

// TestScans: a JPEG of many scans, each of a few bytes, is refused before it is decoded.
func TestScans(t *testing.T) {
	t.Parallel()
	needTurboJPEG(t)
	var d Decoder
	defer d.Close()
	for _, scans := range []int{1, 10, MaxScans} {
		if img, err := d.Decode(progressive(scans)); err != nil || img.Width != 8 {
			t.Errorf("%d scans: %v", scans, err)
		}
	}
	if _, err := d.Decode(progressive(MaxScans + 1)); err == nil || !strings.Contains(err.Error(), "101 scans, at most 100") {
		t.Errorf("too many scans: %v", err)
	}
	// What follows the end of the image does not count, nor do images in metadata.
	data := append(progressive(2), progressive(MaxScans)...)
	thumbnail := append([]byte{0xFF, 0xD8}, segment(0xE1, progressive(5)[:100]...)...)
	if n := countScans(append(thumbnail, data[2:]...)); n != 2 {
		t.Errorf("%d scans, want 2", n)
	}
	data = progressive(MaxScans + 1)
	if n := countScans(data[:len(data)/2]); n < 1 || n > MaxScans {
		t.Errorf("%d scans in half of a file", n)
	}
}

// TestMemoryOfPixels: an image may have as many pixels as the limit says if they take no more than
// usual to decode, and else fewer.
func TestMemoryOfPixels(t *testing.T) {
	t.Parallel()
	needTurboJPEG(t)
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	// interlace says so in the header of a PNG, with its checksum.
	interlace := func(data []byte) []byte {
		data = bytes.Clone(data)
		data[28] = 1
		binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
		return data
	}
	for what, c := range map[string]struct {
		data  []byte
		bytes float64 // that a pixel takes
	}{
		"8-bit PNG":              {read("rgba.png"), 7},
		"8-bit interlaced PNG":   {interlace(read("rgba.png")), 9},
		"16-bit PNG":             {read("rgb16.png"), 11},
		"16-bit interlaced PNG":  {interlace(read("rgb16.png")), 15},
		"16-bit grey PNG":        {read("grey16.png"), 13},
		"16-bit grey, alpha PNG": {read("greyalpha16.png"), 11},
		"palette":                {read("palette.png"), 4},
		"JPEG":                   {read("ycc420.jpg"), 3},
		"CMYK JPEG":              {read("cmyk.jpg"), 7},
		"progressive grey JPEG":  {progressive(3), 5},
		"WebP":                   {read("lossless.webp"), 7},
	} {
		var d Decoder
		img, err := d.Decode(c.data)
		pixels := img.Width * img.Height
		if err != nil { // the pixels of what was made interlaced are not
			var config image.Config
			if config, err = png.DecodeConfig(bytes.NewReader(c.data)); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			pixels = config.Width * config.Height
		}
		refused := func(limit int) bool {
			d.Limit = limit
			_, err := d.Decode(c.data)
			return err != nil && strings.Contains(err.Error(), "pixels, at most")
		}
		// The smallest limit with which an image of so many pixels is read.
		least := pixels
		if c.bytes > maxPixelBytes {
			least = int(math.Ceil(float64(pixels) * c.bytes / maxPixelBytes))
		}
		if refused(least+1) || !refused(least-1) {
			t.Errorf("%s of %d pixels: refused with a limit of %d: %v, of %d: %v", what, pixels, least+1, refused(least+1), least-1, refused(least-1))
		}
		d.Close()
	}
}
