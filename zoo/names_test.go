package zoo

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

// hostileNames are names that must stay harmless wherever they go.
var hostileNames = []string{
	"../../etc/passwd", "/etc/passwd", "..", ".", ".hidden", "a/b/c", `a\b`, "C:\\x", "NUL", "con", "lock", "zoo.json",
	"nul\x00byte", "new\nline", "tab\t", " ", "  spaces  ", "-rf", "--zoo", "<script>alert(1)</script>", "'; DROP TABLE models; --",
	"%s%n%d", "$(reboot)", "`id`", "naïve", "模型", "🐘", "e\u0301", "\u202Etxt.exe", strings.Repeat("x", 300), strings.Repeat("🐘", 300),
	".tmp-0123", "a.json", "a.parquet", "resnet50", "ResNet50", "RESNET50", "resnet50.a1_in1k", "a_b", "a/b", "a b",
}

func TestSlug(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, name := range hostileNames {
		s := slug(name)
		if !isSlug(s) || !filepath.IsLocal(s) || filepath.Base(s) != s || atomicfile.IsTemporary(s) || s[0] == '.' || len(s) > 65 {
			t.Errorf("slug(%q) = %q is no safe file name", name, s)
		}
		if other, ok := seen[strings.ToLower(s)]; ok {
			t.Errorf("%q and %q have the same slug %q", name, other, s)
		}
		seen[strings.ToLower(s)] = name
	}
	if s := slug("resnet50.a1_in1k"); !strings.HasPrefix(s, "resnet50.a1_in1k-") {
		t.Errorf("slug of a plain name is not readable: %q", s)
	}
}

func TestIsSlug(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "a", "zoo.json", "model", strings.Repeat("a", 15), "x" + strings.Repeat("a", 16), "../" + strings.Repeat("a", 16), "a-" + strings.Repeat("g", 16), ".a-" + strings.Repeat("0", 16)} {
		if isSlug(s) {
			t.Errorf("isSlug(%q)", s)
		}
	}
}

func TestSplitNames(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a", "search", "test-2.b_C", strings.Repeat("s", 64)} {
		if err := CheckSplitName(s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"", ".", "..", ".a", "a/b", "a b", "ä", "a\x00", strings.Repeat("s", 65), "a\\b", "<b>"} {
		if CheckSplitName(s) == nil {
			t.Errorf("%q may name a split", s)
		}
	}
}

// TestHostileModels keeps models under hostile names and looks for files outside.
func TestHostileModels(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 1)
	w := write(t, z)
	names := append(hostileNames, strings.Repeat("n", maxName))
	for i, name := range names {
		addModel(t, w, name, "search", []uint16{uint16(i), one})
	}
	for _, name := range []string{"", strings.Repeat("n", maxName+1), "bad\xffutf8"} {
		if _, err := w.NewModel(Model{Name: name}); err == nil {
			t.Errorf("the name %.20q is allowed", name)
		} else if !utf8.ValidString(err.Error()) {
			t.Errorf("the message on %.20q is not valid UTF-8", name)
		}
	}
	w.Close()
	z, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if got := readAll(t, z, name, "search"); got[0] != uint16(i) {
			t.Errorf("%.20q: row %v", name, got)
		}
	}
	outside, err := filepath.Glob(filepath.Join(filepath.Dir(z.Dir()), "*"))
	if err != nil || len(outside) != 1 {
		t.Errorf("files beside the zoo: %v, %v", outside, err)
	}
	w = write(t, z)
	for _, name := range names {
		if err := w.RemoveModel(name); err != nil {
			t.Error(err)
		}
	}
	w.Close()
	if len(z.Models()) != 0 {
		t.Error("models left")
	}
	expectFiles(t, z, "lock", "splits/search.parquet", "zoo.json")
}
