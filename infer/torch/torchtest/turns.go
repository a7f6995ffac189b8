//go:build unix

package torchtest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Turns lets ours and a Python script do the same work in turns, a turn each per
// loop of b, and reports the median rate of either in items a second of processor
// time (on a busy machine the only measure of the work done), and the median of the
// ratios ours/theirs, turn by turn. The script does one turn for each line it reads,
// and prints the seconds of processor time that took; its first turn is not counted.
func Turns(b *testing.B, python, script string, args []string, items int, ours func()) {
	b.Helper()
	cmd := exec.Command(python, append([]string{"-u", "-c", script}, args...)...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	answers := bufio.NewReader(out)
	theirTurn := func() float64 {
		var seconds float64
		_, err := io.WriteString(in, "\n")
		if err == nil {
			_, err = fmt.Fscanln(answers, &seconds)
		}
		if err != nil || !(seconds > 0) {
			b.Fatalf("%s: %v\n%s", python, err, complaints.String())
		}
		return seconds
	}
	turns(b, items, "python", func() float64 { return seconds(b, ours) }, theirTurn)
}

// Against is Turns with another function in place of the script, of which metrics are called
// by a name.
func Against(b *testing.B, items int, name string, ours, theirs func()) {
	b.Helper()
	turns(b, items, name, func() float64 { return seconds(b, ours) }, func() float64 { return seconds(b, theirs) })
}

// turns takes turns, which return seconds of processor time.
func turns(b *testing.B, items int, name string, ours, theirs func() float64) {
	b.Helper()
	ours()
	theirs()
	var mine, other, ratio []float64
	for b.Loop() {
		m, o := float64(items)/ours(), float64(items)/theirs()
		mine, other, ratio = append(mine, m), append(other, o), append(ratio, m/o)
	}
	median := func(x []float64) float64 { slices.Sort(x); return x[len(x)/2] }
	b.ReportMetric(median(mine), "images/s-core")
	b.ReportMetric(median(other), name+"-images/s-core")
	b.ReportMetric(median(ratio), "ratio")
}

// seconds of processor time that f takes.
func seconds(b *testing.B, f func()) float64 {
	start := processorTime(b)
	f()
	return (processorTime(b) - start).Seconds()
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(os.NewSyscallError("getrusage", err))
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
