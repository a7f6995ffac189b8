package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"a/0.png": "PNG", "a/1.png": "no image", "b/2.png": "", "b/3.png": "\x89PNG\r\n\x1a\n", "b/4.png": "PNG"})
	link(t, dir, map[string]string{"b/5.png": "nowhere"})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := []int{0, 1, 2, 3, 4, 5}
	begun := 0
	broken, err := s.Check(t.Context(), all, 3, func(n int) { begun = n })
	if err != nil {
		t.Fatal(err)
	}
	if begun != len(all) {
		t.Errorf("%d of %d images begun", begun, len(all))
	}
	for i, want := range []string{"not a JPEG", "empty", "truncated", "no such file"} {
		if i >= len(broken) || broken[i].Image != []int{1, 2, 3, 5}[i] || !strings.Contains(broken[i].Reason.Error(), want) {
			t.Fatalf("broken: %v, want number %d with %q", broken, i, want)
		}
	}
	whole := s.Without(broken)
	if !slices.Equal(whole.IDs, []string{"a/0.png", "b/4.png"}) || !slices.Equal(whole.Labels, []uint16{0, 1}) {
		t.Errorf("without them %q, %v", whole.IDs, whole.Labels)
	}
	if broken, err := whole.Check(t.Context(), []int{0, 1}, 1, nil); err != nil || len(broken) > 0 {
		t.Errorf("what is left: %v, %v", broken, err)
	}
	if broken, err := s.Check(t.Context(), []int{0, 2}, 9, nil); err != nil || len(broken) != 1 {
		t.Errorf("two of them: %v, %v", broken, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Check(ctx, all, 2, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// lookedAt is a source that keeps which images were asked for.
type lookedAt struct {
	source
	images []int
}

func (l *lookedAt) image(i int, r *Reader) (imaging.RGB, error) {
	l.images = append(l.images, i)
	return l.source.image(i, r)
}

// Images that were drawn in any order are checked in the order of their files.
func TestCheckInOrder(t *testing.T) {
	t.Parallel()
	dir, files := t.TempDir(), map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("a/%02d.png", i)] = "PNG"
	}
	files["a/07.png"], files["a/12.png"] = "", ""
	write(t, dir, files)
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	looked := &lookedAt{source: s.source}
	s.source = looked
	drawn := s.Draw(20, 1)
	all := make([]int, drawn.Len())
	for i := range all {
		all[i] = i
	}
	broken, err := drawn.Check(t.Context(), all, 1, nil)
	if err != nil || len(broken) != 2 || broken[0].Image > broken[1].Image {
		t.Errorf("broken: %v, %v", broken, err)
	}
	if !slices.IsSorted(looked.images) || len(looked.images) != 20 || slices.IsSorted(drawn.IDs) {
		t.Errorf("%q are looked at in the order %v", drawn.IDs, looked.images)
	}
	if kept := drawn.Without(broken).IDs; len(kept) != 18 || slices.Contains(kept, "a/07.png") || slices.Contains(kept, "a/12.png") {
		t.Errorf("without them %q", kept)
	}
}

// One image that a Parquet file lacks is no reason to leave out those in its row group.
func TestCheckParquet(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.parquet")
	picture, err := os.ReadFile(filepath.Join(images, "rgba.png"))
	if err != nil {
		t.Fatal(err)
	}
	open := func(data ...[]byte) *Set {
		writeParquet(t, path, data, nil, make([]int64, len(data)), len(data), "")
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	broken, err := open(picture, []byte("x"), picture).Check(t.Context(), []int{0, 1, 2}, 2, nil)
	if err != nil || len(broken) != 1 || broken[0].Image != 1 {
		t.Errorf("an image that is none: %v, %v", broken, err)
	}
	whole := open(picture, nil, picture)
	broken, err = whole.Check(t.Context(), []int{0, 1, 2}, 2, nil)
	if err != nil || len(broken) != 1 || broken[0].Image != 1 || !strings.Contains(broken[0].Reason.Error(), "holds no image bytes") {
		t.Errorf("an image that is null: %v, %v", broken, err)
	}
	left := whole.Without(broken)
	if broken, err := left.Check(t.Context(), []int{0, 1}, 1, nil); err != nil || len(broken) > 0 || left.Len() != 2 {
		t.Errorf("what is left: %v, %v", broken, err)
	}
}
