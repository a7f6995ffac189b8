//go:build invariants

package optimize

import "testing"

func TestInvariantsAreChecked(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 1, 3, 10, 4)
	for name, offer := range map[string]func(a *archive){
		"reach that grows": func(a *archive) {
			a.offer(5, 10, plan{members: []member{{0, 1}, {1, 1}}, exits: []uint8{0}}, []int{10, 11})
		},
		"first stage left out": func(a *archive) { a.offer(5, 10, plan{members: []member{{0, 1}}}, []int{9}) },
		"a place out of form": func(a *archive) {
			b := a.copy()
			b.totals[5], b.places[5] = 10, &place{plan: plan{members: []member{{0, 2}}}}
			a.merge(b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, err := newRun(p, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if recover() == nil {
					t.Error("nothing is found wrong")
				}
			}()
			offer(s.archive)
		})
	}
}
