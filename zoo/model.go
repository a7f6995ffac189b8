package zoo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/internal/seal"
)

// A Model is one classifier: its name, facts about it, and where it has
// predictions.
type Model struct {
	// Name is any text that is valid UTF-8, at most 4096 bytes.
	Name string
	// Answers is true for a model that gives a label and a confidence instead of a
	// probability for every class. Such models cannot be averaged.
	Answers bool
	// Columns holds everything else that is known about the model, as text: see
	// ColumnGFLOPs.
	Columns map[string]string
	// Splits holds the predictions, by the split's name. The store fills it in.
	Splits map[string]Archive
}

// An Archive is the stored predictions of one model on one split.
type Archive struct {
	// Rows is the number of samples.
	Rows int `json:"rows"`
	// Bytes and SHA256 (in hexadecimal) describe the archive file, or the index file
	// if IndexOnly is true.
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// CRC32C, if IndexOnly is true, is the checksum (in hexadecimal) that the index file has of
	// its content: opening it tells files apart by it, which is quicker than hashing them.
	// Earlier versions did not write it.
	CRC32C string `json:"crc32c,omitempty"`
	// IndexOnly is true if there is a search index and no full output.
	IndexOnly bool `json:"index_only,omitempty"`
	// Second is true if the file has the second of its two possible names: a model
	// that is replaced keeps its own until the new one is complete.
	Second bool `json:"second,omitempty"`
}

// Cost returns the number in a column, such as gflops: the cost of running the
// model on one sample. It must be finite and not below zero.
func (m Model) Cost(column string) (float64, error) {
	text, ok := m.Columns[column]
	if !ok {
		return 0, fmt.Errorf("zoo: model %q has no column %q (it has: %s)", m.Name, column,
			strings.Join(slices.Sorted(maps.Keys(m.Columns)), ", "))
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0, fmt.Errorf("zoo: column %q of model %q is %q, not a number", column, m.Name, text)
	}
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0, fmt.Errorf("zoo: column %q of model %q is %q, but a cost must be finite and not below 0", column, m.Name, text)
	}
	return v, nil
}

// clone returns a copy that shares nothing with m.
func (m Model) clone() Model {
	m.Columns = maps.Clone(m.Columns)
	m.Splits = maps.Clone(m.Splits)
	return m
}

func (m Model) check() error {
	if err := checkName(m.Name); err != nil {
		return err
	}
	for k, v := range m.Columns {
		if k == "" || !utf8.ValidString(k) || !utf8.ValidString(v) {
			return fmt.Errorf("zoo: model %q: column %q is empty or not valid UTF-8", m.Name, k)
		}
	}
	return nil
}

// modelFile is the JSON form of a Model.
type modelFile struct {
	Format  int                `json:"format"`
	Name    string             `json:"name"`
	Answers bool               `json:"answers,omitempty"`
	Columns map[string]string  `json:"columns,omitempty"`
	Splits  map[string]Archive `json:"splits"`
}

func (z *Zoo) modelPath(slug string) string {
	return filepath.Join(z.dir, "models", slug+".json")
}

// secondName ends the second of an archive's names, before the extension. No slug
// ends so.
const secondName = ".2"

func (z *Zoo) archivePath(split, model string, second bool) string {
	name := slug(model)
	if second {
		name += secondName
	}
	return filepath.Join(z.dir, "archive", split, name+".parquet")
}

// listsPath is where the lists of a model that has nothing else are: beside the indexes, and never
// under the name of one, so that whoever writes an index leaves lists alone.
func (z *Zoo) listsPath(split, model string, second bool) string {
	name := slug(model)
	if second {
		name += secondName
	}
	return filepath.Join(z.dir, "index", split, name+".arrow")
}

// predictionsPath is the file that an archive describes.
func (z *Zoo) predictionsPath(split, model string, a Archive) string {
	if a.IndexOnly {
		return z.listsPath(split, model, a.Second)
	}
	return z.archivePath(split, model, a.Second)
}

// predictionsPaths are all names that a model's predictions on a split may have. In zoos of
// earlier versions the first one of lists is also that of an index.
func (z *Zoo) predictionsPaths(split, model string) []string {
	return []string{z.archivePath(split, model, false), z.archivePath(split, model, true), z.listsPath(split, model, false), z.listsPath(split, model, true)}
}

// indexName ends an index's name, before the extension. No slug ends so.
const indexName = ".index"

func (z *Zoo) indexPath(split, model string) string {
	return filepath.Join(z.dir, "index", split, slug(model)+indexName+".arrow")
}

// writeModel makes m exist.
func (z *Zoo) writeModel(m Model) error {
	return writeJSON(z.modelPath(slug(m.Name)), modelJSON(m))
}

func modelJSON(m Model) modelFile {
	return modelFile{FormatVersion, m.Name, m.Answers, m.Columns, m.Splits}
}

// damage is the error of a file that was read and is of no use.
type damage struct{ error }

func (d damage) Unwrap() error { return d.error }

// decodeModel decodes and checks the content of a model's file. The error is damage if it is
// the content that is wrong.
func decodeModel(path string, data []byte) (Model, error) {
	var f modelFile
	if err := decodeJSON(path, data, &f, &f.Format); err != nil {
		return Model{}, err
	}
	m := Model{f.Name, f.Answers, f.Columns, f.Splits}
	if err := m.check(); err != nil {
		return Model{}, badModel(path, "%v", err)
	}
	if want := slug(f.Name) + ".json"; want != filepath.Base(path) {
		return Model{}, badModel(path, "it describes the model %q, whose file is %s", f.Name, want)
	}
	if len(m.Splits) == 0 {
		return Model{}, badModel(path, "it has no predictions")
	}
	return m, nil
}

