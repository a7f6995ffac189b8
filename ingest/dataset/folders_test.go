package dataset

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// link makes links in dir, NAME to TARGET.
func link(t *testing.T, dir string, links map[string]string) {
	t.Helper()
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	write(t, outside, map[string]string{"x/1.png": "PNG", "x/2.png": "PNG", "3.png": "PNG"})
	dir := t.TempDir()
	write(t, dir, map[string]string{"cat/a.png": "PNG", "dog/a.png": "PNG"})
	link(t, dir, map[string]string{
		"cat/more": filepath.Join(outside, "x"), "dog/one.png": filepath.Join(outside, "3.png"), "hen": filepath.Join(outside, "x"),
		"cat/gone": "nowhere", "cat/gone.png": "nowhere.png", "ghost": "nowhere", ".hidden": outside,
	})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := []string{"cat/a.png", "cat/gone.png", "cat/more/1.png", "cat/more/2.png", "dog/a.png", "dog/one.png", "hen/1.png", "hen/2.png"}
	if !slices.Equal(s.IDs, want) || !slices.Equal(s.ClassNames, []string{"cat", "dog", "hen"}) {
		t.Errorf("images %q of %q", s.IDs, s.ClassNames)
	}
	notes := strings.Join(s.Notes, "\n")
	for _, want := range []string{"cat/gone (a link to nothing)", "ghost (a link to nothing)", ".hidden (hidden)"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %q, want one with %q", notes, want)
		}
	}
	// The image that is a link to nothing is not left out: reading it is an error.
	r := s.NewReader()
	defer r.Close()
	if _, err := r.Image(1); err == nil || !strings.Contains(err.Error(), "cat/gone.png") {
		t.Errorf("error %v", err)
	}
	if img, err := r.Image(5); err != nil || img.Width != 61 {
		t.Error(err)
	}
}

func TestLinksInCircles(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]string{"cat/back": "..", "cat/self": "self", "cat/round": "../dog", "cat/root": "."} {
		dir := t.TempDir()
		write(t, dir, map[string]string{"cat/a.png": "PNG", "dog/a.png": "PNG"})
		link(t, dir, map[string]string{name: target, "dog/back": "../cat"})
		for _, open := range []func(string) (*Set, error){Open, OpenUnlabelled} {
			s, err := open(dir)
			if err == nil {
				s.Close()
				t.Errorf("%s to %s: no error", name, target)
			} else if !strings.Contains(err.Error(), "cat/") && !strings.Contains(err.Error(), "dog/back") {
				t.Errorf("%s to %s: the error does not name a link: %v", name, target, err)
			} else if _, long, _ := strings.Cut(err.Error(), name+"/"); name == "cat/back" && long != "" {
				t.Errorf("the error names more than the link: %v", err)
			}
		}
	}
}

// TestLinksWithoutEnd reads a few folders that links make 2^40.
func TestLinksWithoutEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"cat/a.png": "PNG"})
	for i := range 40 {
		folder := filepath.Join(dir, "f"+strings.Repeat("x", i))
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		link(t, folder, map[string]string{"1": "../f" + strings.Repeat("x", i+1), "2": "../f" + strings.Repeat("x", i+1)})
	}
	endless := &tree{root: dir, left: 1000}
	if _, err := endless.images(""); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("error %v", err)
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"cat/a.png": "PNG", "cat/.ipynb_checkpoints/a.png": "PNG", "dog/a.png": "PNG", "top.png": "PNG", "labels.txt": "dog\ncat\n",
		"1/x": "", "2/x": "", "3/x": "", "4/x": "", "dog/@eaDir/a.png/THUMB.png": "PNG",
	})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := []string{
		"skipped: cat/.ipynb_checkpoints (hidden), dog/@eaDir (hidden), 1 (holds no image), 2 (holds no image), 3 (holds no image), ... (6 in all)",
		"images beside the class folders are not read: 1",
		"no label file, since it names no file of the folder: labels.txt",
	}
	if !slices.Equal(s.Notes, want) {
		t.Errorf("notes %q", s.Notes)
	}
}
