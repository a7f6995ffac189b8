package ingest

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/encas-zoo/encas-zoo/supernet"
)

// lineWords splits a line of a list into the model and its overrides. It is nil for a
// line that holds neither.
func lineWords(line, dir string) ([]string, error) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return nil, nil
	}
	// A file by its path as it is, with or without a comment behind.
	for text := line; ; {
		path, overrides := text, []string(nil)
		for ok := true; ok; path, overrides, ok = cutOverride(path, overrides) {
			if isFile(dir, path) {
				return append([]string{path}, overrides...), nil
			}
		}
		at := lastComment(text)
		if at < 0 {
			return splitWords(line)
		}
		text = strings.TrimSpace(text[:at])
	}
}

// lastComment returns where the last # after white space is, or -1.
func lastComment(s string) int {
	for i := len(s) - 1; i > 0; i-- {
		if s[i] == '#' && (s[i-1] == ' ' || s[i-1] == '\t') {
			return i
		}
	}
	return -1
}

var lastOverride = regexp.MustCompile(`\s([a-z_]+=)(?:"([^"]*)"|'([^']*)'|([^\s"'\\]*))$`)

// cutOverride moves a key=value word from the end of a line to the front of overrides.
func cutOverride(s string, overrides []string) (string, []string, bool) {
	at := lastOverride.FindStringSubmatchIndex(s)
	if at == nil || len(overrides) == 20 { // more than there are keys
		return s, overrides, false
	}
	word := lastOverride.ReplaceAllString(s[at[0]:], "$1$2$3$4")
	return strings.TrimSpace(s[:at[0]]), append([]string{word}, overrides...), true
}

// splitWords splits at white space, up to a # that begins a word. Quotation marks, single
// or double, at the beginning of a word or after its = keep what is between them as it is;
// elsewhere a backslash does that for white space, a quotation mark, # or a backslash.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	begun := false // a word, which may be empty in quotation marks
	end := func() {
		if begun {
			words = append(words, word.String())
			word.Reset()
			begun = false
		}
	}
	text := []rune(line)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case unicode.IsSpace(c):
			end()
			continue
		case c == '#' && !begun:
			return words, nil
		case c == '\\' && i+1 < len(text) && (unicode.IsSpace(text[i+1]) || strings.ContainsRune(`"'#\`, text[i+1])):
			i++
			word.WriteRune(text[i])
		case (c == '"' || c == '\'') && (!begun || strings.HasSuffix(word.String(), "=")):
			begin := i
			for i++; i < len(text) && text[i] != c; i++ {
				word.WriteRune(text[i])
			}
			if i == len(text) {
				return nil, fmt.Errorf("the quotation mark before %q is not closed; write \\%c for one that belongs to a name", string(text[begin+1:]), c)
			}
		default:
			word.WriteRune(c)
		}
		begun = true
	}
	end()
	return words, nil
}

// escaping is what splitWords undoes.
var escaping = strings.NewReplacer(" ", `\ `, "\t", "\\\t", "#", `\#`, `\`, `\\`, `"`, `\"`, `'`, `\'`)

// Escape writes a path or another word as a list has it, whatever white space, quotation
// marks and # are in it.
func Escape(word string) string { return escaping.Replace(word) }

// Line is the line of a list that names a subnet of a file.
func Line(path string, g supernet.Genome) string {
	return fmt.Sprintf("%s genome=%v", Escape(path), g)
}
