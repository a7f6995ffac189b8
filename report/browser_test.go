package report

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/shell"
)

// A front as large as they come, with names as bad as they come, in a browser: it
// shows at once, nothing goes wrong, nothing is asked of anybody, all that can be
// moved moves, and it fits a phone. SCREENSHOTS names a folder for pictures.
func TestInBrowser(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := newData(t, expect(newFront(t, 518, 500, 1)), expect(newFront(t, 518, 80, 1)))
	path, size := writePage(t, newData(t, expect(newFront(t, 518, 500, 1))))
	t.Logf("500 cascades over 518 models: %d kB", size>>10)
	if size > 3<<20 {
		t.Errorf("the page has %d bytes", size)
	}
	b.screen(1280, 900, false, "light")
	paint := math.Inf(1) // of three, because the machine may be busy
	for range 3 {
		var here float64
		b.open(path)
		b.eval(`new Promise((done) => requestAnimationFrame(() => setTimeout(() => done((performance.getEntriesByType('paint')[0] || {startTime: 1e9}).startTime), 100)))`, &here)
		checkQuiet(t, b, path)
		paint = min(paint, here)
	}
	t.Logf("first paint after %.0f ms", paint)
	if paint > 1000 {
		t.Errorf("first paint after %.0f ms", paint)
	}

	path, _ = writePage(t, d)
	for _, screen := range []struct {
		name          string
		width, height int
		phone         bool
		colours       string
		background    string
	}{
		{"desktop-light", 1280, 900, false, "light", "rgb(246, 247, 249)"},
		{"desktop-dark", 1280, 900, false, "dark", "rgb(15, 19, 25)"},
		{"phone-light", 360, 740, true, "light", "rgb(246, 247, 249)"},
		{"phone-dark", 360, 740, true, "dark", "rgb(15, 19, 25)"},
	} {
		t.Run(screen.name, func(t *testing.T) {
			b.t = t
			b.screen(screen.width, screen.height, screen.phone, screen.colours)
			b.open(path)
			var look struct {
				Background string
				Width      int
				Wide       []string // elements that stand out
			}
			b.eval(`({Background: getComputedStyle(document.body).backgroundColor, Width: document.documentElement.scrollWidth,
				Wide: [...document.querySelectorAll('body *')].filter((e) => e.classList.contains('scroll') ? innerWidth < 640 && e.scrollWidth > e.clientWidth
					: e.getBoundingClientRect().right > innerWidth + 1 && (innerWidth < 640 || !e.closest('.scroll, figcaption, .row > :first-child'))).map((e) => e.tagName + '#' + e.id + '.' + e.getAttribute('class')).slice(0, 8)})`, &look)
			if look.Background != screen.background || look.Width > screen.width || len(look.Wide) > 0 {
				t.Errorf("%+v", look)
			}
			b.shoot(screen.name)
			checkHeadline(t, b, d)
			checkPointer(t, b)
			checkPicker(t, b, d)
			checkTable(t, b, d)
			checkSwitches(t, b)
			checkQuiet(t, b, path)
		})
	}
	b.t = t
}

// checkQuiet fails where the page complains, or asks for anything but itself.
func checkQuiet(t *testing.T, b *browser, path string) {
	t.Helper()
	problems, requests := b.problems()
	for _, p := range problems {
		t.Error(p)
	}
	for _, r := range requests {
		if r != "file://"+path && !strings.HasPrefix(r, "data:") {
			t.Errorf("the page asks for %s", r)
		}
	}
	var broken any
	b.eval(`window.broken || document.images.length || null`, &broken)
	if broken != nil {
		t.Errorf("a name became a part of the page: %v", broken)
	}
}

