package dataset

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	arrow "github.com/apache/arrow/go/v17/parquet"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/internal/parquet"
	"github.com/encas-zoo/encas-zoo/internal/regular"
)

const (
	// maxGroup is the largest row group, in bytes of images, that is read.
	maxGroup = 4 << 30
	// maxRows is the largest number of rows of a group.
	maxRows = 1 << 24
	// keptGroups are held in memory: workers run ahead of each other across the
	// border of two.
	keptGroups = 3
)

// table is a source of Parquet files as Hugging Face writes image data sets: a
// struct column image{bytes, path} and a column label of integers or of class names.
type table struct {
	files  []parquetFile
	groups []rowGroup // in the order of their images

	unlabelled bool // labels are not read

	mu   sync.Mutex
	kept []*groupImages // most recently used last
}

type parquetFile struct {
	*parquet.File
	f    *os.File
	most int64 // bytes that a page, or all images of a row group, may unpack to; rows too
}

// A rowGroup is images [first, first+rows) of the table.
type rowGroup struct {
	file, group, first, rows int
}

type groupImages struct {
	group int
	once  sync.Once
	data  [][]byte
	err   error
}

// openParquet opens Parquet files as one data set. group is the column of groups, if there
// is one.
func openParquet(names []string, group string) (*Set, error) { return openTable(names, group, false) }

