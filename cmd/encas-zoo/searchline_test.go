package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/optimize"
)

// TestSearchLine shows a search of many phases, among them long and short ones of one unit: no
// estimate comes from the time of an earlier phase, and none of a second for seconds on end.
func TestSearchLine(t *testing.T) {
	t.Parallel()
	var l searchLine
	now := time.Unix(0, 0)
	show := func(done, total int) string {
		now = now.Add(100 * time.Millisecond)
		return strings.Join(l.parts(optimize.Progress{Done: int64(done), Total: int64(total), Unit: "cascades explored"}, 100, now), ", ")
	}
	for i := range 1000 { // 100 s
		show(i, 1000)
	}
	if got := show(1, 1); strings.Contains(got, "of 1 ") {
		t.Errorf("one cascade: %s", got)
	}
	for i := range 100 { // 10 s
		got := show(i, 100)
		if i < 10 && strings.Contains(got, "left") {
			t.Errorf("an estimate from another phase: %s", got)
		}
		var left int
		if _, err := fmt.Sscanf(got, "phase: about %d s left", &left); strings.Contains(got, "left") && (err != nil || left > 12) {
			t.Errorf("of 100 cascades %d are explored in %v: %s", i, time.Duration(i)*100*time.Millisecond, got)
		}
	}
	// The last one takes 20 s: its end is not a second away all the time.
	seconds := 0
	for range 200 {
		if strings.Contains(show(99, 100), "left") {
			seconds++
		}
	}
	if seconds > 20 {
		t.Errorf("an end that is near for %d tenths of a second", seconds)
	}
}

// TestSearchLineLimit shows a search with a limit on its time.
func TestSearchLineLimit(t *testing.T) {
	t.Parallel()
	l := searchLine{limit: 20 * time.Second}
	begin := time.Unix(0, 0)
	for seconds, want := range map[int]string{0: "about 20 s left", 15: "about 5 s left", 20: "ending", 25: "ending"} {
		l.begin = begin
		if got := l.parts(optimize.Progress{Done: 1, Total: 2, Unit: "pairs"}, 100, begin.Add(time.Duration(seconds)*time.Second)); got[0] != want {
			t.Errorf("after %d s: %q", seconds, got)
		}
	}
}