func checkPicker(t *testing.T, b *browser, d *Data) {
	t.Helper()
	cascades := d.Runs[0].Cascades
	slide := func(to string) (text string) {
		b.eval(`(() => { const s = document.getElementById('slider'); s.value = `+to+`; s.dispatchEvent(new Event('input')); return document.getElementById('cascade-text').textContent; })()`, &text)
		return text
	}
	if got := slide("0"); got != valid(cascades[0].String()) {
		t.Errorf("the cheapest cascade is %q", got)
	}
	last := len(cascades) - 1
	if got := slide("1000"); got != valid(cascades[last].String()) {
		t.Errorf("the most expensive cascade is %q", got)
	}
	checkCard(t, b, d, last)
	checkMeasured(t, b, d, cascades[last])
	var text string
	b.eval(`(() => { document.getElementById('cheaper').click(); return document.getElementById('cascade-text').textContent; })()`, &text)
	if text != valid(cascades[last-1].String()) {
		t.Errorf("one cheaper is %q", text)
	}
	b.eval(`(() => { document.querySelector('[data-value=accuracy]').click(); const x = document.querySelector('#pick-controls [data-value=accuracy]'); x.click(); const i = document.getElementById('budget'); i.value = 60; i.dispatchEvent(new Event('change')); return document.getElementById('cascade-text').textContent; })()`, &text)
	for _, c := range cascades {
		if c.Expected.Accuracy >= 0.6 {
			if text != valid(c.String()) {
				t.Errorf("60 %% takes %q instead of %q", text, c.String())
			}
			break
		}
	}
}

// checkCard reads the card of a cascade: its results in columns that do not mix, and what
// can be copied.
func checkCard(t *testing.T, b *browser, d *Data, number int) {
	t.Helper()
	c := d.Runs[0].Cascades[number]
	var got struct {
		Chosen, Link, Words, Evaluate, Explain, Export, JSON, Hash string
		Heads                                                      []string
		Accuracy                                                   [][2]string
		Stages                                                     int
		StagesOf                                                   string
	}
	b.eval(`(() => { const text = (id) => document.getElementById(id).textContent;
		return {Chosen: text('chosen'), Link: document.querySelector('#chosen a').getAttribute('href'), Words: text('words'),
			Evaluate: text('command-evaluate'), Explain: text('command-explain'), Export: text('command-export'), JSON: text('json'), Hash: location.hash,
			Heads: [...document.querySelectorAll('#facts thead th')].map((e) => e.textContent),
			Accuracy: [...document.querySelectorAll('#facts tr.lead td')].map((e) => [e.dataset.label, e.textContent]),
			Stages: document.querySelectorAll('#stages tbody tr').length, StagesOf: text('stages-title')}; })()`, &got)
	address := fmt.Sprintf("#run=0&cascade=%d", number)
	if !strings.HasPrefix(got.Chosen, fmt.Sprintf("Cascade %d ", number)) || got.Link != address || got.Hash != address {
		t.Errorf("cascade %d is headed %q, with the link %s at %s", number, got.Chosen, got.Link, got.Hash)
	}
	if want := []string{"", "expected on other samples", "measured on <i>test</i> (4,000 samples)", "on the samples searched (20,000 samples)"}; !slices.Equal(got.Heads, want) {
		t.Errorf("the columns are %q", got.Heads)
	}
	percent := func(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }
	want := [][2]string{
		{"expected on other samples", percent(c.Expected.Accuracy)},
		{"measured on <i>test</i>", percent(float64(c.Test.Correct) / testSamples)},
		{"on the samples searched", percent(float64(c.Correct) / 20000)},
	}
	if !slices.Equal(got.Accuracy, want) {
		t.Errorf("accuracies %q, want %q", got.Accuracy, want)
	}
	if !strings.Contains(got.Words, "only the cascade is correct on 60 samples, only ") || !strings.Contains(got.Words, " on 40: not significantly different (p = 0.057, McNemar)") {
		t.Errorf("words %q", got.Words)
	}
	if got.Stages != len(c.Stages) || got.StagesOf != "Stages, on <i>test</i> (4,000 samples)" {
		t.Errorf("%d stages, %q", got.Stages, got.StagesOf)
	}
	word := shell.Word(c.String())
	if word == c.String() {
		word = "'" + word + "'"
	}
	if got.Evaluate != valid("encas-zoo evaluate --zoo 'the zoo' --split '<i>test</i>' --cascade "+word) ||
		got.Explain != valid("encas-zoo explain --zoo 'the zoo' --sample 0 --cascade "+word) || got.Export != fmt.Sprintf("encas-zoo export %s --pick %d", d.Runs[0].Word, number) {
		t.Errorf("commands\n%s\n%s\n%s", got.Evaluate, got.Explain, got.Export)
	}
	var plain struct {
		Number   int
		Cascade  string
		Expected front.Expected
		Stages   []front.StageJSON
	}
	if err := json.Unmarshal([]byte(got.JSON), &plain); err != nil || plain.Number != number || plain.Cascade != valid(c.String()) || plain.Expected != *c.Expected || len(plain.Stages) != len(c.Stages) {
		t.Errorf("JSON %v, %s", err, got.JSON)
	}
}

