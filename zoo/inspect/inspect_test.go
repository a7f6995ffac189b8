package inspect

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/zoo"
)

const classes = 10

// float16 bits of one half and of a quarter.
const (
	half    = 0x3800
	quarter = 0x3400
)

// made is a made-up zoo: labels, and models that know them to some extent.
type made struct {
	*rand.Rand
	labels []uint16
	models []Model
}

func make10(samples int) *made {
	m := &made{Rand: rand.New(rand.NewPCG(uint64(samples), 7))}
	for range samples {
		m.labels = append(m.labels, uint16(m.IntN(classes)))
	}
	return m
}

// answers are right with probability skill, otherwise anything.
func (m *made) answers(skill float64) []uint16 {
	answers := slices.Clone(m.labels)
	for i := range answers {
		if m.Float64() >= skill {
			answers[i] = uint16(m.IntN(classes))
		}
	}
	return answers
}

// add adds a model that gives the answers with the confidence half, and a quarter to
// another class.
func (m *made) add(name string, cost float64, answers []uint16, second int) {
	rows := make([]uint16, 0, classes*len(answers))
	for _, class := range answers {
		row := make([]uint16, classes)
		row[class] = half
		row[(int(class)+second)%classes] = quarter
		rows = append(rows, row...)
	}
	why := ""
	if !(cost > 0) {
		why = "no cost"
	}
	m.models = append(m.models, Model{Name: name, Cost: cost, NoCost: why, Lists: zoo.BuildLists(rows, classes)})
}

func (m *made) inspect() *Findings { return Inspect(m.labels, classes, m.models) }