// openTable opens Parquet files that, if unlabelled, need no labels: then they have none.
func openTable(names []string, group string, unlabelled bool) (set *Set, err error) {
	src := &table{unlabelled: unlabelled}
	set = &Set{source: src}
	defer func() {
		if err != nil {
			src.close()
		}
	}()
	slices.Sort(names)
	paths := make([]string, 0)
	var texts []string
	for i, name := range names {
		r, err := openFile(name)
		if err != nil {
			return nil, err
		}
		src.files = append(src.files, r)
		if err := src.readLabels(set, &texts, &paths, i, filepath.Base(name)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if group == "" {
			continue
		}
		if err := src.readGroups(set, i, group); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	place := func(i int) string { return set.IDs[i] }
	if len(texts) > 0 && len(texts) < len(set.IDs) {
		return nil, errors.New("the label column is of texts in some of its files and of integers in others")
	}
	if len(texts) > 0 {
		if err := set.label(texts, place); err != nil {
			return nil, err
		}
	}
	for i, label := range set.Labels {
		if set.ClassNames != nil && int(label) >= len(set.ClassNames) {
			return nil, fmt.Errorf("%s: label %d of %d classes", place(i), label, len(set.ClassNames))
		}
	}
	// The stored paths are better names than row numbers, if they are unique.
	if uniqueIDs(paths) == nil && !slices.Contains(paths, "") {
		set.IDs = paths
	}
	return set, nil
}

// openFile opens one file and reads its footer.
func openFile(name string) (f parquetFile, err error) {
	if f.f, err = regular.Open(name); err != nil {
		return f, err
	}
	info, err := f.f.Stat()
	if err == nil {
		// Images are already compressed: they cannot be many times as large as the file.
		f.most = min(8*info.Size()+1<<20, maxGroup)
		f.File, err = parquet.NewFile(f.f, filepath.Base(name), parquet.Limits{Page: int(f.most)})
	}
	if err != nil {
		f.f.Close()
	}
	return f, err
}

// readLabels reads everything but the images of file i: labels that are numbers into the
// set, others into texts.
func (t *table) readLabels(set *Set, texts, paths *[]string, i int, base string) error {
	r := t.files[i]
	label, err := column(r, "label", "labels", "fine_label")
	if err != nil && !t.unlabelled {
		return err
	}
	if _, err := column(r, "image.bytes", "img.bytes"); err != nil {
		return err
	}
	path, pathErr := column(r, "image.path", "img.path")
	isText := false
	if !t.unlabelled {
		isText = r.Schema().Column(label).PhysicalType() == arrow.Types.ByteArray
		if err := set.addClasses(classNames(r, label)); err != nil {
			return err
		}
	}
	row := 0
	for g := range r.Groups() {
		if n := r.GroupRows(g); n < 0 || n > maxRows {
			return fmt.Errorf("row group %d has %d rows, at most %d are read", g, n, maxRows)
		}
		rows := int(r.GroupRows(g))
		if int64(row)+int64(rows) > r.most {
			return fmt.Errorf("row group %d claims %d rows, which do not fit into the file: it is damaged; write it again", g, rows)
		}
		var labels []int64
		switch {
		case t.unlabelled:
		case isText:
			err = t.readTexts(texts, i, g, label, "label")
		default:
			labels, err = integers(r, g, label, "label")
		}
		if err != nil {
			return err
		}
		names := make([]string, rows)
		if pathErr == nil {
			cells, err := parquet.Open(r.File, g, path, 0, func(b []byte) string { return string(b) })
			if err != nil {
				return err
			}
			// If one is missing none of them is used.
			if names, err = whole(cells, rows); errors.Is(err, parquet.ErrMissing) {
				names = make([]string, rows)
			} else if err != nil {
				return err
			}
		}
		t.groups = append(t.groups, rowGroup{i, g, len(set.IDs), rows})
		for k, l := range labels {
			class, err := checkLabel(l)
			if err != nil {
				return fmt.Errorf("row %d: %w", row+k, err)
			}
			set.Labels = append(set.Labels, class)
		}
		for k := range rows {
			set.IDs = append(set.IDs, fmt.Sprintf("%s#%d", base, row+k))
			*paths = append(*paths, names[k])
		}
		row += rows
	}
	return nil
}

// addClasses takes over what a file calls its classes, if it says so.
func (s *Set) addClasses(names []string) error {
	if len(names) == 0 {
		return nil
	}
	names = readable(names)
	if s.Classes > 0 && !slices.Equal(s.ClassNames, names) {
		return errors.New("its metadata name the classes otherwise than those of the files before it")
	}
	s.Classes, s.ClassNames = len(names), names
	return nil
}

// readGroups reads the column of groups, of texts or of integers, of file i.
func (t *table) readGroups(set *Set, i int, name string) error {
	r := t.files[i]
	col, err := column(r, name)
	if err != nil {
		return err
	}
	for g := range r.Groups() {
		if r.Schema().Column(col).PhysicalType() == arrow.Types.ByteArray {
			err = t.readTexts(&set.Groups, i, g, col, "group")
		} else {
			var numbers []int64
			numbers, err = integers(r, g, col, "group")
			for _, n := range numbers {
				set.Groups = append(set.Groups, strconv.FormatInt(n, 10))
			}
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
	}
	return nil
}

// readTexts reads a whole column chunk of texts, which are what. Equal ones share memory.
func (t *table) readTexts(texts *[]string, file, group, col int, what string) error {
	r := t.files[file]
	known := map[string]string{}
	cells, err := parquet.Open(r.File, group, col, 0, func(b []byte) string {
		b = b[:min(len(b), maxName+1)]
		text, ok := known[string(b)]
		if !ok {
			text = string(b)
			known[text] = text
		}
		return text
	})
	if err != nil {
		return err
	}
	read, err := whole(cells, int(r.GroupRows(group)))
	if errors.Is(err, parquet.ErrMissing) {
		err = fmt.Errorf("row group %d has rows without a %s", group, what)
	}
	*texts = append(*texts, read...)
	return err
}

// column finds the first of several leaf columns.
func column(r parquetFile, names ...string) (int, error) {
	schema := r.Schema()
	for _, name := range names {
		if i := schema.ColumnIndexByName(name); i >= 0 {
			return i, nil
		}
	}
	var have []string
	for i := range schema.NumColumns() {
		have = append(have, schema.Column(i).Path())
	}
	return 0, fmt.Errorf("no column %s; it has %s", names[0], strings.Join(have, ", "))
}

// classNames returns the class names Hugging Face keeps beside the schema, or nil.
func classNames(r parquetFile, label int) []string {
	text := r.Metadata("huggingface")
	if text == nil {
		return nil
	}
	var meta struct {
		Info struct {
			Features map[string]json.RawMessage
		}
	}
	var class struct{ Names []string }
	if json.Unmarshal([]byte(*text), &meta) != nil ||
		json.Unmarshal(meta.Info.Features[r.Schema().Column(label).Path()], &class) != nil {
		return nil
	}
	return class.Names
}

// integers reads a whole column chunk of integers, which are what.
func integers(r parquetFile, group, col int, what string) ([]int64, error) {
	width, convert := 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }
	switch r.Schema().Column(col).PhysicalType() {
	case arrow.Types.Int64:
	case arrow.Types.Int32:
		width, convert = 4, func(b []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(b))) }
	default:
		return nil, fmt.Errorf("the %s column is neither of integers nor of texts", what)
	}
	cells, err := parquet.Open(r.File, group, col, width, convert)
	if err != nil {
		return nil, err
	}
	labels, err := whole(cells, int(r.GroupRows(group)))
	if errors.Is(err, parquet.ErrMissing) {
		err = fmt.Errorf("row group %d has rows without a %s", group, what)
	}
	return labels, err
}

