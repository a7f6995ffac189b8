package dataset

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/regular"
)

// OpenGrouped opens the data set at path as [Open] does, and reads which images belong
// together: by is a column of its label file (labels.csv) or Parquet files, or the path of
// a CSV file of images and groups.
func OpenGrouped(path, by string) (*Set, error) {
	if info, err := os.Stat(by); err == nil && info.Mode().IsRegular() {
		s, err := Open(path)
		if err != nil {
			return nil, err
		}
		if err := s.readGroups(by); err != nil {
			s.Close()
			return nil, fmt.Errorf("data set %s: groups of %s: %w", path, by, err)
		}
		return s, nil
	}
	return openWith(func(path string) (*Set, error) {
		s, err := open(path, by)
		switch {
		case err != nil:
			return s, err
		case s.Groups == nil:
			err = fmt.Errorf("there is no file %s, and the data have no columns: those are read of labels.csv and of Parquet files; name a CSV file of images and groups, as in\n%s,patient1", by, few(s.IDs[:min(1, len(s.IDs))]))
		case slices.Contains(s.Groups, ""):
			err = fmt.Errorf("image %s has nothing in column %s", s.IDs[slices.Index(s.Groups, "")], by)
		}
		if err != nil {
			s.Close()
			return nil, err
		}
		return s, nil
	}, path)
}

// readGroups reads a CSV file of images, by their ids or by file names that only one image
// has, and their groups. A first line that names no image is a header.
func (s *Set) readGroups(file string) error {
	f, err := regular.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	const two = -1
	images := make(map[string]int, 2*s.Len())
	for i, id := range s.IDs {
		if _, ok := images[path.Base(id)]; ok {
			i = two
		}
		images[path.Base(id)] = i
	}
	for i, id := range s.IDs {
		images[id] = i
	}
	s.Groups = make([]string, s.Len())
	r := csv.NewReader(skipMark(f))
	r.FieldsPerRecord = 2
	r.TrimLeadingSpace = true
	known := 0
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("%w; each line is an image and its group, with a comma between", err)
		}
		line, _ := r.FieldPos(0)
		name, group := strings.TrimSpace(row[0]), strings.TrimSpace(row[1])
		i, ok := images[name]
		switch {
		case !ok: // a header, or an image that is in another data set
			continue
		case i == two:
			return fmt.Errorf("line %d: several images are called %s; write their paths from the data set's folder on", line, name)
		case group == "":
			return fmt.Errorf("line %d: image %s has no group", line, name)
		case s.Groups[i] != "" && s.Groups[i] != group:
			return fmt.Errorf("line %d: image %s is in group %s, and in %s on a line before", line, name, group, s.Groups[i])
		case s.Groups[i] == "":
			known++
		}
		s.Groups[i] = group
	}
	if known < s.Len() {
		var without []string
		for i, id := range s.IDs {
			if s.Groups[i] == "" {
				without = append(without, id)
			}
		}
		return fmt.Errorf("%d of %d images have none: %s; add them, each in a group of its own if it belongs to no other", len(without), s.Len(), few(without))
	}
	return nil
}

// skipMark skips a byte order mark.
func skipMark(r io.Reader) io.Reader {
	mark := make([]byte, 3)
	n, _ := io.ReadFull(r, mark)
	if string(mark[:n]) == "\ufeff" {
		return r
	}
	return io.MultiReader(bytes.NewReader(mark[:n]), r)
}

// A cluster is the images of one group.
type cluster struct {
	images  []int
	classes []classCount
	share   int
}

type classCount struct {
	class uint16
	n     float64
}