// checkHeadline reads what the page opens with, and follows its link.
func checkHeadline(t *testing.T, b *browser, d *Data) {
	t.Helper()
	var got struct {
		Title, Text, Chosen string
		Links               []string
	}
	b.eval(`({Title: document.getElementById('title').textContent, Text: document.getElementById('headline').textContent,
		Links: [...document.querySelectorAll('#headline a')].map((e) => e.getAttribute('href')), Chosen: document.getElementById('chosen').textContent})`, &got)
	if got.Title != "518 models, 20,000 samples: 2 fronts" {
		t.Errorf("the title is %q", got.Title)
	}
	h := d.Runs[0].Headline
	c, best := d.Runs[0].Cascades[*h.Instead], d.Models[*h.Best]
	for _, want := range []string{
		fmt.Sprintf("Cascade %d is likely as accurate as ", *h.Instead), ", the most accurate single model, for ",
		fmt.Sprintf("Its accuracy is %.2f %% expected on other samples (95 %%: %.2f to %.2f %%; the model %.2f %%), %.2f %% measured on <i>test</i> (95 %%: ",
			100*c.Expected.Accuracy, 100*c.Expected.Interval[0], 100*c.Expected.Interval[1], 100**best.Expected, 100*float64(c.Test.Correct)/testSamples),
		fmt.Sprintf(", %.2f %% on the samples searched (the model %.2f %%).", 100*c.Accuracy(), 100*float64(best.Search)/20000),
	} {
		if !strings.Contains(strings.ReplaceAll(got.Text, "\u00a0", " "), want) {
			t.Errorf("the headline %q has no %q", got.Text, want)
		}
	}
	if !slices.Contains(got.Links, fmt.Sprintf("#run=0&cascade=%d", *h.Instead)) || !strings.HasPrefix(got.Chosen, fmt.Sprintf("Cascade %d ", *h.Instead)) {
		t.Errorf("links %q, chosen %q", got.Links, got.Chosen)
	}
}

// An address keeps a choice, when the page is opened and when it changes.
func TestAddressInBrowser(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	b.screen(1280, 900, false, "light")
	d := newData(t, expect(newFront(t, 20, 30, 1)))
	path, _ := writePage(t, d)
	chosen := func() (text string) {
		b.eval(`document.getElementById('chosen').textContent.split(' link')[0] + location.hash`, &text)
		return text
	}
	b.open(path + "#cascade=17")
	if got := chosen(); got != "Cascade 17#cascade=17" {
		t.Errorf("opened at cascade 17: %q", got)
	}
	b.eval(`new Promise((done) => { addEventListener('hashchange', () => setTimeout(done)); location.hash = '#cascade=5'; })`, nil)
	if got := chosen(); got != "Cascade 5#cascade=5" {
		t.Errorf("changed to cascade 5: %q", got)
	}
	b.eval(`document.getElementById('costlier').click()`, nil)
	if got := chosen(); got != "Cascade 6#cascade=6" {
		t.Errorf("one more expensive: %q", got)
	}
	start := d.Runs[0].Headline.MostAccurate
	if as := d.Runs[0].Headline.Instead; as != nil {
		start = *as
	}
	for _, hash := range []string{"#cascade=30", "#cascade=-1", "#cascade=1.5", "#cascade=", "#cascade=length", "#run=1&cascade=2", "#run=__proto__&cascade=2", "#x"} {
		path, _ := writePage(t, d)
		b.open(path + hash)
		if got := chosen(); got != fmt.Sprintf("Cascade %d%s", start, hash) {
			t.Errorf("opened at %s: %q", hash, got)
		}
		problems, _ := b.problems()
		for _, p := range problems {
			t.Errorf("%s: %s", hash, p)
		}
	}
}

