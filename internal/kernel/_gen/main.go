// Gen writes the assembly of package kernel:
//
//	go run . -family table -out ../table_amd64.s -stubs ../table_stubs_amd64.go -pkg kernel
//
// Every family of kernels has a file here with the name of the file that holds
// its contract. The package's go:generate lines run all of them.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	_ "golang.org/x/tools/go/packages" // pins the version that works with this Go
)

var families = map[string]func(){
	"chain":   chain,
	"float16": float16,
	"heads":   heads,
	"lists":   lists,
	"margins": margins,
	"screen":  screen,
	"table":   table,
	"topk":    topK,
}

func main() {
	family := flag.String("family", "", "the family of kernels to write")
	flag.Parse()
	write, ok := families[*family]
	if !ok {
		fmt.Fprintf(os.Stderr, "gen: no family %q\n", *family)
		os.Exit(2)
	}
	ConstraintExpr("amd64,!purego")
	write()
	Generate()
}

// Predicates of the AVX-512 integer compares, written for Go's operand order:
// VPCMPUB(less, b, a, k) sets k where a < b.
const (
	equal        = U8(0)
	less         = U8(1)
	lessEqual    = U8(2)
	notEqual     = U8(4)
	greaterEqual = U8(5)
	greater      = U8(6)
)

// function begins a function whose pointers do not outlive the call.
func function(name string, attributes attr.Attribute, signature string) {
	TEXT(name, attributes, signature)
	Pragma("noescape")
}

// arg loads a parameter into a register.
func arg(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

// argAddr is a parameter in memory.
func argAddr(name string) Mem {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}

// at is the memory base + index*scale + disp.
func at(base, index Register, scale uint8, disp int) Mem {
	return Mem{Base: base, Index: index, Scale: scale, Disp: disp}
}

// words32, words16 and words8 put constants into read-only memory.
func words32(name string, values []uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i, v := range values {
		DATA(4*i, U32(v))
	}
	return m
}

func words16(name string, values []uint16) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i, v := range values {
		DATA(2*i, U16(v))
	}
	return m
}

func words8(name string, values []byte) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i, v := range values {
		DATA(i, U8(v))
	}
	return m
}

// sequence is n numbers start, start+step, ...
func sequence[T uint8 | uint16 | uint32](n int, start, step T) []T {
	return slices.Collect(func(yield func(T) bool) {
		for i := range n {
			if !yield(start + T(i)*step) {
				return
			}
		}
	})
}

// loop runs body for the register i from its value in steps while i < end, which
// may be no times.
func loop(label string, i GPVirtual, end Op, step int, body func()) {
	CMPQ(i, end)
	JGE(LabelRef(label + "_end"))
	Label(label)
	body()
	ADDQ(I32(step), i)
	CMPQ(i, end)
	JLT(LabelRef(label))
	Label(label + "_end")
}

// ones512 is a register with all bits set.
func ones512() VecVirtual {
	z := ZMM()
	VPTERNLOGD(Imm(0xFF), z, z, z)
	return z
}

// tailMask sets the low n%width bits of a fresh mask register, jumping to done
// where there are none.
func tailMask(n Register, width int, done string) OpmaskVirtual {
	rest, bits, k := GP64(), GP64(), K()
	MOVQ(n, rest)
	ANDQ(I32(width-1), rest)
	JZ(LabelRef(done))
	MOVQ(I32(-1), bits)
	BZHIQ(rest, bits, bits)
	KMOVQ(bits, k)
	return k
}
