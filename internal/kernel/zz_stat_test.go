package kernel
import ("testing";"os";"fmt")
func TestStat(t *testing.T) {
	if os.Getenv("MINTEST") == "" { t.Skip() }
	z := bigZoo()
	n := len(z.labels)
	for m := range z.lists { a, d := 0, 0; for i := range n { if z.lists[m].TopClass[i]==z.labels[i] {a++}; if z.lists[m].TopClass[i]!=z.lists[0].TopClass[i] {d++} }; fmt.Printf("acc %.3f differ %.3f\n", float64(a)/float64(n), float64(d)/float64(n)) }
	t1,t12,t123,cells := chainData()
	d1,d2:=0,0
	h:=map[uint16]int{}
	for i := range n { d1+=int((t1[i]^t12[i])&1); d2+=int((t12[i]^t123[i])&1); h[cells[i]]++ }
	m:=0; for _,v:=range h { m=max(m,v)}
	fmt.Printf("delta1 %.3f delta %.3f hot %.3f cells %d\n", float64(d1)/float64(n), float64(d2)/float64(n), float64(m)/float64(n), len(h))
}
