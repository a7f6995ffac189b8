package zoo

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// twoModels makes a zoo of the models net and other, and returns their outputs.
func twoModels(t *testing.T) (z *Zoo, rows []uint16) {
	t.Helper()
	z = newZoo(t, 3, 20)
	w := write(t, z)
	rows = randomRows(1, 20, 3)
	addModel(t, w, "net", "search", rows)
	addModel(t, w, "other", "search", rows)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return z, rows
}

// A model whose file is damaged takes no other with it, and keeps its predictions until it is
// removed or replaced.
func TestDamagedModel(t *testing.T) {
	t.Parallel()
	for what, damage := range map[string]string{"empty": "", "half": `{"format": 1, "na`, "other": `{"format": 1, "name": "x"}`, "newer": "{\"checksum\": \"" + strings.Repeat("0", 64) + "\",\n\"format\": 3, \"name\": \"net\"}"} {
		for _, remedy := range []string{"remove", "replace", "restore"} {
			z, rows := twoModels(t)
			path, archive := z.modelPath(slug("net")), z.archivePath("search", "net", false)
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(damage), 0o666); err != nil {
				t.Fatal(err)
			}
			if z, err = Open(z.Dir()); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if d := z.Damaged(); len(d) != 1 || d[0].Name != "net" || d[0].Path != path || z.HasModel("net") || !z.HasModel("other") {
				t.Fatalf("%s: %v", what, d)
			}
			if _, err := z.Model("net"); !errors.As(err, new(*DamagedModel)) || errors.Is(err, ErrNoModel) {
				t.Errorf("%s: %v", what, err)
			}
			expectError(t, z.Verify(t.Context(), nil), path, "zoo remove", "net")
			w := write(t, z)
			if _, err := w.NewModel(Model{Name: "net"}); !errors.As(err, new(*DamagedModel)) {
				t.Errorf("%s: NewModel: %v", what, err)
			}
			if err := w.RemoveSplit("search"); !errors.As(err, new(*DamagedModel)) {
				t.Errorf("%s: RemoveSplit: %v", what, err)
			}
			if err := w.AddSplit("search", randomLabels(20, 3)[:19], nil); err == nil {
				t.Errorf("%s: the split was replaced", what)
			}
			if _, err := os.Stat(archive); err != nil {
				t.Fatalf("%s: the writer removed the predictions: %v", what, err)
			}
			switch remedy {
			case "remove":
				if err := w.RemoveModels("other", "net"); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				expectFiles(t, z, "lock", "splits/search.parquet", "zoo.json")
			case "replace":
				m, err := w.ReplaceModel(Model{Name: "net"})
				if err != nil {
					t.Fatal(err)
				}
				writeRows(t, m, "search", rows)
				if err := m.Commit(); err != nil {
					t.Fatal(err)
				}
			case "restore":
				if err := os.WriteFile(path, good, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			w.Close()
			if z, err = Open(z.Dir()); err != nil || len(z.Damaged()) > 0 {
				t.Fatalf("%s, %s: %v, %v", what, remedy, err, z.Damaged())
			}
			if err := z.Verify(t.Context(), nil); err != nil {
				t.Errorf("%s, %s: %v", what, remedy, err)
			}
			if z.HasModel("net") != (remedy != "remove") {
				t.Errorf("%s, %s: another model", what, remedy)
			} else if remedy != "remove" && !slices.Equal(readAll(t, z, "net", "search"), rows) {
				t.Errorf("%s, %s: other predictions", what, remedy)
			}
		}
	}
}

// Without archives nothing tells the name; the file is named.
func TestDamagedModelWithoutName(t *testing.T) {
	t.Parallel()
	z, _ := twoModels(t)
	os.WriteFile(z.modelPath(slug("net")), nil, 0o666)
	os.WriteFile(z.archivePath("search", "net", false), []byte("PAR1"), 0o666)
	z, err := Open(z.Dir())
	if err != nil || len(z.Damaged()) != 1 {
		t.Fatal(err, z.Damaged())
	}
	expectError(t, z.Damaged()[0], z.modelPath(slug("net")), "remove it and import")
	w := write(t, z)
	if err := w.RemoveModel("net"); err != nil { // who knows the name may use it
		t.Error(err)
	}
	w.Close()
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
