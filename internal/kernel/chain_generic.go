package kernel

func cellsGeneric(cells []uint16, t1, t2 []byte, cols int) {
	for i, b := range t1 {
		cells[i] = uint16(b>>1)*uint16(cols) + uint16(t2[i]>>1)
	}
}

func countGeneric(hist []int32, cells []uint16) {
	for _, c := range cells {
		hist[c]++
	}
}

func count1Generic(hist []int32, table []byte) {
	for _, b := range table {
		hist[b>>1]++
	}
}

func deltaGeneric(hist []int32, cells []uint16, from, to []byte) {
	for i, c := range cells {
		if d := int32(to[i]&1) - int32(from[i]&1); d != 0 {
			hist[c] += d
		}
	}
}

func delta1Generic(hist []int32, table, from, to []byte) {
	for i, b := range table {
		if d := int32(to[i]&1) - int32(from[i]&1); d != 0 {
			hist[b>>1] += d
		}
	}
}

func prefix2Generic(hist []int32, rows, cols int) {
	for r := range rows {
		row := hist[r*cols:][:cols]
		Prefix1(row)
		if r > 0 {
			above := hist[(r-1)*cols:][:cols]
			for c := range row {
				row[c] += above[c]
			}
		}
	}
}
