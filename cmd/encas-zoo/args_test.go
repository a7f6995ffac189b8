package main

import (
	"os"
	"strings"
	"testing"
)

func TestArrange(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"--version", "--version"},
		{"optimize", "optimize"},
		{"help optimize", "optimize --help"},
		{"evaluate RUN --split test", "evaluate --split test -- RUN"},
		{"evaluate --split test RUN --json", "evaluate --split test --json -- RUN"},
		{"evaluate RUN --split=test -q", "evaluate --split=test -q -- RUN"},
		{"--zoo z zoo list", "zoo list --zoo z"},
		{"zoo --zoo z remove a b", "zoo remove --zoo z -- a b"},
		{"zoo remove --zoo z -- -a --json", "zoo remove --zoo z -- -a --json"},
		{"zoo remove - --zoo z", "zoo remove --zoo z -- -"},
		{"zoo remove zoo list", "zoo remove -- zoo list"},
		{"import A --split a=0:5 --split b=5: B --format npy", "import --split a=0:5 --split b=5: --format npy -- A B"},
		{"optimize --seed -1", "optimize --seed -1"},
	} {
		got, err := arrange(newApp(os.Stdout, os.Stderr), strings.Fields(test.in))
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%q becomes %q, %v, want %q", test.in, strings.Join(got, " "), err, test.want)
		}
	}
}

func TestShellPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"-rf": "./-rf", "-my run": "'./-my run'", "runs/it's": `'runs/it'\''s'`, "": "''"} {
		if got := shellPath(path); got != want {
			t.Errorf("shellPath(%q) = %s, want %s", path, got, want)
		}
	}
}
