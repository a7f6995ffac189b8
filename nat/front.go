package nat

import (
	"cmp"
	"path/filepath"
	"slices"
)

// A Point is a subnet that was evaluated.
type Point struct {
	Genome    string  `json:"genome"`
	GFLOPs    float64 `json:"gflops"`
	Correct   int     `json:"correct"`
	Samples   int     `json:"n"`
	Error     float64 `json:"error"` // share of wrong answers
	Iteration int     `json:"iteration"`
	Artifact  string  `json:"artifact"`
	Weights   string  `json:"weights"` // SHA-256 of the artifact
}

// A Step is how far a run was after an iteration.
type Step struct {
	Iteration   int      `json:"iteration"`
	Subnets     int      `json:"subnets"` // different ones that were evaluated until then
	Hypervolume float64  `json:"hypervolume"`
	LeastError  float64  `json:"least_error"`
	Surrogate   *Quality `json:"surrogate,omitempty"`
}

// A Reference is what hypervolumes are measured from: the share of the area between the
// smallest subnet's cost without errors and this, on a scale of cost.
type Reference struct {
	Error  float64 `json:"error"`  // the greatest of the start
	GFLOPs float64 `json:"gflops"` // of the largest subnet
	Scale  string  `json:"scale"`
}

// An Average is what the mean of weights gave.
type Average struct {
	Iterations  int     `json:"iterations"` // the last, whose weights were averaged
	Hypervolume float64 `json:"hypervolume"`
	LeastError  float64 `json:"least_error"`
}

// An Outcome is what a run has found.
type Outcome struct {
	Front     []Point    `json:"front"` // over all iterations, or of the average, in ascending order of cost
	Curve     []Step     `json:"curve"` // of complete iterations
	Reference *Reference `json:"reference,omitempty"`
	Average   *Average   `json:"average,omitempty"` // if the front is of averaged weights
	Subnets   int        `json:"subnets"`           // evaluated, each once for each of its weights
	Complete  bool       `json:"complete"`
}

// outcome returns what was found so far.
func (r *run) outcome() *Outcome {
	o := &Outcome{Front: []Point{}, Curve: []Step{}}
	var all []Point
	seen := map[string]bool{}
	for n, it := range r.iterations {
		for i := range it.Members {
			m := &it.Members[i]
			if !m.evaluated() {
				continue
			}
			if key := m.Genome + " " + it.Weights; !seen[key] {
				seen[key] = true
				all = append(all, r.point(it, m))
			}
		}
		if !it.complete() {
			break
		}
		if n == 0 {
			worst := slices.MaxFunc(all, func(a, b Point) int { return cmp.Compare(a.Error, b.Error) })
			o.Reference = &Reference{worst.Error, r.costs[1], r.Scale}
		}
		front := frontOf(all)
		o.Curve = append(o.Curve, Step{n, len(all), r.hypervolume(front, o.Reference), front[len(front)-1].Error, it.Surrogate})
	}
	front := frontOf(all)
	if it := r.average; it != nil {
		var mean []Point
		for i := range it.Members {
			if m := &it.Members[i]; m.evaluated() {
				mean = append(mean, r.point(it, m))
			}
		}
		if all = append(all, mean...); it.complete() {
			front = frontOf(mean)
			o.Average = &Average{it.Averaged, r.hypervolume(front, o.Reference), front[len(front)-1].Error}
		}
	}
	o.Front, o.Subnets = append(o.Front, front...), len(all)
	return o
}

func (r *run) point(it *iteration, m *member) Point {
	artifact := r.Artifact
	if it.Artifact != "" {
		artifact = filepath.Join(r.Dir, it.Artifact)
	}
	return Point{m.Genome, m.GFLOPs, m.Correct, m.Samples, m.wrong(), it.Iteration, artifact, it.Weights}
}

// frontOf returns the points that no other one beats, in ascending order of cost; of equal
// ones the first.
func frontOf(points []Point) (front []Point) {
	points = slices.Clone(points)
	slices.SortStableFunc(points, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.GFLOPs, b.GFLOPs), cmp.Compare(a.Error, b.Error))
	})
	for _, p := range points {
		if len(front) == 0 || p.Error < front[len(front)-1].Error {
			front = append(front, p)
		}
	}
	return front
}

// hypervolume is the share that a front dominates.
func (r *run) hypervolume(front []Point, ref *Reference) float64 {
	if ref.Error == 0 {
		return 1
	}
	area := 0.0
	for i, p := range front {
		until := 100.0
		if i+1 < len(front) {
			until = r.price(front[i+1].GFLOPs)
		}
		area += max(0, ref.Error-p.Error) / ref.Error * (until - r.price(p.GFLOPs)) / 100
	}
	return area
}
