package shell

import (
	"os/exec"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/ui"
)

func TestWord(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "runs/20260301-auto", "my run", "it's", "-rf", "-my run", "a\\b'c\x1b[2J\n", "模型", "\u202ex", "$HOME*", "\xff", "a=b", "=a"} {
		word := Word(text)
		if word != ui.Safe(word) {
			t.Errorf("Word(%q) = %q is not printable", text, word)
		}
		if _, err := exec.LookPath("bash"); err != nil {
			continue
		}
		if out, err := exec.Command("bash", "-c", "printf %s "+word).Output(); err != nil || string(out) != text {
			t.Errorf("Word(%q) = %s, which bash reads as %q (%v)", text, word, out, err)
		}
	}
}