// What has no figure for other samples says so, and how to get one; a stage that few
// samples reach has no diagram.
func TestHonestPagesInBrowser(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	b.screen(360, 740, true, "dark")
	read := func(d *Data) (page struct {
		Title, Headline, Words, Figures string
		Labels                          []string
		Overlaps, Slanted               int
	}) {
		path, _ := writePage(t, d)
		b.open(path)
		b.eval(`(() => {
			const labels = [...document.querySelectorAll('#chart .label')], boxes = labels.map((e) => e.getBoundingClientRect());
			let overlaps = 0, slanted = 0;
			boxes.forEach((a, i) => boxes.slice(i + 1).forEach((c) => { if (a.left < c.right && c.left < a.right && a.top + 2 < c.bottom && c.top + 2 < a.bottom) overlaps++; }));
			for (const line of document.querySelectorAll('#chart polyline')) {
				const p = line.getAttribute('points').split(' ').map((x) => x.split(',').map(Number));
				p.slice(1).forEach(([x, y], i) => { if (x !== p[i][0] && y !== p[i][1] || x < p[i][0] || y > p[i][1]) slanted++; });
			}
			return {Title: document.getElementById('title').textContent, Headline: document.getElementById('headline').textContent, Words: document.getElementById('words').textContent,
				Figures: [...document.querySelectorAll('#reliability figure')].map((e) => e.querySelector('svg') ? 'drawn' : e.querySelector('p').textContent).join('|'),
				Labels: labels.map((e) => e.lastChild.textContent), Overlaps: overlaps, Slanted: slanted}; })()`, &page)
		if page.Overlaps > 0 || page.Slanted > 0 || len(page.Labels) == 0 {
			t.Errorf("%d labels cover others, %d lines are slanted: %q", page.Overlaps, page.Slanted, page.Labels)
		}
		return page
	}
	raw := newData(t, newFront(t, 20, 30, 1))
	raw.Test = nil
	page := read(raw)
	for _, want := range []string{"No figure for other samples is known", "encas-zoo evaluate " + raw.Runs[0].Word + " --split test"} {
		if !strings.Contains(page.Headline, want) || !strings.Contains(page.Words, want) {
			t.Errorf("no %q in %q or %q", want, page.Headline, page.Words)
		}
	}
	if !strings.HasSuffix(page.Title, " on the samples searched") || strings.Contains(page.Headline, "expected") {
		t.Errorf("a claim about other samples: %q, %q", page.Title, page.Headline)
	}

	cheap := newData(t, newFront(t, 20, 30, 1))
	cheap.Runs[0].Headline.Limits, cheap.Runs[0].Headline.Instead = front.Limits{Cost: 3, WorstCost: 5}, nil
	if page, want := read(cheap), "No cheaper cascade within 3 GFLOPs and 5 GFLOPs at worst is likely"; !strings.Contains(page.Headline, want) {
		t.Errorf("no %q in %q", want, page.Headline)
	}

	f := newPart(t)
	part := newData(t, f)
	page = read(part)
	if want := f.Parts.Caveat() + "."; !strings.HasPrefix(page.Headline, want) || !strings.HasPrefix(page.Title, "20 of 1,200 models, ") {
		t.Errorf("the title is %q, the headline %q; want it to begin with %q", page.Title, page.Headline, want)
	}
	var subtitle, onSearch, chosen string
	b.eval(`document.getElementById('subtitle').textContent`, &subtitle)
	b.eval(`document.querySelector('#table tbody tr td[data-label="on the samples searched"]').textContent`, &onSearch)
	if want := fmt.Sprintf("%.2f %%", 100*f.SearchedAccuracy(f.Points[0])); onSearch != want || !strings.Contains(subtitle, "(of the 20 most accurate for their cost of 1,200 models)") {
		t.Errorf("%q on the samples searched, want %q; below the headline %q", onSearch, want, subtitle)
	}

	stopped := newFront(t, 20, 30, 1)
	stopped.Interrupted, stopped.Proof = true, ""
	if headline := read(newData(t, stopped)).Headline; !strings.HasPrefix(headline, "Incomplete: the search was stopped, so there may be better cascades.") {
		t.Errorf("of a search that was stopped the headline is %q", headline)
	}

	limited := newData(t, expect(newFront(t, 20, 30, 1)))
	h := &limited.Runs[0].Headline
	h.WorstCost = limited.Runs[0].Cascades[h.MostAccurate].WorstCost
	if h.Instead == nil {
		t.Fatal("no cascade stands in for the most accurate model")
	}
	page = read(limited)
	b.eval(`document.getElementById('chosen').textContent`, &chosen)
	if !strings.HasPrefix(page.Headline, "The most accurate within ") || !strings.Contains(page.Title, " points more accurate than ") || !strings.HasPrefix(chosen, fmt.Sprintf("Cascade %d ", h.MostAccurate)) {
		t.Errorf("with a limit on the worst cost the title is %q, the headline %q, and the page opens with %q", page.Title, page.Headline, chosen)
	}

	few := newData(t, expect(newFront(t, 20, 30, 1)))
	start := few.Runs[0].Headline
	for _, c := range few.Runs[0].Cascades {
		for i := range c.Test.Stages {
			c.Test.Stages[i].Reliability = [10]cascade.Bin{3: {Samples: 14, Correct: 7, Confidence: 0.35}}
			if i == 0 {
				c.Test.Stages[i].Reliability[9] = cascade.Bin{Samples: 186, Correct: 180, Confidence: 0.95}
			}
		}
	}
	page = read(few)
	opened := few.Runs[0].Cascades[start.MostAccurate]
	if start.Instead != nil {
		opened = few.Runs[0].Cascades[*start.Instead]
	}
	drawn, explained := strings.Count(page.Figures, "drawn"), strings.Count(page.Figures, "Too few samples to draw.")
	if drawn != 1 || explained != len(opened.Stages)-1 {
		t.Errorf("%d diagrams, %d explanations of %d stages: %q", drawn, explained, len(opened.Stages), page.Figures)
	}
	var note string
	b.eval(`document.getElementById('reliability-note').textContent`, &note)
	if (explained > 0) != strings.Contains(note, "fewer than 200 samples") {
		t.Errorf("the note is %q", note)
	}
	if strings.Contains(page.Headline, "No figure") {
		t.Errorf("figures are known: %q", page.Headline)
	}
}

