// Package outputs defines what a classifier's output on a sample is: a row with the
// probability of every class, as float16 bits, or the list of its largest classes. It
// checks rows, and makes lists from them.
package outputs

import (
	"errors"
	"fmt"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

const (
	// One is the probability 1 in fixed point.
	One = kernel.One
	// OneBits is the float16 1, the largest valid value. Larger bits are larger
	// numbers, negative ones, or none.
	OneBits = 0x3C00
	// MaxClasses is the largest number of classes: they are numbered in uint16, and
	// NoClass is not a class.
	MaxClasses = 65535
	// NoClass pads lists of fewer than K classes.
	NoClass = kernel.NoClass
)

// Lists are the outputs of one model on N samples, each cut down to its K largest
// classes and one value for the rest.
type Lists = kernel.Lists

// ListLength returns K for a number of classes: 16, or 32 for 17 to 32 classes. Up
// to 32 classes the lists are complete.
func ListLength(classes int) int {
	if classes > 16 && classes <= 32 {
		return 32
	}
	return 16
}

// NewLists returns empty lists for n samples.
func NewLists(n, classes int) Lists {
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

// ListBytes is the memory that NewLists(n, classes) takes.
func ListBytes(n, classes int) int { return n * (4*ListLength(classes) + 8) }

// BuildLists makes lists of valid rows, [N*classes].
func BuildLists(rows []uint16, classes int) Lists {
	n := len(rows) / classes
	l := NewLists(n, classes)
	for i := range n {
		SetRow(&l, i, rows[i*classes:(i+1)*classes])
	}
	return l
}

// SetRow makes the list of sample i from its row, whose values must be valid, and
// returns their sum in fixed point.
func SetRow(l *Lists, i int, row []uint16) uint64 {
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

// SetAnswer makes the list of sample i from an answer: one class.
func SetAnswer(l *Lists, i int, label, confidence uint16) {
	classes, values := l.Classes[i*l.K:(i+1)*l.K], l.Values[i*l.K:(i+1)*l.K]
	for j := range classes {
		classes[j], values[j] = NoClass, 0
	}
	classes[0], values[0] = label, confidence
	l.TopClass[i], l.TopValue[i] = label, confidence
}

// ListedRow makes the row that the list of sample i stands for: every class that is not in it
// has the tail, rounded down to a float16. Of complete lists it is the row they were made of.
func ListedRow(row []uint16, l *Lists, i int) {
	tail, found := slices.BinarySearch(fixed[:OneBits+1], l.Tail[i])
	if !found {
		tail--
	}
	for c := range row {
		row[c] = uint16(tail)
	}
	for j, class := range l.Classes[i*l.K : (i+1)*l.K] {
		if class != NoClass {
			row[class] = l.Values[i*l.K+j]
		}
	}
}

// CheckLists reports whether l can be used without further checks: lengths, classes
// that exist, values that are probabilities.
func CheckLists(l *Lists, n, classes int) error {
	if l.K != ListLength(classes) || len(l.Classes) != n*l.K || len(l.Values) != n*l.K ||
		len(l.Tail) != n || len(l.TopClass) != n || len(l.TopValue) != n {
		return fmt.Errorf("its lists do not have the lengths that %d samples of %d classes take", n, classes)
	}
	var differ uint16 // a top entry is not the first of its list
	var over uint64   // bit 63: a tail is above 1
	for i, t := range l.Tail {
		over |= One - uint64(t)
		differ |= (l.TopClass[i] ^ l.Classes[i*l.K]) | (l.TopValue[i] ^ l.Values[i*l.K])
	}
	if !below(l.Classes, classes) || !probabilities(l.Values) || over>>63 != 0 || differ != 0 {
		return errors.New("its lists hold invalid classes or probabilities")
	}
	return nil
}
