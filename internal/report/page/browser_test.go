package page

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
	if got := slide("0"); got != valid(cascades[0].Text) {
		t.Errorf("the cheapest cascade is %q", got)
	}
	last := len(cascades) - 1
	if got := slide("1000"); got != valid(cascades[last].Text) {
		t.Errorf("the dearest cascade is %q", got)
	}
	var got struct {
		Stages int
		Tile   string
		Words  string
	}
	b.eval(`({Stages: document.querySelectorAll('#stages tbody tr').length, Tile: document.querySelector('.tile b').textContent, Words: document.getElementById('words').textContent})`, &got)
	if got.Stages != len(cascades[last].Stages) || got.Tile != "87.42 %" || !strings.Contains(got.Words, "% compute") {
		t.Errorf("%+v", got)
	}
	checkMeasured(t, b, d, cascades[last])
	var text string
	b.eval(`(() => { document.getElementById('cheaper').click(); return document.getElementById('cascade-text').textContent; })()`, &text)
	if text != valid(cascades[last-1].Text) {
		t.Errorf("one cheaper is %q", text)
	}
	b.eval(`(() => { document.querySelector('[data-value=accuracy]').click(); const x = document.querySelector('#pick-controls [data-value=accuracy]'); x.click(); const i = document.getElementById('budget'); i.value = 60; i.dispatchEvent(new Event('change')); return document.getElementById('cascade-text').textContent; })()`, &text)
	for _, c := range cascades {
		if c.Correct >= 12000 {
			if text != valid(c.Text) {
				t.Errorf("60 %% takes %q instead of %q", text, c.Text)
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
	for i, s := range c.Stages {
		m := d.Models[s.Model]
		mean += m.Latency * float64(left) / testSamples
		left -= c.Test.Stages[i].Exits
		worst += m.Latency
		if !seen[s.Model] {
			params += m.Params
		}
		seen[s.Model] = true
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
	var first string
	b.eval(`(() => { const by = () => document.querySelector('[data-sort=cost]').click(); by(); by(); return document.querySelector('#table tbody tr').dataset.i; })()`, &first)
	if first != "499" {
		t.Errorf("the dearest is cascade %s", first)
	}
	b.eval(`(() => { const f = document.getElementById('filter'); f.value = 'MODEL_100'; f.dispatchEvent(new Event('input')); return document.querySelectorAll('#table tbody tr').length; })()`, &rows)
	want := 0
	for _, c := range d.Runs[0].Cascades {
		if strings.Contains(c.Text, "model_100") {
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