func TestInspect(t *testing.T) {
	t.Parallel()
	m := make10(1000)
	right := slices.Clone(m.labels)
	wrong := func(from, to int) []uint16 {
		answers := slices.Clone(right)
		for i := from; i < to; i++ {
			answers[i] = (answers[i] + 1) % classes
		}
		return answers
	}
	m.add("dear", 9, wrong(0, 100), 1)
	m.add("better, no cost", 0, wrong(0, 50), 2)
	m.add("cheap", 1, wrong(0, 300), 3)
	m.add("worse", 2, wrong(10, 310), 4)
	f := m.inspect()
	if f.Samples != 1000 || f.AnyRight != 1000-40 || f.AllRight != 1000-310 {
		t.Errorf("%d samples, %d any right, %d all right", f.Samples, f.AnyRight, f.AllRight)
	}
	var got []string
	for _, j := range f.Models {
		s := j.Name + " " + strconv.Itoa(j.Correct)
		if j.Front {
			s += " *"
		}
		got = append(got, s)
	}
	if want := []string{"cheap 700 *", "worse 700", "dear 900 *", "better, no cost 950"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if f := Inspect(nil, classes, nil); f.Samples != 0 || len(f.Suspicious) != 0 || f.Models == nil || f.Suspicious == nil {
		t.Errorf("of nothing: %+v", f)
	}
}

func TestSuspicions(t *testing.T) {
	t.Parallel()
	shift := func(answers []uint16) []uint16 { // another numbering of the classes
		shifted := slices.Clone(answers)
		for i := range shifted {
			shifted[i] = (shifted[i] + 3) % classes
		}
		return shifted
	}
	for _, test := range []struct {
		name string
		make func(m *made)
		want []string // kind and models of each
	}{
		{"nothing", func(m *made) {}, nil},
		{"weak but honest", func(m *made) { m.add("weak", 1, m.answers(0.2), 1) }, nil},
		{"same outputs", func(m *made) {
			a := m.answers(0.8)
			m.add("a", 1, a, 1)
			m.add("b", 2, a, 1)
			m.add("c", 3, m.answers(0.8), 1)
			m.add("d", 3, a, 1)
		}, []string{"same-outputs a,b,d"}},
		{"same answers", func(m *made) {
			a := m.answers(0.8)
			m.add("a", 1, a, 1)
			m.add("b", 2, a, 2)
			m.add("b again", 2, a, 2)
		}, []string{"same-outputs b,b again", "same-answers a,b"}},
		{"the same answers by being right", func(m *made) {
			m.add("a", 1, m.labels, 1)
			m.add("b", 2, m.labels, 2)
		}, nil},
		{"chance", func(m *made) { m.add("untrained", 1, m.answers(0), 1) }, []string{"chance untrained"}},
		{"constant", func(m *made) { m.add("stuck", 1, make([]uint16, len(m.labels)), 1) }, []string{"constant stuck"}},
		{"other numbering", func(m *made) { m.add("shifted", 1, shift(m.answers(0.9)), 1) }, []string{"other-numbering shifted"}},
		{"no cost", func(m *made) { m.add("free", 0, m.answers(0.7), 1) }, []string{"no-cost free"}},
		{"not a number", func(m *made) { m.add("odd", math.NaN(), m.answers(0.7), 1) }, []string{"no-cost odd"}},
		{"shuffled labels", func(m *made) {
			m.add("x", 1, m.answers(0.8), 1)
			m.Shuffle(len(m.labels), func(i, j int) { m.labels[i], m.labels[j] = m.labels[j], m.labels[i] })
		}, []string{"labels "}},
		{"labels of another numbering", func(m *made) { m.labels = shift(m.labels) }, []string{"labels "}},
		{"one label", func(m *made) { clear(m.labels) }, []string{"labels "}},
	} {
		m := make10(2000)
		m.add("good", 1, m.answers(0.9), 3)
		m.add("fair", 2, m.answers(0.6), 3)
		test.make(m)
		var got []string
		for _, s := range m.inspect().Suspicious {
			got = append(got, s.Kind+" "+strings.Join(s.Models, ","))
			if s.Says == "" || strings.Contains(s.Summary(), "\n") {
				t.Errorf("%s: says %q", test.name, s.Summary())
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// What the labels are suspected of is told apart.
func TestLabelSuspicionSaysWhy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		make func(m *made)
		want string
	}{
		{func(m *made) {
			m.add("a", 1, m.answers(0.8), 1)
			m.add("b", 1, m.answers(0.8), 1)
			m.Shuffle(len(m.labels), func(i, j int) { m.labels[i], m.labels[j] = m.labels[j], m.labels[i] })
		}, "shuffled"},
		{func(m *made) {
			m.add("a", 1, m.answers(0), 1)
			m.add("b", 1, m.answers(0), 1)
		}, "do not agree"},
		{func(m *made) {
			m.add("a", 1, m.answers(0.8), 1)
			m.add("b", 1, m.answers(0.8), 1)
			for i, label := range m.labels {
				m.labels[i] = classes - 1 - label
			}
		}, "numbered"},
	} {
		m := make10(1000)
		test.make(m)
		if all := m.inspect().Suspicious; len(all) != 1 || all[0].Kind != Labels || !strings.Contains(all[0].Says, test.want) {
			t.Errorf("%+v, want one with %q", all, test.want)
		}
	}
}

// A model of which some columns are exchanged is suspected although it is far better than
// chance; good and weak models, and those that confuse two classes, are not.
func TestPermutedColumns(t *testing.T) {
	t.Parallel()
	swap := func(answers []uint16, a, b uint16) []uint16 {
		answers = slices.Clone(answers)
		for i, c := range answers {
			switch c {
			case a:
				answers[i] = b
			case b:
				answers[i] = a
			}
		}
		return answers
	}
	for _, skill := range []float64{0.15, 0.3, 0.6, 0.935, 1} {
		m := make10(4000)
		answers := m.answers(skill)
		if says, ok := PermutedColumns(answers, m.labels, classes); ok {
			t.Errorf("skill %v: %s", skill, says)
		}
		confused := slices.Clone(answers)
		for i, c := range confused {
			if c == 3 && m.IntN(10) < 6 {
				confused[i] = 5
			}
		}
		if says, ok := PermutedColumns(confused, m.labels, classes); ok {
			t.Errorf("skill %v, one class taken for another: %s", skill, says)
		}
		if skill < 0.3 {
			continue
		}
		half := answers
		for c := uint16(0); c < classes/2; c += 2 {
			half = swap(half, c, c+1)
		}
		says, ok := PermutedColumns(half, m.labels, classes)
		if !ok || !strings.Contains(says, "permuted") || !strings.Contains(says, "0 is 1") {
			t.Errorf("skill %v, half of the columns exchanged: %q", skill, says)
		}
		if _, ok := PermutedColumns(swap(answers, 2, 7), m.labels, classes); !ok {
			t.Errorf("skill %v: two columns exchanged are not noticed", skill)
		}
		m.add("good", 1, m.answers(0.9), 1)
		m.add("half", 1, half, 1)
		if all := m.inspect().Suspicious; len(all) != 1 || all[0].Kind != OtherNumbering || all[0].Models[0] != "half" {
			t.Errorf("skill %v: %+v", skill, all)
		}
	}
	// Where most models are, it is the labels.
	m := make10(4000)
	for _, name := range []string{"a", "b", "c"} {
		m.add(name, 1, swap(swap(m.answers(0.9), 0, 1), 2, 3), 1)
	}
	if all := m.inspect().Suspicious; len(all) != 1 || all[0].Kind != Labels {
		t.Errorf("%+v", all)
	}
}

// Models that guess are at chance hardly ever by more than three standard deviations,
// whatever the classes' sizes; and of few samples nothing is said.
func TestAboveChance(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) []uint16 {
		all := make([]uint16, n)
		for i := range all {
			all[i] = uint16(min(random.IntN(classes), random.IntN(classes)))
		}
		return all
	}
	var sum, squares float64
	const trials = 4000
	for range trials {
		sigmas, ok := aboveChance(draw(200), draw(200), classes)
		if !ok {
			t.Fatal("does not vary")
		}
		sum += sigmas
		squares += sigmas * sigmas
	}
	if mean, deviation := sum/trials, math.Sqrt(squares/trials); math.Abs(mean) > 0.06 || math.Abs(deviation-1) > 0.05 {
		t.Errorf("guesses are off by %.3f ± %.3f standard deviations, want 0 ± 1", mean, deviation)
	}
	m := make10(5)
	m.add("a", 1, m.answers(0), 1)
	m.add("b", 1, m.answers(0), 2)
	if all := m.inspect().Suspicious; len(all) != 0 {
		t.Errorf("of five samples: %+v", all)
	}
}

// agreements returns models in two families whose members agree, and one apart.
func agreements(samples int) *made {
	m := make10(samples)
	for family := range 2 {
		base := m.answers(0.5 + 0.3*float64(family))
		for member := range 4 {
			answers := slices.Clone(base)
			for i := range answers {
				if m.IntN(20) == 0 {
					answers[i] = uint16(m.IntN(classes))
				}
			}
			m.add(string(rune('a'+family))+strconv.Itoa(member), 1, answers, 1)
		}
	}
	m.add("apart", 1, m.answers(0.1), 1)
	m.Shuffle(len(m.models), func(i, j int) { m.models[i], m.models[j] = m.models[j], m.models[i] })
	return m
}

func TestAgreement(t *testing.T) {
	t.Parallel()
	for _, samples := range []int{0, 1, 3, 4, 5, 4095, 10_001} {
		m := agreements(samples)
		a, err := NewAgreement(t.Context(), m.labels, m.models)
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.models {
			for j := range m.models {
				equal := 0
				for s, class := range m.models[i].Lists.TopClass {
					if class == m.models[j].Lists.TopClass[s] {
						equal++
					}
				}
				if want := float64(equal) / float64(max(1, samples)); a.Share(i, j) != want {
					t.Errorf("%d samples: %s and %s agree on %v, want %v", samples, a.Names[i], a.Names[j], a.Share(i, j), want)
				}
			}
		}
	}
}

func TestCountUnequal(t *testing.T) {
	t.Parallel()
	special := []uint16{0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 500}
	for _, x := range special {
		for _, y := range special {
			want := uint32(0)
			if x != y {
				want = 1
			}
			for place := range 4 {
				a, b := []uint16{3, 3, 3, 3}, []uint16{3, 3, 3, 3}
				a[place], b[place] = x, y
				if got := countUnequal(pack(a), pack(b)); got != want {
					t.Errorf("%#x and %#x in lane %d: %d differ, want %d", x, y, place, got, want)
				}
			}
		}
	}
}

func TestOrderPutsFamiliesTogether(t *testing.T) {
	t.Parallel()
	m := agreements(2000)
	a, err := NewAgreement(t.Context(), m.labels, m.models)
	if err != nil {
		t.Fatal(err)
	}
	var families string
	order := a.Order()
	for _, i := range order {
		if f := a.Names[i][:1]; a.Names[i] != "apart" && !strings.HasSuffix(families, f) {
			families += f
		}
	}
	if len(families) != 2 {
		t.Errorf("families in the order %q, want each in one piece", families)
	}
	if n := len(order) / 2; a.meanAccuracy(order[:n]) < a.meanAccuracy(order[len(order)-n:]) {
		t.Error("the worse half comes first")
	}
	slices.Sort(order)
	for i, m := range order {
		if i != m {
			t.Fatalf("the order has %v", order)
		}
	}
}

// Agreement needs no labels: only accuracies are missing.
func TestAgreementWithoutLabels(t *testing.T) {
	t.Parallel()
	m := agreements(500)
	with, err := NewAgreement(t.Context(), m.labels, m.models)
	if err != nil {
		t.Fatal(err)
	}
	without, err := NewAgreement(t.Context(), nil, m.models)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(with.equal, without.equal) || with.Samples != without.Samples || without.Accuracy != nil {
		t.Errorf("%+v, with labels %+v", without, with)
	}
	var drawing strings.Builder
	if err := without.WriteSVG(&drawing, "pool"); err != nil || strings.Contains(drawing.String(), "accuracy") {
		t.Errorf("%v; the drawing has accuracies", err)
	}
}

func TestHeatMap(t *testing.T) {
	t.Parallel()
	hostile := []string{"<script>alert(1)</script>", `quo"te & 'apos'`, "new\nline", "\x1b[2J", "\u202erotated", strings.Repeat("long", 75), "模型", "bad\xffbyte", "]]>"}
	m := agreements(500)
	for i, name := range hostile {
		m.models[i].Name = name
	}
	for _, copies := range []int{1, 8, 60} { // 9, 72 and 540 models
		var models []Model
		for range copies {
			models = append(models, m.models...)
		}
		a, err := NewAgreement(t.Context(), m.labels, models)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := a.WriteSVG(&b, "Agreement <of> models"); err != nil {
			t.Fatal(err)
		}
		svg := b.String()
		if limit := 250_000 + 900*len(models) + len(models)*len(models); len(svg) > limit {
			t.Errorf("%d models: %d bytes, more than %d", len(models), len(svg), limit)
		}
		elements := map[string]int{}
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%d models: %v", len(models), err)
			}
			if e, ok := token.(xml.StartElement); ok {
				elements[e.Name.Local]++
			}
		}
		if elements["script"] != 0 || elements["image"] != 1 || elements["title"] != len(models) {
			t.Errorf("%d models: elements %v", len(models), elements)
		}
		if strings.ContainsAny(svg, "\x1b\u202e") {
			t.Error("a control character in the picture")
		}
		data := regexp.MustCompile(`base64,([^"]+)`).FindStringSubmatch(svg)
		raw, err := base64.StdEncoding.DecodeString(data[1])
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if side := img.Bounds().Dx(); side%len(models) != 0 || side > max(wholeMap, len(models)) {
			t.Errorf("%d models: a picture of %d pixels", len(models), side)
		}
	}
	a, err := NewAgreement(t.Context(), m.labels, m.models[:1])
	if err == nil {
		err = a.WriteSVG(io.Discard, "one")
	}
	if err != nil {
		t.Error(err)
	}
}