// checkMeasured reads what is shown of a cascade beside its cost: latency, parameters,
// and the names of classes.
func checkMeasured(t *testing.T, b *browser, d *Data, c Cascade) {
	t.Helper()
	mean, worst, params, left := 0.0, 0.0, 0.0, testSamples
	seen := map[int]bool{}
	for i, place := range c.Models {
		m := d.Models[place]
		mean += m.Latency * float64(left) / testSamples
		left -= c.Test.Stages[i].Exits
		worst += m.Latency
		if !seen[place] {
			params += m.Params
		}
		seen[place] = true
	}
	var tiles, class string
	b.eval(`[...document.querySelectorAll('.tile')].map((e) => e.textContent).join('|')`, &tiles)
	for _, want := range []string{
		strconv.FormatFloat(mean, 'g', 4, 64) + " ms",
		strconv.FormatFloat(worst, 'g', 4, 64) + " ms at worst, one sample at a time on <b>device",
		fmt.Sprintf("%.3g Mparameters in all %d models", params/1e6, len(seen)),
	} {
		if !strings.Contains(strings.ReplaceAll(tiles, ",", ""), strings.ReplaceAll(want, ",", "")) {
			t.Errorf("no %q in the tiles %s", want, tiles)
		}
	}
	b.eval(`document.querySelector('#gains .row bdi').textContent`, &class)
	if want := d.Classes[c.Test.Gains[0].Class]; class != valid(want) {
		t.Errorf("the class %q is called %q", want, class)
	}
}

