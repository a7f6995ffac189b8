package simzoo

import (
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// The statistics of the simulation, in octaves of probability. They were tuned
// until models agree, err together and gain from averaging as real ones do
// (TestRealistic; the package's doc gives the figures).
const (
	difficultySpread = 4.5  // how far samples differ, for all models alike
	modelSpread      = 1.75 // noise of one model on one class of one sample
	familySpread     = 1.0  // noise its family shares
	pretrainSpread   = 0.75 // noise that models of one pretraining share
	moodSpread       = 0.7  // how far a model's sharpness differs from sample to sample

	hopeless = 0.05 // share of samples that next to no model has right
)

// Outputs are the simulated softmax outputs of one model on the samples of one
// split. One Outputs is used by one goroutine; Simulate fills it again and again.
type Outputs struct {
	s      *Samples
	logits []int32 // [N*perSample], of the plausible classes
	margin []int32 // [N] what the true class lacks to win
	skill  int32   // added to every true class: reaches the published accuracy

	mood      uint64 // key of the sample-to-sample changes of sharpness
	sharpness int32  // a factor of all logits, 1/256: overconfident above
	floor     int32  // logits further below the best are pressed together, as label smoothing does

	// The tail. Level l gives the class of rank r the value
	// float16(profile[r] * 2^(-l/16)).
	profile    []float32
	profileSum float32
	levelMass  []uint32 // [tailLevels+1] exact sum over all ranks, 2^-24
	levelTop   []uint16 // [tailLevels+1] the value of rank 0

	sorted []int32
	values []float32 // [C] a row before rounding
	row    []uint16  // [C]
	fixed  []uint32  // [C]
}

// moods holds factors of sharpness, 1/256, lognormal around one. They leave the
// answers alone, and make confidence the rough guide that it is in real models.
var moods = func() (t [256]int32) {
	for i := range t {
		t[i] = int32(math.RoundToEven(256 * math.Exp2(moodSpread*quantile((float64(i)+0.5)/256))))
	}
	return t
}()

// tailLevels is the number of scales of a tail: 1/16 octave each, down to where
// float16 has only zero.
const tailLevels = 26 * 16

// Simulate draws the outputs of the model on the samples so that exactly
// round(top1/100*N) of them are right.
func (o *Outputs) Simulate(seed uint64, s *Samples, spec Spec, top1 float64) {
	n, p := len(s.Labels), s.perSample
	if o.s != s {
		*o = Outputs{
			s:      s,
			logits: make([]int32, n*p), margin: make([]int32, n), sorted: make([]int32, n),
			profile:   make([]float32, s.Classes-p),
			levelMass: make([]uint32, tailLevels+1), levelTop: make([]uint16, tailLevels+1),
			values: make([]float32, s.Classes), row: make([]uint16, s.Classes), fixed: make([]uint32, s.Classes),
		}
	}
	o.mood = keyOf(seed, "mood "+spec.Name)
	o.recipe(keyOf(seed, "recipe "+spec.Name))
	o.fillTail()

	sources := [...]noiseSource{
		{keyOf(seed, "model "+spec.Name), int32(math.RoundToEven(modelSpread * 256 * spec.waywardness()))},
		{keyOf(seed, "family "+spec.Family), familySpread * 256},
		{keyOf(seed, "pretrain "+spec.Pretrain), pretrainSpread * 256},
	}
	copy(o.logits, s.base)
	for i := range n {
		z := o.logits[i*p : (i+1)*p]
		for _, src := range sources {
			src.addTo(z, s.key[i])
		}
		t := int(s.truth[i])
		best := int32(math.MinInt32)
		for c, v := range z {
			if c != t {
				best = max(best, v)
			}
		}
		o.margin[i] = best - z[t]
	}

	// The k-th smallest margin is the skill that makes k samples right.
	copy(o.sorted, o.margin)
	slices.Sort(o.sorted)
	right := int(math.RoundToEven(top1 / 100 * float64(n)))
	if right == 0 {
		o.skill = o.sorted[0] - octave
	} else {
		o.skill = o.sorted[right-1] + 1
	}
	for i := range n {
		o.logits[i*p+int(s.truth[i])] += o.skill
	}
}

// waywardness is how much more a model goes its own way than one of 80 % on
// ImageNet: the better models are, the more alike they are.
func (s Spec) waywardness() float64 {
	return min(max(0.6, math.Sqrt((100-s.Top1)/20)), 1.4)
}

// A noiseSource adds normal noise that depends on the source and the sample.
type noiseSource struct {
	key    uint64
	spread int32 // 1/256 octave
}

func (src noiseSource) addTo(z []int32, sample uint64) {
	h := src.key ^ sample
	k := 0
	for ; k+4 <= len(z); k += 4 {
		h += 0x9e3779b97f4a7c15
		a, b, c, d := normal4(mix(h))
		z[k] += a * src.spread >> 8
		z[k+1] += b * src.spread >> 8
		z[k+2] += c * src.spread >> 8
		z[k+3] += d * src.spread >> 8
	}
	if k < len(z) {
		a, b, c, _ := normal4(mix(h + 0x9e3779b97f4a7c15))
		for j, v := range [3]int32{a, b, c} {
			if k+j < len(z) {
				z[k+j] += v * src.spread >> 8
			}
		}
	}
}

// recipe draws how the model was trained, as far as calibration shows it: two
// in three with label smoothing or the like, whose outputs keep a floor of
// probability under every class; the others without, sharper than they should
// be.
func (o *Outputs) recipe(key uint64) {
	draw := stream(key)
	sharp, floor := 192+draw.below(51), 10*octave+draw.below(4*octave) // 0.75 to 0.95
	if draw.below(3) == 0 {
		sharp, floor = 256+draw.below(128), noFloor // 1 to 1.5
	}
	o.sharpness, o.floor = int32(sharp), int32(floor)
}

// fillTail lays out the tail: classes fall off as the lower quantiles of a
// normal distribution do.
func (o *Outputs) fillTail() {
	n := len(o.profile)
	if n == 0 {
		return
	}
	spread := 1.3 * float64(o.sharpness) / 256
	if o.floor != noFloor {
		spread /= floorPressure
	}
	top := quantile(1 - 0.5/float64(n))
	o.profileSum = 0
	for r := range o.profile {
		q := quantile(1 - (float64(r)+0.5)/float64(n))
		o.profile[r] = pow2(int32(math.RoundToEven(octave * spread * (q - top))))
		o.profileSum += o.profile[r]
	}
	for l := range o.levelMass {
		scale := levelScale(l)
		for r, q := range o.profile {
			o.values[r] = q * scale
		}
		kernel.F16FromF32(o.row[:n], o.values[:n])
		o.levelTop[l] = o.row[0]
		kernel.Fixed(o.fixed[:n], o.row[:n])
		o.levelMass[l] = 0
		for _, v := range o.fixed[:n] {
			o.levelMass[l] += v
		}
	}
}

func levelScale(l int) float32 { return pow2(int32(-l * octave / 16)) }

// noFloor is a floor that no logit is below.
const noFloor = 1000 * octave

// floorPressure is how much more slowly values fall below the floor.
const floorPressure = 8

// A shape is a row short of the classes in its tail.
type shape struct {
	class []uint16 // ascending
	value [plausible]uint16
	level int // of the tail
}

// shape computes the softmax of sample i over the plausible classes, and the
// tail's level.
func (o *Outputs) shape(i int) (sh shape) {
	p := o.s.perSample
	z := o.logits[i*p : (i+1)*p]
	sh.class = o.s.class[i*p : (i+1)*p]
	best := slices.Max(z)
	sharp := int64(o.sharpness * moods[mix(o.mood^o.s.key[i])&255])
	e := o.values[:p]
	var sum float32
	lowest := int32(0)
	for c, v := range z {
		d := int32(int64(v-best) * sharp >> 16)
		if d < -o.floor {
			d = -o.floor + (d+o.floor)/floorPressure
		}
		lowest = min(lowest, d)
		e[c] = pow2(d)
		sum += e[c]
	}
	room := float32(1)
	if len(o.profile) > 0 {
		// The tail's highest class is just below the lowest plausible one.
		total := sum + float32(pow2(lowest)*o.profileSum)
		sh.level = min(int(-lowest)*16/octave+log2Sixteenths(total)+1, tailLevels)
		room = 1 - float32(o.levelMass[sh.level])/kernel.One
	}
	scale := room / sum
	for c := range e {
		e[c] *= scale
	}
	kernel.F16FromF32(sh.value[:p], e)
	return sh
}

// log2Sixteenths returns an upper bound of 16*log2(x) for x >= 1 that is at most
// 1.4 above it. (Between powers of two log2 is taken as linear; that is at most
// 0.086 below.)
func log2Sixteenths(x float32) int {
	bits := math.Float32bits(x)
	return int(bits>>23-127)*16 + int(bits>>19&15) + 2
}

// tailRank returns the walk through the ranks of sample i's tail: the j-th class
// that is not plausible has rank (start + j*stride) mod n.
func (o *Outputs) tailRank(i int) (start, stride int) {
	n := len(o.profile)
	h := mix(o.s.key[i] ^ 0x7461696c)
	// A prime above every class count shares no divisor with it.
	return int(h % uint64(n)), 65537 % n
}

// Row writes the whole row of sample i, one float16 a class.
func (o *Outputs) Row(i int, dst []uint16) {
	o.fillRow(i, o.shape(i), dst)
}

func (o *Outputs) fillRow(i int, sh shape, dst []uint16) {
	if n := len(o.profile); n > 0 {
		rank, stride := o.tailRank(i)
		scale := levelScale(sh.level)
		k := 0
		for c := range o.values {
			if k < len(sh.class) && int(sh.class[k]) == c {
				k++
				continue
			}
			o.values[c] = o.profile[rank] * scale
			if rank += stride; rank >= n {
				rank -= n
			}
		}
		kernel.F16FromF32(dst, o.values)
	}
	for k, c := range sh.class {
		dst[c] = sh.value[k]
	}
}

// Lists writes the top-K lists of every sample, as zoo.BuildLists finds them in
// the rows, without writing the rows.
func (o *Outputs) Lists(dst zoo.Lists) {
	k := dst.K
	for i := range o.s.Labels {
		classes, values := dst.Classes[i*k:(i+1)*k], dst.Values[i*k:(i+1)*k]
		sh := o.shape(i)
		left := kernel.TopK(classes, values, sh.value[:len(sh.class)])
		tailed := len(o.profile) > 0
		if tailed && o.levelTop[sh.level] >= values[k-1] {
			// The tail reaches the list: look at the whole row.
			o.fillRow(i, sh, o.row)
			left = kernel.TopK(classes, values, o.row)
		} else {
			for j, position := range classes[:min(k, len(sh.class))] {
				classes[j] = sh.class[position]
			}
			if tailed {
				left += uint64(o.levelMass[sh.level])
			}
		}

		dst.Tail[i] = 0
		if rest := o.s.Classes - k; rest > 0 {
			fixed := o.fixed[:k]
			kernel.Fixed(fixed, values)
			for _, v := range fixed {
				left -= uint64(v)
			}
			dst.Tail[i] = uint32(left / uint64(rest))
		}
		dst.TopClass[i], dst.TopValue[i] = classes[0], values[0]
	}
}
