package zoo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestClassNames(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 3, 10)
	if z.ClassNames() != nil {
		t.Errorf("a new zoo calls its classes %q", z.ClassNames())
	}
	w, err := z.Write()
	if err != nil {
		t.Fatal(err)
	}
	for what, names := range map[string][]string{
		"too few": {"a", "b"}, "too many": {"a", "b", "c", "d"}, "none": nil, "empty": {"a", "", "c"},
		"not UTF-8": {"a", "\xff", "c"}, "long": {"a", strings.Repeat("n", 4097), "c"},
	} {
		if err := w.SetClassNames(names); err == nil {
			t.Errorf("%s: no error for the names %.40q", what, names)
		}
	}
	for _, names := range [][]string{{"crane", "crane", "<script>\n"}, {"Kranich", "Kran", "模型"}} {
		if err := w.SetClassNames(names); err != nil {
			t.Fatal(err)
		}
		if err := w.SetClassNames(names); err != nil {
			t.Errorf("the same again: %v", err)
		}
		again, err := Open(z.Dir())
		if err != nil || !slices.Equal(again.ClassNames(), names) || !slices.Equal(z.ClassNames(), names) {
			t.Errorf("the names %q became %q (%v)", names, again.ClassNames(), err)
		}
	}
	// What else is written to zoo.json keeps them.
	if err := w.AddSplit("more", []uint16{0, 1, 2}, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.SetClassNames([]string{"a", "b", "c"}); err == nil {
		t.Error("a closed writer set names")
	}
	again, err := Open(z.Dir())
	if err != nil || len(again.ClassNames()) != 3 || len(again.Splits()) != len(z.Splits()) {
		t.Fatalf("%q, %v", again.ClassNames(), err)
	}
}

func TestNamesDoNotChangeTheFingerprint(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 5)
	before := z.Fingerprint()
	w, err := z.Write()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.SetClassNames([]string{"yes", "no"}); err != nil {
		t.Fatal(err)
	}
	if z.Fingerprint() != before {
		t.Error("the names are in the fingerprint")
	}
}

func TestDamagedClassNames(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 5)
	path := filepath.Join(z.Dir(), "zoo.json")
	unseal(t, path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range []string{`["one"]`, `["one", ""]`, `[1, 2]`, `[]`} {
		bad := strings.Replace(string(text), `"classes": 2,`, `"classes": 2, "class_names": `+names+`,`, 1)
		if err := os.WriteFile(path, []byte(bad), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(z.Dir()); err == nil || !strings.Contains(err.Error(), "zoo.json is damaged") {
			t.Errorf("class names %s: error %v", names, err)
		}
	}
}