// checkPointer points at the first single model in the picture and reads its name.
func checkPointer(t *testing.T, b *browser) {
	t.Helper()
	var tip string
	b.eval(`(() => {
		const dot = document.querySelector('#chart circle.single').getBoundingClientRect();
		document.getElementById('chart').dispatchEvent(new PointerEvent('pointermove', {bubbles: true, clientX: dot.x + dot.width / 2, clientY: dot.y + dot.height / 2}));
		const tip = document.getElementById('tip');
		return tip.hidden ? '' : tip.textContent;
	})()`, &tip)
	if !strings.Contains(tip, " % at ") || !strings.HasSuffix(tip, " GFLOPs") {
		t.Errorf("the pointer shows %q", tip)
	}
}

func checkTable(t *testing.T, b *browser, d *Data) {
	t.Helper()
	var rows int
	b.eval(`document.querySelectorAll('#table tbody tr').length`, &rows)
	if rows != len(d.Runs[0].Cascades) {
		t.Errorf("%d rows", rows)
	}
	checkResults(t, b, d)
	var first string
	b.eval(`(() => { const by = () => document.querySelector('[data-sort=cost]').click(); by(); by(); return document.querySelector('#table tbody tr').dataset.i; })()`, &first)
	if first != "499" {
		t.Errorf("the most expensive is cascade %s", first)
	}
	b.eval(`(() => { const f = document.getElementById('filter'); f.value = 'MODEL_100'; f.dispatchEvent(new Event('input')); return document.querySelectorAll('#table tbody tr').length; })()`, &rows)
	want := 0
	for _, c := range d.Runs[0].Cascades {
		if strings.Contains(c.String(), "model_100") {
			want++
		}
	}
	if rows != want || want == 0 {
		t.Errorf("%d rows have model_100 instead of %d", rows, want)
	}
	var picked string
	b.eval(`(() => { const row = document.querySelector('#table tbody tr'); row.click(); return document.getElementById('cascade-text').textContent; })()`, &picked)
	if !strings.Contains(picked, "model_100") {
		t.Errorf("a click chose %q", picked)
	}
}

// checkResults compares what the table shows with the fronts, to the last digit shown.
func checkResults(t *testing.T, b *browser, d *Data) {
	t.Helper()
	var shown [][]string
	b.eval(`[...document.querySelectorAll('#table tbody tr')].map((r) => [...r.cells].map((c) => c.textContent))`, &shown)
	share := func(text string, k, n int) bool {
		got, err := strconv.ParseFloat(strings.TrimSuffix(text, " %"), 64)
		return err == nil && strings.HasSuffix(text, " %") && math.Abs(got-100*float64(k)/float64(n)) < 0.00501
	}
	near := func(text string, want float64) bool {
		got, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
		return err == nil && math.Abs(got-want) <= 6e-4*want
	}
	for i, c := range d.Runs[0].Cascades {
		row := shown[i]
		if row[0] != strconv.Itoa(i) || !near(row[1], c.Cost) || !near(strings.TrimSuffix(row[2], " %"), 100*c.Expected.Accuracy) || !share(row[3], c.Test.Correct, testSamples) ||
			!share(row[4], c.Correct, d.Search.Samples) || !near(row[5], c.WorstCost) || row[6] != strconv.Itoa(len(c.Stages)) || row[9] != valid(c.String()) {
			t.Fatalf("the table shows %q of %+v", row, c)
		}
	}
}

