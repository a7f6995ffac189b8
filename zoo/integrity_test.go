package zoo

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestExchangedArchives: an archive of another model, or split, is refused, also when an
// index is built.
func TestExchangedArchives(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 3, 4)
	w := write(t, z)
	if err := w.AddSplit("other", []uint16{0, 1, 2, 0}, nil); err != nil {
		t.Fatal(err)
	}
	addModel(t, w, "a", "search", randomRows(1, 4, 3))
	addModel(t, w, "b", "search", randomRows(2, 4, 3))
	addModel(t, w, "a2", "other", randomRows(1, 4, 3))
	w.Close()
	paths := []string{z.archivePath("search", "a", false), z.archivePath("search", "b", false), z.archivePath("other", "a2", false)}
	var files [][]byte
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, data)
	}
	for _, other := range files[1:] {
		os.WriteFile(paths[0], other, 0o666)
		os.Remove(z.indexPath("search", "a"))
		_, err := z.Predictions("a", "search")
		expectError(t, err, paths[0], "damaged")
		if _, err := z.OpenIndex(t.Context(), "search", []string{"a"}, nil); err == nil {
			t.Error("an index was built of another archive")
		}
		if _, err := os.Stat(z.indexPath("search", "a")); err == nil {
			t.Error("and written")
		}
	}
	os.WriteFile(paths[0], files[0], 0o666)
	openIndexOf(t, z, "search", "a")
}

// TestArchiveSaysWhatItIsOf: names of model and split in the archive are checked for
// themselves.
func TestArchiveSaysWhatItIsOf(t *testing.T) {
	t.Parallel()
	z := damageZoo(t)
	for _, c := range []struct{ model, split, want string }{{"other", "search", `"other" instead of "net"`}, {"net", "test", `"test" instead of "search"`}} {
		path := z.archivePath("search", "net", false)
		rows, err := createRows(path, c.model, c.split, damageSamples, damageClasses)
		if err != nil {
			t.Fatal(err)
		}
		for range damageSamples {
			rows.write([]uint16{one, 0, 0})
		}
		if err := rows.finish(); err != nil {
			t.Fatal(err)
		}
		rows.out.Rename()
		m, _ := z.Model("net")
		m.Splits["search"] = Archive{Rows: damageSamples, Bytes: rows.out.Size(), SHA256: rows.out.SHA256()}
		z.models["net"] = m
		if err := z.writeModel(m); err != nil {
			t.Fatal(err)
		}
		_, err = z.Predictions("net", "search")
		expectError(t, err, path, c.want)
	}
}

// forgetChecksums makes a model's file one of an earlier version, which had no checksums of lists.
func forgetChecksums(t *testing.T, z *Zoo, model string) {
	t.Helper()
	m, err := z.Model(model)
	if err != nil {
		t.Fatal(err)
	}
	for split, a := range m.Splits {
		a.CRC32C = ""
		m.Splits[split] = a
	}
	z.models[model] = m
	if err := z.writeModel(m); err != nil {
		t.Fatal(err)
	}
}

