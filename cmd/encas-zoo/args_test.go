package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/ui"
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

func TestShellWord(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "runs/20260301-auto", "my run", "it's", "-rf", "-my run", "a\\b'c\x1b[2J\n", "模型", "\u202ex", "$HOME*", "\xff"} {
		word := shellWord(text)
		if word != ui.Safe(word) {
			t.Errorf("shellWord(%q) = %q is not printable", text, word)
		}
		if strings.HasPrefix(word, "-") {
			t.Errorf("shellWord(%q) = %q is a flag", text, word)
		}
		if _, err := exec.LookPath("bash"); err != nil {
			continue
		}
		want := text
		if strings.HasPrefix(text, "-") {
			want = "./" + text
		}
		if out, err := exec.Command("bash", "-c", "printf %s "+word).Output(); err != nil || string(out) != want {
			t.Errorf("shellWord(%q) = %s, which bash reads as %q (%v)", text, word, out, err)
		}
	}
}
