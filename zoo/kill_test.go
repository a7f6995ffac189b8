//go:build unix

package zoo

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKill kills a writer at random moments. The zoo opens and verifies after every
// kill, and the same job again completes it.
func TestKill(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 3
	}
	began := time.Now()
	whole := filepath.Join(t.TempDir(), "zoo")
	if out, err := child(whole).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	length := time.Since(began)
	checkJob(t, whole, true)

	dir := filepath.Join(t.TempDir(), "zoo")
	r := rand.New(rand.NewPCG(1, 1))
	killed, finished := 0, 0
	for round := 0; killed < kills; round++ {
		c := child(dir)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		// A third of the whole time at most, so that a job takes several kills.
		time.AfterFunc(time.Duration(r.Int64N(int64(length)/3)), func() { c.Process.Kill() })
		err := c.Wait()
		if err != nil && c.ProcessState.Exited() {
			t.Fatalf("the writer failed after %d kills: %v", killed, err)
		}
		if _, open := Open(dir); errors.Is(open, fs.ErrNotExist) {
			killed++
			continue // killed before there was a zoo
		}
		checkJob(t, dir, err == nil)
		if err != nil {
			killed++
			continue
		}
		finished++
		dir = filepath.Join(t.TempDir(), fmt.Sprint("zoo", round))
	}
	if out, err := child(dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	checkJob(t, dir, true)
	t.Logf("%d kills, %d jobs came to their end in between", killed, finished)
}

// sizeVariable bounds the files of a child, in bytes: a disk that is full.
const sizeVariable = "ENCAS_ZOO_TEST_FILE_SIZE"

func limitFileSize() error {
	s := os.Getenv(sizeVariable)
	if s == "" {
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return err
	}
	signal.Ignore(unix.SIGXFSZ)
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: n})
}

// TestFullDisk lets writes fail at every size of file. The message names a file of
// the zoo, and the zoo stays valid.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	for _, size := range []int{0, 100, 1000, 3000, 20_000, 50_000, 70_000, 90_000, 110_000} {
		dir := filepath.Join(t.TempDir(), "zoo")
		out, err := child(dir, fmt.Sprint(sizeVariable, "=", size)).CombinedOutput()
		if err == nil {
			checkJob(t, dir, true)
			if size < 50_000 {
				t.Errorf("%d bytes were enough", size)
			}
			continue
		}
		if !strings.Contains(string(out), dir+"/") || !strings.Contains(string(out), "file too large") {
			t.Errorf("the message for a limit of %d bytes names no file: %s", size, out)
		}
		if _, err := Open(dir); errors.Is(err, fs.ErrNotExist) && size < 1000 {
			continue
		}
		checkJob(t, dir, false)
		if out, err := child(dir).CombinedOutput(); err != nil {
			t.Fatalf("with room again: %v: %s", err, out)
		}
		checkJob(t, dir, true)
	}
}