// A model that is correct as often as by chance is not told apart from less accurate ones
// that are hardly better, and what chance is for each is said. One that is clearly better is
// not suspected, however accurate it is.
func TestEqualModelsAreJudgedEqually(t *testing.T) {
	t.Parallel()
	m := make10(900)
	for i := range m.labels {
		if i%3 == 0 {
			m.labels[i] = 0
		}
	}
	often := make([]uint16, len(m.labels)) // nearly always class 0, whatever the sample
	for i := range often {
		if m.IntN(50) == 0 {
			often[i] = uint16(m.IntN(classes))
		}
	}
	m.add("good", 1, m.answers(0.9), 3)
	m.add("often", 2, often, 3)
	m.add("weak", 3, m.answers(0.05), 3)
	m.add("better", 4, m.answers(0.15), 3)
	f := m.inspect()
	accuracy := map[string]float64{}
	for _, j := range f.Models {
		accuracy[j.Name] = j.Accuracy
	}
	if !(accuracy["weak"] < accuracy["better"] && accuracy["better"] < accuracy["often"]) {
		t.Fatalf("accuracies %v", accuracy)
	}
	var got []string
	for _, s := range f.Suspicious {
		got = append(got, s.Kind+" "+s.Models[0])
	}
	if !slices.Equal(got, []string{"chance often", "chance weak"}) {
		t.Fatalf("%q", got)
	}
	for i, says := range []string{"no more often than by chance, which is 3", "hardly more often than by chance, which is 1"} {
		if s := f.Suspicious[i].Says; !strings.Contains(s, says) || !strings.Contains(s, "(class ") {
			t.Errorf("%q", s)
		}
	}
}
