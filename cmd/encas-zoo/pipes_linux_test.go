package main

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPipesForFiles puts a pipe in the place of every file that a command reads, one after the
// other: no command waits for its writer.
func TestPipesForFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := makeOutputs(in("made"), 2, 40, 3); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"costs.csv": "model,price\nm00,1\nm01,2\n", "grid.txt": "0.5\n0.9\n", "classes.txt": "a\nb\nc\n", "map.csv": "output,class\n0,0\n1,1\n2,2\n",
		"list.txt": "model.pt size=8 gflops=1\n", "model.pt": "fake seed 1", "shim.so": "", "images/val.txt": "a.png 0\n", "images/a.png": "", "weights.pth": "", "table.json": "{}",
	} {
		if err := os.MkdirAll(filepath.Dir(in(name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(in(name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	program(t, dir, "import", "--zoo", "z", "--format", "npy", "--split", "search=0.5", "--split", "test=0.5", "made")
	program(t, dir, "optimize", "--zoo", "z", "--algorithm", "exact", "--certify", "test", "--out", "run", "-q")
	program(t, dir, "optimize", "--zoo", "z", "--algorithm", "exact", "--shard", "0/1", "--out", "part", "-q")
	program(t, dir, "evaluate", "--zoo", "z", "--cascade", "m00", "--answers", "a.csv")
	program(t, dir, "evaluate", "--zoo", "z", "--cascade", "m00", "--answers", "a.json")
	program(t, dir, "evaluate", "--zoo", "z", "--cascade", "m00", "--answers", "a.parquet")

	for _, of := range []struct {
		files    string // one, or all of a folder
		commands []string
	}{
		{"z", []string{"zoo verify --zoo z", "optimize --zoo z --algorithm exact --out again --force", "evaluate --zoo z --cascade m00 --split search"}},
		{"run", []string{"zoo verify run", "evaluate --zoo z run", "report --zoo z run", "optimize --zoo z --resume run"}},
		{"part", []string{"front merge part --out again --force", "optimize --zoo z --algorithm exact --shard 0/1 --resume part"}},
		{"made", []string{"import --zoo new --format npy --split s made", "zoo set --zoo z --from made/models.csv"}},
		{"a.csv", []string{"diff a.csv a.csv"}},
		{"a.json", []string{"diff a.json a.json"}},
		{"a.parquet", []string{"diff a.parquet a.parquet", "import --zoo new --format parquet --split s a.parquet", "ingest list.txt --data a.parquet --zoo new"}},
		{"costs.csv", []string{"zoo set --zoo z --from costs.csv", "import --zoo new --format csv --split s costs.csv"}},
		{"grid.txt", []string{"optimize --zoo z --grid grid.txt --out again --force"}},
		{"classes.txt", []string{"import --zoo new --format npy --split s --class-names classes.txt made"}},
		{"map.csv", []string{"import --zoo new --format npy --split s --map-classes map.csv made"}},
		{"list.txt", []string{"ingest list.txt --data images --zoo new", "run run --data list.txt"}},
		{"model.pt", []string{"ingest list.txt --data images --zoo new", "supernet info model.pt"}},
		{"shim.so", []string{"ingest list.txt --data images --zoo new --shim shim.so"}},
		{"images", []string{"ingest list.txt --data images --zoo new", "ingest list.txt --data images --zoo new --unlabelled"}},
		{"weights.pth", []string{"supernet export ofa-mbv3 --width 1.0 --weights weights.pth --out made.pt"}},
		{"table.json", []string{"supernet info table.json", "supernet export table.json --random --out made.pt"}},
	} {
		for _, file := range filesBelow(t, in(of.files)) {
			aside := file + ".aside"
			if err := os.Rename(file, aside); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(file, 0o666); err != nil {
				t.Skip(err)
			}
			for _, command := range of.commands {
				stopped, cancel := context.WithTimeout(t.Context(), time.Minute)
				cmd := exec.CommandContext(stopped, "encas-zoo", strings.Fields(command)...)
				cmd.Dir = dir
				cmd.WaitDelay = time.Second
				out, _ := cmd.CombinedOutput()
				if stopped.Err() != nil {
					t.Errorf("%s waits for the pipe %s\n%s", command, file, out)
				}
				if strings.Contains(string(out), "panic") {
					t.Errorf("%s\n%s", command, out)
				}
				cancel()
			}
			os.Remove(file)
			if err := os.Rename(aside, file); err != nil {
				t.Fatal(err)
			}
			os.RemoveAll(in("new"))
		}
	}
}

// filesBelow returns a file, or all in a folder.
func filesBelow(t *testing.T, path string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || files == nil {
		t.Fatalf("%s: %v, %v", path, files, err)
	}
	return files
}