// drawGroups gives every image its share of some quotas, images of one group the same one.
// Large groups come first, those of about one size in an order drawn from seed; each goes to
// the share that comes nearest to its quota by that. Then groups are moved and exchanged for
// as long as that brings the shares nearer.
func (s *Set) drawGroups(seed uint64, quota []float64) []int {
	clusters := s.clusters(seed)
	classes := map[uint16]float64{}
	for _, label := range s.Labels {
		classes[label]++
	}
	// What a share has, and is to have, of each class, and of all images, which count as
	// much as all classes together.
	type account struct{ has, wants float64 }
	accounts := make([]map[uint16]*account, len(quota))
	totals := make([]account, len(quota))
	for k, q := range quota {
		accounts[k] = map[uint16]*account{}
		for class, n := range classes {
			accounts[k][class] = &account{wants: q * n}
		}
		totals[k].wants = q * float64(s.Len())
	}
	// off is by how much the distance of a share from its quota grows with n more.
	off := func(a account, n float64) float64 {
		if a.wants < 1e-9 {
			return n * 1e9 // of a share of nothing
		}
		return (n*n + 2*n*(a.has-a.wants)) / a.wants
	}
	cost := func(c *cluster, k int, sign float64) float64 {
		sum := float64(len(classes)) * off(totals[k], sign*float64(len(c.images)))
		for _, of := range c.classes {
			sum += off(*accounts[k][of.class], sign*of.n)
		}
		return sum
	}
	put := func(c *cluster, k int, sign float64) {
		totals[k].has += sign * float64(len(c.images))
		for _, of := range c.classes {
			accounts[k][of.class].has += sign * of.n
		}
		c.share = k
	}
	best := func(c *cluster) (share int, least float64) {
		least = math.Inf(1)
		for k := range quota {
			if x := cost(c, k, 1); x < least-1e-9 {
				share, least = k, x
			}
		}
		return share, least
	}
	for i := range clusters {
		k, _ := best(&clusters[i])
		put(&clusters[i], k, 1)
	}
	const passes, exchanged = 20, 500
	for range passes {
		better := false
		for i := range clusters {
			a := &clusters[i]
			from := a.share
			put(a, from, -1)
			k, least := best(a)
			if !(least < cost(a, from, 1)-1e-9) {
				k = from
			}
			put(a, k, 1)
			better = better || k != from
		}
		for i := range clusters[:min(len(clusters), exchanged)] {
			for j := range i {
				a, b := &clusters[i], &clusters[j]
				if a.share == b.share {
					continue
				}
				x, y := a.share, b.share
				before := -cost(a, x, -1)
				put(a, x, -1)
				before -= cost(b, y, -1)
				put(b, y, -1)
				after := cost(a, y, 1) + cost(b, x, 1) // in different shares
				if after < before-1e-9 {
					x, y = y, x
					better = true
				}
				put(a, x, 1)
				put(b, y, 1)
			}
		}
		if !better {
			break
		}
	}
	shares := make([]int, s.Len())
	for _, c := range clusters {
		for _, image := range c.images {
			shares[image] = c.share
		}
	}
	return shares
}

// clusters are the groups in the order in which they are given to shares, which depends on
// the seed, their names and their sizes alone.
func (s *Set) clusters(seed uint64) []cluster {
	at := map[string]int{}
	var names []string
	var out []cluster
	for i, group := range s.Groups {
		k, ok := at[group]
		if !ok {
			k = len(out)
			at[group] = k
			names, out = append(names, group), append(out, cluster{})
		}
		out[k].images = append(out[k].images, i)
	}
	for k := range out {
		labels := make([]uint16, len(out[k].images))
		for i, image := range out[k].images {
			labels[i] = s.Labels[image]
		}
		slices.Sort(labels)
		for i, label := range labels {
			if i == 0 || label != labels[i-1] {
				out[k].classes = append(out[k].classes, classCount{class: label})
			}
			out[k].classes[len(out[k].classes)-1].n++
		}
	}
	chance := make([][sha256.Size]byte, len(out))
	order := make([]int, len(out))
	for k, name := range names {
		chance[k] = sha256.Sum256(append(binary.LittleEndian.AppendUint64(nil, seed), name...))
		order[k] = k
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(bits.Len(uint(len(out[b].images))), bits.Len(uint(len(out[a].images)))), bytes.Compare(chance[a][:], chance[b][:]))
	})
	sorted := make([]cluster, len(out))
	for i, k := range order {
		sorted[i] = out[k]
	}
	return sorted
}
