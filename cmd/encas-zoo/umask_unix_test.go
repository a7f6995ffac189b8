//go:build unix

package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Whatever a command writes has the permissions that the umask leaves.
func TestUmask(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts processes")
	}
	source := filepath.Join(t.TempDir(), "source")
	writeSource(t, source)
	for _, umask := range []string{"002", "022", "027", "077"} {
		mask, err := strconv.ParseUint(umask, 8, 32)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for _, args := range [][]string{
			{"import", "--zoo", "zoo", "--format", "csv", "--split", "search=0.5", "--split", "test=0.5", source},
			{"optimize", "--zoo", "zoo", "--rule", "last", "--evals", "1000", "--out", "run"},
			{"zoo", "set", "--zoo", "zoo", "a", "price=3"},
			{"report", "--zoo", "zoo", "run", "--out", "page.html"},
			{"report", "--zoo", "zoo", "run", "--out", "plot.pdf"},
			{"evaluate", "--zoo", "zoo", "run", "--pick", "cheapest", "--answers", "answers.csv"},
			{"export", "run", "--pick", "cheapest", "--out", "cascade.json"},
		} {
			c := exec.Command("sh", append([]string{"-c", `umask "$0"; exec "$@"`, umask, "encas-zoo"}, args...)...)
			c.Dir = dir
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%q: %v\n%s", args, err, out)
			}
		}
		seen := 0
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == dir {
				return err
			}
			info, err := d.Info()
			want := fs.FileMode(0o666)
			if d.IsDir() {
				want = 0o777
			}
			if want &^= fs.FileMode(mask); info.Mode().Perm() != want {
				t.Errorf("umask %s: %s has the permissions %v instead of %v", umask, path, info.Mode().Perm(), want)
			}
			seen++
			return err
		})
		if err != nil || seen < 20 {
			t.Errorf("%d files and folders: %v", seen, err)
		}
	}
}

// writeSource writes answers of two models.
func writeSource(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	labels, a, b := "sample,label\n", "sample,label,confidence\n", "sample,label,confidence\n"
	for i := range 60 {
		sample := strconv.Itoa(i)
		labels += sample + "," + strconv.Itoa(i%3) + "\n"
		a += sample + "," + strconv.Itoa(i%5%3) + "," + []string{"0.4", "0.9"}[i%2] + "\n"
		b += sample + "," + strconv.Itoa(i%3) + ",0.9\n"
	}
	for name, text := range map[string]string{"labels.csv": labels, "a.csv": a, "b.csv": b, "models.csv": "name,gflops\na,1\nb,10\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
