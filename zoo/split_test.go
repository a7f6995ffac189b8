package zoo

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestAddSplit(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 10, 3)
	w := write(t, z)
	long := strings.Repeat("i", maxName)
	for _, c := range []struct {
		name   string
		labels []uint16
		ids    []string
		want   []string // of the error, none where it is right
	}{
		{"ok", []uint16{1, 2, 9}, []string{"x", "y", "z"}, nil},
		{"ok", []uint16{1, 2, 9}, []string{"x", "y", "z"}, nil},
		{"ok", []uint16{1, 2, 8}, []string{"x", "y", "z"}, []string{`"ok"`, "already exists"}},
		{"ok", []uint16{1, 2, 9}, nil, []string{`"ok"`, "already exists"}},
		{"ok", []uint16{1, 2}, []string{"x", "y"}, []string{"already has 3 samples, not 2"}},
		{"OK", []uint16{1, 2, 9}, nil, []string{"case only"}},
		{"none", nil, nil, []string{"no samples"}},
		{"label", []uint16{1, 2, 10}, []string{"x", "y", "z.jpg"}, []string{"row 2", "z.jpg", "label 10", "0 to 9"}},
		{"label", []uint16{NoClass}, nil, []string{"row 0", "label 65535"}},
		{"ids", []uint16{1, 2, 3}, []string{"x"}, []string{"3 samples and 1 sample ids"}},
		{"twice", []uint16{1, 2, 3}, []string{"x", "y", "x"}, []string{"rows 0 and 2", `"x"`}},
		{"filled", []uint16{1, 2, 3}, []string{"", "", "1"}, []string{"rows 1 and 2", `"1"`}},
		{"utf8", []uint16{1}, []string{"\xff"}, []string{"row 0", "UTF-8"}},
		{"long", []uint16{1}, []string{long + "x"}, []string{"row 0", "4097 bytes"}},
		{"long", []uint16{1}, []string{long}, nil},
		{"../x", []uint16{1}, nil, []string{"cannot name a split"}},
		{"fill", []uint16{1, 2, 3}, []string{"", "b", ""}, nil},
	} {
		err := w.AddSplit(c.name, c.labels, c.ids)
		if c.want != nil {
			expectError(t, err, c.want...)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	w.Close()
	z, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range z.Splits() {
		names = append(names, s.Name)
	}
	if !slices.Equal(names, []string{"fill", "long", "ok", "search"}) {
		t.Errorf("splits: %v", names)
	}
	if _, ids, err := z.Labels("fill"); err != nil || !slices.Equal(ids, []string{"0", "b", "2"}) {
		t.Errorf("ids: %v, %v", ids, err)
	}
	if labels, ids, err := z.Labels("ok"); err != nil || !slices.Equal(ids, []string{"x", "y", "z"}) || !slices.Equal(labels, []uint16{1, 2, 9}) {
		t.Errorf("ok: %v, %v, %v", labels, ids, err)
	}
	expectFiles(t, z, "lock", "splits/fill.parquet", "splits/long.parquet", "splits/ok.parquet", "splits/search.parquet", "zoo.json")
}

func TestAddUnlabelled(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 10, 3)
	w := write(t, z)
	for range 2 { // adding it again does nothing
		if err := w.AddUnlabelled("pool", 3, []string{"x", "", "z"}); err != nil {
			t.Fatal(err)
		}
	}
	expectError(t, w.AddUnlabelled("pool", 3, nil), `"pool"`, "already exists")
	expectError(t, w.AddSplit("pool", []uint16{1, 2, 3}, []string{"x", "", "z"}), `"pool"`, "already exists without labels")
	addModel(t, w, "binds", "search", randomRows(2, 3, 10))
	expectError(t, w.AddUnlabelled("search", 3, nil), `"search"`, "already exists with labels")
	expectError(t, w.AddUnlabelled("none", 0, nil), "no samples")
	expectError(t, w.AddUnlabelled("ids", 3, []string{"x"}), "3 samples and 1 sample ids")
	expectError(t, w.AddUnlabelled("twice", 2, []string{"x", "x"}), "rows 0 and 1")
	rows := randomRows(1, 3, 10)
	addModel(t, w, "net", "pool", rows)
	w.Close()

	z, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := z.Split("pool")
	if err != nil || !s.Unlabelled || s.Samples != 3 {
		t.Errorf("%+v, %v", s, err)
	}
	if ids, err := z.IDs("pool"); err != nil || !slices.Equal(ids, []string{"x", "1", "z"}) {
		t.Errorf("ids: %v, %v", ids, err)
	}
	if ids, err := z.IDs("search"); err != nil || !slices.Equal(ids, []string{"0", "1", "2"}) {
		t.Errorf("ids of a split with labels: %v, %v", ids, err)
	}
	for _, f := range []func() error{
		func() error { _, _, err := z.Labels("pool"); return err },
		func() error { _, err := z.Labelled("pool"); return err },
	} {
		if err := f(); !errors.Is(err, ErrNoLabels) || !strings.Contains(err.Error(), `"pool"`) {
			t.Errorf("its labels: %v", err)
		}
	}
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	// The index that was written with the model, and one that is built anew.
	for range 2 {
		ix, err := z.OpenIndex(t.Context(), "pool", []string{"net"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if ix.Labels() != nil || len(ix.Lists("net").TopClass) != 3 {
			t.Errorf("index: labels %v, answers %v", ix.Labels(), ix.Lists("net").TopClass)
		}
		ix.Close()
		if err := os.Remove(z.indexPath("pool", "net")); err != nil {
			t.Fatal(err)
		}
	}

	// A zoo.json that claims labels for it, or denies those of another, is found out.
	changed := z.Splits()
	for i := range changed {
		changed[i].Unlabelled = !changed[i].Unlabelled
	}
	if err := z.writeHead(changed); err != nil {
		t.Fatal(err)
	}
	damaged, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	expectError(t, damaged.Verify(t.Context(), nil), z.splitPath("pool"), z.splitPath("search"))
}

// TestLargeSplit takes several pages and row groups, with ids of every length.
func TestLargeSplit(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("writes a large split")
	}
	const n = 600_000
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint(i, strings.Repeat("é", i%40))
		if i%100_000 == 7 {
			ids[i] += strings.Repeat("l", 4000)
		}
	}
	labels := randomLabels(n, 65535)
	z := newZoo(t, 65535, 1)
	w := write(t, z)
	if err := w.AddSplit("large", labels, ids); err != nil {
		t.Fatal(err)
	}
	gotLabels, gotIDs, err := z.Labels("large")
	if err != nil || !slices.Equal(gotLabels, labels) || !slices.Equal(gotIDs, ids) {
		t.Errorf("labels or ids read differ from those written: %v", err)
	}
}
