package zoo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxName bounds names and sample ids, in bytes. It keeps metadata small and
// messages readable; nothing else depends on it.
const maxName = 4096

// checkName reports whether s can name a model. Any text can, as long as JSON can
// hold it: the name never becomes a path, its slug does.
func checkName(s string) error {
	switch {
	case s == "":
		return errors.New("zoo: a model needs a name")
	case len(s) > maxName:
		return fmt.Errorf("zoo: model name %q... has %d bytes, at most %d are allowed", clip(s, 40), len(s), maxName)
	case !utf8.ValidString(s):
		return fmt.Errorf("zoo: model name %q is not valid UTF-8", s)
	}
	return nil
}

var splitForm = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`)

// CheckSplitName reports whether s can name a split. Splits are few and typed on
// command lines, so their names are folder names and have to be plain ones.
func CheckSplitName(s string) error {
	if !splitForm.MatchString(s) {
		return fmt.Errorf("zoo: %q cannot name a split: use 1 to 64 letters, digits, '.', '_' or '-', not starting with '.'", clip(s, 80))
	}
	return nil
}

func plainByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// slug returns the file name, without extension, of the model called name: a
// readable part and a hash of the whole name. It cannot leave its folder, is never
// hidden or reserved, and two names differ in the hash even if a file system ignores
// case.
func slug(name string) string {
	var b strings.Builder
	for i := 0; i < len(name) && b.Len() < 48; i++ {
		switch c := name[i]; {
		case plainByte(c) && (c != '.' || b.Len() > 0):
			b.WriteByte(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	if b.Len() > 0 {
		b.WriteByte('-')
	}
	sum := sha256.Sum256([]byte(name))
	b.WriteString(hex.EncodeToString(sum[:8]))
	return b.String()
}

var slugForm = regexp.MustCompile(`^([A-Za-z0-9_-][A-Za-z0-9._-]{0,47}-)?[0-9a-f]{16}$`)

// isSlug reports whether s could have come from slug. Only files whose names pass
// are ever removed.
func isSlug(s string) bool { return slugForm.MatchString(s) }

// clip shortens s for a message.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n]
}
