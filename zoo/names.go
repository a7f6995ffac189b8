package zoo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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

// CheckSplitName reports whether s can name a split. Splits are few and typed on
// command lines, so their names are folder names and have to be plain ones.
func CheckSplitName(s string) error {
	bad := fmt.Errorf("zoo: %q cannot name a split: use 1 to 64 letters, digits, '.', '_' or '-', not starting with '.'", clip(s, 80))
	if len(s) == 0 || len(s) > 64 || s[0] == '.' {
		return bad
	}
	for i := range len(s) {
		if !plainByte(s[i]) {
			return bad
		}
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

// isSlug reports whether s could have come from slug. Only files whose names pass
// are ever removed.
func isSlug(s string) bool {
	if len(s) < 16 || len(s) > 48+1+16 {
		return false
	}
	readable, hash := s[:len(s)-16], s[len(s)-16:]
	if strings.Trim(hash, "0123456789abcdef") != "" {
		return false
	}
	for i := range len(readable) {
		if !plainByte(readable[i]) {
			return false
		}
	}
	return readable == "" || strings.HasSuffix(readable, "-") && readable[0] != '.'
}

// clip shortens s for a message.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n]
}
