package optimize

import "container/list"

// A cache keeps what belongs to sets, by their keys: at most so many values. Many sets are
// asked for once and never again. So that they neither drive out the others nor take all the
// room there is, a part of the room is for values asked for once, of which the oldest makes
// room for a new one; of those asked for again the least recently used one does. In little
// memory no such difference is made.
type cache[T any] struct {
	capacity     int
	onceCapacity int // for values asked for once
	create       func() T
	once         list.List // of *cached[T], the newest first
	again        list.List // of *cached[T], the most recently used first
	index        map[string]*list.Element
}

type cached[T any] struct {
	key   string
	value T
	again bool
}

// onceShare is the part of a cache that is for values asked for once.
const onceShare = 16

// newCache returns a cache of so many bytes for values of a size that create makes, at
// least of as many as are in use together.
func newCache[T any](bytes int64, size, together int, create func() T) *cache[T] {
	const overhead = 200 // of a value: its key, its list and its index entry
	capacity := max(together, int(bytes/int64(size+overhead)))
	onceCapacity := capacity / onceShare
	if onceCapacity < together {
		onceCapacity = capacity
	}
	return &cache[T]{capacity: capacity, onceCapacity: onceCapacity, create: create, index: make(map[string]*list.Element)}
}

// get returns the value of a key, if it is known.
func (c *cache[T]) get(key []byte) (value T, known bool) {
	e, known := c.index[string(key)]
	if !known {
		return value, false
	}
	s := e.Value.(*cached[T])
	switch {
	case s.again:
		c.again.MoveToFront(e)
	case c.onceCapacity == c.capacity:
		c.once.MoveToFront(e)
	default:
		c.once.Remove(e)
		s.again = true
		c.index[s.key] = c.again.PushFront(s)
	}
	return s.value, true
}

// put makes room for a key that is not known: a new value or that of another key, for the
// caller to fill in.
func (c *cache[T]) put(key []byte) T {
	s := c.room()
	s.key, s.again = string(key), false
	c.index[s.key] = c.once.PushFront(s)
	return s.value
}

// room returns what is new or was another key's.
func (c *cache[T]) room() *cached[T] {
	from := &c.once
	if c.once.Len() < c.onceCapacity {
		if c.once.Len()+c.again.Len() < c.capacity {
			return &cached[T]{value: c.create()}
		}
		from = &c.again
	}
	s := from.Remove(from.Back()).(*cached[T])
	delete(c.index, s.key)
	return s
}
