// A map: points by the ten thousand, their words where there is room, arrows. Points are written into the picture as pixels, which
// takes a few milliseconds for 50,000 of them and needs no graphics card.

const LABELS = 140; // words that are written out, at the most
const TRIED = 2500; // words for which room is looked for, at the most
const CELL = 6; // pixels of the grid that keeps words apart
const NEAR = 14; // pixels within which a point counts as pointed at
const FURTHEST = 4000; // how much closer than the whole map one can go

export class Plot {
  // `events`: pick(index), hover(index or -1), view(view) after the user moved the map.
  constructor(figure, events) {
    this.canvas = figure.querySelector('canvas');
    this.context = this.canvas.getContext('2d', { alpha: false });
    this.events = events;
    this.data = null;
    this.marked = -1;
    this.tour = null;
    this.fingers = new Map();
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.redraw());
    this.listen();
  }

  // { words, x, y, colours, palette, strong, arrows }: `colours` has an index into `palette`, names of CSS variables or colours,
  // for each word, `strong` the indices of words that are always written out.
  show(data) {
    this.data = data;
    this.marked = -1;
    this.tour = null;
    this.widths = new Map();
    this.view = null;
    this.whole();
  }

  whole() {
    if (!this.width) return; // It has no room yet; as soon as it has, it is asked again.
    const { x, y } = this.data;
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < x.length; i++) {
      left = Math.min(left, x[i]); right = Math.max(right, x[i]);
      low = Math.min(low, y[i]); high = Math.max(high, y[i]);
    }
    const { width, height } = this;
    const room = Math.max(40, Math.min(width, height) * 0.06);
    const scale = Math.min((width - 2 * room) / (right - left || 1), (height - 2 * room) / (high - low || 1));
    this.least = Math.max(scale, 1e-9);
    this.view = { x: (left + right) / 2, y: (low + high) / 2, scale: this.least };
    this.redraw();
  }

  look(view) {
    this.view = { ...view };
    this.tour = null;
    this.redraw();
  }

  mark(index) {
    if (index !== this.marked) {
      this.marked = index;
      this.redraw();
    }
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    Object.assign(this, { width, height });
    this.ratio = Math.min(window.devicePixelRatio || 1, 2);
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(height * this.ratio);
    this.picture = this.context.createImageData(this.canvas.width, this.canvas.height);
    this.pixels = new Uint32Array(this.picture.data.buffer);
    if (!this.data) return;
    if (!this.view || this.view.scale === this.least) this.whole();
    // At once: the canvas has just become empty.
    this.paint();
  }

  redraw() {
    if (this.due || !this.data || !this.pixels) return;
    this.due = requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.due);
    this.due = 0;
    const begun = performance.now();
    this.draw();
    this.canvas.dataset.drawn = (performance.now() - begun).toFixed(1);
  }

  // In pixels of the page.
  place(i) {
    const { x, y, scale } = this.view;
    const { width, height } = this;
    return [(this.data.x[i] - x) * scale + width / 2, (y - this.data.y[i]) * scale + height / 2];
  }

  colour(name) {
    return name.startsWith('--') ? getComputedStyle(this.canvas).getPropertyValue(name).trim() : name;
  }

  draw() {
    const { data, context, pixels, ratio } = this;
    const [width, height] = [this.canvas.width, this.canvas.height];
    pixels.fill(packed(this.colour('--card')));
    const palette = data.palette.map((name) => packed(this.colour(name)));
    const count = data.words.length;
    const size = (count < 600 ? 4 : count < 6000 ? 3 : 2) * Math.min(2.2, Math.max(1, (this.view.scale / this.least) ** 0.25));
    const disc = mask(size * ratio);
    const { x: cx, y: cy } = this.view;
    const scale = this.view.scale * ratio;
    // Back to front: the words that come first, which matter most, are drawn last.
    for (let i = count - 1; i >= 0; i--) {
      const px = Math.round((data.x[i] - cx) * scale + width / 2);
      const py = Math.round((cy - data.y[i]) * scale + height / 2);
      stamp(pixels, width, height, px, py, disc, palette[data.colours[i]]);
    }
    context.putImageData(this.picture, 0, 0);
    context.save();
    context.scale(ratio, ratio);
    for (const [from, to] of data.arrows) this.arrow(this.place(from), this.place(to));
    this.write(size);
    context.restore();
  }

  arrow([x0, y0], [x1, y1]) {
    const { context } = this;
    const length = Math.hypot(x1 - x0, y1 - y0);
    if (length < 14) return;
    const [dx, dy] = [(x1 - x0) / length, (y1 - y0) / length];
    [x0, y0, x1, y1] = [x0 + 6 * dx, y0 + 6 * dy, x1 - 6 * dx, y1 - 6 * dy];
    context.strokeStyle = context.fillStyle = this.colour('--arrow');
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1 - 6 * dx, y1 - 6 * dy);
    context.stroke();
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x1 - 9 * dx - 4.5 * dy, y1 - 9 * dy + 4.5 * dx);
    context.lineTo(x1 - 9 * dx + 4.5 * dy, y1 - 9 * dy - 4.5 * dx);
    context.fill();
  }

  // Words beside their points: those that matter first, each where nothing stands yet.
  write(size) {
    const { data, context, width, height } = this;
    const columns = Math.ceil(width / CELL) + 1;
    const taken = new Uint8Array(columns * (Math.ceil(height / CELL) + 1));
    const [ink, card, accent] = ['--ink', '--card', '--arrow'].map((name) => this.colour(name));
    context.lineJoin = 'round';
    context.textBaseline = 'middle';
    // A word stands on the side where its arrow is not.
    const leftward = new Set(data.arrows.map(([from, to]) => (data.x[from] < data.x[to] ? from : to)));
    const put = (i, [px, py], strong) => {
      const key = (strong ? '!' : ' ') + data.words[i];
      if (!this.widths.has(key)) this.widths.set(key, context.measureText(data.words[i]).width);
      const long = this.widths.get(key);
      const turned = leftward.has(i) ? px - size - 4 - long >= 0 : px + size + 4 + long > width;
      const left = turned ? px - size - 4 - long : px + size + 4;
      const cells = [];
      for (let row = Math.floor((py - 8) / CELL); row <= Math.floor((py + 8) / CELL); row++) {
        for (let column = Math.floor(left / CELL); column <= Math.floor((left + long) / CELL); column++) {
          if (row < 0 || column < 0 || column >= columns) continue;
          const cell = row * columns + column;
          if (taken[cell] && !strong) return false;
          cells.push(cell);
        }
      }
      for (const cell of cells) taken[cell] = 1;
      if (strong) {
        context.strokeStyle = accent;
        context.lineWidth = 2;
        context.beginPath();
        context.arc(px, py, size + 3, 0, 7);
        context.stroke();
      }
      context.strokeStyle = card;
      context.lineWidth = 3.5;
      context.strokeText(data.words[i], left, py);
      context.fillStyle = ink;
      context.fillText(data.words[i], left, py);
      return true;
    };
    const inside = ([px, py]) => px >= 0 && py >= 0 && px <= width && py <= height;
    context.font = '600 14px system-ui, sans-serif';
    for (const i of new Set([this.marked, ...data.strong])) {
      const at = i >= 0 && this.place(i);
      if (at && inside(at)) put(i, at, true);
    }
    context.font = '400 12.5px system-ui, sans-serif';
    let [written, tried] = [0, 0];
    for (let i = 0; i < data.words.length && written < LABELS && tried < TRIED; i++) {
      const at = this.place(i);
      if (i === this.marked || data.strong.has(i) || !inside(at)) continue;
      tried += 1;
      // Most find their place taken where it begins, and need not be measured.
      if (taken[Math.floor(at[1] / CELL) * columns + Math.floor((at[0] + size + 4) / CELL)]) continue;
      if (put(i, at, false)) written += 1;
    }
  }

  // The point nearest to a place, within some pixels; -1 for none.
  at(px, py, within) {
    const { x, y } = this.data;
    const { width, height } = this;
    const { scale } = this.view;
    const [mx, my] = [this.view.x + (px - width / 2) / scale, this.view.y - (py - height / 2) / scale];
    let [best, least] = [-1, (within / scale) ** 2];
    for (let i = 0; i < x.length; i++) {
      const distance = (x[i] - mx) ** 2 + (y[i] - my) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  move(dx, dy) {
    this.change({ ...this.view, x: this.view.x - dx / this.view.scale, y: this.view.y + dy / this.view.scale });
  }

  // Closer or farther, with what is at a place of the canvas kept there.
  zoom(factor, px, py) {
    const { width, height } = this;
    const [dx, dy] = [px - width / 2, height / 2 - py];
    const scale = Math.min(Math.max(this.view.scale * factor, this.least / 3), this.least * FURTHEST);
    const { x, y, scale: before } = this.view;
    this.change({ x: x + dx / before - dx / scale, y: y + dy / before - dy / scale, scale });
  }

  change(view) {
    this.look(view);
    this.events.view(this.view);
  }

  // Marks the next word from the middle of the map outwards, or the one before.
  step(by) {
    if (!this.tour) {
      const { width, height } = this;
      const from = (i) => { const [px, py] = this.place(i); return Math.hypot(px - width / 2, py - height / 2); };
      const inside = (i) => { const [px, py] = this.place(i); return px >= 0 && py >= 0 && px <= width && py <= height; };
      const order = this.data.words.map((_, i) => i).filter(inside).map((i) => [from(i), i]).sort((a, b) => a[0] - b[0]);
      this.tour = { order: order.map(([, i]) => i), at: by > 0 ? -1 : 0 };
    }
    const { order } = this.tour;
    if (!order.length) return;
    this.tour.at = (this.tour.at + by + order.length) % order.length;
    this.events.hover(order[this.tour.at], true);
  }

  listen() {
    const { canvas } = this;
    const here = (event) => [event.offsetX, event.offsetY];
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, here(event));
      this.moved = this.fingers.size > 1;
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!this.data) return;
      const [px, py] = here(event);
      const before = this.fingers.get(event.pointerId);
      if (!before) return this.events.hover(this.at(px, py, NEAR));
      if (!this.moved && Math.hypot(px - before[0], py - before[1]) < 4) return;
      this.moved = true;
      const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const apart = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
        this.zoom(apart([px, py]) / apart(before), (px + other[0]) / 2, (py + other[1]) / 2);
      } else {
        this.move(px - before[0], py - before[1]);
      }
      this.fingers.set(event.pointerId, [px, py]);
    });
    const up = (event) => {
      const begun = this.fingers.delete(event.pointerId);
      if (event.type === 'pointerup' && begun && !this.moved && this.data) {
        const found = this.at(...here(event), NEAR);
        if (found >= 0) this.events.pick(found);
      }
    };
    canvas.addEventListener('pointerup', up);
    canvas.addEventListener('pointercancel', up);
    canvas.addEventListener('pointerleave', () => this.data && this.events.hover(-1));
    canvas.addEventListener('wheel', (event) => {
      if (!this.data) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...here(event));
    }, { passive: false });
    canvas.addEventListener('keydown', (event) => {
      if (!this.data || event.ctrlKey || event.metaKey || event.altKey) return;
      const [px, py] = [this.width / 2, this.height / 2];
      const keys = {
        ArrowLeft: () => this.move(60, 0), ArrowRight: () => this.move(-60, 0),
        ArrowUp: () => this.move(0, 60), ArrowDown: () => this.move(0, -60),
        '+': () => this.zoom(1.4, px, py), '=': () => this.zoom(1.4, px, py), '-': () => this.zoom(1 / 1.4, px, py),
        0: () => { this.whole(); this.events.view(this.view); },
        n: () => this.step(1), p: () => this.step(-1),
        Enter: () => this.marked >= 0 && this.events.pick(this.marked),
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}

// A disc of shades from 0 to 256, with soft edges.
function mask(radius) {
  const reach = Math.ceil(radius);
  const side = 2 * reach + 1;
  const shades = new Uint16Array(side * side);
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const shade = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x, y)));
      shades[(y + reach) * side + x + reach] = Math.round(220 * shade);
    }
  }
  return { reach, side, shades };
}

