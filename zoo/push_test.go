package zoo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A memoryStore is a Store of which requests can fail.
type memoryStore struct {
	lossy bool         // Swap takes no conditions
	fail  func() error // before each request; nil: none fails
	odd   []string     // further names in models

	mu      sync.Mutex
	objects map[string][]byte
	puts    []string
}

func newMemoryStore() *memoryStore { return &memoryStore{objects: map[string][]byte{}} }

var errStore = errors.New("the store fails")

// failAt has the nth request and all after it fail.
func (m *memoryStore) failAt(n int64) {
	var count atomic.Int64
	m.fail = func() error {
		if count.Add(1) > n {
			return errStore
		}
		return nil
	}
}

func (m *memoryStore) String() string { return "s3://bucket/prefix" }

func (m *memoryStore) get(name string) ([]byte, error) {
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[name]
	if !ok {
		return nil, fmt.Errorf("there is no %s/%s: %w", m, name, fs.ErrNotExist)
	}
	return data, nil
}

func (m *memoryStore) List(_ context.Context, folder string, f func(name string) error) error {
	m.mu.Lock()
	names := slices.Sorted(maps.Keys(m.objects))
	m.mu.Unlock()
	for _, name := range append(names, m.odd...) {
		if name, ok := strings.CutPrefix(name, folder+"/"); ok {
			if err := f(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (m *memoryStore) Stat(_ context.Context, name string) (Object, error) {
	data, err := m.get(name)
	return Object{int64(len(data)), sumOf(data)}, err
}

func (m *memoryStore) Get(_ context.Context, name string, w io.Writer) (string, error) {
	data, err := m.get(name)
	if err == nil {
		_, err = w.Write(data)
	}
	return sumOf(data), err
}

func (m *memoryStore) Put(ctx context.Context, name string, o Object, content io.ReaderAt, sent func(n int64)) error {
	return m.put(name, o, content, nil)
}

func (m *memoryStore) Swap(ctx context.Context, name string, o Object, content io.ReaderAt, version string) error {
	return m.put(name, o, content, &version)
}

func (m *memoryStore) put(name string, o Object, content io.ReaderAt, version *string) error {
	data, err := io.ReadAll(io.NewSectionReader(content, 0, o.Size+1))
	if err != nil {
		return err
	}
	if int64(len(data)) != o.Size || sumOf(data) != o.SHA256 {
		return fmt.Errorf("%s is not what it is said to be", name)
	}
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if was, ok := m.objects[name]; version != nil && !m.lossy && (ok != (*version != "") || ok && sumOf(was) != *version) {
		return fmt.Errorf("%s: %w", name, ErrConflict)
	}
	m.objects[name] = data
	m.puts = append(m.puts, name)
	return nil
}

// toPush is a zoo of several kinds of models.
func toPush(t testing.TB, dir string) *Zoo {
	return part{
		splits: map[string]int{"search": 40, "test": 20, "unused": 5},
		models: map[string]map[string]uint64{"a": {"search": 1, "test": 2}, "b/../b": {"search": 3}, "c": {"test": 4}, "lists": {"search": 5}},
		lists:  []string{"lists"},
	}.make(t, dir)
}

func pulled(t testing.TB, store Store, dir string) *Zoo {
	t.Helper()
	result, err := Pull(t.Context(), store, dir, TransferOptions{})
	if err != nil || len(result.Failed) > 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	z, err := Open(dir)
	if err == nil {
		err = z.Verify(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestPushAndPull(t *testing.T) {
	t.Parallel()
	z, store := toPush(t, filepath.Join(t.TempDir(), "z")), newMemoryStore()
	var done int64
	result, err := Push(t.Context(), z, store, PushOptions{})
	if err != nil || !slices.Equal(result.Added, []string{"a", "b/../b", "c", "lists"}) || len(result.Skipped)+len(result.Failed) > 0 || result.Sent == 0 || result.Objects != len(store.objects) {
		t.Fatalf("%+v, %v", result, err)
	}
	// What says that something is there comes after it.
	at := func(name string) int {
		return slices.IndexFunc(store.puts, func(put string) bool { return strings.Contains(put, name) })
	}
	for _, pair := range [][2]string{{"splits/search", "zoo.json"}, {"zoo.json", "models/a-"}, {"archive/test/a-", "models/a-"}, {"index/search/lists-", "models/lists-"}} {
		if first, second := at(pair[0]), at(pair[1]); first < 0 || first > second {
			t.Errorf("%s is written as number %d, %s as %d", pair[0], first, pair[1], second)
		}
	}
	dir := filepath.Join(t.TempDir(), "new")
	got, err := Pull(t.Context(), store, dir, TransferOptions{Progress: func(n, total int64, _ string) {
		if done = n; n > total {
			t.Errorf("%d of %d bytes", n, total)
		}
	}})
	if err != nil || got.Copied != result.Sent || done != result.Sent {
		t.Errorf("%+v, %v, %d of %d bytes", got, err, done, result.Sent)
	}
	if n := pulled(t, store, dir); n.Fingerprint() != z.Fingerprint() {
		t.Error("another zoo was pulled")
	}
	store.puts = nil
	if result, err := Push(t.Context(), z, store, PushOptions{}); err != nil || len(result.Skipped) != 4 || len(store.puts) > 0 {
		t.Errorf("%+v, %v, %q", result, err, store.puts)
	}
}

// Whichever request is the last one that succeeds, there are whole models only, and the same call does the rest.
func TestPushThatFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	z := toPush(t, filepath.Join(dir, "z"))
	for n := int64(0); ; n++ {
		store := newMemoryStore()
		store.failAt(n)
		_, err := Push(t.Context(), z, store, PushOptions{})
		store.fail = nil
		if err == nil {
			if n < 15 {
				t.Errorf("it takes %d requests", n)
			}
			break
		}
		if !errors.Is(err, errStore) {
			t.Fatal(err)
		}
		part := filepath.Join(dir, fmt.Sprint(n))
		if result, err := Pull(t.Context(), store, part, TransferOptions{}); len(result.Failed) > 0 || err == nil && len(result.Added) == 0 {
			t.Errorf("after %d requests: %+v, %v", n, result, err)
		}
		if _, err := Push(t.Context(), z, store, PushOptions{}); err != nil {
			t.Fatal(err)
		}
		if n := pulled(t, store, part); n.Fingerprint() != z.Fingerprint() {
			t.Error("another zoo was pulled")
		}
	}
}

func TestPullThatFails(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newMemoryStore()
	z := toPush(t, filepath.Join(dir, "z"))
	if _, err := Push(t.Context(), z, store, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	for n := int64(0); ; n++ {
		to := filepath.Join(dir, fmt.Sprint(n))
		store.failAt(n)
		result, err := Pull(t.Context(), store, to, TransferOptions{})
		store.fail = nil
		if err == nil {
			break
		}
		if !errors.Is(err, errStore) || len(result.Failed) > 0 {
			t.Fatalf("%+v, %v", result, err)
		}
		if there, err := Open(to); err == nil {
			if err := there.Verify(t.Context(), nil); err != nil {
				t.Error(err)
			}
		}
		if n := pulled(t, store, to); n.Fingerprint() != z.Fingerprint() {
			t.Error("another zoo was pulled")
		}
	}
}

// Nothing is left of a stage, whatever happens.
func TestStagesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	store := newMemoryStore()
	z := toPush(t, filepath.Join(t.TempDir(), "z"))
	for n := range int64(30) {
		store.failAt(n)
		Push(t.Context(), z, store, PushOptions{})
		Pull(t.Context(), store, filepath.Join(t.TempDir(), "to"), TransferOptions{})
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// What is wrong with the folder of a stage is not said of the store.
func TestStageWithoutFolder(t *testing.T) {
	store := newMemoryStore()
	z := toPush(t, filepath.Join(t.TempDir(), "z"))
	if _, err := Push(t.Context(), z, store, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		t.Setenv("TMPDIR", dir)
		store.fail = func() error { // somebody removes it
			left, err := filepath.Glob(filepath.Join(dir, "*", "models"))
			for _, models := range left {
				err = errors.Join(err, os.RemoveAll(models))
			}
			return err
		}
		_, err := Pull(t.Context(), store, filepath.Join(t.TempDir(), "to"), TransferOptions{})
		if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "TMPDIR") {
			t.Error(err)
		}
	}
}

// Pushes at the same moment put all of their splits there, even where the server takes no conditions.
func TestPushesAtOnce(t *testing.T) {
	t.Parallel()
	for _, lossy := range []bool{false, true} {
		store := newMemoryStore()
		store.lossy = lossy
		const n = 8
		var wait sync.WaitGroup
		for i := range n {
			z := part{
				splits: map[string]int{"search": 30, fmt.Sprint("own", i): 10 + i},
				models: map[string]map[string]uint64{fmt.Sprint("m", i): {"search": uint64(i), fmt.Sprint("own", i): 9}},
			}.make(t, filepath.Join(t.TempDir(), "z"))
			wait.Go(func() {
				if _, err := Push(t.Context(), z, store, PushOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if lossy { // two may have confirmed before a third replaced zoo.json; each can mend it
			continue
		}
		if z := pulled(t, store, filepath.Join(t.TempDir(), "to")); len(z.Models()) != n || len(z.Splits()) != n+1 {
			t.Errorf("%d models, %d splits", len(z.Models()), len(z.Splits()))
		}
	}
}

// Pushes of one zoo at once do not disturb each other, and a model that another push changes at the same moment
// is an error.
func TestPushesOfOneModel(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newMemoryStore()
	z := toPush(t, filepath.Join(dir, "z"))
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() {
			if _, err := Push(t.Context(), z, store, PushOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := pulled(t, store, filepath.Join(dir, "to")); n.Fingerprint() != z.Fingerprint() {
		t.Error("another zoo was pulled")
	}
	other := part{splits: map[string]int{"search": 40}, models: map[string]map[string]uint64{"n": {"search": 7}}}.make(t, filepath.Join(dir, "other"))
	name := "models/" + slug("n") + ".json"
	store.fail = func() error {
		store.mu.Lock()
		defer store.mu.Unlock()
		if slices.ContainsFunc(store.puts, func(put string) bool { return strings.Contains(put, "archive/search/n-") }) {
			store.objects[name] = []byte("what somebody else has put there")
		}
		return nil
	}
	_, err := Push(t.Context(), other, store, PushOptions{})
	expectError(t, err, `"n"`, "another push")
}

// A split that another push has dropped from zoo.json meanwhile is put there again.
func TestPushConfirmsItsSplits(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newMemoryStore()
	older := part{splits: map[string]int{"search": 30}, models: map[string]map[string]uint64{"old": {"search": 1}}}.make(t, filepath.Join(dir, "old"))
	if _, err := Push(t.Context(), older, store, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	head := store.objects["zoo.json"]
	z := part{splits: map[string]int{"search": 30, "own": 9}, models: map[string]map[string]uint64{"new": {"own": 1}}}.make(t, filepath.Join(dir, "new"))
	dropped := false
	store.fail = func() error {
		store.mu.Lock()
		defer store.mu.Unlock()
		if _, ok := store.objects["models/"+slug("new")+".json"]; ok && !dropped {
			store.objects["zoo.json"], dropped = head, true
		}
		return nil
	}
	if _, err := Push(t.Context(), z, store, PushOptions{}); err != nil || !dropped {
		t.Fatal(err)
	}
	if z := pulled(t, store, filepath.Join(dir, "to")); len(z.Models()) != 2 || len(z.Splits()) != 2 {
		t.Errorf("%d models, %d splits", len(z.Models()), len(z.Splits()))
	}
}

// Of two first pushes with different samples of one split one fails, and the other one's samples are there.
func TestFirstPushesOfOneSplit(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newMemoryStore()
	make := func(name string, n int) *Zoo {
		return part{splits: map[string]int{"search": n}, models: map[string]map[string]uint64{name: {"search": 1}}}.make(t, filepath.Join(dir, name))
	}
	first, late := make("first", 30), make("late", 31)
	lates, err := os.ReadFile(late.splitPath("search"))
	if err != nil {
		t.Fatal(err)
	}
	var over sync.Once
	store.fail = func() error {
		store.mu.Lock()
		defer store.mu.Unlock()
		if _, ok := store.objects["zoo.json"]; ok { // the late one has read that there is none, and sends what it has
			over.Do(func() { store.objects["splits/search.parquet"] = lates })
		}
		return nil
	}
	if _, err := Push(t.Context(), first, store, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	if z := pulled(t, store, filepath.Join(dir, "to")); z.Fingerprint() != first.Fingerprint() {
		t.Error("another zoo was pulled")
	}
	_, err = Push(t.Context(), late, store, PushOptions{})
	expectError(t, err, `"search"`, store.String())
}

// The split to remove is called as it is there, if names differ in case only.
func TestPullOfSplitInOtherCase(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newMemoryStore()
	make := func(name, split string) *Zoo {
		return part{splits: map[string]int{split: 30}, models: map[string]map[string]uint64{name: {split: 1}}}.make(t, filepath.Join(dir, name))
	}
	if _, err := Push(t.Context(), make("a", "search"), store, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	to := make("b", "Search").Dir()
	_, err := Pull(t.Context(), store, to, TransferOptions{})
	expectError(t, err, "case only", "--split Search --force")
}

// What a store holds is not believed.
func TestPullFromHostileStore(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newMemoryStore()
	z := toPush(t, filepath.Join(dir, "z"))
	if _, err := Push(t.Context(), z, store, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	whole := maps.Clone(store.objects)
	archive, model := "archive/search/"+slug("a")+".parquet", "models/"+slug("a")+".json"
	store.odd = []string{"models/../../x.json", "models/sub/" + slug("a") + ".json", "models//etc/passwd", "models/.json"}
	for name, change := range map[string]func(){
		"longer":         func() { store.objects[archive] = append(slices.Clone(whole[archive]), 0) },
		"shorter":        func() { store.objects[archive] = whole[archive][1:] },
		"missing":        func() { delete(store.objects, archive) },
		"other":          func() { store.objects[archive] = bytes.Repeat([]byte{7}, len(whole[archive])) },
		"endless":        func() { store.objects[archive] = make([]byte, 64<<20) },
		"no JSON":        func() { store.objects[model] = []byte("{") },
		"endless JSON":   func() { store.objects[model] = bytes.Repeat([]byte(" "), maxJSON+2) },
		"another's JSON": func() { store.objects[model] = whole["models/"+slug("c")+".json"] },
	} {
		t.Run(name, func(t *testing.T) {
			store.objects = maps.Clone(whole)
			change()
			to := filepath.Join(t.TempDir(), "to")
			result, err := Pull(t.Context(), store, to, TransferOptions{})
			if err != nil || len(result.Added) != 3 || len(result.Failed) != 1 || !strings.Contains(result.Failed[0].Err.Error(), store.String()+"/") || !strings.Contains(result.Failed[0].Err.Error(), "--replace") {
				t.Errorf("%+v, %v", result, err)
			}
			n, err := Open(to)
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Verify(t.Context(), nil); err != nil {
				t.Error(err)
			}
			// Of these pushing again sees all but what has the size and is called the same.
			if _, err := Push(t.Context(), z, store, PushOptions{Replace: true}); err != nil {
				t.Fatal(err)
			}
			if n := pulled(t, store, to); n.Fingerprint() != z.Fingerprint() {
				t.Error("another zoo was pulled")
			}
		})
	}
	split := "splits/search.parquet"
	for name, change := range map[string]func(){
		"endless split": func() { store.objects[split] = make([]byte, maxSplitFile(Split{Samples: 40})+1) },
		"no split":      func() { delete(store.objects, split) },
		"other split":   func() { store.objects[split] = whole["splits/test.parquet"] },
		"endless list":  func() { store.odd = slices.Repeat([]string{"models/x"}, maxModels+1) },
	} {
		store.objects = maps.Clone(whole)
		change()
		to := filepath.Join(dir, "none")
		_, err := Pull(t.Context(), store, to, TransferOptions{})
		store.odd = nil
		if err == nil || !strings.Contains(err.Error(), store.String()) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(to); err == nil {
			t.Errorf("%s: there is %s", name, to)
		}
		if !strings.Contains(name, "split") {
			continue
		}
		expectError(t, err, "zoo push --replace from a zoo that has the split mends it")
		if _, err := Push(t.Context(), z, store, PushOptions{Replace: true}); err != nil {
			t.Fatal(err)
		}
		if n := pulled(t, store, filepath.Join(dir, name)); n.Fingerprint() != z.Fingerprint() {
			t.Errorf("%s: another zoo was pulled", name)
		}
	}
}

// A model whose predictions are replaced while they are read is left out, and the others are pulled; metadata are read again.
func TestPullBesideReplacement(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newMemoryStore()
	z := toPush(t, filepath.Join(dir, "z"))
	if _, err := Push(t.Context(), z, store, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, left := range map[string]int{"zoo.json": 0, "models/" + slug("a") + ".json": 0, "splits/test.parquet": 0, "archive/search/" + slug("a") + ".parquet": 1} {
		to := filepath.Join(t.TempDir(), "to")
		result, err := Pull(t.Context(), &replacedStore{memoryStore: store, name: name}, to, TransferOptions{})
		if err != nil || len(result.Failed) != left || len(result.Added) != 4-left {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
		for _, f := range result.Failed {
			if text := f.Err.Error(); !strings.Contains(text, store.String()+"/"+name) || !strings.Contains(text, "replaced meanwhile") || strings.Contains(text, "--replace") {
				t.Error(text)
			}
		}
		if n := pulled(t, store, to); n.Fingerprint() != z.Fingerprint() {
			t.Errorf("%s: another zoo was pulled", name)
		}
	}
}

// A replacedStore replaces an object once while it is read.
type replacedStore struct {
	*memoryStore
	name string
	once sync.Once
}

func (r *replacedStore) Get(ctx context.Context, name string, w io.Writer) (version string, err error) {
	if name == r.name {
		r.once.Do(func() {
			w.Write([]byte{'{'})
			err = fmt.Errorf("%s/%s was changed: %w", r, name, ErrConflict)
		})
	}
	if err != nil {
		return "", err
	}
	return r.memoryStore.Get(ctx, name, w)
}

// The samples of a store take no more memory than there is, however many zoo.json says there are, and however
// short their file is.
func TestPullWithoutMemory(t *testing.T) {
	store := newMemoryStore()
	ids := make([]string, 3000)
	for i := range ids {
		ids[i] = fmt.Sprintf("%0300d", i)
	}
	z := part{splits: map[string]int{"search": len(ids)}, ids: map[string][]string{"search": ids}, models: map[string]map[string]uint64{"a": {"search": 1}}}.make(t, filepath.Join(t.TempDir(), "z"))
	if _, err := Push(t.Context(), z, store, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	defer func(was func() int64) { spareMemory = was }(spareMemory)
	for _, spare := range []int64{50_000, 500_000, 5_000_000, 0} { // bytes: for neither, for all but the ids, for all; unknown
		spareMemory = func() int64 { return spare }
		_, err := Pull(t.Context(), store, filepath.Join(t.TempDir(), "to"), TransferOptions{})
		if fits := spare == 0 || spare > 1_100_000; fits != (err == nil) || !fits && !strings.Contains(err.Error(), "memory") {
			t.Errorf("%d bytes: %v", spare, err)
		}
	}
}

// What the same command does after an error is said as it is.
func TestPushAgainAfterError(t *testing.T) {
	t.Parallel()
	z := toPush(t, filepath.Join(t.TempDir(), "z"))
	for replace, says := range map[bool]string{false: "does the rest", true: "sends everything anew"} {
		store := newMemoryStore()
		store.fail = func() error {
			store.mu.Lock()
			defer store.mu.Unlock()
			for name := range store.objects {
				if strings.HasPrefix(name, "models/") {
					return errStore
				}
			}
			return nil
		}
		result, err := Push(t.Context(), z, store, PushOptions{Replace: replace})
		if expectError(t, err, errStore.Error(), says); len(result.Added) == 0 {
			t.Error("nothing was pushed")
		}
	}
}

// What mends a damaged zoo.json is said of it.
func TestPullWithDamagedHead(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newMemoryStore()
	z := toPush(t, filepath.Join(dir, "z"))
	if _, err := Push(t.Context(), z, store, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	head := store.objects["zoo.json"]
	for _, bad := range []string{"{", `{"format": 1, "classes": 1}`, `{"format": 1, "classes": 5, "splits": {"../x": {}}}`} {
		store.objects["zoo.json"] = []byte(bad)
		_, err := Pull(t.Context(), store, filepath.Join(dir, "to"), TransferOptions{})
		expectError(t, err, store.String()+"/zoo.json", "put the zoo.json of a zoo that has all of its splits in its place")
	}
	store.objects["zoo.json"] = head
	pulled(t, store, filepath.Join(dir, "to"))
}

// A model that differs is refused; Replace puts it in the place of the other one, under other names.
func TestPushReplaces(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newMemoryStore()
	make := func(name string, seed uint64, gflops string) *Zoo {
		return part{
			splits:  map[string]int{"search": 40, "test": 20},
			models:  map[string]map[string]uint64{"a": {"search": seed, "test": 2}},
			columns: map[string]map[string]string{"a": {"gflops": gflops}},
		}.make(t, filepath.Join(dir, name))
	}
	first, second, columns := make("first", 1, "1"), make("second", 9, "1"), make("columns", 1, "5")
	push := func(z *Zoo, replace bool) (notes []string, err error) {
		_, err = Push(t.Context(), z, store, PushOptions{TransferOptions{Note: func(text string) { notes = append(notes, text) }}, replace})
		return notes, err
	}
	if _, err := push(first, false); err != nil {
		t.Fatal(err)
	}
	_, err := push(second, false)
	expectError(t, err, `"a"`, "other outputs", store.String(), "--replace")
	notes, err := push(columns, false)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "gflops") || !strings.Contains(notes[0], "--replace") {
		t.Errorf("%q, %v", notes, err)
	}
	for i, z := range []*Zoo{second, second, columns, first, second} {
		old := maps.Clone(store.objects)
		was := pulled(t, store, filepath.Join(dir, fmt.Sprint("was", i))).Models()[0]
		if _, err := push(z, true); err != nil {
			t.Fatal(err)
		}
		if n := pulled(t, store, filepath.Join(dir, fmt.Sprint("is", i))); n.Fingerprint() != z.Fingerprint() {
			t.Errorf("%d: another zoo was pulled", i)
		}
		// Whoever knows the old model still finds its predictions.
		for split, a := range was.Splits {
			for name, data := range old {
				if strings.Contains(name, split+"/"+slug("a")) && sumOf(data) == a.SHA256 && sumOf(store.objects[name]) != a.SHA256 {
					t.Errorf("%d: %s was replaced", i, name)
				}
			}
		}
	}
}

// What only the model there has is not lost without a word: splits are not, and columns are named.
func TestPushReplacesAll(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newMemoryStore()
	splits := map[string]int{"search": 40, "test": 20}
	whole := part{
		splits: splits, models: map[string]map[string]uint64{"a": {"search": 1, "test": 2}},
		columns: map[string]map[string]string{"a": {"latency_ms": "7"}},
	}.make(t, filepath.Join(dir, "whole"))
	less := part{splits: splits, models: map[string]map[string]uint64{"a": {"search": 1}, "new": {"search": 5}}}.make(t, filepath.Join(dir, "less"))
	more := part{splits: splits, models: map[string]map[string]uint64{"a": {"search": 3, "test": 4}}}.make(t, filepath.Join(dir, "more"))
	push := func(z *Zoo, only string) (notes []string, err error) {
		o := PushOptions{TransferOptions{Note: func(text string) { notes = append(notes, text) }}, true}
		if only != "" {
			o.Select = func(all []Model) ([]Model, error) {
				return slices.DeleteFunc(all, func(m Model) bool { return m.Name != only }), nil
			}
		}
		_, err = Push(t.Context(), z, store, o)
		return notes, err
	}
	if _, err := push(whole, ""); err != nil {
		t.Fatal(err)
	}
	before := maps.Clone(store.objects)
	_, err := push(less, "")
	expectError(t, err, `"a"`, less.Dir(), `"test"`, store.String(), "has all splits", "--models")
	if !maps.EqualFunc(before, store.objects, bytes.Equal) {
		t.Error("objects changed")
	}
	if _, err := push(less, "new"); err != nil {
		t.Error(err)
	}
	if notes, err := push(more, ""); err != nil || len(notes) != 1 || !strings.Contains(notes[0], "latency_ms") {
		t.Errorf("%q, %v", notes, err)
	}
}

func TestPushRefuses(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newMemoryStore()
	models := map[string]map[string]uint64{"a": {"search": 1}}
	for name, p := range map[string]part{"classes": {classes: 7}, "samples": {splits: map[string]int{"search": 41}}, "labels": {labels: map[string][]uint16{"search": slices.Repeat([]uint16{1}, 40)}}} {
		if p.splits == nil {
			p.splits = map[string]int{"search": 40}
		}
		p.models = models
		z := p.make(t, filepath.Join(dir, name))
		store.objects = map[string][]byte{}
		if _, err := Push(t.Context(), toPush(t, filepath.Join(dir, name+"-first")), store, PushOptions{}); err != nil {
			t.Fatal(err)
		}
		before := maps.Clone(store.objects)
		// Even if it is known of no model that it has predictions on the split.
		p.models = map[string]map[string]uint64{"new": {"search": 1}}
		for _, z := range []*Zoo{z, p.make(t, filepath.Join(dir, name+"-new"))} {
			for _, replace := range []bool{false, true} {
				if _, err := Push(t.Context(), z, store, PushOptions{Replace: replace}); err == nil || !strings.Contains(err.Error(), store.String()) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if !maps.EqualFunc(before, store.objects, bytes.Equal) {
			t.Errorf("%s: objects changed", name)
		}
	}
	empty := newZoo(t, 5, 10)
	_, err := Push(t.Context(), empty, store, PushOptions{})
	expectError(t, err, "no model to push")
}
