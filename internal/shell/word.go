// Package shell writes what a shell reads back.
package shell

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Word quotes text so that a shell reads it back as one word, and nothing in it does more to
// a terminal than show a character.
func Word(text string) string {
	special := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./+,:@%=", r))
	}
	unprintable := func(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) }
	switch {
	case text != "" && text[0] != '=' && !strings.ContainsFunc(text, special): // zsh replaces =name
		return text
	case !strings.ContainsFunc(text, unprintable):
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	var b strings.Builder // as bash and zsh read it
	b.WriteString("$'")
	for _, c := range []byte(text) {
		switch {
		case c == '\'' || c == '\\':
			b.WriteString(`\` + string(c))
		case c >= ' ' && c < 0x7f:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	b.WriteString("'")
	return b.String()
}
