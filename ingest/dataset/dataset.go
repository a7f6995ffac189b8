// Package dataset reads images as people have them: folders of class folders, a folder
// with a label file, Hugging Face's image Parquet, CIFAR's binary batches, MNIST's files;
// and without labels a folder of images. docs/ingest.md says what counts as what.
package dataset

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
)

// MaxLabel is the largest class number.
const MaxLabel = 65534

// maxName is the length, in bytes, of the longest class name.
const maxName = 1024

// A Set is images in a fixed order, labelled or not. It may be used from several
// goroutines.
type Set struct {
	// Path is what Open was given.
	Path string
	// Labels, nil if there are none, and IDs have one entry an image. No two ids are equal.
	Labels []uint16
	IDs    []string
	// Classes is the number of classes the data set itself states, or 0: a folder of
	// class folders and CIFAR say it, a label file with numbers does not.
	Classes int
	// ClassNames are what it calls them, one a class, or nil. What the data set numbers
	// by itself, in the order of the names, need not be what others number so.
	ClassNames []string
	// Called are what it calls some classes whose numbers are those of another list, or nil.
	Called map[uint16]string
	// Groups are, of a set opened by OpenGrouped, what each image belongs to.
	Groups []string
	// Notes say, one sentence each, what was left out or decided in reading it.
	Notes []string

	places map[string]string // where the labels of a name begin, in a label file
	source source
	// index maps this set's images to the source's; nil is the identity.
	index []int
}

// Place returns where the first label of that name is, "" if it is not from a label file.
func (s *Set) Place(name string) string { return s.places[name] }

// A source holds the images of a set.
type source interface {
	// image returns image i, valid until r is used again. The error need not name
	// the image.
	image(i int, r *Reader) (imaging.RGB, error)
	// weigh writes to w what differs if this source's images change, without
	// reading them.
	weigh(w io.Writer, i int)
	close() error
}

// Open opens the data set at path: a folder, a Parquet or CIFAR file, or a pattern
// of Parquet files such as data/validation-*.parquet.
func Open(path string) (*Set, error) {
	return openWith(func(path string) (*Set, error) { return open(path, "") }, path)
}

// OpenUnlabelled opens a folder of images without labels, those in folders below it
// included. Labels that there may be are not read.
func OpenUnlabelled(path string) (*Set, error) { return openWith(openImages, path) }

// openWith opens the data set at path and checks what the layout does not matter for.
func openWith(open func(path string) (*Set, error), path string) (*Set, error) {
	s, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("data set %s: %w", path, err)
	}
	s.Path = path
	if s.Len() == 0 {
		s.Close()
		return nil, fmt.Errorf("data set %s: it holds no images", path)
	}
	if err := uniqueIDs(s.IDs); err != nil {
		s.Close()
		return nil, fmt.Errorf("data set %s: %w", path, err)
	}
	return s, nil
}

// open opens the data set at path, with the groups of a column if it has columns and group
// is not empty.
func open(path, group string) (*Set, error) {
	info, err := os.Stat(path)
	if err != nil && strings.ContainsAny(path, "*?[") {
		names, err := filepath.Glob(path)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			return nil, errors.New("no file matches")
		}
		return openParquet(names, group)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		switch ext := strings.ToLower(filepath.Ext(path)); {
		case ext == ".parquet":
			return openParquet([]string{path}, group)
		case ext == ".bin":
			return openCIFAR(path)
		case isIDX(path):
			return openIDX(path, false)
		}
		return nil, errors.New("it is neither a folder nor a .parquet, .bin or images-idx3-ubyte file")
	}
	// What is called like a label file may be something else, such as the names of the
	// classes beside class folders.
	var other []string
	var otherErr error
	for _, name := range labelFiles {
		if info, err := os.Stat(filepath.Join(path, name)); err != nil || !info.Mode().IsRegular() {
			continue
		}
		set, err := openLabelFile(path, name, group)
		if !errors.Is(err, errNoFiles) {
			return set, err
		}
		other, otherErr = append(other, name), cmp.Or(otherErr, err)
	}
	set, err := openFolder(path, group)
	if len(other) == 0 {
		return set, err
	}
	if err != nil || set.Len() == 0 {
		return nil, otherErr
	}
	set.note("no label file, since it names no file of the folder: %s", strings.Join(other, ", "))
	return set, nil
}

// openFolder opens a folder without label files.
func openFolder(path, group string) (*Set, error) {
	if names := parquetFiles(path); len(names) > 0 {
		if err := onePart(names); err != nil {
			return nil, err
		}
		return openParquet(names, group)
	}
	for _, name := range []string{"test_batch.bin", "test.bin"} {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			return openCIFAR(filepath.Join(path, name))
		}
	}
	return openClassFolders(path)
}

// parquetFiles are the Parquet files of a folder, or else those of its folder data.
func parquetFiles(path string) []string {
	for _, pattern := range []string{"*.parquet", "data/*.parquet"} {
		if names, _ := filepath.Glob(filepath.Join(path, pattern)); len(names) > 0 {
			return names
		}
	}
	return nil
}

// shardName splits the name of a Hugging Face file into the data set's part and the
// file's number: validation-00003-of-00014.parquet, train_2.parquet, 0000.parquet.
var shardName = regexp.MustCompile(`^(.*?)[-_]?\d*(?:-of-\d+)?(?:-[0-9a-f]+)?\.parquet$`)

