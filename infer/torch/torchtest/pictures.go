package torchtest

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// Pictures makes a folder of class folders, class0 and so on, with n small pictures of noise,
// no two alike.
func Pictures(t testing.TB, n, classes int) string {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		m := image.NewRGBA(image.Rect(0, 0, 10+i%3, 9+i%4))
		for p := range m.Pix {
			m.Pix[p] = uint8(rng.Uint32()) | uint8(p%4/3*255)
		}
		m.SetRGBA(0, 0, color.RGBA{uint8(i), uint8(i >> 8), 0, 255})
		path := filepath.Join(dir, fmt.Sprintf("class%d", i%classes), fmt.Sprintf("%04d.png", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(png.Encode(f, m), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
