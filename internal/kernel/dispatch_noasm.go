//go:build (!amd64 && !arm64) || purego

package kernel

func evaluate(tables [][]byte, exits []byte, reach []int) int {
	clear(reach)
	return evaluateGeneric(tables, exits, reach, 0)
}
func same(a, b []uint16) int                              { return sameGeneric(a, b) }
func settle(to, table []byte, exit, keep, code byte)      { settleGeneric(to, table, exit, keep, code, 0) }
func correct(table []byte) int                            { return correctGeneric(table) }
func delta(hist []int32, cells []uint16, from, to []byte) { deltaGeneric(hist, cells, from, to) }
func delta1(hist []int32, table, from, to []byte)         { delta1Generic(hist, table, from, to) }
func judge(may []byte, open []int32, a, b *Margins) int   { return judgeGeneric(may, open, a, b, 0, 0) }
