package simzoo

import "math"

// Everything random is a hash of what it belongs to (seed, model, sample,
// class): no stream has a state, so the order of work and the number of threads
// cannot change a value. Everything that is added up is an integer, so the
// machine cannot either.

// mix is a bijective scrambling of 64 bits (the finaliser of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// keyOf hashes a name under a seed (FNV-1a, then mix).
func keyOf(seed uint64, name string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001b3
	}
	return mix(h ^ mix(seed))
}

// A stream is a sequence of hashes for the few places that draw a number of
// values not known before.
type stream uint64

func (s *stream) next() uint64 {
	*s++
	return mix(uint64(*s))
}

// below returns a value in [0, n).
func (s *stream) below(n int) int {
	return int((s.next() >> 32) * uint64(n) >> 32)
}

// unit returns a value in [0, 1).
func (s *stream) unit() float64 { return float64(s.next()>>40) / (1 << 24) }

// Logits are counted in units of 2^-12 octaves: an octave is a factor of two in
// probability.
const (
	octaveBits = 12
	octave     = 1 << octaveBits
)

// normals holds 4,096 quantiles of the normal distribution of mean 0 and
// standard deviation one octave.
var normals = func() (t [4096]int16) {
	for i := range t {
		t[i] = int16(math.RoundToEven(octave * quantile((float64(i)+0.5)/float64(len(t)))))
	}
	return t
}()

// quantile returns the value that a standard normal variable stays below with
// probability p.
func quantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// normal4 turns one hash into four normal values.
func normal4(h uint64) (a, b, c, d int32) {
	return int32(normals[h&4095]), int32(normals[h>>12&4095]), int32(normals[h>>24&4095]), int32(normals[h>>36&4095])
}

// exp2 holds 2^(i/octave) for one octave.
var exp2 = func() (t [octave]float32) {
	for i := range t {
		t[i] = float32(math.Exp2(float64(i) / octave))
	}
	return t
}()

// pow2 returns 2^(z/octave) for z <= 0, and at least 2^-100.
func pow2(z int32) float32 {
	z = max(z, -100*octave)
	return math.Float32frombits(math.Float32bits(exp2[z&(octave-1)]) - uint32(-(z>>octaveBits))<<23)
}
