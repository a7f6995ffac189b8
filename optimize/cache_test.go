package optimize

import (
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// Sums are those of their set however few of them there is memory for.
func TestSumsInLittleMemory(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 6, 12, 60, 20)
	r := runOf(t, p, Options{Algorithm: "auto"})
	w := r.eval.newWorker(0, 0, new(atomic.Int64))
	var set []member
	for m := range p.models {
		set = append(set, member{uint16(m), 1})
	}
	for range 2 {
		for n := len(set); n > 0; n-- {
			want := r.newWorker().sumsOf(set[:n])
			if got := w.sumsOf(set[:n]); !reflect.DeepEqual(got, want) {
				t.Errorf("other sums of %d models", n)
			}
		}
	}
}

// A cache holds at most what it has room for, and sets asked for once leave those asked for
// again in it.
func TestCache(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ capacity, together, onceCapacity int }{{160, 2, 10}, {160, 10, 10}, {32, 2, 2}, {20, 5, 20}, {0, 3, 3}} {
		created := 0
		c := newCache(int64(test.capacity)*300, 100, test.together, func() *int { created++; return new(int) })
		if c.onceCapacity != test.onceCapacity {
			t.Fatalf("%+v: %d values asked for once", test, c.onceCapacity)
		}
		ask := func(set int) {
			key := []byte{byte(set), byte(set >> 8)}
			v, known := c.get(key)
			if !known {
				v = c.put(key)
				*v = set
			}
			if *v != set {
				t.Fatalf("%+v: the value of set %d is that of %d", test, set, *v)
			}
		}
		often := c.capacity - c.onceCapacity
		for range 2 {
			for set := range often {
				ask(set)
				ask(set)
			}
		}
		for set := range 1000 {
			ask(1000 + set)
			for back := range min(test.together, set+1) {
				at := 1000 + set - back
				if _, known := c.index[string([]byte{byte(at), byte(at >> 8)})]; !known {
					t.Fatalf("%+v: one of the last %d sets is gone", test, test.together)
				}
			}
		}
		if created > c.capacity || len(c.index) != c.once.Len()+c.again.Len() || len(c.index) > c.capacity {
			t.Errorf("%+v: %d values, %d keys, room for %d", test, created, len(c.index), c.capacity)
		}
	}
	c := newCache(160*300, 100, 2, func() *int { return new(int) })
	for _, set := range []byte{1, 1, 2, 2} {
		if _, known := c.get([]byte{set}); !known {
			c.put([]byte{set})
		}
	}
	for set := range 1000 {
		c.put([]byte{byte(set), byte(set >> 8)})
	}
	for _, set := range []byte{1, 2} {
		if _, known := c.get([]byte{set}); !known {
			t.Errorf("set %d, asked for again, is gone", set)
		}
	}
}

// Stances and the caches of all workers are within the memory, and take most of it.
func TestCachesFitInMemory(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 100, 1000, 5)
	n, k := p.Samples(), p.models[0].Lists.K
	for _, confidence := range []cascade.Confidence{cascade.MaxProbability, cascade.Entropy} {
		r := runOf(t, p, Options{Algorithm: "auto", Confidence: confidence, Threads: 3, Memory: 4 << 20})
		if kept := r.eval.stances != nil; kept != (confidence == cascade.MaxProbability) {
			t.Errorf("%v: stances are kept: %v", confidence, kept)
		}
		for what, workers := range map[string][]*worker{
			"workers":     {r.newWorker(), r.newWorker(), r.newWorker()},
			"sole worker": {r.newSoleWorker()},
		} {
			taken := int64(len(r.eval.stances) * kernel.StancesBytes(n))
			for _, w := range workers {
				taken += int64(w.cache.capacity*setTableBytes(n) + w.sums.capacity*kernel.SumsBytes(n, k))
			}
			if taken > r.options.Memory || taken < r.options.Memory/2 {
				t.Errorf("%v, %s: %d bytes of %d", confidence, what, taken, r.options.Memory)
			}
		}
	}
}
