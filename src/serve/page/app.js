// The page: what is asked stands in the address after the #, so that every view can be linked to, kept and gone back to.

import { Plot, between } from '/map.js';

const $ = (id) => document.getElementById(id);
const NEIGHBOURS = 25;
const COLOURS = 8;
const SHADES = 8;
// Points unless told, by what the map is of.
const POINTS = { near: 200, frequent: 2000 };

let about;
let state = {};
let plots = [];
let shown = null; // the map's answer
let turn = 0; // of the map, so that a late answer does not replace a newer one

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// A word as text that keeps its own direction of writing.
const isolated = (word) => element('bdi', { textContent: word });

async function ask(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one !== undefined && one !== '') query.append(name, one);
  }
  const response = await fetch(`/v1/${path}?${query}`);
  const answer = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

async function post(path, body) {
  const response = await fetch(`/v1/${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function say(text, bad = false) {
  $('said').textContent = text;
  $('said').classList.toggle('bad', bad);
}

const cosine = (value) => (value === null ? 'undefined' : value.toFixed(4));

// ---------------------------------------------------------------- the address

function fromAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  state = Object.fromEntries(given);
  if (!['near', 'frequent', 'list', 'labelled'].includes(state.of)) delete state.of;
  if (!about.methods.includes(state.method)) delete state.method;
  if (!(Number(state.n) >= 2)) delete state.n;
}

function go(changes) {
  state = { ...state, ...changes };
  for (const [name, value] of Object.entries(state)) if (value === undefined || value === '') delete state[name];
  history.pushState(null, '', '#' + new URLSearchParams(state));
  render(changes);
}

// ---------------------------------------------------------------- what is asked

// Words with signs, as `king -man +woman`.
function signed(text) {
  const terms = { word: [], not: [] };
  for (const part of text.split(/\s+/).filter(Boolean)) {
    const sign = part.length > 1 && '+-'.includes(part[0]);
    terms[sign && part[0] === '-' ? 'not' : 'word'].push(sign ? part.slice(1) : part);
  }
  return terms;
}

function pairs() {
  const lines = (state.pairs || '').split('\n').map((line) => line.trim().split(/\s+/));
  return lines.filter((line) => line.length === 2 && line[0] !== line[1]).slice(0, about.limits.named / 2);
}

// Pairs to draw as arrows: those listed, and the two of an analogy that was answered.
let answered = null;
function arrows() {
  return answered ? [...pairs(), [answered.a, answered.b], [answered.c, answered.d]] : pairs();
}

// Two files may have the same name.
const titled = (index) => `${index + 1}: ${about.tables[index].name}`;

const tables = () => about.tables.map((_, index) => ['first', 'second'][index]);

async function search() {
  const text = state.word || '';
  $('word').value = text;
  document.title = text ? `${text} – Vocable` : 'Vocable';
  $('neighbours').hidden = !text;
  if (!text) return say('');
  const begun = performance.now();
  try {
    const all = await Promise.all(tables().map((table) => ask('nearest', { ...signed(text), k: NEIGHBOURS, table })));
    $('neighbours').replaceChildren(...all.map((answer, index) => list(answer, titled(index))));
    const took = performance.now() - begun;
    say(`${all[0].neighbours.length} neighbours in ${took.toFixed(0)} ms`);
    document.body.dataset.searched = text;
    document.body.dataset.took = took.toFixed(1);
  } catch (error) {
    $('neighbours').hidden = true;
    say(error.message, true);
  }
}

function list(answer, name) {
  const items = answer.neighbours.map((near) => {
    const button = element('button', { type: 'button', className: 'word' }, isolated(near.word),
      element('span', { textContent: cosine(near.cosine) }));
    button.style.setProperty('--by', `${Math.max(0, near.cosine || 0) * 100}%`);
    button.dataset.word = near.word;
    return element('li', {}, button);
  });
  const heading = about.tables.length > 1 ? [element('h2', { textContent: name })] : [];
  return element('div', {}, ...heading, element('ol', { className: 'near' }, ...items));
}

async function analogy() {
  const { a, b, c } = state;
  for (const [name, value] of Object.entries({ a, b, c })) $('analogy').elements[name].value = value || '';
  answered = null;
  if (!a || !b || !c) return $('answers').replaceChildren();
  $('analogies').open = true;
  try {
    const all = await Promise.all(tables().map((table) => ask('analogy', { a, b, c, k: 5, table })));
    $('answers').replaceChildren(...all.map((answer, index) =>
      list({ neighbours: answer.answers.map(({ word, score }) => ({ word, cosine: score })) }, titled(index))));
    if (all[0].answers.length) answered = { a, b, c, d: all[0].answers[0].word };
  } catch (error) {
    $('answers').replaceChildren(element('p', { className: 'bad', textContent: error.message }));
  }
}

// ---------------------------------------------------------------- the map

// What the map is of: what was chosen, or the neighbourhood if there is a word, or else the most frequent words.
const of = () => state.of || (state.word || arrows().length ? 'near' : 'frequent');

function points() {
  const most = state.method === 'tsne' ? about.limits.tsne_points : about.limits.points;
  return Math.min(Number(state.n) || POINTS[of()] || most, most);
}

async function map() {
  const mine = ++turn;
  const named = [...new Set([...signed(state.word || '').word, ...arrows().flat()])];
  $('of').value = of();
  $('n').value = points();
  $('method').value = state.method || 'pca';
  if (of() === 'near' && !named.length) return $('caption').textContent = 'Search a word to see its neighbourhood.';
  plots.forEach(({ canvas }) => canvas.classList.add('busy'));
  $('caption').textContent = 'Drawing.';
  const begun = performance.now();
  try {
    const answer = await ask('map', { of: of(), word: named, n: points(), method: state.method });
    if (mine !== turn) return;
    shown = answer;
    display();
    $('caption').textContent = caption(answer, performance.now() - begun);
  } catch (error) {
    if (mine === turn) $('caption').textContent = error.message;
  } finally {
    if (mine === turn) plots.forEach(({ canvas }) => canvas.classList.remove('busy'));
  }
}

function caption(answer, took) {
  const share = (value) => `${(100 * value).toFixed(0)} %`;
  const explained = answer.maps.map((map) => map.explained && map.explained.map(share).join(' + ')).filter(Boolean);
  const parts = [`${answer.words.length.toLocaleString('en')} words`, `${(took / 1000).toFixed(1)} s`];
  if (explained.length) parts.push(`of the variance: ${explained.join(', and ')}`);
  if (answer.left_out) parts.push(`${answer.left_out} left out: no direction, or not in both files`);
  return parts.join('; ');
}

const byMovement = () => shown.moved && (state.colour === 'moved' || (!about.labels.length && state.colour !== 'labels'));

function display() {
  const index = new Map(shown.words.map((word, i) => [word, i]));
  const known = (word) => index.get(word);
  const drawn = arrows().map((pair) => pair.map(known)).filter((pair) => !pair.includes(undefined));
  const strong = new Set([...signed(state.word || '').word.map(known), ...drawn.flat()].filter((i) => i !== undefined));
  const { colours, palette } = byMovement() ? movement() : labelled();
  shown.maps.forEach((points, which) =>
    plots[which].show({ words: shown.words, x: points.x, y: points.y, colours, palette, strong, arrows: drawn }));
  document.body.dataset.mapped = shown.words.length;
}

function labelled() {
  const palette = Array.from({ length: COLOURS }, (_, i) => `--c${i}`).concat('--faint', '--point');
  const other = about.labels.length ? COLOURS : COLOURS + 1;
  const colours = Uint8Array.from(shown.labels, (label) => (label === null || label >= COLOURS ? other : label));
  const used = new Set(shown.labels);
  const entries = about.labels.map((label, i) => [`c${i}`, label]).filter((_, i) => i < COLOURS && used.has(i));
  if (about.labels.length && colours.includes(other)) {
    entries.push(['cother', about.labels.length > COLOURS ? 'other labels, and words without' : 'words without a label']);
  }
  $('legend').replaceChildren(...entries.map(([name, label]) => element('li', {}, element('i', { className: name }), isolated(label))));
  return { colours, palette };
}

// The farther a word moved, the warmer.
function movement() {
  const style = getComputedStyle(document.body);
  const [from, to] = ['--faint', '--arrow'].map((name) => style.getPropertyValue(name).trim());
  const palette = Array.from({ length: SHADES }, (_, i) => between(from, to, i / (SHADES - 1)));
  const most = Math.max(...shown.moved.slice(0, 60000), 1e-9);
  const colours = Uint8Array.from(shown.moved, (moved) => Math.min(SHADES - 1, Math.floor((moved / most) * SHADES)));
  const far = shown.moved.map((moved, i) => [moved, i]).sort((a, b) => b[0] - a[0]).slice(0, 12).filter(([moved]) => moved > 1e-5);
  const items = far.map(([moved, i]) => {
    const dot = element('i');
    dot.style.background = palette[colours[i]];
    return element('li', {}, dot, isolated(shown.words[i]), ` ${moved.toFixed(3)}`);
  });
  const heading = far.length ? 'Moved farthest (1 less the cosine of before and after):' : 'No word moved.';
  $('legend').replaceChildren(element('li', { textContent: heading }), ...items);
  return { colours, palette };
}

function buildPlots() {
  const events = (which) => ({
    pick: (i) => go({ word: shown.words[i] }),
    hover(i, told) {
      plots.forEach((plot) => plot.mark(i));
      for (const item of document.querySelectorAll('.near .word')) {
        item.classList.toggle('marked', i >= 0 && item.dataset.word === shown.words[i]);
      }
      if (told) $('caption').textContent = shown.words[i];
    },
    view: (view) => plots.forEach((plot, other) => other !== which && plot.look(view)),
  });
  const figures = about.tables.map(({ name }, which) => {
    const canvas = element('canvas', { tabIndex: 0 });
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-label', `Map of ${name}: arrows move it, plus and minus zoom, n and p go from word to word, Enter searches the word`);
    const heading = about.tables.length > 1 ? [element('h2', { textContent: titled(which) })] : [];
    return element('figure', {}, ...heading, element('div', { className: 'plot' }, canvas));
  });
  for (const id of ['maps', 'neighbours', 'answers']) $(id).classList.toggle('two', figures.length > 1);
  $('maps').replaceChildren(...figures);
  plots = figures.map((figure, which) => new Plot(figure, events(which)));
}

// ---------------------------------------------------------------- completion

let offered = [];
let chosen = -1;
let asked = 0;

// The last word of the field, without its sign, and what stands before it.
function lastWord() {
  const [, before, word] = /^(.*?)([^\s]*)$/s.exec($('word').value);
  const sign = word.length > 1 && '+-'.includes(word[0]) ? word[0] : '';
  return [before + sign, word.slice(sign.length)];
}

async function offer() {
  const mine = ++asked;
  const [, prefix] = lastWord();
  const answer = prefix ? await ask('complete', { prefix, k: 10 }).catch(() => null) : null;
  if (mine !== asked || document.activeElement !== $('word')) return;
  offered = answer ? answer.words : [];
  choose(-1);
  $('completions').replaceChildren(...offered.map((word, i) => {
    const option = element('li', { id: `completion${i}` }, isolated(word));
    option.setAttribute('role', 'option');
    option.setAttribute('aria-selected', 'false');
    return option;
  }));
  unfold(offered.length > 0);
}

function unfold(open) {
  $('completions').hidden = !open;
  $('word').setAttribute('aria-expanded', open);
  if (!open) choose(-1);
}

function choose(index) {
  chosen = index;
  [...$('completions').children].forEach((option, i) => {
    option.setAttribute('aria-selected', i === index);
    if (i === index) option.scrollIntoView({ block: 'nearest' });
  });
  if (index >= 0) $('word').setAttribute('aria-activedescendant', `completion${index}`);
  else $('word').removeAttribute('aria-activedescendant');
}

function take(index) {
  const [before] = lastWord();
  $('word').value = before + offered[index];
  unfold(false);
}

// ---------------------------------------------------------------- what the user does

function listen() {
  $('word').addEventListener('input', offer);
  $('word').addEventListener('blur', () => { asked += 1; unfold(false); });
  $('word').addEventListener('keydown', (event) => {
    const open = !$('completions').hidden;
    if (event.key === 'Escape') unfold(false);
    else if (open && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault();
      const by = event.key === 'ArrowDown' ? 1 : -1;
      choose(((chosen + by + 1 + offered.length + 1) % (offered.length + 1)) - 1);
    } else if (open && event.key === 'Enter' && chosen >= 0) {
      take(chosen);
    }
  });
  // Before the field loses the focus, and with it the list.
  $('completions').addEventListener('mousedown', (event) => {
    const option = event.target.closest('li');
    if (!option) return;
    event.preventDefault();
    take([...$('completions').children].indexOf(option));
    $('search').requestSubmit();
  });
  $('search').addEventListener('submit', (event) => {
    event.preventDefault();
    asked += 1;
    unfold(false);
    go({ word: $('word').value.trim() });
  });
  document.addEventListener('click', (event) => {
    const word = event.target.closest('.near .word')?.dataset.word;
    if (word !== undefined) go({ word });
  });
  $('analogy').addEventListener('submit', (event) => {
    event.preventDefault();
    const { a, b, c } = Object.fromEntries(new FormData($('analogy')));
    go({ a: a.trim(), b: b.trim(), c: c.trim() });
  });
  $('arrows').addEventListener('submit', (event) => {
    event.preventDefault();
    go({ pairs: $('pairlist').value.trim() });
  });
  $('predict').addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      const { predictions } = await post('predict', { text: $('text').value });
      const neighbours = Object.entries(predictions[0].probabilities).sort((a, b) => b[1] - a[1]).map(([label, share]) =>
        element('li', {}, isolated(label), ` ${share.toFixed(4)}`));
      const { words, unknown } = predictions[0];
      const note = element('p', { className: 'hint', textContent: `${words} words, ${unknown} unknown` });
      $('predicted').replaceChildren(element('ol', {}, ...neighbours), note);
    } catch (error) {
      $('predicted').replaceChildren(element('p', { className: 'bad', textContent: error.message }));
    }
  });
  $('of').addEventListener('change', () => go({ of: $('of').value, n: undefined }));
  $('method').addEventListener('change', () => go({ method: $('method').value }));
  $('n').addEventListener('change', () => go({ n: $('n').value }));
  $('colour').addEventListener('change', () => go({ colour: $('colour').value }));
  $('controls').addEventListener('submit', (event) => event.preventDefault());
  $('whole').addEventListener('click', () => plots.forEach((plot) => plot.data && plot.whole()));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => shown && display());
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.target.matches('input, textarea, select')) return;
    event.preventDefault();
    $('word').focus();
    $('word').select();
  });
  const back = () => { fromAddress(); render(); };
  window.addEventListener('popstate', back);
}

// Shows what the address says; after a change, only what depends on it.
async function render(changes) {
  const changed = (...names) => !changes || names.some((name) => name in changes);
  if (changed('colour') && $('colour').value !== state.colour && state.colour) $('colour').value = state.colour;
  if (changes && 'colour' in changes) return shown && display();
  if (changed('word')) await search();
  if (changed('pairs')) {
    $('pairlist').value = state.pairs || '';
    if (state.pairs) $('pairs').open = true;
  }
  if (changed('a', 'b', 'c')) await analogy();
  await map();
}

async function start() {
  about = await ask('about');
  const [first] = about.tables;
  const size = ({ rows, dimension }) => `${rows.toLocaleString('en')} words of ${dimension} numbers`;
  $('about').textContent = about.tables.map((table) => `${table.name}: ${size(table)}`).join(' | ');
  $('of').querySelector('[value=list]').hidden = about.list === null;
  $('of').querySelector('[value=labelled]').hidden = !about.labelled;
  $('predictions').hidden = about.model === null;
  const moves = about.tables.length > 1 && about.tables[1].dimension === first.dimension;
  $('colour').querySelector('[value=moved]').hidden = !moves;
  $('colouring').hidden = !(moves && about.labels.length);
  $('n').max = about.limits.points;
  const missing = $('method').querySelector('[value=tsne]');
  missing.disabled = !about.methods.includes('tsne');
  if (missing.disabled) missing.textContent = 't-SNE (not in this build)';
  fromAddress();
  buildPlots();
  listen();
  document.body.dataset.ready = performance.now().toFixed(0);
  await render();
}

start().catch((error) => { $('about').textContent = error.message; });
