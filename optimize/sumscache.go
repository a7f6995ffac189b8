package optimize

import "github.com/encas-zoo/encas-zoo/internal/kernel"

// A sumsCache keeps the running sums of a few sets: those that many models are added to
// in turn. The least recently used ones are replaced.
type sumsCache struct {
	samples, classes int
	capacity         int
	slots            []*sumsSlot
	index            map[string]*sumsSlot
	now              uint64
}

type sumsSlot struct {
	key  string
	sums *kernel.Sums
	used uint64
}

// newSumsCache returns a cache of so many bytes, at least of the four sets that are in use
// while sums are extended, for lists of so many classes.
func newSumsCache(samples, classes int, bytes int64) sumsCache {
	return sumsCache{
		samples:  samples,
		classes:  classes,
		capacity: max(4, int(bytes/int64(kernel.SumsBytes(samples, classes)))),
		index:    make(map[string]*sumsSlot),
	}
}

// has reports whether the sums of the key's set are known.
func (c *sumsCache) has(key []byte) bool { return c.index[string(key)] != nil }

// get returns the sums of the key's set and whether they are known; if not, the caller
// fills them in.
func (c *sumsCache) get(key []byte) (sums *kernel.Sums, known bool) {
	c.now++
	if s := c.index[string(key)]; s != nil {
		s.used = c.now
		return s.sums, true
	}
	var s *sumsSlot
	if len(c.slots) < c.capacity {
		s = &sumsSlot{sums: kernel.NewSums(c.samples, c.classes)}
		c.slots = append(c.slots, s)
	} else {
		s = c.slots[0]
		for _, other := range c.slots {
			if other.used < s.used {
				s = other
			}
		}
		delete(c.index, s.key)
	}
	s.key, s.used = string(key), c.now
	c.index[s.key] = s
	return s.sums, false
}
