'use strict';
// Everything that comes from the data is shown as text, never as HTML: node() and
// draw() put strings into text nodes and attributes alone.
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const $ = (id) => document.getElementById(id);
  const unit = data.cost === 'gflops' ? 'GFLOPs' : data.cost;
  const spending = data.cost === 'gflops' ? 'compute' : 'cost';

  function fill(e, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key.startsWith('on')) e.addEventListener(key.slice(2), value);
      else if (key.startsWith('--')) e.style.setProperty(key, value);
      else if (key === 'width%') e.style.width = value + '%';
      else if (key === 'grow') e.style.flex = `${value} 1 0`;
      else if (key === 'colour') e.style[value[0]] = value[1];
      else e.setAttribute(key, value);
    }
    e.append(...children);
    return e;
  }
  const node = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const draw = (tag, attributes, ...children) => fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
  // Names may be right-to-left; the text around them must not be reversed.
  const named = (text, shown = text) => node('bdi', { title: text }, shown);

  // Numbers.
  const percent = (share, digits = 2) => (100 * share).toFixed(digits) + ' %';
  const span = (low, high) => `${(100 * low).toFixed(2)} to ${percent(high)}`;
  const count = (n) => n.toLocaleString('en-US');
  function number(x) {
    return x >= 1000 && x < 1e15 ? x.toLocaleString('en-US', { maximumFractionDigits: 0 }) : short(x);
  }
  // short is a number as an input field takes it, too.
  const short = (x) => (x > 0 && x < 0.00099995 ? Number(x.toPrecision(4)).toExponential() : String(Number(x.toPrecision(4))));
  // Wilson's 95 % interval of a share.
  function interval(k, n) {
    const z = 1.959963984540054, p = k / n, d = 1 + z * z / n;
    const mid = (p + z * z / (2 * n)) / d;
    const half = z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / d;
    return [Math.max(0, mid - half), Math.min(1, mid + half)];
  }
  const change = (from, to) => {
    const share = 100 * (to / from - 1);
    // Near -100 % the decimals show how little is left.
    const text = Math.abs(Math.max(share, -99.99)).toFixed(share < -99 ? 2 : share < -95 ? 1 : 0);
    return share < 0 ? `−${text} %` : `+${text} %`;
  };

  // What is shown. Accuracies have three views: expected on other samples, measured on the
  // test split, and on the samples searched, on which cascades look better than they are.
  const hasTest = !!data.test;
  const cascades = data.runs.flatMap((r) => r.cascades);
  const expects = cascades.some((c) => c.expected);
  // Of a part of the samples that was drawn and searched, counts are those of all samples.
  const onSearch = 'on the samples searched', part = data.runs.some((r) => r.drawn);
  const partSearched = data.drawn ? `, of which ${count(data.drawn.samples)} were searched` : '';
  const views = { expected: 'expected on other samples', test: hasTest && `measured on ${data.test.name}`, search: onSearch };
  const known = { expected: expects, test: hasTest, search: true };
  const state = {
    view: cascades.every((c) => c.expected) ? 'expected' : hasTest ? 'test' : 'search',
    x: 'log', y: 'accuracy', run: 0, by: 'cost', chosen: 0, sort: 'i', down: false, started: false,
  };
  const run = () => data.runs[state.run];
  const chosen = () => run().cascades[state.chosen];
  const colour = (r) => `var(--r${r % 6})`;

  // at returns the results of a cascade in a view: its accuracy, the interval of that if
  // there is one, and its cost; null if they are not known. No interval is right on the
  // samples searched, because cascades were chosen for their luck there.
  // A simultaneous band of the whole front, if the data has one, belongs in low and high.
  function at(c, view = state.view) {
    if (view === 'expected') return c.expected ? { share: c.expected.accuracy, low: c.expected.accuracy_95[0], high: c.expected.accuracy_95[1], cost: c.cost } : null;
    if (view === 'search') return { share: searchedShare(c), cost: c.cost };
    if (!hasTest) return null;
    const [low, high] = interval(c.test.correct, data.test.samples);
    return { share: c.test.correct / data.test.samples, low, high, cost: c.test.cost };
  }
  // searchedShare is the accuracy on the samples searched, of which there may be a part.
  const searchedShare = (c) => (c.accuracy_searched === undefined ? c.correct / data.search.samples : c.accuracy_searched);
  // alone is the accuracy of a model in a view, undefined if it is not known.
  const alone = (m, view = state.view) => ({ expected: m.expected, search: m.accuracy_searched === undefined ? m.search / data.search.samples : m.accuracy_searched, test: hasTest && m.test !== undefined ? m.test / data.test.samples : undefined })[view];
  // likelyAlone is the accuracy of a model that it is chosen by, as likely is that of cascades.
  const likelyAlone = (m) => (m.expected === undefined ? alone(m, 'search') : m.expected);
  // likely is the accuracy that cascades are chosen by.
  const likely = (c) => (c.expected ? c.expected.accuracy : c.correct / data.search.samples);
  // Details of stages are those of one split: the test split unless the samples searched
  // are looked at.
  const detailed = () => (hasTest && state.view !== 'search' ? data.test : data.search);
  const detailsOf = (c) => (detailed() === data.test ? c.test : c.search);

  function switchOf(label, options, key, after) {
    const group = node('span', { class: 'switch', role: 'group', 'aria-label': label });
    for (const [value, text] of options) {
      group.append(node('button', {
        type: 'button', 'data-value': value, title: text, onclick: () => { state[key] = value; show(); after(); },
      }, text));
    }
    const show = () => group.childNodes.forEach((b) => b.setAttribute('aria-pressed', String(b.dataset.value === String(state[key]))));
    show();
    return group;
  }

  // stairs keeps of places [cost, accuracy, ...] those that are more accurate than all
  // cheaper ones, in ascending order: a front is worth its cheaper neighbour up to the next.
  function stairs(places) {
    let best = -1;
    return places.sort((a, b) => a[0] - b[0] || b[1] - a[1]).filter(([, y]) => y > best && ((best = y), true));
  }

  function ticks(low, high, goal) {
    const rough = (high - low) / goal, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough);
    const all = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-12); i++) all.push(i * step);
    return all;
  }
  function logTicks(low, high, goal) {
    for (const factors of [[1, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]) {
      const all = [];
      for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) {
        for (const f of factors) if (f * 10 ** e >= low && f * 10 ** e <= high) all.push(f * 10 ** e);
      }
      if (all.length <= goal || factors.length === 1) return all.length > 1 ? all : ticks(low, high, goal);
    }
  }

  // leastCost is where a logarithmic axis of costs begins: at the lowest one, or below the
  // lowest that is above 0 if some are 0.
  function leastCost(costs) {
    const paid = costs.filter((v) => v > 0);
    if (!paid.length) return 1;
    return Math.min(...paid) / (paid.length < costs.length ? 10 : 1);
  }

  let hits = []; // what the pointer can select
  let marks = null;

  function drawChart() {
    const box = $('chart'), width = box.clientWidth, height = box.clientHeight;
    if (width < 120 || height < 120) return; // not laid out yet
    const m = { left: 52, right: 14, top: 24, bottom: 40 };
    const fronts = data.runs.map((r) => stairs(r.cascades.map((c) => at(c)).filter((s) => s).map((s) => [s.cost, s.share, s.low, s.high])));
    const models = stairs(data.models.filter((x) => alone(x) !== undefined).map((x) => [x.cost, alone(x)]));
    const shown = cascades.map((c) => at(c)).filter((s) => s);
    const ends = (key) => shown.map((s) => (s[key] === undefined ? s.share : s[key]));
    const free = leastCost([...shown.map((s) => s.cost), ...data.models.map((x) => x.cost)]); // where what is free is drawn
    let x0 = Math.min(...shown.map((s) => s.cost)), x1 = Math.max(...shown.map((s) => s.cost), ...models.map((s) => s[0]));
    if (state.x === 'log') { x0 = Math.max(x0, free); x1 = Math.max(x1, free); const pad = (x1 / x0) ** 0.03 || 1.1; x0 /= Math.max(pad, 1.02); x1 *= Math.max(pad, 1.02); } else { x0 = 0; x1 *= 1.03; }
    const y0 = Math.min(...ends('low')), y1 = Math.max(...ends('high'), ...models.map((s) => s[1]));
    const least = 0.2 / (state.view === 'test' ? data.test : data.search).samples; // the error shown for none
    const scaleX = state.x === 'log' ? Math.log : (v) => v;
    const place = state.x === 'log' ? (v) => Math.max(v, free) : (v) => v;
    const scaleY = state.y === 'error' ? (v) => -Math.log(Math.max(1 - v, least)) : (v) => v;
    const air = (scaleY(y1) - scaleY(y0)) * 0.03;
    const X = (v) => m.left + (width - m.left - m.right) * (scaleX(place(v)) - scaleX(x0)) / (scaleX(x1) - scaleX(x0));
    const Y = (v) => height - m.bottom - (height - m.top - m.bottom) * (scaleY(v) - scaleY(y0) + air) / (scaleY(y1) - scaleY(y0) + 2 * air || 1);
    const P = (x, y) => `${X(x).toFixed(1)},${Y(y).toFixed(1)}`;
    // steps is a line that goes right, then up, at last to the end of the picture.
    const steps = (list, k = 1) => [...list.flatMap((s, i) => [...(i ? [P(s[0], list[i - 1][k])] : []), P(s[0], s[k])]), ...(list.length ? [P(x1, list[list.length - 1][k])] : [])];

    const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' });
    const inside = draw('g', { 'clip-path': 'url(#inside)' });
    svg.append(draw('clipPath', { id: 'inside' }, draw('rect', { x: m.left, y: m.top, width: width - m.left - m.right, height: height - m.top - m.bottom })));

    const across = Math.max(3, Math.floor(width / 90));
    for (const t of state.x === 'log' ? logTicks(x0, x1, across) : ticks(x0, x1, across)) {
      svg.append(draw('line', { class: 'grid', x1: X(t), x2: X(t), y1: m.top, y2: height - m.bottom }),
        draw('text', { x: X(t), y: height - m.bottom + 17, 'text-anchor': 'middle' }, number(t)));
    }
    const up = state.y === 'error' ? logTicks(1 - y1 || least, 1 - y0, 8).map((e) => 1 - e) : ticks(y0, y1, 7);
    const digits = up.length > 1 && Math.abs(up[1] - up[0]) < 0.00995 ? (Math.abs(up[1] - up[0]) < 0.00095 ? 2 : 1) : 0;
    for (const t of up) {
      svg.append(draw('line', { class: 'grid', x1: m.left, x2: width - m.right, y1: Y(t), y2: Y(t) }),
        draw('text', { x: m.left - 8, y: Y(t) + 4, 'text-anchor': 'end' }, state.y === 'error' ? number(100 * (1 - t)) + ' %' : percent(t, digits)));
    }
    svg.append(draw('text', { x: width - m.right, y: height - 5, 'text-anchor': 'end' }, `mean ${unit} per sample${state.x === 'log' ? ' (log)' : ''}`),
      draw('text', { x: 4, y: 12 }, state.y === 'error' ? `error ${views[state.view]} (log)` : `accuracy ${views[state.view]}`));

    hits = [];
    let outside = 0;
    for (const model of data.models) {
      const y = alone(model);
      if (y === undefined) continue;
      if (model.cost > x1 || model.cost < x0 || y < y0) { outside++; continue; }
      inside.append(draw('circle', { class: 'single', r: data.models.length > 150 ? 2.6 : 3.6, cx: X(model.cost), cy: Y(y) }));
      hits.push({ x: X(model.cost), y: Y(y), model });
    }
    inside.append(draw('polyline', { class: 'stairs', points: steps(models).join(' ') }));
    const banded = state.view !== 'search';
    fronts.forEach((list, i) => {
      if (banded) inside.append(draw('polygon', { class: 'band', colour: ['fill', colour(i)], points: [...steps(list, 3), ...steps(list, 2).reverse()].join(' ') }));
    });
    fronts.forEach((list, i) => {
      data.runs[i].cascades.forEach((c, j) => {
        const s = at(c);
        if (!s) return;
        hits.push({ x: X(s.cost), y: Y(s.share), run: i, cascade: j });
        inside.append(draw('circle', { class: 'point', r: cascades.length > 200 ? 1.4 : 2, colour: ['fill', colour(i)], cx: X(s.cost), cy: Y(s.share) }));
      });
      inside.append(draw('polyline', { class: 'front', colour: ['stroke', colour(i)], points: steps(list).join(' ') }));
    });
    marks = { group: draw('g'), X, Y, bottom: height - m.bottom, left: m.left };
    svg.append(inside, marks.group);
    box.replaceChildren(svg);
    // Each step right of a front, as a flat box.
    const flats = fronts.flatMap((list) => list.map(([x, y], i) => ({ x: X(x), y: Y(y) - 1, w: X(i + 1 < list.length ? list[i + 1][0] : x1) - X(x), h: 2 })));
    drawLabels(svg, { left: m.left + 2, top: m.top, right: width - m.right, bottom: height - m.bottom }, y0, flats);
    markChosen();

    const key = (shape, ...text) => node('span', null, draw('svg', { width: 26, height: 12, 'aria-hidden': 'true' }, shape), node('span', null, ...text));
    const dash = (c) => draw('line', { class: 'front', colour: ['stroke', c], x1: 0, x2: 26, y1: 6, y2: 6 });
    $('legend').replaceChildren(
      ...data.runs.map((r, i) => key(dash(colour(i)), named(data.runs.length > 1 ? r.name : 'best cascade for the cost'), banded ? ', 95 % interval' : '')),
      key(draw('line', { class: 'stairs', x1: 0, x2: 26, y1: 6, y2: 6 }), 'best single model for the cost'),
      key(draw('circle', { class: 'single', cx: 13, cy: 6, r: 4 }), 'single models'));
    $('chart-note').textContent = (data.runs.length === 1 ? 'Numbers are those of cascades. ' : '') +
      (state.view === 'test' ? `On ${data.test.name} the lines follow what turned out best there; a cascade chosen before may be a dot below. ` : '') +
      (outside ? `${count(outside)} of ${count(data.models.length)} single models, more expensive or less accurate, are outside the picture.` : '');
  }

  // drawLabels names the most important points first, each where it covers neither another
  // one nor what is taken; one that has no room stays without a name.
  function drawLabels(svg, frame, lowest, taken) {
    const free = (b) => b.x >= frame.left && b.x + b.w <= frame.right && b.y >= frame.top && b.y + b.h <= frame.bottom &&
      taken.every((t) => b.x + b.w < t.x || t.x + t.w < b.x || b.y + b.h < t.y || t.y + t.h < b.y);
    const place = (x, y, text, cls, above) => {
      const label = draw('text', { class: `label ${cls}` }, draw('title', null, text), fit(text, frame.right < 500 ? 15 : 26));
      svg.append(label);
      const w = label.getComputedTextLength(), h = 15;
      // The place above a front and that below the models are empty.
      const up = [[-w - 6, -18], [-w - 10, -4], [-w / 2, -26], [8, -22]], down = [[8, 6], [10, -7], [-w / 2, 10], [-w - 8, 8]];
      const farther = [[-w - 14, -34], [12, 22], [-w - 6, 24], [-w - 6, 40]];
      const spot = [...(above ? [...up, ...down] : [...down, ...up]), ...farther].find(([dx, dy]) => free({ x: x + dx, y: y + dy, w, h }));
      if (!spot) { label.remove(); return; }
      taken.push({ x: x + spot[0], y: y + spot[1], w, h });
      fill(label, { x: (x + spot[0]).toFixed(1), y: (y + spot[1] + 12).toFixed(1) }, []);
    };
    const wanted = [];
    data.runs.forEach((r, i) => {
      const h = r.headline;
      const list = data.runs.length > 1 ? r.landmarks.slice(0, 1) : r.landmarks;
      list.forEach((j, rank) => {
        const s = at(r.cascades[j]), head = rank === 0, spoken = head || j === h.most_accurate;
        if (s) wanted.push({ rank: head ? 0 : rank + 1, x: s.cost, y: s.share, text: spoken ? `cascade ${j}` : String(j), cls: head ? 'head' : '', above: true, run: i, ring: head });
      });
      const best = h.best_model === undefined ? null : data.models[h.best_model];
      if (best && !wanted.some((v) => v.best === best)) wanted.push({ rank: 0.5, x: best.cost, y: alone(best), text: best.name, cls: 'head single-name', best });
    });
    const seen = wanted.filter((v) => v.y !== undefined && v.y >= lowest).sort((a, b) => a.rank - b.rank);
    for (const v of seen) taken.push({ x: marks.X(v.x) - 4, y: marks.Y(v.y) - 4, w: 8, h: 8 });
    for (const v of seen) {
      const x = marks.X(v.x), y = marks.Y(v.y);
      svg.append(draw('circle', { class: 'named', r: v.ring || v.best ? 5 : 3.2, cx: x, cy: y, colour: ['fill', v.best ? 'var(--single)' : colour(v.run)] }));
      place(x, y, v.text, v.cls, v.above);
    }
  }
  // fit shortens a text, which may have characters of two units.
  const fit = (text, most) => { const c = [...text]; return c.length > most ? c.slice(0, most - 1).join('') + '…' : text; };

  function markChosen() {
    if (!marks) return;
    const s = at(chosen());
    if (!s) { marks.group.replaceChildren(); return; }
    const x = marks.X(s.cost), y = marks.Y(s.share);
    marks.group.replaceChildren(
      draw('line', { class: 'rule', x1: x, x2: x, y1: y, y2: marks.bottom }),
      draw('line', { class: 'rule', x1: marks.left, x2: x, y1: y, y2: y }),
      draw('circle', { class: 'chosen', r: 7, colour: ['stroke', colour(state.run)], cx: x, cy: y }));
  }

  function nearest(event) {
    const box = $('chart').getBoundingClientRect();
    const px = event.clientX - box.left, py = event.clientY - box.top;
    let best = null, distance = 26 ** 2;
    for (const h of hits) {
      // Cascades are preferred to models at the same distance.
      const d = ((h.x - px) ** 2 + (h.y - py) ** 2) * (h.model ? 1.5 : 1);
      if (d < distance) { best = h; distance = d; }
    }
    return best;
  }

  function showTip(event) {
    const h = nearest(event), tip = $('tip');
    tip.hidden = !h;
    if (!h) return;
    if (h.model) {
      tip.replaceChildren(named(h.model.name), `${percent(alone(h.model))} at ${number(h.model.cost)} ${unit}`);
    } else {
      const c = data.runs[h.run].cascades[h.cascade], s = at(c);
      tip.replaceChildren(`cascade ${h.cascade}: `, named(c.cascade), `${percent(s.share)} ${views[state.view]}, at ${number(s.cost)} ${unit}`);
    }
    const box = $('chart').getBoundingClientRect();
    const left = Math.min(Math.max(8, box.left + h.x + 12), document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${Math.max(4, box.top + h.y - tip.offsetHeight - 12) + scrollY}px`;
  }

  // The picker. A cascade is chosen by its expected accuracy, or by that on the samples
  // searched, so that its results on the test split are not those it was chosen for.
  const range = () => {
    const list = run().cascades;
    const v = state.by === 'cost' ? list.map((c) => c.cost) : list.map(likely);
    return [state.by === 'cost' ? Math.max(Math.min(...v), leastCost(v)) : Math.min(...v), Math.max(...v)];
  };
  function toSlider(v) {
    const [low, high] = range();
    if (high <= low) return 1000;
    return 1000 * (state.by === 'cost' ? Math.log(Math.max(v, low) / low) / Math.log(high / low) : (v - low) / (high - low));
  }
  function fromSlider(p) {
    const [low, high] = range();
    if (p >= 1000) return high;
    return state.by === 'cost' ? low * (high / low) ** (p / 1000) : low + (high - low) * p / 1000;
  }
  function choose(v) {
    const list = run().cascades, better = (i, j) => j < 0 || likely(list[i]) > likely(list[j]);
    let best = -1, most = -1;
    list.forEach((c, i) => {
      if (better(i, most)) most = i;
      if (state.by === 'cost') {
        if (c.cost <= v && better(i, best)) best = i;
      } else if (likely(c) >= v - 1e-9 && best < 0) best = i;
    });
    state.chosen = best >= 0 ? best : state.by === 'cost' ? 0 : most;
  }
  function setBudget(v) {
    const shown = state.by === 'cost' ? v : 100 * v;
    $('budget').value = short(shown);
    $('budget-unit').textContent = state.by === 'cost' ? `${unit} at most` : `% ${expects ? 'expected' : 'correct'} at least`;
  }
  // select chooses a cascade itself and moves the budget to it.
  function select(r, i) {
    const other = r !== state.run;
    state.run = r;
    state.chosen = i;
    const c = chosen(), v = state.by === 'cost' ? c.cost : likely(c);
    $('slider').value = Math.round(toSlider(v));
    setBudget(v);
    if (other) drawControls();
    drawChosen();
    if (other) { drawTable(); drawUsed(); }
  }

  function stageName(stage) {
    return [named(data.models[stage.model].name), stage.weight !== 1 ? ` ×${stage.weight}` : ''];
  }
  const stageColour = (i, k) => `color-mix(in oklab, ${colour(state.run)} ${Math.round(100 - 62 * i / Math.max(k - 1, 1))}%, var(--soft))`;

  const address = (r, i) => `#${data.runs.length > 1 ? `run=${r}&` : ''}cascade=${i}`;
  const single = (m) => (m === undefined ? null : data.models[m]);
  const comparison = (from, to) => [node('b', { class: to < from ? 'good' : 'bad' }, change(from, to).slice(1)), to < from ? ' less' : ' more'];

  function drawChosen() {
    markChosen();
    const c = chosen();
    if (state.started) history.replaceState(null, '', address(state.run, state.chosen));
    $('pick-rule').textContent = (state.by === 'cost' ? 'The most accurate cascade that costs no more' : 'The cheapest cascade that is as accurate') +
      (expects ? ', by the accuracy expected on other samples.' : `, by its accuracy ${onSearch}${hasTest ? ` alone, so that ${data.test.name} remains a test` : ''}.`);
    $('chosen').replaceChildren('Cascade ', String(state.chosen), ' ', node('a', { href: address(state.run, state.chosen), class: 'small', title: 'an address that keeps this choice' }, 'link to it'));
    drawFacts(c);
    drawTiles(c);
    $('words').replaceChildren(...wordsOn(c));
    drawCommands(c);
    drawStages(c);
    drawReliability(c);
    drawClasses(c, single(c.model_of_no_more_cost));
    for (const row of $('table').querySelectorAll('tbody tr')) row.classList.toggle('chosen', Number(row.dataset.i) === state.chosen);
  }

  // drawFacts shows the results of a cascade, and of models beside it, with a column for
  // each view, so that none can be taken for another.
  function drawFacts(c) {
    const shown = Object.keys(views).filter((v) => known[v]);
    const samples = { expected: '', test: ` (${count(data.test ? data.test.samples : 0)} samples)`, search: data.drawn ? ` (${count(data.drawn.samples)} samples)` : part ? '' : ` (${count(data.search.samples)} samples)` };
    const of = Object.fromEntries(shown.map((v) => [v, at(c, v)]));
    const rows = [];
    const row = (head, cell, cls) => rows.push(node('tr', { class: cls || '' }, node('th', { class: 'left', scope: 'row' }, ...head),
      ...shown.map((v) => { const x = of[v] && cell(of[v], v); return node('td', { 'data-label': views[v], class: x ? '' : 'none' }, ...(x ? [x].flat() : ['–'])); })));
    row(['accuracy'], (s) => percent(s.share), 'lead');
    row(['95 % interval'], (s) => s.low !== undefined && span(s.low, s.high));
    row([`${unit} per sample, on average`], (s, v) => v !== 'expected' && [number(s.cost), v === 'search' && part ? node('span', { class: 'muted' }, ` on all of ${data.search.name}`) : '']);
    const beside = (what, m) => {
      const accuracy = (s, v) => {
        const a = alone(m, v);
        return a !== undefined && [glued(percent(a)), node('span', { class: 'muted' }, ` cascade ${points(s.share - a)}`)];
      };
      row([what, ' ', named(m.name)], accuracy, 'next');
      row([`${spending} of the cascade beside it`], (s, v) => v !== 'expected' && comparison(m.cost, s.cost));
    };
    const best = single(run().headline.best_model), noMore = single(c.model_of_no_more_cost), asGood = single(c.model_as_accurate);
    const isIt = (m) => c.stages.length === 1 && data.models[c.stages[0].model] === m;
    if (best && !isIt(best)) beside(asGood === best ? 'most accurate single model, and the cheapest as accurate as the cascade:' : 'most accurate single model:', best);
    if (noMore && noMore !== best && !isIt(noMore)) beside(`most accurate single model for no more ${spending}:`, noMore);
    if (asGood && asGood !== best && asGood !== noMore && !isIt(asGood)) beside('cheapest single model as accurate:', asGood);
    fillTable('facts', [node('th', { class: 'left' }, ''), ...shown.map((v) => node('th', null, views[v] + samples[v]))], rows);
  }
  const points = (share) => (Math.abs(share) < 5e-5 ? '±0' : `${share > 0 ? '+' : '−'}${Math.abs(100 * share).toFixed(2)}`);

  function drawTiles(c) {
    const tile = (value, ...text) => node('div', { class: 'tile' }, node('b', null, value), node('span', null, ...text));
    const models = new Set(c.stages.map((g) => g.model)).size, latency = latencyOf(c), params = paramsOf(c);
    const tiles = [tile(number(c.worst_cost), `${unit} at worst, ${c.stages.length === 1 ? 'as always' : `if all ${c.stages.length} stages run`}`)];
    if (latency && data.cost !== 'latency_ms') {
      tiles.push(tile(`${number(latency.mean)} ms`, `latency on average on ${detailed().name}, ${number(latency.worst)} ms at worst, one sample at a time${data.device ? ` on ${data.device}` : ''}`));
    }
    if (params) tiles.push(tile(amount(params), `parameters in ${models === 1 ? 'the model' : `all ${models} models`}: ${amount(4 * params)}B as float32`));
    $('tiles').replaceChildren(...tiles);
  }

  function wordsOn(c) {
    const words = [], rival = single(c.model_of_no_more_cost);
    if (c.stages.length === 1) words.push(node('p', null, 'Here the front is a single model: no cascade found is better.'));
    // The test would mean nothing on samples that the cascade was chosen on.
    if (c.stages.length > 1 && hasTest && c.test.against) {
      const { only_cascade_right: ours, only_model_right: theirs, mcnemar_p: p } = c.test.against;
      const chance = p < 0.0001 ? 'p < 0.0001' : `p = ${Number(p.toPrecision(2))}`;
      words.push(node('p', null, `On ${data.test.name} only the cascade is correct on ${count(ours)} samples, only `, ...(rival ? [named(rival.name)] : ['the model']), ` on ${count(theirs)}: ` +
        (p < 0.05 ? `significantly different (${chance}, McNemar).` : `not significantly different (${chance}, McNemar).`)));
    }
    if (!expects) {
      words.push(node('p', null, 'No accuracy expected on other samples was estimated for this run.',
        ...(hasTest ? [] : [' No figure for other samples is known: ', node('code', null, `encas-zoo evaluate ${run().word} --split test`), ' measures one.'])));
    }
    if (c.bound < data.search.samples) {
      words.push(node('p', { class: 'muted' }, c.bound > c.correct
        ? `Proven: no cascade of any kind of the models searched at this cost is more than ${percent(c.bound / data.search.samples)} accurate on the samples searched.`
        : 'Proven: no cascade of any kind of the models searched at this cost is more accurate on the samples searched.'));
    }
    return words;
  }

  // drawCommands shows how to go on with a cascade, to be pasted.
  function drawCommands(c) {
    const zoo = data.zoo_word ? ` --zoo ${data.zoo_word}` : '', text = c.word || `'${c.cascade}'`;
    const line = (what, command, id) => node('div', { class: 'copy' }, node('span', { class: 'muted small' }, what), node('code', { id }, command),
      node('button', { type: 'button', onclick: (e) => copy(command, e.currentTarget) }, 'Copy'));
    const json = JSON.stringify(plain([c, state.chosen]), null, 1);
    $('commands').replaceChildren(
      line('cascade', c.cascade, 'cascade-text'),
      line('evaluate it', `encas-zoo evaluate${zoo} --split ${hasTest ? quoted(data.test.name) : 'test'} --cascade ${text}`, 'command-evaluate'),
      line('explain a sample', `encas-zoo explain${zoo} --sample 0 --cascade ${text}`, 'command-explain'),
      line('export it', `encas-zoo export ${run().word} --pick ${state.chosen}`, 'command-export'),
      node('details', null, node('summary', null, 'JSON '), node('div', { class: 'copy' }, node('code', { id: 'json' }, json),
        node('button', { type: 'button', onclick: (e) => copy(json, e.currentTarget) }, 'Copy'))));
  }
  const quoted = (word) => (/^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

  function drawStages(c) {
    const d = detailsOf(c), stages = d && d.stages, split = stages ? detailed() : data.search;
    const total = split.samples, reach = stages ? stageReach(stages, total) : c.stages.map((g) => g.reach);
    $('stages-title').textContent = `Stages, on ${split.name} (${count(total)} samples)`;
    $('flow').replaceChildren(...c.stages.map((g, i) => {
      const exits = reach[i] - (reach[i + 1] || 0);
      return node('div', { grow: Math.max(exits, 0), '--stage': stageColour(i, c.stages.length) }, exits / total > 0.08 ? percent(exits / total, 0) : '');
    }));
    const head = ['stage', 'model', `${unit}`, 'exits if ' + { max: 'confidence', margin: 'margin', entropy: 'entropy confidence' }[c.confidence] + ' >', 'reached by', 'exit here', 'correct of those', 'repairs', 'breaks'];
    fillTable('stages', head.map((h, i) => node('th', { class: i < 2 ? 'left' : '' }, h)), c.stages.map((g, i) => {
      const s = stages && stages[i], exits = reach[i] - (reach[i + 1] || 0);
      return node('tr', null,
        node('td', { class: 'left stage' }, node('span', { class: 'dot', '--stage': stageColour(i, c.stages.length) }), String(i + 1)),
        node('td', { class: 'left name' }, ...stageName(g)),
        ...[[number(data.models[g.model].cost)], [g.threshold === undefined ? 'always' : g.threshold >= 1 ? 'never' : String(g.threshold)], [percent(reach[i] / total, 1)], [percent(exits / total, 1)],
          [s && s.exits ? percent(s.correct / s.exits, 1) : '–'], [s && i ? '+' + count(s.repaired) : '–', 'good'], [s && i ? '−' + count(s.broken) : '–', 'bad']]
          .map(([text, cls], k) => node('td', { class: text === '–' ? 'none' : cls || '', 'data-label': head[k + 2] }, text)));
    }));
  }
  function fillTable(id, head, rows) {
    $(id).replaceChildren(node('thead', null, node('tr', null, ...head)), node('tbody', null, ...rows));
  }

  // Parameters and latency. A model is in memory once, and runs on the samples that
  // reach its stage.
  function paramsOf(c) {
    const members = [...new Set(c.stages.map((g) => g.model))].map((m) => data.models[m].params);
    return members.every((p) => p) && members.reduce((sum, p) => sum + p, 0);
  }
  function latencyOf(c) {
    const each = c.stages.map((g) => data.models[g.model].latency_ms);
    if (!each.every((l) => l)) return null;
    const d = detailsOf(c), n = d ? detailed().samples : data.search.samples;
    const reach = d ? stageReach(d.stages, n) : c.stages.map((g) => g.reach);
    return { mean: each.reduce((sum, l, i) => sum + l * reach[i] / n, 0), worst: each.reduce((sum, l) => sum + l, 0) };
  }
  // amount writes a large number with a letter for its size.
  function amount(x) {
    for (const [power, letter] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
      if (x >= 0.9995 * power) return `${Number((x / power).toPrecision(3))} ${letter}`;
    }
    return `${Number(x.toPrecision(3))} `;
  }
  const className = (i) => (data.class_names ? [named(data.class_names[i]), node('span', { class: 'muted' }, ` ${i}`)] : [`class ${i}`]);

  function stageReach(stages, n) {
    let left = n;
    return stages.map((s) => { const here = left; left -= s.exits; return here; });
  }

  // enough is how many samples a reliability diagram needs: 20 in each of the ten bins. The
  // accuracy of 20 samples is uncertain by some 20 points; of fewer it shows nothing.
  const enough = 200;

  const reached = (stage) => stage.reliability.reduce((sum, b) => sum + b[0], 0);

  function drawReliability(c) {
    const d = detailsOf(c);
    $('reliability-card').hidden = !d;
    if (!d) return;
    $('reliability-note').textContent = `For the samples of ${detailed().name} that reach a stage: its confidence (horizontal) and its accuracy (vertical), with 95 % intervals. On the diagonal the two agree; below it, the stage is overconfident; above it, underconfident. The grey bars are the shares of the samples.` +
      (d.stages.some((x) => reached(x) < enough) ? ` Stages that fewer than ${enough} samples reach are not drawn: in ten bins of fewer than 20 samples on average, accuracies are uncertain by more than 20 points.` : '');
    const size = 190, m = 30, w = size - m - 8, scale = (v) => v * w;
    $('reliability').replaceChildren(...d.stages.map((stage, i) => {
      const reach = reached(stage);
      const caption = node('figcaption', null, `${i + 1}. `, ...stageName(c.stages[i]), node('div', { class: 'muted' }, `${count(reach)} samples`));
      if (reach < enough) {
        return node('figure', null, caption, node('p', { class: 'muted small' }, 'Too few samples to draw.'));
      }
      const most = Math.max(1, ...stage.reliability.map((b) => b[0]));
      const g = draw('g', { transform: `translate(${m},8)` });
      for (const t of [0, 0.5, 1]) {
        g.append(draw('line', { class: 'grid', x1: 0, x2: w, y1: w - scale(t), y2: w - scale(t) }),
          draw('text', { x: -5, y: w - scale(t) + 4, 'text-anchor': 'end' }, String(t)),
          draw('text', { x: scale(t), y: w + 16, 'text-anchor': t ? 'end' : 'start' }, String(t)));
      }
      stage.reliability.forEach((b, k) => {
        const h = b[0] / most * w * 0.5;
        g.append(draw('rect', { class: 'single', x: scale(k / 10) + 1, y: w - h, width: w / 10 - 2, height: h, opacity: 0.35 }));
      });
      g.append(draw('line', { class: 'rule', x1: 0, y1: w, x2: w, y2: 0 }));
      const marks = stage.reliability.filter((b) => b[0]).map((b) => [scale(b[2]), w - scale(b[1] / b[0]), b]);
      g.append(draw('polyline', { class: 'front', colour: ['stroke', colour(state.run)], points: marks.map((p) => p.slice(0, 2).join(',')).join(' ') }));
      for (const [x, y, b] of marks) {
        const [low, high] = interval(b[1], b[0]);
        g.append(draw('line', { class: 'whisker', colour: ['stroke', colour(state.run)], x1: x, x2: x, y1: w - scale(low), y2: w - scale(high) }),
          draw('circle', { r: 3.5, cx: x, cy: y, colour: ['fill', colour(state.run)] },
          draw('title', null, `${count(b[0])} samples: confidence ${percent(b[2], 1)}, accuracy ${percent(b[1] / b[0], 1)}`)));
      }
      return node('figure', null, caption,
        draw('svg', { viewBox: `0 0 ${size} ${size}`, role: 'img', 'aria-label': `reliability of stage ${i + 1}` }, g));
    }));
  }

  function drawClasses(c, against) {
    const d = detailsOf(c);
    $('classes-card').hidden = !d || !d.gains || !against;
    if ($('classes-card').hidden) return;
    $('classes-note').replaceChildren('Correct answers by class, compared with ', named(against.name), `, the best single model for no more ${spending}, on ${detailed().name}: the ten largest each way.`);
    const list = (changes, cls) => {
      if (!changes.length) return [node('p', { class: 'muted small' }, 'none')];
      const most = Math.max(...changes.map((x) => Math.abs(x.cascade - x.model)));
      return changes.map((x) => node('div', { class: 'row' },
        node('span', null, ...className(x.class)),
        node('span', { class: 'meter' }, node('i', { class: cls, 'width%': 100 * Math.abs(x.cascade - x.model) / most })),
        node('span', null, `${x.model} → ${x.cascade} of ${x.samples}`)));
    };
    $('gains').replaceChildren(...list(d.gains, 'good'));
    $('losses').replaceChildren(...list(d.losses, 'bad'));
  }

  // The table.
  const columns = () => [
    ['i', '#', (c, i) => i, String],
    ['cost', unit, (c) => c.cost, number],
    ...(expects ? [['expected', 'expected', (c) => (c.expected ? c.expected.accuracy : 0), (v) => (v ? percent(v) : '–')]] : []),
    ...(hasTest ? [['test', `measured on ${data.test.name}`, (c) => c.test.correct / data.test.samples, (v) => percent(v)]] : []),
    ['search', onSearch, searchedShare, (v) => percent(v)],
    ['worst', 'at worst', (c) => c.worst_cost, number],
    ['models', 'models', (c) => c.stages.length, String],
    ...(run().cascades.every(paramsOf) ? [['params', 'parameters', paramsOf, amount]] : []),
    ...(data.cost !== 'latency_ms' && run().cascades.every(latencyOf) ? [['latency', 'ms', (c) => latencyOf(c).mean, number]] : []),
  ];
  function rows() {
    const needle = $('filter').value.trim().toLowerCase();
    const list = run().cascades.map((c, i) => [c, i]).filter(([c]) => c.cascade.toLowerCase().includes(needle) || c.stages.some((g) => data.models[g.model].name.toLowerCase().includes(needle)));
    const column = columns().find(([key]) => key === state.sort) || columns()[0];
    return list.sort((a, b) => (column[2](a[0], a[1]) - column[2](b[0], b[1])) * (state.down ? -1 : 1) || a[1] - b[1]);
  }
  function drawTable() {
    const all = columns(), list = rows();
    const sortBy = (key) => () => { state.down = state.sort === key ? !state.down : false; state.sort = key; drawTable(); };
    fillTable('table', [
      ...all.map(([key, text]) => node('th', { 'aria-sort': state.sort === key ? (state.down ? 'descending' : 'ascending') : 'none' },
        node('button', { type: 'button', onclick: sortBy(key), 'data-sort': key }, text + (state.sort === key ? (state.down ? ' ↓' : ' ↑') : '')))),
      node('th', { class: 'left name' }, 'cascade'), node('th', null, '')],
    list.map(([c, i]) => node('tr', { 'data-i': i, class: i === state.chosen ? 'chosen' : '', onclick: () => select(state.run, i) },
      ...all.map(([, label, value, text]) => node('td', { 'data-label': label }, text(value(c, i)))),
      node('td', { class: 'left name' }, named(c.cascade)),
      node('td', null, node('button', { type: 'button', class: 'small', onclick: (e) => { e.stopPropagation(); copy(c.cascade, e.currentTarget); } }, 'Copy')))));
    $('table-note').textContent = `${count(list.length)} of ${count(run().cascades.length)} cascades. Copy copies a cascade as the flag --cascade takes it.`;
  }

  async function copy(text, button) {
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = node('textarea', null, text);
      document.body.append(area);
      area.select();
      done = document.execCommand('copy');
      area.remove();
    }
    const before = button.dataset.text || button.textContent;
    button.dataset.text = before;
    button.textContent = done ? 'Copied' : 'Not copied';
    setTimeout(() => { button.textContent = before; }, 1200);
  }
  const plain = ([c, i]) => ({
    number: i, cascade: c.cascade, rule: c.rule, confidence: c.confidence, cost: c.cost, worst_cost: c.worst_cost,
    ...(c.expected ? { expected: c.expected } : {}),
    [data.search.name]: { correct: c.correct, n: data.search.samples },
    ...(hasTest ? { [data.test.name]: { correct: c.test.correct, n: data.test.samples, cost: c.test.cost } } : {}),
    stages: c.stages.map((g) => ({ model: data.models[g.model].name, weight: g.weight, threshold: g.threshold, cost: data.models[g.model].cost })),
  });

  function drawUsed() {
    const use = new Map();
    for (const c of run().cascades) {
      c.stages.forEach((g, i) => {
        const u = use.get(g.model) || { first: 0, later: 0 };
        if (i) u.later++; else u.first++;
        use.set(g.model, u);
      });
    }
    const list = [...use].sort((a, b) => b[1].first + b[1].later - a[1].first - a[1].later || a[0] - b[0]);
    const most = Math.max(...list.map(([, u]) => u.first + u.later));
    $('used-note').textContent = `${count(list.length)} of ${count(data.models.length)} models are in the ${count(run().cascades.length)} cascades. Full colour: as the first model, which runs on all samples; pale: as a later one.`;
    const row = ([m, u]) => node('div', { class: 'row' }, named(data.models[m].name),
      node('span', { class: 'meter' }, node('i', { 'width%': 100 * u.first / most, colour: ['background', colour(state.run)] }), node('i', { class: 'later', 'width%': 100 * u.later / most, colour: ['background', colour(state.run)] })),
      node('span', null, `${u.first} + ${u.later}`));
    const more = list.slice(20);
    $('used').replaceChildren(...list.slice(0, 20).map(row),
      ...(more.length ? [node('details', null, node('summary', { class: 'muted small' }, `${count(more.length)} more`), ...more.map(row))] : []));
  }

  function drawProvenance() {
    const parts = [];
    const list = (pairs) => node('dl', null, ...pairs.filter(([, v]) => v).flatMap(([k, v]) => [node('dt', null, k), node('dd', null, v)]));
    const split = (s) => s && `${s.name}: ${count(s.samples)} samples, fingerprint ${s.fingerprint}`;
    parts.push(list([
      ['zoo', `${count(data.zoo.classes)} classes, fingerprint ${data.zoo.fingerprint}`],
      ['searched on', split(data.search) + partSearched],
      ['measured on', split(data.test) || `nothing else: the results are ${part ? `on ${data.search.name}` : onSearch}`],
      ['cost', data.cost === 'gflops' ? 'GFLOPs per sample, a multiply-add counted as one' : `the column ${data.cost}`],
      ['this page', `${data.program}, ${data.made}`],
    ]));
    for (const r of data.runs) {
      const how = r.how;
      parts.push(node('h3', null, named(r.name)), list([
        ['samples searched', !data.drawn && r.drawn && count(r.drawn.samples)],
        ['algorithm', r.algorithm + (r.interrupted ? ', interrupted' : '')],
        ['proven', r.proof ? `${r.proof}.` : r.incomplete ? `nothing: ${r.incomplete}` : 'nothing: the search space may contain better cascades'],
        ['thresholds', `a grid of ${r.grid}`],
        ['results', r.checked ? 'on the full stored outputs' : 'on the search index; not checked on the full outputs'],
        ['differences', r.differences ? `${r.differences} cascades had different results on the search index; those here are on the full outputs` : ''],
        ['command', how && node('code', null, how.command)],
        ['seed', how && String(how.seed)],
        ['tried', how && `${count(how.evaluations)} cascades in ${number(how.seconds)} s, ${how.machine}`],
        ['made by', how && `encas-zoo ${how.program}, ${how.go}, ${how.started}`],
      ]));
    }
    $('provenance').replaceChildren(...parts);
    $('notes').replaceChildren(...data.notes.map((n) => node('li', null, n)));
  }

  function drawControls() {
    $('chart-controls').replaceChildren(
      ...(expects || hasTest ? [switchOf('accuracy', Object.keys(views).filter((v) => known[v]).map((v) => [v, { expected: 'expected', test: `on ${data.test && data.test.name}`, search: 'searched' }[v]]), 'view', () => { drawChart(); drawChosen(); })] : []),
      switchOf('cost axis', [['log', 'log cost'], ['linear', 'linear']], 'x', drawChart),
      switchOf('accuracy axis', [['accuracy', 'accuracy'], ['error', 'log error']], 'y', drawChart));
    $('pick-controls').replaceChildren(
      ...(data.runs.length > 1 ? [runMenu()] : []),
      switchOf('budget', [['cost', 'by cost'], ['accuracy', 'by accuracy']], 'by', () => select(state.run, state.chosen)));
  }
  function runMenu() {
    const menu = node('select', { 'aria-label': 'run', onchange: (e) => startAt(Number(e.target.value)) },
      ...data.runs.map((r, i) => node('option', { value: i }, r.name.slice(0, 60))));
    menu.value = state.run;
    return menu;
  }
  // startAt opens a run at the cascade of its headline.
  function startAt(r) {
    const h = data.runs[r].headline;
    state.run = -1;
    select(r, firstOf(h));
  }
  // fromAddress opens the cascade that the address names, and reports whether it names one.
  function fromAddress() {
    const parts = new URLSearchParams(location.hash.slice(1)), r = Number(parts.get('run') || 0), i = Number(parts.get('cascade') || NaN);
    if (!data.runs[r] || !data.runs[r].cascades[i]) return false;
    if (r !== state.run) state.run = -1;
    select(r, i);
    return true;
  }

  // The headline. If no accuracy on other samples was estimated, the words say on which
  // samples they are true.
  const brief = (m) => named(m.name, fit(m.name, 40));
  function title(r) {
    const h = r.headline, best = single(h.best_model);
    if (!best) return [`${count(r.cascades.length)} cascades`];
    const c = r.cascades[h.instead === undefined ? h.most_accurate : h.instead];
    const where = c.expected ? '' : ` ${onSearch}`;
    const within = single(h.within_model), over = within ? likely(r.cascades[h.most_accurate]) - likelyAlone(within) : 0;
    if (withinLimits(h) && over > 0) return [`${points(over).slice(1)} points more accurate than `, brief(within), `${withinLimits(h)}${where}`];
    if (h.instead !== undefined) return [`${c.expected ? 'likely ' : ''}${asAccurate(h.margin)} `, brief(best), glued(` for ${change(best.cost, c.cost).slice(1)} less${where}`)];
    const more = likely(c) - likelyAlone(best);
    if (more > 0) return [`${points(more).slice(1)} points more accurate than `, brief(best), where];
    return [`no cheaper cascade${withinLimits(h)} is likely to be nearly as accurate as `, brief(best)];
  }
  // withinLimits names the limits on the cost.
  const withinLimits = (h) => {
    const limits = [h.max_cost > 0 && `${number(h.max_cost)} ${unit}`, h.max_worst_cost > 0 && `${number(h.max_worst_cost)} ${unit} at worst`].filter((x) => x);
    return limits.length ? ` within ${limits.join(' and ')}` : '';
  };
  // firstOf is the number of the cascade that is named first: within limits the most accurate.
  const firstOf = (h) => (withinLimits(h) || h.instead === undefined ? h.most_accurate : h.instead);
  // asAccurate compares a cascade with a model that it is at most a margin less accurate than.
  const asAccurate = (margin = 0) => (margin > 0 ? `at most ${short(100 * margin)} ${margin === 0.01 ? 'point' : 'points'} less accurate than` : 'as accurate as');
  const linkTo = (r, i, word = 'cascade') => node('a', { href: address(r, i) }, `${word} ${i}`);
  // glued keeps % on the line of its number.
  const glued = (text) => text.replaceAll(' %', '\u00a0%');
  // accuracies are those of a cascade in all views, and of a model beside them.
  function accuracies(c, m) {
    const parts = [];
    for (const v of Object.keys(views)) {
      const s = known[v] && at(c, v);
      if (!s) continue;
      const share = glued(percent(s.share));
      const words = [parts.length ? `, ${share} ` : node('b', null, `${share} `), views[v]];
      const beside = m && alone(m, v) !== undefined ? `the model ${percent(alone(m, v))}` : '';
      const ends = s.low === undefined ? '' : `95 %: ${span(s.low, s.high)}`;
      parts.push(...words, ends || beside ? glued(` (${[ends, beside].filter((x) => x).join('; ')})`) : '');
    }
    return [...parts, '.'];
  }
  // accuraciesOf are those of a model in all views.
  const accuraciesOf = (m) => Object.keys(views).filter((v) => alone(m, v) !== undefined).map((v) => `${percent(alone(m, v))} ${views[v]}`).join(', ');
  function headline(r, i) {
    const h = r.headline, best = single(h.best_model), most = r.cascades[h.most_accurate];
    const limit = h.max_worst_cost > 0 ? ` that costs at most ${number(h.max_worst_cost)} ${unit}` : '';
    const instead = [], leader = [], limits = withinLimits(h);
    if (h.instead !== undefined) {
      const c = r.cascades[h.instead];
      instead.push(node('p', { class: 'first' }, linkTo(i, h.instead, 'Cascade'), ` is ${c.expected ? 'likely' : onSearch} ${asAccurate(h.margin)} `, named(best.name),
        `, the most accurate single model${limit}, for `, node('b', null, glued(`${change(best.cost, c.cost).slice(1)} less ${spending}`)), `: ${number(c.cost)} instead of ${number(best.cost)} ${unit} per sample.`),
      node('p', null, 'Its accuracy is ', ...accuracies(c, best)));
    } else if (best) {
      instead.push(node('p', { class: 'first' }, `No cheaper cascade${limits} is likely to be nearly as accurate as `, named(best.name), `, the most accurate single model${limit}: ${glued(accuraciesOf(best))}, at ${number(best.cost)} ${unit}.`));
    }
    const model = single(h.within_model);
    if (h.most_accurate !== h.instead) {
      leader.push(node('p', null, limits ? `The most accurate${limits}, ` : 'The most accurate, ', linkTo(i, h.most_accurate), `, costs ${number(most.cost)} ${unit}${best && h.instead === undefined ? ` (${change(best.cost, most.cost).slice(1)} ${most.cost < best.cost ? 'less' : 'more'} than that model)` : ''} and is `, ...accuracies(most),
        ...(limits && model ? [' The most accurate single model within that is ', named(model.name), `: ${glued(accuraciesOf(model))}.`] : [])));
    }
    const parts = limits ? [...leader, ...instead] : [...instead, ...leader];
    if (!most.expected && !hasTest) {
      parts.push(node('p', null, 'No figure for other samples is known; there, expect less. ', node('code', null, `encas-zoo evaluate ${r.word} --split test`), ' measures it, if the zoo has such a split.'));
    }
    if (r.caveat) parts.unshift(node('p', null, node('b', null, `${r.caveat}.`)));
    return data.runs.length > 1 ? [node('h2', null, named(r.name)), ...parts] : parts;
  }

  function start() {
    const shortlist = data.runs.length === 1 && data.runs[0].shortlist;
    const first = `${count(data.models.length)} ${shortlist ? `of ${count(shortlist.of)} ` : ''}models, ${count(data.search.samples)} samples: `;
    $('title').replaceChildren(first, ...(data.runs.length > 1 ? [`${data.runs.length} fronts`] : title(data.runs[0])));
    document.title = `${$('title').textContent} - encas-zoo`;
    $('headline').replaceChildren(...data.runs.flatMap(headline));
    const total = data.runs.reduce((sum, r) => sum + r.cascades.length, 0);
    $('subtitle').replaceChildren(...data.runs.flatMap((r, i) => [i ? ' · ' : '', named(r.name), r.shortlist ? ` (of the ${count(r.shortlist.models)} most accurate for their cost of ${count(r.shortlist.of)} models)` : '']), `: ${count(total)} cascades, searched on ${data.search.name} (${count(data.search.samples)} samples${partSearched})` +
      (hasTest ? `, measured on ${data.test.name} (${count(data.test.samples)} samples)` : ''));
    document.querySelector('main').hidden = false;
    // If errors differ more than tenfold, a linear axis hides the small ones.
    const errors = cascades.map((c) => at(c)).filter((s) => s).map((s) => 1 - s.share);
    if (Math.max(...errors) > 10 * Math.min(...errors)) state.y = 'error';
    if (!fromAddress()) startAt(0);
    state.started = true;
    drawChart();
    drawProvenance();

    const chart = $('chart');
    chart.addEventListener('pointermove', showTip);
    chart.addEventListener('pointerdown', showTip);
    chart.addEventListener('pointerleave', () => { $('tip').hidden = true; });
    chart.addEventListener('click', (e) => { const h = nearest(e); if (h && !h.model) select(h.run, h.cascade); });
    $('slider').addEventListener('input', (e) => { const v = fromSlider(Number(e.target.value)); choose(v); setBudget(v); drawChosen(); });
    $('budget').addEventListener('change', (e) => {
      const v = Number(e.target.value) / (state.by === 'cost' ? 1 : 100);
      if (!(v > 0)) return;
      choose(v);
      $('slider').value = Math.round(toSlider(v));
      drawChosen();
    });
    const step = (by) => () => select(state.run, Math.min(Math.max(state.chosen + by, 0), run().cascades.length - 1));
    $('cheaper').addEventListener('click', step(-1));
    $('costlier').addEventListener('click', step(1));
    $('filter').addEventListener('input', drawTable);
    addEventListener('hashchange', fromAddress);
    $('copy-json').addEventListener('click', (e) => copy(JSON.stringify(rows().map(plain), null, 1), e.currentTarget));
    let width = 0;
    new ResizeObserver(() => {
      if (chart.clientWidth !== width) { width = chart.clientWidth; drawChart(); }
    }).observe(chart);
  }
  start();
})();