// TestChangedInPlace: what was just written is compared with its SHA-256 again and again, because
// its time would not tell another change. What is old is not.
func TestChangedInPlace(t *testing.T) {
	t.Parallel()
	for _, lists := range []bool{false, true} {
		z := newZoo(t, 40, 30)
		w := write(t, z)
		w.KeepLists(lists)
		addModel(t, w, "a", "search", randomRows(1, 30, 40))
		w.Close()
		forgetChecksums(t, z, "a") // which do not depend on times
		m, _ := z.Model("a")
		path := z.predictionsPath("search", "a", m.Splits["search"])
		flipKept := func(at time.Time) {
			flip(t, path, 700)
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		open := func() error {
			if !lists {
				r, err := z.Predictions("a", "search")
				if err == nil {
					r.Close()
				}
				return err
			}
			r, err := z.Listed("a", "search")
			if err == nil {
				r.Close()
			}
			return err
		}
		now, old := time.Now(), time.Now().Add(-time.Hour)
		if err := errors.Join(os.Chtimes(path, now, now), open()); err != nil {
			t.Fatal(err)
		}
		flipKept(now)
		expectError(t, open(), path, "SHA-256")
		flipKept(old)
		if err := open(); err != nil {
			t.Fatal(err)
		}
		if lists { // whose own checksum is compared, too
			continue
		}
		flipKept(old)
		if err := open(); err != nil {
			t.Errorf("read again: %v", err)
		}
	}
}

// TestRemedy: whatever is wrong with a file of predictions, full outputs or lists, the error says
// what to do, and that is enough.
func TestRemedy(t *testing.T) {
	t.Parallel()
	for what, harm := range map[string]func(path string, whole, other []byte){
		"missing":       func(path string, _, _ []byte) { os.Remove(path) },
		"empty":         func(path string, _, _ []byte) { os.WriteFile(path, nil, 0o666) },
		"cut":           func(path string, whole, _ []byte) { os.WriteFile(path, whole[:len(whole)/2], 0o666) },
		"longer":        func(path string, whole, _ []byte) { os.WriteFile(path, append(whole, 0), 0o666) },
		"a bit":         func(path string, whole, _ []byte) { whole[len(whole)/2] ^= 1; os.WriteFile(path, whole, 0o666) },
		"another model": func(path string, _, other []byte) { os.WriteFile(path, other, 0o666) },
		"a folder":      func(path string, _, _ []byte) { os.Remove(path); os.Mkdir(path, 0o777) },
	} {
		for _, lists := range []bool{false, true} {
			z := newZoo(t, 40, 30)
			w := write(t, z)
			w.KeepLists(lists)
			addModel(t, w, "a", "search", randomRows(1, 30, 40))
			addModel(t, w, "other", "search", randomRows(2, 30, 40))
			w.Close()
			a, _ := z.Model("a")
			other, _ := z.Model("other")
			path := z.predictionsPath("search", "a", a.Splits["search"])
			whole, err1 := os.ReadFile(path)
			others, err2 := os.ReadFile(z.predictionsPath("search", "other", other.Splits["search"]))
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			harm(path, whole, others)
			if !lists {
				os.Remove(z.indexPath("search", "a"))
			}
			remedy := "; restore the file, or remove the model with `encas-zoo zoo remove --zoo " + z.Dir() + " -- a` and import or ingest it again"
			_, err := z.OpenIndex(t.Context(), "search", []string{"a"}, nil)
			errs := map[string]error{"index": err, "verify": z.Verify(t.Context(), nil)}
			if lists {
				_, errs["lists"] = z.Listed("a", "search")
			} else {
				_, errs["predictions"] = z.Predictions("a", "search")
			}
			for when, err := range errs {
				if err == nil || strings.Count(err.Error(), remedy) != 1 || !strings.Contains(err.Error(), path) {
					t.Errorf("%s, lists %v, %s: %v", what, lists, when, err)
				}
			}
			w = write(t, z)
			if err := w.RemoveModel("a"); err != nil {
				t.Fatal(err)
			}
			w.KeepLists(lists)
			addModel(t, w, "a", "search", randomRows(1, 30, 40))
			w.Close()
			if err := z.Verify(t.Context(), nil); err != nil {
				t.Errorf("%s, lists %v: %v", what, lists, err)
			}
		}
	}
}

// TestMetadataChecksums changes every byte of the metadata.
func TestMetadataChecksums(t *testing.T) {
	t.Parallel()
	z := damageZoo(t)
	fingerprint := z.Fingerprint()
	for _, path := range []string{z.headPath(), z.modelPath(slug("net"))} {
		eachDamage(t, path, func(what string, _ []byte) {
			if z, err := Open(z.Dir()); err == nil && z.Fingerprint() != fingerprint && len(z.Damaged()) == 0 {
				t.Errorf("%s: another zoo, and no error", what)
			}
		})
	}
	said := notes(z)
	if err := z.Verify(t.Context(), nil); err != nil || len(*said) != 0 {
		t.Errorf("%v, %q", err, *said)
	}
	unseal(t, z.headPath(), z.modelPath(slug("net")))
	if err := z.Verify(t.Context(), nil); err != nil || len(*said) != 1 || !strings.Contains((*said)[0], "2 of 3 files of metadata have no checksum") {
		t.Errorf("%v, %q", err, *said)
	}
}

// TestChangedUnderReader: what a writer replaced or removed since a zoo was opened is not
// called damaged.
func TestChangedUnderReader(t *testing.T) {
	t.Parallel()
	z := damageZoo(t)
	reader, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	w := write(t, z)
	defer w.Close()
	changed := func(what string) {
		t.Helper()
		_, err := reader.Predictions("net", "search")
		_, _, errLabels := reader.Labels("search")
		errVerify := reader.Verify(t.Context(), nil)
		for _, err := range []error{err, errVerify} {
			if !errors.Is(err, ErrChanged) || strings.Contains(err.Error(), "damaged") {
				t.Errorf("%s: %v", what, err)
			}
		}
		if errLabels != nil && !errors.Is(errLabels, ErrChanged) {
			t.Errorf("%s: %v", what, errLabels)
		}
	}
	for seed := range uint64(3) { // whose archives take turns with two names
		m, err := w.ReplaceModel(Model{Name: "net"})
		if err != nil {
			t.Fatal(err)
		}
		writeRows(t, m, "search", randomRows(10+seed, damageSamples, damageClasses))
		if err := m.Commit(); err != nil {
			t.Fatal(err)
		}
		changed("replaced")
	}
	if err := w.RemoveModel("net"); err != nil {
		t.Fatal(err)
	}
	changed("removed")
	if err := w.RemoveSplit("search"); err != nil {
		t.Fatal(err)
	}
	changed("its split removed")
	if err := w.AddSplit("search", []uint16{0, 1}, nil); err != nil {
		t.Fatal(err)
	}
	changed("another split of that name")
}

// TestReadersBesideWriter opens and reads a zoo that changes all the time.
func TestReadersBesideWriter(t *testing.T) {
	t.Parallel()
	z := damageZoo(t)
	w := write(t, z)
	done := make(chan struct{})
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				reader, err := Open(z.Dir())
				if err != nil {
					t.Errorf("opening: %v", err)
					return
				}
				if err := reader.Verify(t.Context(), nil); err != nil && !errors.Is(err, ErrChanged) {
					t.Errorf("verifying: %v", err)
					return
				}
			}
		})
	}
	for round := range 40 {
		if err := w.AddSplit("test", []uint16{0, 1, uint16(round % 3)}, nil); err != nil {
			t.Fatal(err)
		}
		m, err := w.ExtendModel("net")
		if err != nil {
			t.Fatal(err)
		}
		writeRows(t, m, "test", randomRows(uint64(round), 3, damageClasses))
		if err := m.Commit(); err != nil {
			t.Fatal(err)
		}
		if m, err = w.ReplacePredictions("net", []string{"search"}); err != nil {
			t.Fatal(err)
		}
		writeRows(t, m, "search", randomRows(uint64(round+1), damageSamples, damageClasses))
		if err := m.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := w.RemoveSplit("test"); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wait.Wait()
	w.Close()
}
