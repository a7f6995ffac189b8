package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/zoo"
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
		got, err := arrange(newApp(), strings.Fields(test.in))
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%q becomes %q, %v, want %q", test.in, strings.Join(got, " "), err, test.want)
		}
	}
}

func TestSelectModels(t *testing.T) {
	t.Parallel()
	var models []zoo.Model
	for _, name := range []string{"resnet18", "resnet50", "hub:timm/vit_b", "hub:timm/vit_l", "vit_b"} {
		models = append(models, zoo.Model{Name: name})
	}
	for _, test := range []struct {
		globs []string
		want  string // names, or what the error says
	}{
		{nil, "resnet18 resnet50 hub:timm/vit_b hub:timm/vit_l vit_b"},
		{[]string{"resnet*"}, "resnet18 resnet50"},
		{[]string{"*vit_b"}, "hub:timm/vit_b vit_b"},
		{[]string{"!resnet*"}, "hub:timm/vit_b hub:timm/vit_l vit_b"},
		{[]string{"resnet*, vit_?", "!resnet50"}, "resnet18 vit_b"},
		{[]string{"resnet[15]8"}, "resnet18"},
		{[]string{"bit_*"}, "no model has such a name"},
		{[]string{"resnet18,!bit_*"}, "no model has such a name"},
		{[]string{"resnet18,!resnet*"}, "leaves no model"},
		{[]string{"[]"}, "syntax error in pattern"},
	} {
		got, err := selectModels(models, test.globs)
		if err != nil {
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q: %v, want %q", test.globs, err, test.want)
			}
			continue
		}
		var names []string
		for _, m := range got {
			names = append(names, m.Name)
		}
		if want := strings.Fields(test.want); !slices.Equal(names, want) {
			t.Errorf("%q selects %q, want %q", test.globs, names, want)
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
