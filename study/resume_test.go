package study

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/shell"
	"github.com/encas-zoo/encas-zoo/report"
)

// TestResumeCommand: the command of a run without what would begin it anew, or end it at once.
func TestResumeCommand(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		command []string
		joined  []string
		want    string
	}{
		{[]string{"encas-zoo", "optimize", "--zoo", "my zoo", "--time=1s", "--search-samples", "400", "--out", "r", "--force"}, nil,
			"encas-zoo optimize --zoo 'my zoo' --search-samples 400 --resume runs/r"},
		{[]string{"/usr/bin/rm", "-q", "optimize", "-time", "5m", "--resume", "runs/r", "--models", "a;b"}, nil,
			"encas-zoo -q optimize --models 'a;b' --resume runs/r"},
		{[]string{"encas-zoo", "front", "merge", "p/0", "p/1", "--time", "1ms"}, []string{"p/0", "p/1"},
			"encas-zoo front merge p/0 p/1 --force --out runs/r"},
		{[]string{"encas-zoo", "front", "merge", "p/0"}, nil, ""},
		{[]string{"python", "search.py"}, nil, ""},
		{nil, nil, ""},
	} {
		if got := ResumeCommand(&front.Run{Command: test.command, Joined: test.joined}, "runs/r"); got != test.want {
			t.Errorf("%q: %q, want %q", test.command, got, test.want)
		}
	}
	dir := t.TempDir()
	stopped := report.Source{Dir: dir, Run: &front.Run{Command: []string{"encas-zoo", "optimize", "--time", "1s"}}}
	if got := GoesOn(stopped); got != "" {
		t.Errorf("without the state of the search: %q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, front.StateFile), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if got, want := GoesOn(stopped), "encas-zoo optimize --resume "+shell.Word(dir); got != want {
		t.Errorf("with it: %q, want %q", got, want)
	}
	merged := report.Source{Dir: "runs/r", Run: &front.Run{Command: []string{"encas-zoo", "front", "merge", "p/0"}, Joined: []string{"p/0"}}}
	if got, want := GoesOn(merged), "encas-zoo front merge p/0 --force --out runs/r"; got != want {
		t.Errorf("merged: %q, want %q", got, want)
	}
	if got := GoesOn(report.Source{Dir: dir}); got != "" {
		t.Errorf("of nobody knows what: %q", got)
	}
	if got := ResumeCommand(nil, "runs/r"); got != "" {
		t.Errorf("without run.json: %q", got)
	}
}
