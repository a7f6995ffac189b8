package optimize

import "github.com/encas-zoo/encas-zoo/cascade"

// A tableCache keeps set tables of n bytes within a budget. The least recently used ones
// are replaced first (the clock algorithm); tables returned since the last unpin stay.
type tableCache struct {
	n        int
	capacity int
	slots    []tableSlot
	index    map[string]int // slot by set key
	hand     int
	epoch    uint64
}

type tableSlot struct {
	key   string
	table []byte
	epoch uint64 // of the last use; slots of the current epoch are pinned
	used  bool   // since the clock's hand last passed
}

// newTableCache returns a cache of so many bytes, at least of as many tables as one cascade
// can have.
func newTableCache(n int, bytes int64) tableCache {
	const overhead = 128 // of a slot, its key and its index entry
	return tableCache{
		n:        n,
		capacity: max(cascade.MaxStages+1, int(bytes/int64(n+overhead))),
		index:    make(map[string]int),
	}
}

// unpin allows tables returned so far to be replaced.
func (c *tableCache) unpin() { c.epoch++ }

// get returns the table of the key's set and whether it is known; if not, the caller fills
// it in.
func (c *tableCache) get(key []byte) (table []byte, known bool) {
	if i, ok := c.index[string(key)]; ok {
		s := &c.slots[i]
		s.epoch, s.used = c.epoch, true
		return s.table, true
	}
	var s *tableSlot
	if len(c.slots) < c.capacity {
		c.slots = append(c.slots, tableSlot{table: make([]byte, c.n)})
		s = &c.slots[len(c.slots)-1]
		c.index[string(key)] = len(c.slots) - 1
	} else {
		for {
			s = &c.slots[c.hand]
			if s.epoch != c.epoch && !s.used {
				break
			}
			s.used = false
			c.hand = (c.hand + 1) % len(c.slots)
		}
		delete(c.index, s.key)
		c.index[string(key)] = c.hand
		c.hand = (c.hand + 1) % len(c.slots)
	}
	s.key, s.epoch, s.used = string(key), c.epoch, true
	return s.table, false
}
