package zoo

import (
	"errors"
	"fmt"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// Lists are the outputs of one model on N samples, each cut down to its K largest
// classes and one number for the rest. The slices must not be changed.
type Lists struct {
	K int
	// Classes and Values hold [N*K]: for each sample the classes in descending order
	// of value, the lower class first on a tie, and their values as float16 bits. A
	// list with fewer than K classes ends in NoClass and value 0.
	Classes, Values []uint16
	// Tail holds [N]: the value that every other class is taken to have, in units of
	// 2^-24: the mean of what is left, rounded down.
	Tail []uint32
	// TopClass and TopValue hold [N]: the first of each list.
	TopClass, TopValue []uint16
}

// ListLength returns K for a number of classes: 16, or 32 for 17 to 32 classes. Up
// to 32 classes the lists are complete.
func ListLength(classes int) int {
	if classes > 16 && classes <= 32 {
		return 32
	}
	return 16
}

// BuildLists makes the lists of outputs in memory. rows holds [N*classes] valid
// float16 bits.
func BuildLists(rows []uint16, classes int) Lists {
	n := len(rows) / classes
	l := makeLists(n, classes)
	for i := range n {
		l.set(i, rows[i*classes:(i+1)*classes])
	}
	return l
}

// listBytes is the memory that makeLists takes.
func listBytes(n, classes int) int { return n * (4*ListLength(classes) + 8) }

func makeLists(n, classes int) Lists {
	k := ListLength(classes)
	return Lists{
		K:        k,
		Classes:  make([]uint16, n*k),
		Values:   make([]uint16, n*k),
		Tail:     make([]uint32, n),
		TopClass: make([]uint16, n),
		TopValue: make([]uint16, n),
	}
}

// set fills the list of sample i from its output and returns the output's sum in
// units of 2^-24.
func (l *Lists) set(i int, row []uint16) uint64 {
	classes, values := l.Classes[i*l.K:(i+1)*l.K], l.Values[i*l.K:(i+1)*l.K]
	sum := kernel.TopK(classes, values, row)
	rest := sum
	for _, v := range values {
		rest -= uint64(fixed[v])
	}
	if len(row) > l.K {
		l.Tail[i] = uint32(rest / uint64(len(row)-l.K))
	}
	l.TopClass[i], l.TopValue[i] = classes[0], values[0]
	return sum
}

// setAnswer fills the list of sample i from an answer: one class.
func (l *Lists) setAnswer(i int, label, confidence uint16) {
	classes, values := l.Classes[i*l.K:(i+1)*l.K], l.Values[i*l.K:(i+1)*l.K]
	for j := range classes {
		classes[j], values[j] = NoClass, 0
	}
	classes[0], values[0] = label, confidence
	l.TopClass[i], l.TopValue[i] = label, confidence
}

// check reports whether l is what it has to be for n samples, so that nothing that
// reads it can go astray: lengths, classes that exist, values that are
// probabilities.
func (l *Lists) check(n, classes int) error {
	if l.K != ListLength(classes) || len(l.Classes) != n*l.K || len(l.Values) != n*l.K ||
		len(l.Tail) != n || len(l.TopClass) != n || len(l.TopValue) != n {
		return fmt.Errorf("its lists do not have the lengths that %d samples of %d classes take", n, classes)
	}
	var differ uint16 // a top entry is not the first of its list
	var over uint64   // bit 63: a tail is above 1
	for i, t := range l.Tail {
		over |= unit - uint64(t)
		differ |= (l.TopClass[i] ^ l.Classes[i*l.K]) | (l.TopValue[i] ^ l.Values[i*l.K])
	}
	if !below(l.Classes, classes) || !probabilities(l.Values) || over>>63 != 0 || differ != 0 {
		return errors.New("its lists hold what is no class or no probability")
	}
	return nil
}
