package export

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

// interpreter writes a stand-in for Python: a shell script that answers requests.
func interpreter(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nwhile read -r line; do\n"+body+"\ndone\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAsk(t *testing.T) {
	e := New(interpreter(t, `
case "$line" in
*good*) echo '{"meta": {"name": "good", "params": 3, "image_size": [2, 1]}}' ;;
*bad*) echo '{"error": "it is bad"}' ;;
*rubbish*) echo 'rubbish' ;;
*dies*) kill -9 $$ ;;
*slow*) exec sleep 60 ;;
*names*) echo '{"names": ["a", "b"]}' ;;
esac`), nil)
	defer e.Close()
	ctx := context.Background()
	for range 2 { // the process is started again after it died
		m, err := e.Export(ctx, Request{Name: "good"})
		if err != nil || m.Params != 3 || m.ImageSize != [2]int{2, 1} {
			t.Fatalf("%+v, %v", m, err)
		}
		for name, want := range map[string]string{"bad": "it is bad", "rubbish": "answered", "dies": "signal: killed"} {
			if _, err := e.Export(ctx, Request{Name: name}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want one with %q", name, err, want)
			}
		}
	}
	if names, err := e.Names(ctx, "timm", "x*"); err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("%v, %v", names, err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := e.Export(short, Request{Name: "slow"}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 30*time.Second {
		t.Errorf("interrupted after %v: %v", time.Since(began), err)
	}
	if _, err := New("/no/such/python", nil).Export(ctx, Request{Name: "good"}); err == nil || !strings.Contains(err.Error(), "/no/such/python cannot be started") {
		t.Errorf("no interpreter: %v", err)
	}
}

// archive makes a zip file of one entry.
func archive(t testing.TB, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(text))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadMeta(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		data []byte
		want error // nil: none is named
		text string
	}{
		{"good", archive(t, "m/extra/encas.json", `{"format": 1, "classes": 7}`), nil, ""},
		{"newer", archive(t, "m/extra/encas.json", `{"format": 4}`), ErrNoMeta, "format 4"},
		{"broken", archive(t, "m/extra/encas.json", `{`), nil, "broken"},
		{"other", archive(t, "m/data.pkl", ``), ErrNoMeta, "other"},
		{"text", []byte("text"), ErrNoMeta, "text"},
		{"absent", nil, os.ErrNotExist, "absent"},
	} {
		path := filepath.Join(dir, c.name)
		if c.data != nil {
			if err := os.WriteFile(path, c.data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		m, err := ReadMeta(path)
		if c.name == "good" {
			if err != nil || m.Classes != 7 {
				t.Errorf("%+v, %v", m, err)
			}
			continue
		}
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: error %v, want %v with %q", c.name, err, c.want, c.text)
		}
	}
}

// TestFreeze compiles models that a trace alone gets wrong.
func TestFreeze(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs Python alone")
	}
	out, err := exec.Command(torchtest.Python(t), "testdata/freeze.py").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, want := range []string{
		"Batch 1 refused: ", "Batch 2 4", "Python 1 refused: ", "Python 2 refused: ",
		"Broadcast 1 refused: compiled it gives (2, 5) for a batch of 1", "Broadcast 2 5",
		"Flat 1 refused: its output is not one row", "Flat 2 refused: its output is not one row",
	} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Errorf("%q, want %q in line %d", lines, want, i)
		}
	}
}

// TestMemory exports one model again and again: the process keeps none of them.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("exports networks")
	}
	e := New(torchtest.Python(t), nil)
	defer e.Close()
	measure := func() int {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", e.cmd.Process.Pid))
		if err != nil {
			t.Skip(err)
		}
		var size, pages int
		fmt.Sscan(string(text), &size, &pages)
		return pages * os.Getpagesize()
	}
	file := filepath.Join(t.TempDir(), "m.pt")
	export := func(times int) (resident int) {
		for range times {
			if _, err := e.Export(context.Background(), Request{Source: "torchvision", Name: "resnet18", Size: &[2]int{64, 64}, Out: file}); err != nil {
				t.Fatal(err)
			}
		}
		return measure()
	}
	before := export(3)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	// What is kept grows with every export; what the C library's allocator holds back, on a
	// busy machine, does not.
	for range 3 {
		after := export(5)
		t.Logf("%d MB before five exports, %d after; the file has %d", before>>20, after>>20, info.Size()>>20)
		if after-before <= int(info.Size()) {
			return
		}
		before = after
	}
	t.Error("every five more exports keep more than the file")
}

func FuzzReadMeta(f *testing.F) {
	f.Add(archive(f, "m/extra/encas.json", `{"format": 1, "mean": [1, 2, 3]}`))
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.pt")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		ReadMeta(path)
	})
}

// TestNames lists what torchvision has.
func TestNames(t *testing.T) {
	t.Parallel()
	e := New(torchtest.Python(t), nil)
	defer e.Close()
	names, err := e.Names(context.Background(), "torchvision", "resnet[13]*")
	if err != nil || !slices.Equal(names, []string{"resnet101", "resnet152", "resnet18", "resnet34"}) {
		t.Errorf("%v, %v", names, err)
	}
	_, err = e.Export(context.Background(), Request{Name: "deeplabv3_resnet50", Source: "torchvision", Out: filepath.Join(t.TempDir(), "x.pt")})
	if err == nil || !strings.Contains(err.Error(), "no image classifier") {
		t.Errorf("a network for segmentation: %v", err)
	}
}
