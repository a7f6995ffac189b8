package optimize

import "container/list"

// A cache keeps what belongs to sets, by their keys: at most so many values, of which the
// least recently used one is replaced.
type cache[T any] struct {
	capacity int
	create   func() T
	recent   list.List // of *cached[T], the most recently used first
	index    map[string]*list.Element
}

type cached[T any] struct {
	key   string
	value T
}

// newCache returns a cache of so many bytes for values of a size that create makes, at
// least of as many as are in use together.
func newCache[T any](bytes int64, size, together int, create func() T) *cache[T] {
	const overhead = 200 // of a value: its key, its list and its index entry
	capacity := max(together, int(bytes/int64(size+overhead)))
	return &cache[T]{capacity: capacity, create: create, index: make(map[string]*list.Element)}
}

// get returns the value of a key, if it is known.
func (c *cache[T]) get(key []byte) (value T, known bool) {
	e, known := c.index[string(key)]
	if known {
		c.recent.MoveToFront(e)
		value = e.Value.(*cached[T]).value
	}
	return value, known
}

// put makes room for a key that is not known: a new value or that of another key, for the
// caller to fill in.
func (c *cache[T]) put(key []byte) T {
	var e *list.Element
	if c.recent.Len() < c.capacity {
		e = c.recent.PushFront(&cached[T]{value: c.create()})
	} else {
		e = c.recent.Back()
		c.recent.MoveToFront(e)
		delete(c.index, e.Value.(*cached[T]).key)
	}
	s := e.Value.(*cached[T])
	s.key = string(key)
	c.index[s.key] = e
	return s.value
}
