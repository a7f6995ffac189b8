package kernel

// TopK finds the K = len(classes) = len(values) largest values of a row of
// float16 bits (0x0000..0x3C00) and the sum of the whole row in fixed point:
//
//	order all classes c by row[c] descending, lower c first if equal
//	for k := range K {
//		classes[k], values[k] = class, row[class] // NoClass, 0 past the row's end
//	}
//	for _, h := range row {
//		sum += fixed(h)
//	}
//
// K is 16 or 32, and a row has at most 65,535 classes. Bits in this range order
// like their values, so they are compared as integers.
func TopK(classes, values, row []uint16) (sum uint64) {
	need(len(classes) == 16 || len(classes) == 32, "TopK: K is neither 16 nor 32")
	need(len(classes) == len(values), "TopK: classes and values differ in length")
	need(len(row) <= NoClass, "TopK: more than 65535 classes")
	return topK(classes, values, row)
}
