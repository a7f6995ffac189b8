package kernel
import ("testing";"os";"fmt")
func TestAnchor(t *testing.T) {
	if os.Getenv("MINTEST") == "" { t.Skip() }
	z := bigZoo()
	for k := 2; k <= 5; k++ {
	dis, und := 0, 0
	for i := range z.labels {
		if _, ok := agreed(i, z.lists[:k], nil); ok { continue }
		dis++
		// anchor 0
		exc := func(m int, c uint16) uint32 { return z.lists[m].value(i, c) - z.lists[m].Tail[i] }
		var best, unk uint32
		for _, c := range z.lists[0].Classes[i*16:i*16+16] { var s uint32; for m := range k { s += exc(m, c) }; best = max(best, s) }
		for m := 1; m < k; m++ { for _, c := range z.lists[m].Classes[i*16:i*16+16] { if index(z.lists[0].Classes[i*16:i*16+16], c) < 0 { unk += exc(m, c) } } }
		if unk >= best { und++ }
	}
	fmt.Println(k, "disagree", dis, "undecided", und)
	}
}