// Pages that lack this or that show what is left.
func TestPoorPagesInBrowser(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	b.screen(1280, 900, false, "light")
	first := func(d *Data) {
		r := &d.Runs[0]
		r.Cascades, r.Landmarks, r.Headline = r.Cascades[:1], []int{0}, Headline{Best: new(0), Model: new(1)}
	}
	for name, strip := range map[string]func(d *Data){
		"no zoo": func(d *Data) {
			d.Test, d.Classes, d.Device = nil, nil, ""
			for m := range d.Models {
				d.Models[m] = Model{Name: d.Models[m].Name, Cost: d.Models[m].Cost, Search: d.Models[m].Search}
			}
			for i := range d.Runs[0].Cascades {
				d.Runs[0].Cascades[i].Test, d.Runs[0].Cascades[i].Search = nil, nil
			}
		},
		"no test split": func(d *Data) { d.Test = nil },
		"one cascade":   first,
		"one single model": func(d *Data) {
			first(d)
			c := &d.Runs[0].Cascades[0]
			c.Stages, c.Search.Stages, c.Test.Stages = c.Stages[:1], c.Search.Stages[:1], c.Test.Stages[:1]
		},
		"no run.json":       func(d *Data) { d.Runs[0].How = nil },
		"some latencies":    func(d *Data) { d.Models[3].Latency, d.Models[4].Params = 0, 0 },
		"models not tested": func(d *Data) { d.Models[0].Test, d.Models[15].Test = nil, nil },
		"nothing to compare with": func(d *Data) {
			for i := range d.Runs[0].Cascades {
				c := &d.Runs[0].Cascades[i]
				c.NoMoreCost, c.AsAccurate = -1, -1
				c.Test.Gains, c.Test.Losses, c.Search.Gains, c.Search.Losses = nil, nil, nil, nil
				c.Test.Against, c.Search.Against = nil, nil
			}
		},
		"another cost": func(d *Data) { d.Cost = "latency_ms" },
		"no model within the limits": func(d *Data) {
			h := &d.Runs[0].Headline
			h.Best, h.Instead, h.Model, h.WorstCost = nil, nil, nil, 1e-3
		},
		"limits": func(d *Data) {
			d.Runs[0].Headline.Cost, d.Runs[0].Headline.WorstCost, d.Runs[0].Headline.Instead = 3, 5, nil
		},
		"some expectations": func(d *Data) {
			d.Runs[0].Cascades[4].Expected = &front.Expected{Accuracy: 0.5, Interval: [2]float64{0.4, 0.6}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			d := newData(t, newFront(t, 20, 12, 1))
			strip(d)
			path, _ := writePage(t, d)
			b.open(path)
			var got struct {
				Rows, Slid int
				Nonsense   []string
			}
			b.eval(`(() => {
				const s = document.getElementById('slider'), seen = new Set();
				for (let v = 0; v <= 1000; v += 50) { s.value = v; s.dispatchEvent(new Event('input')); seen.add(document.getElementById('cascade-text').textContent); }
				for (const x of document.querySelectorAll('.switch button')) x.click();
				return {Rows: document.querySelectorAll('#table tbody tr').length, Slid: seen.size,
					Nonsense: (document.querySelector('main').textContent + document.querySelector('main').innerHTML).match(/.{0,40}(NaN|undefined|Infinity|\[object).{0,40}/g) || []};
			})()`, &got)
			if want := len(d.Runs[0].Cascades); got.Rows != want || got.Slid < (want+1)/2 || len(got.Nonsense) > 0 {
				t.Errorf("%d rows and %d cascades of %d, %q", got.Rows, got.Slid, want, got.Nonsense)
			}
			checkQuiet(t, b, path)
		})
	}
	b.t = t
}

func checkSwitches(t *testing.T, b *browser) {
	t.Helper()
	var count int
	for _, value := range []string{"linear", "error", "search", "log", "test", "expected"} {
		b.eval(`(() => { document.querySelector('#chart-controls [data-value=`+value+`]').click(); return [...document.querySelectorAll('#chart polyline, #chart polygon')].filter((e) => /NaN|Infinity/.test(e.getAttribute('points'))).length; })()`, &count)
		if count > 0 {
			t.Errorf("%s: %d lines have no place", value, count)
		}
	}
	b.eval(`(() => { const m = document.querySelector('#pick-controls select'); m.value = '1'; m.dispatchEvent(new Event('change')); document.getElementById('filter').value = ''; document.getElementById('filter').dispatchEvent(new Event('input')); return document.querySelectorAll('#table tbody tr').length; })()`, &count)
	if count != 80 {
		t.Errorf("the second run has %d rows", count)
	}
}