// encoded reads the image files of a row group.
func encoded(r parquetFile, group int) ([][]byte, error) {
	col, err := column(r, "image.bytes", "img.bytes")
	if err != nil {
		return nil, err
	}
	if r.Schema().Column(col).PhysicalType() != arrow.Types.ByteArray {
		return nil, errors.New("the image column is not of byte arrays")
	}
	n, err := r.ColumnSize(group, col)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > maxGroup {
		return nil, fmt.Errorf("row group %d: %d bytes, at most %d are read; write the file with smaller row groups", group, n, int64(maxGroup))
	}
	left := r.most
	cells, err := parquet.Open(r.File, group, col, 0, func(b []byte) []byte {
		if left -= int64(len(b)); left < 0 {
			return nil // what follows would fill the memory
		}
		return slices.Clone(b)
	})
	if err != nil {
		return nil, err
	}
	cells.Nulls = true
	images, err := whole(cells, int(r.GroupRows(group)))
	if err == nil && left < 0 {
		err = fmt.Errorf("row group %d unpacks to more than %d bytes, which images do not: the file is damaged; write it again", group, r.most)
	}
	return images, err
}

// whole reads a column of a row group, rows cells. With parquet.ErrMissing it returns
// those before the one that is missing.
func whole[T any](cells *parquet.Cells[T], rows int) (out []T, err error) {
	err = cells.Each(0, rows, func(values []T) error {
		out = append(out, values...)
		return nil
	})
	return out, err
}

// errNoImage is the error of a row whose image is null.
var errNoImage = errors.New("the row holds no image bytes (it is null)")

// groupOf returns the row group of image i.
func (t *table) groupOf(i int) int {
	return sort.Search(len(t.groups), func(g int) bool { return t.groups[g].first > i }) - 1
}

func (t *table) image(i int, r *Reader) (imaging.RGB, error) {
	g := t.groupOf(i)
	images := t.load(g)
	images.once.Do(func() {
		images.data, images.err = encoded(t.files[t.groups[g].file], t.groups[g].group)
	})
	if images.err != nil {
		return imaging.RGB{}, sharedFault{images.err}
	}
	data := images.data[i-t.groups[g].first]
	if data == nil {
		return imaging.RGB{}, errNoImage
	}
	return r.decoder.Decode(data)
}

// load returns the kept images of group g, or an entry for its caller to fill.
func (t *table) load(g int) *groupImages {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.kept, func(k *groupImages) bool { return k.group == g })
	entry := &groupImages{group: g}
	if i >= 0 {
		entry = t.kept[i]
		t.kept = slices.Delete(t.kept, i, i+1)
	} else if len(t.kept) == keptGroups {
		t.kept = slices.Delete(t.kept, 0, 1)
	}
	t.kept = append(t.kept, entry)
	return entry
}

// weigh writes the size of the row group of the image: single sizes are not known
// without reading the images.
func (t *table) weigh(w io.Writer, i int) {
	group := t.groups[t.groupOf(i)]
	fmt.Fprintf(w, "%d\n", t.files[group.file].GroupBytes(group.group))
}

func (t *table) close() error {
	var errs []error
	for _, f := range t.files {
		errs = append(errs, f.f.Close())
	}
	return errors.Join(errs...)
}