// fits checks a model, which is described at path, against the splits of the zoo.
func (z *Zoo) fits(path string, m Model) error {
	for name, a := range m.Splits {
		s, ok := z.split(name)
		switch {
		case !ok:
			return badModel(path, "it names the split %q, which the zoo does not have", name)
		case a.Rows != s.Samples:
			return badModel(path, "it has %d rows for the split %q of %d samples", a.Rows, name, s.Samples)
		case a.Bytes <= 0 || !isSHA256(a.SHA256):
			return badModel(path, "it gives no valid size and SHA-256 for the split %q", name)
		case a.CRC32C != "" && !isHex(a.CRC32C, 8):
			return badModel(path, "it gives no valid CRC-32C for the split %q", name)
		}
	}
	return nil
}

func badModel(path, format string, args ...any) error {
	return damage{fmt.Errorf("zoo: %s: %s", path, fmt.Sprintf(format, args...))}
}

func isSHA256(s string) bool { return isHex(s, 64) }

// isHex reports whether s is so many hexadecimal digits.
func isHex(s string, digits int) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == ""
}

// maxJSON bounds the metadata files. A model's file has a few kilobytes.
const maxJSON = 16 << 20

func writeJSON(path string, v any) error {
	data, err := encodeJSON(path, v)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, data)
}

// encodeJSON returns the content of the file at path.
func encodeJSON(path string, v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("zoo: %s: %w", path, err)
	}
	data = seal.Seal(append(data, '\n'))
	if len(data) > maxJSON {
		return nil, fmt.Errorf("zoo: %s: %d bytes of metadata, at most %d are allowed", path, len(data), maxJSON)
	}
	return data, nil
}

// readBytes reads a file of metadata.
func readBytes(path string) ([]byte, error) {
	data, _, err := readWhole(path)
	return data, err
}

// readWhole reads a file of metadata, and returns what the system says of it, too.
func readWhole(path string) ([]byte, fs.FileInfo, error) {
	f, err := regular.Open(path)
	if errors.Is(err, regular.ErrNotRegular) {
		return nil, nil, damage{fmt.Errorf("zoo: %w", err)}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("zoo: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("zoo: %w", err)
	}
	var b bytes.Buffer
	b.Grow(int(min(info.Size(), maxJSON)) + bytes.MinRead)
	if _, err = b.ReadFrom(io.LimitReader(f, maxJSON+1)); err != nil {
		return nil, nil, fmt.Errorf("zoo: %w", err)
	}
	if b.Len() > maxJSON {
		return nil, nil, damage{fmt.Errorf("zoo: %s: more than %d bytes of metadata", path, maxJSON)}
	}
	return b.Bytes(), info, nil
}

// decodeJSON decodes the content of the file at path into v, whose field for the format
// version is format. A newer version is refused before anything else is believed.
func decodeJSON(path string, data []byte, v any, format *int) error {
	_, unsealed := seal.Check(data)
	err := json.Unmarshal(data, v)
	version := *format
	if err != nil {
		// Of another version a field may be of another type.
		var head struct {
			Format int `json:"format"`
		}
		if err := json.Unmarshal(data, &head); err != nil {
			return damage{fmt.Errorf("zoo: %s is damaged: %w", path, err)}
		}
		version = head.Format
	}
	switch {
	case version > FormatVersion && unsealed == nil:
		return fmt.Errorf("zoo: %s: %w: it has format version %d, this program knows versions up to %d; use a newer encas-zoo", path, ErrNewerFormat, version, FormatVersion)
	case unsealed != nil:
		return damage{fmt.Errorf("zoo: %s: %w; restore it, or, if what it says is correct, delete its line \"checksum\"", path, unsealed)}
	case err != nil:
		return damage{fmt.Errorf("zoo: %s is damaged: %w", path, err)}
	case version < 1:
		return damage{fmt.Errorf("zoo: %s is damaged: no format version", path)}
	}
	return nil
}

// Errors to compare with errors.Is.
var (
	// ErrNewerFormat: the zoo was written by a newer program.
	ErrNewerFormat = errors.New("newer format")
	// ErrLocked: another process, or another Writer of this one, writes to the zoo.
	ErrLocked = errors.New("zoo: locked by another writer")
	// ErrModelExists: the zoo has a model of this name, or one is being written.
	ErrModelExists = errors.New("zoo: the model exists")
	// ErrNoModel: the zoo has no model of this name.
	ErrNoModel = errors.New("zoo: no such model")
	// ErrNoLabels: labels of a split that has none are needed.
	ErrNoLabels = errors.New("zoo: the split has no labels")
	// ErrChanged: another process has changed what was to be read since the zoo was opened.
	ErrChanged = errors.New("zoo: changed since it was opened")
	// ErrNoSplit: the zoo, or the model, has no split of this name.
	ErrNoSplit = errors.New("zoo: no such split")
	// ErrIndexOnly: the model has a search index and no full outputs.
	ErrIndexOnly = errors.New("zoo: only a search index, no full outputs")
)
