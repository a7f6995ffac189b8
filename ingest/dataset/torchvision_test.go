package dataset

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

// Class folders, links in them and folders below them are what torchvision reads, in its
// order.
func TestAgainstImageFolder(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("imports torchvision")
	}
	python := torchtest.Python(t)
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside, map[string]string{"x/1.png": "PNG", "x/y/2.jpeg": "PNG", "3.png": "PNG"})
	write(t, dir, map[string]string{
		"class10/b.png": "PNG", "class10/a.PNG": "PNG", "class2/z/a.png": "PNG", "class2/B.png": "PNG", "class2/a.webp": "PNG", "class2/note.txt": "x",
		"Class3/a b.jpg": "PNG", "caf\u00e9/a.png": "PNG",
	})
	link(t, dir, map[string]string{"class10/more": filepath.Join(outside, "x"), "class2/one.png": filepath.Join(outside, "3.png"), "linked": filepath.Join(outside, "x")})
	out, err := exec.Command(python, "-c", `
import os, sys, torchvision
folder = torchvision.datasets.ImageFolder(sys.argv[1])
print("\n".join(sorted(f"{os.path.relpath(path, sys.argv[1])} {label} {folder.classes[label]}" for path, label in folder.samples)))`, dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found := map[string]bool{}
	for i, id := range s.IDs {
		found[fmt.Sprintf("%s %d %s", id, s.Labels[i], s.ClassNames[s.Labels[i]])] = true
	}
	want := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range want {
		if !found[line] {
			t.Errorf("torchvision has %s", line)
		}
	}
	if len(found) != len(want) {
		t.Errorf("%d images, torchvision has %d: %v", len(found), len(want), found)
	}
}