// onePart refuses a folder that mixes the parts of a data set.
func onePart(names []string) error {
	part := func(name string) string { return shardName.FindStringSubmatch(filepath.Base(name))[1] }
	for _, name := range names {
		if a, b := part(names[0]), part(name); a != b {
			return fmt.Errorf("it has several parts; name one, such as %s", filepath.Join(filepath.Dir(name), b+"-*.parquet"))
		}
	}
	return nil
}

// note adds a note.
func (s *Set) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

// Close closes the data set's files.
func (s *Set) Close() error { return s.source.close() }

// Len is the number of images.
func (s *Set) Len() int { return len(s.IDs) }

// Sample returns n of the images, evenly spread over the set so that sorted classes
// are all there. It shares the set's files: only one of the two is to be closed.
func (s *Set) Sample(n int) *Set {
	if n <= 0 || n >= s.Len() {
		return s
	}
	return s.pick(n, func(i int) int { return i * s.Len() / n })
}

// Head returns the first n images, or all. It shares the set's files: only one of the
// two is to be closed.
func (s *Set) Head(n int) *Set {
	return s.pick(min(n, s.Len()), func(i int) int { return i })
}

// Draw returns n of the images, or all, in a random order that follows from the seed. It
// shares the set's files: only one of the two is to be closed.
func (s *Set) Draw(n int, seed uint64) *Set {
	order := rand.New(rand.NewPCG(seed, 0)).Perm(s.Len())
	return s.pick(min(n, s.Len()), func(i int) int { return order[i] })
}

// Relabel returns the set with class[l] in place of every label l, and no names of its own;
// if class is nil the labels stay. It shares the set's files: only one of the two is to be
// closed.
func (s *Set) Relabel(class []uint16) *Set {
	out := *s
	out.ClassNames = nil
	if class != nil {
		out.Labels = make([]uint16, len(s.Labels))
		for i, l := range s.Labels {
			out.Labels[i] = class[l]
		}
	}
	return &out
}

// Unlabelled returns the set without its labels. It shares the set's files: only one of the
// two is to be closed.
func (s *Set) Unlabelled() *Set {
	out := *s
	out.Labels, out.ClassNames, out.Classes = nil, nil, 0
	return &out
}

// Select returns the images with these ids, in their order, or nil if it has not all of
// them. It shares the set's files: only one of the two is to be closed.
func (s *Set) Select(ids []string) *Set {
	at := make(map[string]int, s.Len())
	for i, id := range s.IDs {
		at[id] = i
	}
	images := make([]int, len(ids))
	for k, id := range ids {
		i, ok := at[id]
		if !ok {
			return nil
		}
		images[k] = i
	}
	return s.pick(len(ids), func(k int) int { return images[k] })
}

// pick returns n images, those with the numbers image(0) to image(n-1).
func (s *Set) pick(n int, image func(i int) int) *Set {
	sub := *s
	sub.index, sub.Labels, sub.IDs, sub.Groups = nil, nil, nil, nil
	for i := range n {
		j := image(i)
		sub.index = append(sub.index, s.at(j))
		if s.Labels != nil {
			sub.Labels = append(sub.Labels, s.Labels[j])
		}
		if s.Groups != nil {
			sub.Groups = append(sub.Groups, s.Groups[j])
		}
		sub.IDs = append(sub.IDs, s.IDs[j])
	}
	return &sub
}

func (s *Set) at(i int) int {
	if s.index == nil {
		return i
	}
	return s.index[i]
}

// Fingerprint is a hash over the ids, labels if there are any, and sizes of the images. The images
// are not read: one that changes and keeps its size is not noticed.
func (s *Set) Fingerprint() string {
	h := sha256.New()
	for i, id := range s.IDs {
		fmt.Fprintf(h, "%d %s ", len(id), id)
		if s.Labels != nil {
			fmt.Fprintf(h, "%d ", s.Labels[i])
		}
		s.source.weigh(h, s.at(i))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A Reader reads images of a set. It keeps buffers between them and is used from one
// goroutine; several Readers may be used at once.
type Reader struct {
	set     *Set
	decoder imaging.Decoder
	buf     []byte
}

// NewReader returns a Reader, which must be closed.
func (s *Set) NewReader() *Reader { return &Reader{set: s} }

// Close frees the reader.
func (r *Reader) Close() { r.decoder.Close() }

// Image returns the decoded image i, valid until the next call. The error names the
// image.
func (r *Reader) Image(i int) (imaging.RGB, error) {
	img, err := r.set.source.image(r.set.at(i), r)
	if err != nil {
		return imaging.RGB{}, fmt.Errorf("data set %s: image %s: %w", r.set.Path, r.set.IDs[i], err)
	}
	return img, nil
}

func uniqueIDs(ids []string) error {
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if seen[id] {
			return fmt.Errorf("image %s is listed twice", id)
		}
		seen[id] = true
	}
	return nil
}

func checkLabel(label int64) (uint16, error) {
	if label < 0 || label > MaxLabel {
		return 0, fmt.Errorf("label %d is not within 0..%d", label, MaxLabel)
	}
	return uint16(label), nil
}
