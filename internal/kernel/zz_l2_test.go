package kernel
import ("testing";"os";"fmt")
func TestL2(t *testing.T) {
	if os.Getenv("MINTEST") == "" { t.Skip() }
	z := bigZoo()
	n := len(z.labels)
	s := NewSums(n, 16)
	Single(s, z.lists[0], 1)
	best, class, open := make([]uint32, n), make([]uint16, n), make([]int32, n)
	for _, b := range []int{512, 1024, 2048, 4096, 8192, n} {
		ss, ll := s.Slice(0, b), z.lists[1].Slice(0, b)
		k := 0
		a := minTime(1000, func() { k = Agree(best[:b], class[:b], open, ss.Top, ss.TopClass, &ll, 1) })
		d := minTime(1000, func() { Combine(best[:b], class[:b], open, &ss, &ll, 1) })
		fmt.Printf("%d: %v, agree %v, %d differ, %.1f ns each\n", b, d, a, k, float64((d-a).Nanoseconds())/float64(k))
	}
}
