// The page. Its state is in the URL fragment, so that every view can be linked, bookmarked and reached with the back button.

import { Plot, between } from '/map.js';

const $ = (id) => document.getElementById(id);
const NEIGHBOURS = 25;
const LABEL_COLOURS = 8;
const SHADES = 8;
// Default number of points, by selection.
const DEFAULT_POINTS = { neighbours: 200, frequent: 2000 };

let about;
let state = {};
let plots = [];
let currentMap = null; // the response of /v1/map that is shown
let mapRequests = 0; // so that a late response does not replace a newer one

function element(name, properties = {}, ...children) {
  const created = Object.assign(document.createElement(name), properties);
  created.append(...children);
  return created;
}

// A word as an element that isolates its text direction.
const isolated = (word) => element('bdi', { textContent: word });

async function get(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const item of [value].flat()) if (item !== undefined && item !== '') query.append(name, item);
  }
  const response = await fetch(`/v1/${path}?${query}`);
  const answer = await response.json().catch(() => ({ error: `the server responded with status ${response.status}` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

async function post(path, body) {
  const response = await fetch(`/v1/${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({ error: `the server responded with status ${response.status}` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function showStatus(text, isError = false) {
  $('status').textContent = text;
  $('status').classList.toggle('bad', isError);
}

const cosine = (value) => (value === null ? 'undefined' : value.toFixed(4));

// ---------------------------------------------------------------- URL fragment

function readFragment() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  state = Object.fromEntries(fragment);
  if (!['neighbours', 'frequent', 'list', 'labelled'].includes(state.selection)) delete state.selection;
  if (!about.methods.includes(state.method)) delete state.method;
  if (!(Number(state.points) >= 2)) delete state.points;
}

function update(changes) {
  state = { ...state, ...changes };
  for (const [name, value] of Object.entries(state)) if (value === undefined || value === '') delete state[name];
  history.pushState(null, '', '#' + new URLSearchParams(state));
  render(changes);
}

// ---------------------------------------------------------------- queries

// Parses positive and negative words, such as `king -man +woman`.
function parseTerms(text) {
  const terms = { word: [], not: [] };
  for (const part of text.split(/\s+/).filter(Boolean)) {
    const sign = part.length > 1 && '+-'.includes(part[0]);
    terms[sign && part[0] === '-' ? 'not' : 'word'].push(sign ? part.slice(1) : part);
  }
  return terms;
}

function pairs() {
  const lines = (state.pairs || '').split('\n').map((line) => line.trim().split(/\s+/));
  return lines.filter((line) => line.length === 2 && line[0] !== line[1]).slice(0, about.limits.max_terms / 2);
}

// Pairs to draw as arrows: the listed ones, and the two of the current analogy.
let solved = null;
function arrows() {
  return solved ? [...pairs(), [solved.a, solved.b], [solved.c, solved.d]] : pairs();
}

// Numbered, since two files may have the same name.
const title = (index) => `${index + 1}: ${about.tables[index].name}`;

const tables = () => about.tables.map((_, index) => ['first', 'second'][index]);

async function search() {
  const text = state.word || '';
  $('word').value = text;
  document.title = text ? `${text} – Vocable` : 'Vocable';
  $('neighbours').hidden = !text;
  if (!text) return showStatus('');
  const start = performance.now();
  try {
    const all = await Promise.all(tables().map((table) => get('nearest', { ...parseTerms(text), k: NEIGHBOURS, table })));
    $('neighbours').replaceChildren(...all.map((answer, index) => neighbourList(answer, title(index))));
    const elapsed = performance.now() - start;
    showStatus(`${all[0].neighbours.length} nearest neighbours in ${elapsed.toFixed(0)} ms`);
    document.body.dataset.searched = text;
    document.body.dataset.took = elapsed.toFixed(1);
  } catch (error) {
    $('neighbours').hidden = true;
    showStatus(error.message, true);
  }
}

function neighbourList(answer, name) {
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
  solved = null;
  if (!a || !b || !c) return $('answers').replaceChildren();
  $('analogies').open = true;
  try {
    const all = await Promise.all(tables().map((table) => get('analogy', { a, b, c, k: 5, table })));
    $('answers').replaceChildren(...all.map((answer, index) =>
      neighbourList({ neighbours: answer.answers.map(({ word, score }) => ({ word, cosine: score })) }, title(index))));
    if (all[0].answers.length) solved = { a, b, c, d: all[0].answers[0].word };
  } catch (error) {
    $('answers').replaceChildren(element('p', { className: 'bad', textContent: error.message }));
  }
}

// ---------------------------------------------------------------- map

// Which words the map shows: by default the nearest neighbours of the query, or the most frequent words without a query.
const selection = () => state.selection || (state.word || arrows().length ? 'neighbours' : 'frequent');

function points() {
  const max = state.method === 'tsne' ? about.limits.max_tsne_points : about.limits.max_points;
  return Math.min(Number(state.points) || DEFAULT_POINTS[selection()] || max, max);
}

async function map() {
  const request = ++mapRequests;
  const words = [...new Set([...parseTerms(state.word || '').word, ...arrows().flat()])];
  $('selection').value = selection();
  $('points').value = points();
  $('method').value = state.method || 'pca';
  if (selection() === 'neighbours' && !words.length) return $('caption').textContent = 'Search for a word to see its nearest neighbours.';
  plots.forEach(({ canvas }) => canvas.classList.add('busy'));
  $('caption').textContent = 'Loading map…';
  const start = performance.now();
  try {
    const answer = await get('map', { selection: selection(), word: words, points: points(), method: state.method });
    if (request !== mapRequests) return;
    currentMap = answer;
    display();
    $('caption').textContent = caption(answer, performance.now() - start);
  } catch (error) {
    if (request === mapRequests) $('caption').textContent = error.message;
  } finally {
    if (request === mapRequests) plots.forEach(({ canvas }) => canvas.classList.remove('busy'));
  }
}

function caption(answer, elapsed) {
  const percent = (value) => `${(100 * value).toFixed(0)} %`;
  const explained = answer.maps.map((map) => map.explained && map.explained.map(percent).join(' + ')).filter(Boolean);
  const parts = [`${answer.words.length.toLocaleString('en')} words`, `${(elapsed / 1000).toFixed(1)} s`];
  if (explained.length) parts.push(`explained variance: ${explained.join(' and ')}`);
  if (answer.words_omitted) parts.push(`${answer.words_omitted} words omitted (zero vector, or not in both tables)`);
  return parts.join('; ');
}

const colourByDistance = () =>
  currentMap.cosine_distances && (state.colour === 'distance' || (!about.labels.length && state.colour !== 'labels'));

function display() {
  const index = new Map(currentMap.words.map((word, i) => [word, i]));
  const indexOf = (word) => index.get(word);
  const pairIndices = arrows().map((pair) => pair.map(indexOf)).filter((pair) => !pair.includes(undefined));
  const highlighted = new Set([...parseTerms(state.word || '').word.map(indexOf), ...pairIndices.flat()].filter((i) => i !== undefined));
  const { colours, palette } = colourByDistance() ? distanceColours() : labelColours();
  currentMap.maps.forEach((points, table) =>
    plots[table].show({ words: currentMap.words, x: points.x, y: points.y, colours, palette, highlighted, arrows: pairIndices }));
  document.body.dataset.mapped = currentMap.words.length;
}

function labelColours() {
  const palette = Array.from({ length: LABEL_COLOURS }, (_, i) => `--c${i}`).concat('--faint', '--point');
  const other = about.labels.length ? LABEL_COLOURS : LABEL_COLOURS + 1;
  const colours = Uint8Array.from(currentMap.labels, (label) => (label === null || label >= LABEL_COLOURS ? other : label));
  const used = new Set(currentMap.labels);
  const entries = about.labels.map((label, i) => [`c${i}`, label]).filter((_, i) => i < LABEL_COLOURS && used.has(i));
  if (about.labels.length && colours.includes(other)) {
    entries.push(['cother', about.labels.length > LABEL_COLOURS ? 'other or no label' : 'no label']);
  }
  $('legend').replaceChildren(...entries.map(([name, label]) => element('li', {}, element('i', { className: name }), isolated(label))));
  return { colours, palette };
}

// Warmer colours for larger cosine distances.
function distanceColours() {
  const style = getComputedStyle(document.body);
  const [from, to] = ['--faint', '--arrow'].map((name) => style.getPropertyValue(name).trim());
  const palette = Array.from({ length: SHADES }, (_, i) => between(from, to, i / (SHADES - 1)));
  const distances = currentMap.cosine_distances;
  const max = Math.max(...distances.slice(0, 60000), 1e-9);
  const colours = Uint8Array.from(distances, (distance) => Math.min(SHADES - 1, Math.floor((distance / max) * SHADES)));
  const largest = distances.map((distance, i) => [distance, i]).sort((a, b) => b[0] - a[0]).slice(0, 12)
    .filter(([distance]) => distance > 1e-5);
  const items = largest.map(([distance, i]) => {
    const dot = element('i');
    dot.style.background = palette[colours[i]];
    return element('li', {}, dot, isolated(currentMap.words[i]), ` ${distance.toFixed(3)}`);
  });
  const heading = largest.length ? 'Largest cosine distances between the tables:' : 'All vectors are identical.';
  $('legend').replaceChildren(element('li', { textContent: heading }), ...items);
  return { colours, palette };
}

function buildPlots() {
  const events = (table) => ({
    pick: (i) => update({ word: currentMap.words[i] }),
    hover(i, announce) {
      plots.forEach((plot) => plot.mark(i));
      for (const item of document.querySelectorAll('.near .word')) {
        item.classList.toggle('marked', i >= 0 && item.dataset.word === currentMap.words[i]);
      }
      if (announce) $('caption').textContent = currentMap.words[i];
    },
    view: (view) => plots.forEach((plot, other) => other !== table && plot.setView(view)),
  });
  const figures = about.tables.map(({ name }, table) => {
    const canvas = element('canvas', { tabIndex: 0 });
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-label', `Map of ${name}: arrow keys pan, plus and minus zoom, n and p select words, Enter searches for the selected word`);
    const heading = about.tables.length > 1 ? [element('h2', { textContent: title(table) })] : [];
    return element('figure', {}, ...heading, element('div', { className: 'plot' }, canvas));
  });
  for (const id of ['maps', 'neighbours', 'answers']) $(id).classList.toggle('two', figures.length > 1);
  $('maps').replaceChildren(...figures);
  plots = figures.map((figure, table) => new Plot(figure, events(table)));
}

// ---------------------------------------------------------------- suggestions

let suggestions = [];
let active = -1;
let suggestionRequests = 0;

// Splits the input before its last word, without the word's sign.
function lastWord() {
  const [, before, word] = /^(.*?)([^\s]*)$/s.exec($('word').value);
  const sign = word.length > 1 && '+-'.includes(word[0]) ? word[0] : '';
  return [before + sign, word.slice(sign.length)];
}

async function suggest() {
  const request = ++suggestionRequests;
  const [, prefix] = lastWord();
  const answer = prefix ? await get('complete', { prefix, k: 10 }).catch(() => null) : null;
  if (request !== suggestionRequests || document.activeElement !== $('word')) return;
  suggestions = answer ? answer.words : [];
  activate(-1);
  $('completions').replaceChildren(...suggestions.map((word, i) => {
    const option = element('li', { id: `completion${i}` }, isolated(word));
    option.setAttribute('role', 'option');
    option.setAttribute('aria-selected', 'false');
    return option;
  }));
  toggleSuggestions(suggestions.length > 0);
}

function toggleSuggestions(open) {
  $('completions').hidden = !open;
  $('word').setAttribute('aria-expanded', open);
  if (!open) activate(-1);
}

function activate(index) {
  active = index;
  [...$('completions').children].forEach((option, i) => {
    option.setAttribute('aria-selected', i === index);
    if (i === index) option.scrollIntoView({ block: 'nearest' });
  });
  if (index >= 0) $('word').setAttribute('aria-activedescendant', `completion${index}`);
  else $('word').removeAttribute('aria-activedescendant');
}

function accept(index) {
  const [before] = lastWord();
  $('word').value = before + suggestions[index];
  toggleSuggestions(false);
}

// ---------------------------------------------------------------- events

function listen() {
  $('word').addEventListener('input', suggest);
  $('word').addEventListener('blur', () => { suggestionRequests += 1; toggleSuggestions(false); });
  $('word').addEventListener('keydown', (event) => {
    const open = !$('completions').hidden;
    if (event.key === 'Escape') toggleSuggestions(false);
    else if (open && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault();
      const by = event.key === 'ArrowDown' ? 1 : -1;
      activate(((active + by + 1 + suggestions.length + 1) % (suggestions.length + 1)) - 1);
    } else if (open && event.key === 'Enter' && active >= 0) {
      accept(active);
    }
  });
  // Handled before the input loses the focus and closes the list.
  $('completions').addEventListener('mousedown', (event) => {
    const option = event.target.closest('li');
    if (!option) return;
    event.preventDefault();
    accept([...$('completions').children].indexOf(option));
    $('search').requestSubmit();
  });
  $('search').addEventListener('submit', (event) => {
    event.preventDefault();
    suggestionRequests += 1;
    toggleSuggestions(false);
    update({ word: $('word').value.trim() });
  });
  document.addEventListener('click', (event) => {
    const word = event.target.closest('.near .word')?.dataset.word;
    if (word !== undefined) update({ word });
  });
  $('analogy').addEventListener('submit', (event) => {
    event.preventDefault();
    const { a, b, c } = Object.fromEntries(new FormData($('analogy')));
    update({ a: a.trim(), b: b.trim(), c: c.trim() });
  });
  $('arrows').addEventListener('submit', (event) => {
    event.preventDefault();
    update({ pairs: $('pairlist').value.trim() });
  });
  $('predict').addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      const { predictions } = await post('predict', { text: $('text').value });
      const labels = Object.entries(predictions[0].probabilities).sort((a, b) => b[1] - a[1]).map(([label, probability]) =>
        element('li', {}, isolated(label), ` ${probability.toFixed(4)}`));
      const { words, unknown } = predictions[0];
      const note = element('p', { className: 'hint', textContent: `${words} words, ${unknown} out of vocabulary` });
      $('predicted').replaceChildren(element('ol', {}, ...labels), note);
    } catch (error) {
      $('predicted').replaceChildren(element('p', { className: 'bad', textContent: error.message }));
    }
  });
  $('selection').addEventListener('change', () => update({ selection: $('selection').value, points: undefined }));
  $('method').addEventListener('change', () => update({ method: $('method').value }));
  $('points').addEventListener('change', () => update({ points: $('points').value }));
  $('colour').addEventListener('change', () => update({ colour: $('colour').value }));
  $('controls').addEventListener('submit', (event) => event.preventDefault());
  $('reset').addEventListener('click', () => plots.forEach((plot) => plot.data && plot.resetView()));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => currentMap && display());
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.target.matches('input, textarea, select')) return;
    event.preventDefault();
    $('word').focus();
    $('word').select();
  });
  const navigate = () => { readFragment(); render(); };
  window.addEventListener('popstate', navigate);
}

// Renders the state; after a change, only what depends on it.
async function render(changes) {
  const changed = (...names) => !changes || names.some((name) => name in changes);
  if (changed('colour') && $('colour').value !== state.colour && state.colour) $('colour').value = state.colour;
  if (changes && 'colour' in changes) return currentMap && display();
  if (changed('word')) await search();
  if (changed('pairs')) {
    $('pairlist').value = state.pairs || '';
    if (state.pairs) $('pairs').open = true;
  }
  if (changed('a', 'b', 'c')) await analogy();
  await map();
}

async function start() {
  about = await get('about');
  const [first] = about.tables;
  const size = ({ rows, dimension }) => `${rows.toLocaleString('en')} words, ${dimension} dimensions`;
  $('about').textContent = about.tables.map((table) => `${table.name}: ${size(table)}`).join(' | ');
  $('selection').querySelector('[value=list]').hidden = about.list_words === null;
  $('selection').querySelector('[value=labelled]').hidden = !about.labelled_words;
  $('predictions').hidden = about.model === null;
  const comparable = about.tables.length > 1 && about.tables[1].dimension === first.dimension;
  $('colour').querySelector('[value=distance]').hidden = !comparable;
  $('colouring').hidden = !(comparable && about.labels.length);
  $('points').max = about.limits.max_points;
  const tsne = $('method').querySelector('[value=tsne]');
  tsne.disabled = !about.methods.includes('tsne');
  if (tsne.disabled) tsne.textContent = 't-SNE (not in this build)';
  readFragment();
  buildPlots();
  listen();
  document.body.dataset.ready = performance.now().toFixed(0);
  await render();
}

start().catch((error) => { $('about').textContent = error.message; });