// Lays a disc of a colour over pixels, red and blue at a time and green by itself.
function stamp(pixels, width, height, px, py, { reach, side, shades }, colour) {
  if (px < reach || py < reach || px >= width - reach || py >= height - reach) return;
  const [both, green] = [colour & 0xff00ff, colour & 0xff00];
  let shade = 0;
  for (let y = py - reach; y <= py + reach; y++) {
    let at = y * width + px - reach;
    for (let x = 0; x < side; x++, at++, shade++) {
      const by = shades[shade];
      if (!by) continue;
      const under = pixels[at];
      const mixed = ((both * by + (under & 0xff00ff) * (256 - by)) >>> 8) & 0xff00ff;
      pixels[at] = 0xff000000 | mixed | (((green * by + (under & 0xff00) * (256 - by)) >>> 8) & 0xff00);
    }
  }
}

// A colour as it lies in a picture's memory: red in the lowest byte.
export function packed(colour) {
  const [red, green, blue] = channels(colour);
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
}

// `#rrggbb` as three numbers.
function channels(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

// A colour between two, as `#rrggbb`.
export function between(from, to, share) {
  const [a, b] = [channels(from), channels(to)];
  return '#' + a.map((one, i) => Math.round(one + (b[i] - one) * share).toString(16).padStart(2, '0')).join('');
}
