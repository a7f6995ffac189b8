package optimize

import (
	"reflect"
	"sync/atomic"
	"testing"
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
