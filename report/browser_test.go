package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

// A front as large as they come, with names as bad as they come, in a browser: it
// shows at once, nothing goes wrong, nothing is asked of anybody, all that can be
// moved moves, and it fits a phone. SCREENSHOTS names a folder for pictures.
func TestInBrowser(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := newData(t, newFront(t, 518, 500, 1), newFront(t, 518, 80, 1))
	path, size := writePage(t, newData(t, newFront(t, 518, 500, 1)))
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
		{"phone-light", 390, 844, true, "light", "rgb(246, 247, 249)"},
		{"phone-dark", 390, 844, true, "dark", "rgb(15, 19, 25)"},
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
				Wide: [...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.tagName + '#' + e.id + '.' + e.getAttribute('class'))})`, &look)
			if look.Background != screen.background || look.Width > screen.width {
				t.Errorf("%+v", look)
			}
			b.shoot(screen.name)
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
	var got struct {
		Stages int
		Tile   string
		Words  string
	}
	b.eval(`({Stages: document.querySelectorAll('#stages tbody tr').length, Tile: document.querySelector('.tile b').textContent, Words: document.getElementById('words').textContent})`, &got)
	if got.Stages != len(cascades[last].Stages) || got.Tile != "87.42 %" || !strings.Contains(got.Words, "The cascade costs 100 % more.") ||
		!strings.Contains(got.Words, "Only the cascade is correct on 60 samples, only the model on 40: not significantly different (p = 0.057, McNemar)") {
		t.Errorf("%+v", got)
	}
	checkMeasured(t, b, d, cascades[last])
	var text string
	b.eval(`(() => { document.getElementById('cheaper').click(); return document.getElementById('cascade-text').textContent; })()`, &text)
	if text != valid(cascades[last-1].String()) {
		t.Errorf("one cheaper is %q", text)
	}
	b.eval(`(() => { document.querySelector('[data-value=accuracy]').click(); const x = document.querySelector('#pick-controls [data-value=accuracy]'); x.click(); const i = document.getElementById('budget'); i.value = 60; i.dispatchEvent(new Event('change')); return document.getElementById('cascade-text').textContent; })()`, &text)
	for _, c := range cascades {
		if c.Correct >= 12000 {
			if text != valid(c.String()) {
				t.Errorf("60 %% takes %q instead of %q", text, c.String())
			}
			break
		}
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
		if row[0] != strconv.Itoa(i) || !near(row[1], c.Cost) || !share(row[2], c.Test.Correct, testSamples) ||
			!share(row[3], c.Correct, d.Search.Samples) || !near(row[4], c.WorstCost) || row[5] != strconv.Itoa(len(c.Stages)) || row[8] != valid(c.String()) {
			t.Fatalf("the table shows %q of %+v", row, c)
		}
	}
}

// Pages that lack this or that show what is left.
func TestPoorPagesInBrowser(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	b.screen(1280, 900, false, "light")
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
		"one cascade":   func(d *Data) { d.Runs[0].Cascades = d.Runs[0].Cascades[:1] },
		"one single model": func(d *Data) {
			d.Runs[0].Cascades = d.Runs[0].Cascades[:1]
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
	for _, value := range []string{"linear", "error", "search", "log", "test"} {
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
