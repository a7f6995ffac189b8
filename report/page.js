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
  const named = (text) => node('bdi', { title: text }, text);

  // Numbers.
  const percent = (share, digits = 2) => (100 * share).toFixed(digits) + ' %';
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

  // What is shown.
  const hasTest = !!data.test;
  const state = { split: hasTest ? 'test' : 'search', x: 'log', y: 'accuracy', run: 0, by: 'cost', chosen: 0, sort: 'i', down: false };
  const splitOf = (name) => (name === 'test' ? data.test : data.search);
  const size = (split = state.split) => splitOf(split).samples;
  const run = () => data.runs[state.run];
  const chosen = () => run().cascades[state.chosen];
  const colour = (r) => `var(--r${r % 6})`;

  // at returns the results of a cascade on a split. Those of the search are in
  // front.json; those of each stage are known only if the zoo was available.
  function at(c, split = state.split) {
    if (split === 'search') return { correct: c.correct, cost: c.cost, stages: c.search && c.search.stages, results: c.search };
    return { correct: c.test.correct, cost: c.test.cost, stages: c.test.stages, results: c.test };
  }
  const right = (m, split = state.split) => (split === 'search' ? m.search : m.test);

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

  // The best of the single models at every cost.
  function staircase(split) {
    const steps = [];
    const models = data.models.filter((m) => right(m, split) !== undefined);
    for (const m of models.sort((a, b) => a.cost - b.cost || right(b, split) - right(a, split))) {
      if (!steps.length || right(m, split) > right(steps[steps.length - 1], split)) steps.push(m);
    }
    return steps;
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

  let hits = []; // what the pointer can select
  let marks = null;

  function drawChart() {
    const box = $('chart'), width = box.clientWidth, height = box.clientHeight;
    if (width < 120 || height < 120) return; // not laid out yet
    const m = { left: 52, right: 14, top: 24, bottom: 40 };
    const n = size(), other = state.split === 'test' ? 'search' : 'test';
    const stairs = staircase(state.split);
    const shown = data.runs.flatMap((r) => r.cascades.map((c) => at(c)));
    const bands = shown.map((s) => interval(s.correct, n));
    let x0 = Math.min(...shown.map((s) => s.cost)), x1 = Math.max(...shown.map((s) => s.cost), ...stairs.map((s) => s.cost));
    if (state.x === 'log') { const pad = (x1 / x0) ** 0.03 || 1.1; x0 /= Math.max(pad, 1.02); x1 *= Math.max(pad, 1.02); } else { x0 = 0; x1 *= 1.03; }
    const others = hasTest ? data.runs.flatMap((r) => r.cascades.map((c) => at(c, other).correct / size(other))) : [];
    let y0 = Math.min(...bands.map((b) => b[0])), y1 = Math.max(...bands.map((b) => b[1]), ...stairs.map((s) => right(s) / n), ...others);
    const scaleX = state.x === 'log' ? Math.log : (v) => v;
    const scaleY = state.y === 'error' ? (v) => -Math.log(Math.max(1 - v, 0.2 / n)) : (v) => v;
    const air = (scaleY(y1) - scaleY(y0)) * 0.03;
    const X = (v) => m.left + (width - m.left - m.right) * (scaleX(v) - scaleX(x0)) / (scaleX(x1) - scaleX(x0));
    const Y = (v) => height - m.bottom - (height - m.top - m.bottom) * (scaleY(v) - scaleY(y0) + air) / (scaleY(y1) - scaleY(y0) + 2 * air || 1);
    const P = (x, y) => `${X(x).toFixed(1)},${Y(y).toFixed(1)}`;

    const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' });
    const inside = draw('g', { 'clip-path': 'url(#inside)' });
    svg.append(draw('clipPath', { id: 'inside' }, draw('rect', { x: m.left, y: m.top, width: width - m.left - m.right, height: height - m.top - m.bottom })));

    const across = Math.max(3, Math.floor(width / 90));
    for (const t of state.x === 'log' ? logTicks(x0, x1, across) : ticks(x0, x1, across)) {
      svg.append(draw('line', { class: 'grid', x1: X(t), x2: X(t), y1: m.top, y2: height - m.bottom }),
        draw('text', { x: X(t), y: height - m.bottom + 17, 'text-anchor': 'middle' }, number(t)));
    }
    const up = state.y === 'error' ? logTicks(1 - y1 || 0.2 / n, 1 - y0, 8).map((e) => 1 - e) : ticks(y0, y1, 7);
    const digits = up.length > 1 && Math.abs(up[1] - up[0]) < 0.00995 ? (Math.abs(up[1] - up[0]) < 0.00095 ? 2 : 1) : 0;
    for (const t of up) {
      svg.append(draw('line', { class: 'grid', x1: m.left, x2: width - m.right, y1: Y(t), y2: Y(t) }),
        draw('text', { x: m.left - 8, y: Y(t) + 4, 'text-anchor': 'end' }, state.y === 'error' ? number(100 * (1 - t)) + ' %' : percent(t, digits)));
    }
    svg.append(draw('text', { x: width - m.right, y: height - 5, 'text-anchor': 'end' }, `mean ${unit} per sample${state.x === 'log' ? ' (log)' : ''}`),
      draw('text', { x: 4, y: 12 }, state.y === 'error' ? `error on ${splitOf(state.split).name} (log)` : `accuracy on ${splitOf(state.split).name}`));

    hits = [];
    // On the search split the front is a staircase. On other samples the cascades are
    // points joined by a line.
    const line = (list, split) => (split === 'search' ? steps(list) : list.map(([x, y]) => P(x, y)).join(' '));
    const steps = (list) => {
      const parts = [];
      list.forEach(([x, y], i) => { if (i) parts.push(P(x, list[i - 1][1])); parts.push(P(x, y)); });
      return parts.join(' ');
    };
    const byCost = (r, split) => r.cascades.map((c) => at(c, split)).sort((a, b) => a.cost - b.cost);
    let outside = 0;
    for (const model of data.models) {
      if (right(model) === undefined) continue;
      const y = right(model) / n;
      if (model.cost > x1 || model.cost < x0 || y < y0) { outside++; continue; }
      inside.append(draw('circle', { class: 'single', r: data.models.length > 150 ? 2.6 : 3.6, cx: X(model.cost), cy: Y(y) }));
      hits.push({ x: X(model.cost), y: Y(y), model });
    }
    inside.append(draw('polyline', { class: 'stairs', points: steps([...stairs.map((s) => [s.cost, right(s) / n]), [x1, right(stairs[stairs.length - 1] || { search: 0, test: 0 }) / n]]) }));
    data.runs.forEach((r, i) => {
      const list = byCost(r, state.split);
      const low = list.map((s) => [s.cost, interval(s.correct, n)[0]]), high = list.map((s) => [s.cost, interval(s.correct, n)[1]]);
      const back = line(low, state.split).split(' ').reverse().join(' ');
      inside.append(draw('polygon', { class: 'band', colour: ['fill', colour(i)], points: line(high, state.split) + ' ' + back }));
    });
    data.runs.forEach((r, i) => {
      if (hasTest) inside.append(draw('polyline', { class: 'front other', colour: ['stroke', colour(i)], points: line(byCost(r, other).map((s) => [s.cost, s.correct / size(other)]), other) }));
      inside.append(draw('polyline', { class: 'front', colour: ['stroke', colour(i)], points: line(byCost(r, state.split).map((s) => [s.cost, s.correct / n]), state.split) }));
      r.cascades.forEach((c, j) => {
        const s = at(c);
        hits.push({ x: X(s.cost), y: Y(s.correct / n), run: i, cascade: j });
        if (r.cascades.length <= 200) inside.append(draw('circle', { r: 2.2, colour: ['fill', colour(i)], cx: X(s.cost), cy: Y(s.correct / n) }));
      });
    });
    marks = { group: draw('g'), X, Y, n, bottom: height - m.bottom, left: m.left };
    svg.append(inside, marks.group);
    box.replaceChildren(svg);
    markChosen();

    const key = (shape, ...text) => node('span', null, draw('svg', { width: 26, height: 12, 'aria-hidden': 'true' }, shape), node('span', null, ...text));
    const dash = (c, cls) => draw('line', { class: cls, colour: ['stroke', c], x1: 0, x2: 26, y1: 6, y2: 6 });
    $('legend').replaceChildren(
      ...data.runs.flatMap((r, i) => [
        key(dash(colour(i), 'front'), named(data.runs.length > 1 ? r.name : 'cascades'), ` on ${splitOf(state.split).name}, 95 % band`),
        ...(hasTest ? [key(dash(colour(i), 'front other'), `the same on ${splitOf(other).name}`)] : [])]),
      key(draw('line', { class: 'stairs', x1: 0, x2: 26, y1: 6, y2: 6 }), 'best single model'),
      key(draw('circle', { class: 'single', cx: 13, cy: 6, r: 4 }), 'single models'));
    $('chart-note').textContent = outside ? `${count(outside)} of ${count(data.models.length)} single models, more expensive or less accurate, are outside the picture.` : '';
  }

  function markChosen() {
    if (!marks) return;
    const s = at(chosen()), x = marks.X(s.cost), y = marks.Y(s.correct / marks.n);
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
    const n = size();
    if (h.model) {
      tip.replaceChildren(named(h.model.name), `${percent(right(h.model) / n)} at ${number(h.model.cost)} ${unit}`);
    } else {
      const c = data.runs[h.run].cascades[h.cascade], s = at(c);
      tip.replaceChildren(named(c.cascade), `${percent(s.correct / n)} at ${number(s.cost)} ${unit}`);
    }
    const box = $('chart').getBoundingClientRect();
    const left = Math.min(Math.max(8, box.left + h.x + 12), document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${Math.max(4, box.top + h.y - tip.offsetHeight - 12) + scrollY}px`;
  }

  // The picker. A cascade is chosen by its results on the search split alone, so that
  // those on the test split remain results on samples it was not chosen on.
  const range = () => {
    const list = run().cascades;
    const v = state.by === 'cost' ? list.map((c) => c.cost) : list.map((c) => c.correct / data.search.samples);
    return [Math.min(...v), Math.max(...v)];
  };
  function toSlider(v) {
    const [low, high] = range();
    if (high <= low) return 1000;
    return 1000 * (state.by === 'cost' ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low));
  }
  function fromSlider(p) {
    const [low, high] = range();
    if (p >= 1000) return high;
    return state.by === 'cost' ? low * (high / low) ** (p / 1000) : low + (high - low) * p / 1000;
  }
  function choose(v) {
    const list = run().cascades;
    let best = -1;
    list.forEach((c, i) => {
      if (state.by === 'cost') {
        if (c.cost <= v && (best < 0 || c.correct > list[best].correct)) best = i;
      } else if (c.correct >= v * data.search.samples - 1e-6 && best < 0) best = i;
    });
    if (best < 0) {
      best = state.by === 'cost' ? 0 : list.reduce((b, c, i) => (c.correct > list[b].correct ? i : b), 0);
    }
    state.chosen = best;
  }
  function setBudget(v) {
    const shown = state.by === 'cost' ? v : 100 * v;
    $('budget').value = short(shown);
    $('budget-unit').textContent = state.by === 'cost' ? `${unit} at most` : '% correct at least';
  }
  // select chooses a cascade itself and moves the budget to it.
  function select(r, i) {
    const other = r !== state.run;
    state.run = r;
    state.chosen = i;
    const c = chosen(), v = state.by === 'cost' ? c.cost : c.correct / data.search.samples;
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

  function drawChosen() {
    markChosen();
    const c = chosen(), s = at(c), n = size(), share = s.correct / n;
    const [low, high] = interval(s.correct, n);
    const splitName = splitOf(state.split).name;
    const alone = c.stages.length === 1;
    const equalCost = c.model_of_no_more_cost === undefined ? null : data.models[c.model_of_no_more_cost];
    const asGood = c.model_as_accurate === undefined ? null : data.models[c.model_as_accurate];
    const best = data.models.reduce((b, m) => (m.search > b.search || (m.search === b.search && m.cost < b.cost) ? m : b), data.models[0]);
    const rival = asGood || best;

    $('pick-rule').textContent = state.by === 'cost'
      ? `The most accurate cascade on ${data.search.name} that costs no more. ` + (hasTest ? `It is chosen on ${data.search.name} alone; the results here are on ${splitName}.` : '')
      : `The cheapest cascade that is as accurate on ${data.search.name}. ` + (hasTest ? `It is chosen on ${data.search.name} alone; the results here are on ${splitName}.` : '');
    const tile = (value, cls, ...text) => node('div', { class: 'tile' }, node('b', { class: cls }, value), node('span', null, ...text));
    const tiles = [
      tile(percent(share), '', `correct on ${splitName}; 95 %: ${percent(low)} to ${percent(high)}`),
      tile(number(s.cost), '', `${unit} per sample on average`),
      tile(number(c.worst_cost), '', `${unit} at worst, all ${c.stages.length} models`),
    ];
    if (rival) {
      const cheaper = s.cost < rival.cost;
      tiles.splice(2, 0, tile(change(rival.cost, s.cost), alone ? '' : cheaper ? 'good' : 'bad', `${spending} compared with ${asGood ? `the cheapest single model as accurate on ${data.search.name}` : 'the best single model'}`));
    }
    const latency = latencyOf(c, state.split), params = paramsOf(c);
    if (latency && data.cost !== 'latency_ms') {
      tiles.push(tile(`${number(latency.mean)} ms`, '', `latency on average, ${number(latency.worst)} ms at worst, one sample at a time${data.device ? ` on ${data.device}` : ''}`));
    }
    if (params) tiles.push(tile(amount(params), '', `parameters in ${alone ? 'the model' : `all ${new Set(c.stages.map((g) => g.model)).size} models`}: ${amount(4 * params)}B as float32`));
    $('tiles').replaceChildren(...tiles);

    const words = [];
    // on compares a model with the cascade on the split shown.
    const on = (m) => {
      if (right(m) === undefined) return ` (${number(m.cost)} ${unit})`;
      const less = share - right(m) / n;
      const beside = Math.abs(less) < 5e-5 ? 'as accurate as the cascade' : `${Math.abs(100 * less).toFixed(2)} points ${less > 0 ? 'less' : 'more'} than the cascade`;
      return `: ${percent(right(m) / n)} on ${splitName}, ${beside}, at ${number(m.cost)} ${unit}`;
    };
    // told is the significance of the difference between cascade and model. On samples
    // that the cascade was chosen on it would mean nothing.
    const told = (f) => {
      if (!f || !f.against || state.split !== 'test') return '';
      const { only_cascade_right: ours, only_model_right: theirs, mcnemar_p: p } = f.against;
      const chance = p < 0.0001 ? 'p < 0.0001' : `p = ${Number(p.toPrecision(2))}`;
      return ` Only the cascade is correct on ${count(ours)} samples, only the model on ${count(theirs)}: ` +
        (p < 0.05 ? `significantly different (${chance}, McNemar).` : `not significantly different (${chance}, McNemar).`);
    };
    const saves = (m) => [' The cascade costs ', node('b', null, `${change(m.cost, s.cost).slice(1)} ${s.cost < m.cost ? 'less' : 'more'}`), '.'];
    if (alone) {
      words.push(node('p', null, 'Here the front is a single model: no cascade found is better.'));
    } else {
      if (equalCost && (asGood || best !== equalCost)) {
        words.push(node('p', null, `For no more ${spending}, the best single model is `, named(equalCost.name), on(equalCost), '.', told(s.results)));
      }
      if (asGood) {
        words.push(node('p', null, `The cheapest single model that is as accurate on ${data.search.name} is `, named(asGood.name), on(asGood), '.', ...saves(asGood)));
      } else if (best) {
        words.push(node('p', null, `No single model is as accurate on ${data.search.name}. The best is `, named(best.name), on(best), '.', best === equalCost ? told(s.results) : '', ...saves(best)));
      }
    }
    if (c.bound < data.search.samples) {
      words.push(node('p', { class: 'muted' }, c.bound > c.correct
        ? `Proven: no cascade of any kind at this cost is more than ${percent(c.bound / data.search.samples)} accurate on ${data.search.name} (this one is ${percent(c.correct / data.search.samples)} accurate).`
        : `Proven: no cascade of any kind at this cost is more accurate on ${data.search.name}.`));
    }
    $('words').replaceChildren(...words);
    $('cascade-text').textContent = c.cascade;

    const reach = s.stages ? stageReach(s.stages, n) : c.stages.map((g) => g.reach);
    const total = s.stages ? n : data.search.samples;
    $('flow').replaceChildren(...c.stages.map((g, i) => {
      const exits = reach[i] - (reach[i + 1] || 0);
      return node('div', { grow: Math.max(exits, 0), '--stage': stageColour(i, c.stages.length) }, exits / total > 0.08 ? percent(exits / total, 0) : '');
    }));
    const head = ['stage', 'model', `${unit}`, 'exits if ' + { max: 'confidence', margin: 'margin', entropy: 'entropy confidence' }[c.confidence] + ' >', 'reached by', 'exit here', 'correct of those', 'repairs', 'breaks'];
    $('stages').replaceChildren(
      node('thead', null, node('tr', null, ...head.map((h, i) => node('th', { class: i < 2 ? 'left' : '' }, h)))),
      node('tbody', null, ...c.stages.map((g, i) => {
        const d = s.stages && s.stages[i], exits = reach[i] - (reach[i + 1] || 0);
        return node('tr', null,
          node('td', { class: 'left' }, node('span', { class: 'dot', '--stage': stageColour(i, c.stages.length) }), String(i + 1)),
          node('td', { class: 'left name' }, ...stageName(g)),
          node('td', null, number(data.models[g.model].cost)),
          node('td', null, g.threshold === undefined ? 'always' : String(g.threshold)),
          node('td', null, percent(reach[i] / total, 1)),
          node('td', null, percent(exits / total, 1)),
          node('td', null, d && d.exits ? percent(d.correct / d.exits, 1) : '–'),
          node('td', { class: 'good' }, d && i ? '+' + count(d.repaired) : ''),
          node('td', { class: 'bad' }, d && i ? '−' + count(d.broken) : ''));
      })));

    drawReliability(c, s);
    drawClasses(c, s, equalCost);
    for (const row of $('table').querySelectorAll('tbody tr')) row.classList.toggle('chosen', Number(row.dataset.i) === state.chosen);
  }

  // Parameters and latency. A model is in memory once, and runs on the samples that
  // reach its stage.
  function paramsOf(c) {
    const members = [...new Set(c.stages.map((g) => g.model))].map((m) => data.models[m].params);
    return members.every((p) => p) && members.reduce((sum, p) => sum + p, 0);
  }
  function latencyOf(c, split) {
    const each = c.stages.map((g) => data.models[g.model].latency_ms);
    if (!each.every((l) => l)) return null;
    const s = at(c, split), n = s.stages ? size(split) : data.search.samples;
    const reach = s.stages ? stageReach(s.stages, n) : c.stages.map((g) => g.reach);
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

  function drawReliability(c, s) {
    $('reliability-card').hidden = !s.stages;
    if (!s.stages) return;
    const size = 190, m = 30, w = size - m - 8, scale = (v) => v * w;
    $('reliability').replaceChildren(...s.stages.map((stage, i) => {
      const reach = stage.reliability.reduce((sum, b) => sum + b[0], 0);
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
        g.append(draw('circle', { r: 3.5, cx: x, cy: y, colour: ['fill', colour(state.run)] },
          draw('title', null, `${count(b[0])} samples: confidence ${percent(b[2], 1)}, accuracy ${percent(b[1] / b[0], 1)}`)));
      }
      return node('figure', null, node('figcaption', null, `${i + 1}. `, ...stageName(c.stages[i]), node('div', { class: 'muted' }, `${count(reach)} samples`)),
        draw('svg', { viewBox: `0 0 ${size} ${size}`, role: 'img', 'aria-label': `reliability of stage ${i + 1}` }, g));
    }));
  }

  function drawClasses(c, s, against) {
    const d = s.results;
    $('classes-card').hidden = !d || !d.gains || !against;
    if ($('classes-card').hidden) return;
    $('classes-note').replaceChildren('Correct answers by class, compared with ', named(against.name), `, the best single model for no more ${spending}, on ${splitOf(state.split).name}: the ten largest each way.`);
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
  const tested = hasTest ? 'test' : 'search';
  const columns = () => [
    ['i', '#', (c, i) => i, String],
    ['cost', unit, (c) => c.cost, number],
    ...(hasTest ? [['test', `correct on ${data.test.name}`, (c) => c.test.correct / data.test.samples, (v) => percent(v)]] : []),
    ['search', `correct on ${data.search.name}`, (c) => c.correct / data.search.samples, (v) => percent(v)],
    ['worst', 'at worst', (c) => c.worst_cost, number],
    ['models', 'models', (c) => c.stages.length, String],
    ...(run().cascades.every(paramsOf) ? [['params', 'parameters', paramsOf, amount]] : []),
    ...(data.cost !== 'latency_ms' && run().cascades.every((c) => latencyOf(c, tested)) ? [['latency', 'ms', (c) => latencyOf(c, tested).mean, number]] : []),
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
    $('table').replaceChildren(
      node('thead', null, node('tr', null,
        ...all.map(([key, text]) => node('th', { 'aria-sort': state.sort === key ? (state.down ? 'descending' : 'ascending') : 'none' },
          node('button', { type: 'button', onclick: sortBy(key), 'data-sort': key }, text + (state.sort === key ? (state.down ? ' ↓' : ' ↑') : '')))),
        node('th', { class: 'left name' }, 'cascade'), node('th', null, ''))),
      node('tbody', null, ...list.map(([c, i]) => node('tr', { 'data-i': i, class: i === state.chosen ? 'chosen' : '', onclick: () => select(state.run, i) },
        ...all.map(([, , value, text]) => node('td', null, text(value(c, i)))),
        node('td', { class: 'left name' }, named(c.cascade)),
        node('td', null, node('button', { type: 'button', class: 'small', onclick: (e) => { e.stopPropagation(); copy(c.cascade, e.currentTarget); } }, 'Copy'))))));
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
    $('used-note').textContent = `${count(list.length)} of ${count(data.models.length)} models are in the ${count(run().cascades.length)} cascades. Dark: as the first model, which runs on all samples; light: as a later one.`;
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
      ['chosen on', split(data.search)],
      ['checked on', split(data.test) || 'nothing else: these results are on the samples of the search'],
      ['cost', data.cost === 'gflops' ? 'GFLOPs per sample, a multiply-add counted as one' : `the column ${data.cost}`],
      ['this page', `${data.program}, ${data.made}`],
    ]));
    for (const r of data.runs) {
      const how = r.how;
      parts.push(node('h3', null, named(r.name)), list([
        ['algorithm', r.algorithm + (r.interrupted ? ', interrupted' : '')],
        ['proven', r.proof ? `${r.proof}.` : 'nothing: the search space may contain better cascades'],
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
      ...(hasTest ? [switchOf('samples', [['test', data.test.name], ['search', data.search.name]], 'split', () => { drawChart(); drawChosen(); })] : []),
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
  // startAt opens a run at a cascade that is both accurate and cheap.
  function startAt(r) {
    const list = data.runs[r].cascades, lowest = list[0].correct, most = Math.max(...list.map((c) => c.correct));
    let best = 0, value = -1;
    list.forEach((c, i) => {
      const rival = c.model_as_accurate === undefined ? null : data.models[c.model_as_accurate];
      const v = (rival ? Math.max(0, 1 - c.cost / rival.cost) : 0) * (c.correct - lowest + 1) / (most - lowest + 1);
      if (v > value) { best = i; value = v; }
    });
    state.run = -1;
    select(r, best);
  }

  function start() {
    const names = data.runs.map((r) => r.name);
    $('title').replaceChildren(...names.flatMap((n, i) => (i ? [' · ', named(n)] : [named(n)])));
    const total = data.runs.reduce((sum, r) => sum + r.cascades.length, 0);
    $('subtitle').textContent = `${count(total)} cascades from ${count(data.models.length)} models, chosen on ${data.search.name} (${count(data.search.samples)} samples)` +
      (hasTest ? `, checked on ${data.test.name} (${count(data.test.samples)} samples)` : '');
    document.querySelector('main').hidden = false;
    // If errors differ more than tenfold, a linear axis hides the small ones.
    const errors = data.runs.flatMap((r) => r.cascades.map((c) => 1 - at(c).correct / size()));
    if (Math.max(...errors) > 10 * Math.min(...errors)) state.y = 'error';
    startAt(0);
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
    $('copy-cascade').addEventListener('click', (e) => copy(chosen().cascade, e.currentTarget));
    $('copy-json').addEventListener('click', (e) => copy(JSON.stringify(rows().map(plain), null, 1), e.currentTarget));
    let width = 0;
    new ResizeObserver(() => {
      if (chart.clientWidth !== width) { width = chart.clientWidth; drawChart(); }
    }).observe(chart);
  }
  start();
})();
