package zoo

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	z := damageZoo(t)
	w := write(t, z)
	addModel(t, w, "third", "search", randomRows(5, damageSamples, damageClasses))
	w.Close()
	var reports [][2]int
	if err := z.Verify(t.Context(), func(done, total int) { reports = append(reports, [2]int{done, total}) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(reports, [][2]int{{0, 3}, {1, 3}, {2, 3}, {3, 3}}) {
		t.Errorf("reports: %v", reports)
	}

	// All problems are found, each with its file.
	net, api, third := z.archivePath("search", "net", false), z.archivePath("search", "api", false), z.archivePath("search", "third", false)
	os.Truncate(net, 50)
	os.Remove(third)
	flip(t, api, 30)
	flip(t, z.splitPath("search"), 40)
	err := z.Verify(t.Context(), nil)
	expectError(t, err, net, "bytes instead of", api, "SHA-256", third, z.splitPath("search"))
	if n := len(strings.Split(err.Error(), "\n")); n != 4 {
		t.Errorf("%d problems: %v", n, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := z.Verify(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestVerifyRows: an archive with the right hash and wrong rows is not right.
func TestVerifyRows(t *testing.T) {
	t.Parallel()
	z := damageZoo(t)
	badRows(t, z, slices.Repeat([]uint16{one, one, 0}, damageSamples))
	expectError(t, z.Verify(t.Context(), nil), `"net"`, z.archivePath("search", "net", false), "row 0", "sum to 2")
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 0x10
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}
