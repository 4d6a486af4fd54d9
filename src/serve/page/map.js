// A map: a scatter plot of up to tens of thousands of points, with labels where there is space, and arrows. Points are drawn as pixels
// into an image buffer, which takes a few milliseconds for 50,000 points without a GPU.

const MAX_LABELS = 140; // maximum number of labels
const MAX_ATTEMPTS = 2500; // maximum number of labels to try to place
const CELL = 6; // cell size in pixels of the grid that keeps labels apart
const HIT_RADIUS = 14; // in pixels
const MAX_ZOOM = 4000; // relative to the whole map

export class Plot {
  // `events`: pick(index), hover(index or -1), view(view) after the user has moved the map.
  constructor(figure, events) {
    this.canvas = figure.querySelector('canvas');
    this.context = this.canvas.getContext('2d', { alpha: false });
    this.events = events;
    this.data = null;
    this.marked = -1;
    this.order = null;
    this.pointers = new Map();
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.redraw());
    this.listen();
  }

  // data: { words, x, y, colours, palette, highlighted, arrows }. `colours` has an index into `palette` for each word; `palette` has
  // CSS variables or colours; `highlighted` has the indices of words that are always labelled.
  show(data) {
    this.data = data;
    this.marked = -1;
    this.order = null;
    this.widths = new Map();
    this.view = null;
    this.resetView();
  }

  resetView() {
    if (!this.width) return; // Not laid out yet; resize() calls this again.
    const { x, y } = this.data;
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < x.length; i++) {
      left = Math.min(left, x[i]); right = Math.max(right, x[i]);
      low = Math.min(low, y[i]); high = Math.max(high, y[i]);
    }
    const { width, height } = this;
    const margin = Math.max(40, Math.min(width, height) * 0.06);
    const scale = Math.min((width - 2 * margin) / (right - left || 1), (height - 2 * margin) / (high - low || 1));
    this.minScale = Math.max(scale, 1e-9);
    this.view = { x: (left + right) / 2, y: (low + high) / 2, scale: this.minScale };
    this.redraw();
  }

  setView(view) {
    this.view = { ...view };
    this.order = null;
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
    this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    if (!this.data) return;
    if (!this.view || this.view.scale === this.minScale) this.resetView();
    // Immediately, because resizing has cleared the canvas.
    this.paint();
  }

  redraw() {
    if (this.frame || !this.data || !this.pixels) return;
    this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const start = performance.now();
    this.draw();
    this.canvas.dataset.drawn = (performance.now() - start).toFixed(1);
  }

  // The position of a point in CSS pixels.
  position(i) {
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
    const size = (count < 600 ? 4 : count < 6000 ? 3 : 2) * Math.min(2.2, Math.max(1, (this.view.scale / this.minScale) ** 0.25));
    const disc = mask(size * ratio);
    const { x: cx, y: cy } = this.view;
    const scale = this.view.scale * ratio;
    // Back to front: the first words are the most important ones.
    for (let i = count - 1; i >= 0; i--) {
      const px = Math.round((data.x[i] - cx) * scale + width / 2);
      const py = Math.round((cy - data.y[i]) * scale + height / 2);
      stamp(pixels, width, height, px, py, disc, palette[data.colours[i]]);
    }
    context.putImageData(this.image, 0, 0);
    context.save();
    context.scale(ratio, ratio);
    for (const [from, to] of data.arrows) this.arrow(this.position(from), this.position(to));
    this.drawLabels(size);
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

  // Labels next to their points, the most important first, without overlaps.
  drawLabels(size) {
    const { data, context, width, height } = this;
    const columns = Math.ceil(width / CELL) + 1;
    const occupied = new Uint8Array(columns * (Math.ceil(height / CELL) + 1));
    const [ink, card, accent] = ['--ink', '--card', '--arrow'].map((name) => this.colour(name));
    context.lineJoin = 'round';
    context.textBaseline = 'middle';
    // Labels are on the side opposite to the arrow.
    const labelLeft = new Set(data.arrows.map(([from, to]) => (data.x[from] < data.x[to] ? from : to)));
    const drawLabel = (i, [px, py], highlighted) => {
      const key = (highlighted ? '!' : ' ') + data.words[i];
      if (!this.widths.has(key)) this.widths.set(key, context.measureText(data.words[i]).width);
      const textWidth = this.widths.get(key);
      const onLeft = labelLeft.has(i) ? px - size - 4 - textWidth >= 0 : px + size + 4 + textWidth > width;
      const left = onLeft ? px - size - 4 - textWidth : px + size + 4;
      const cells = [];
      for (let row = Math.floor((py - 8) / CELL); row <= Math.floor((py + 8) / CELL); row++) {
        for (let column = Math.floor(left / CELL); column <= Math.floor((left + textWidth) / CELL); column++) {
          if (row < 0 || column < 0 || column >= columns) continue;
          const cell = row * columns + column;
          if (occupied[cell] && !highlighted) return false;
          cells.push(cell);
        }
      }
      for (const cell of cells) occupied[cell] = 1;
      if (highlighted) {
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
    for (const i of new Set([this.marked, ...data.highlighted])) {
      const at = i >= 0 && this.position(i);
      if (at && inside(at)) drawLabel(i, at, true);
    }
    context.font = '400 12.5px system-ui, sans-serif';
    let [placed, attempts] = [0, 0];
    for (let i = 0; i < data.words.length && placed < MAX_LABELS && attempts < MAX_ATTEMPTS; i++) {
      const at = this.position(i);
      if (i === this.marked || data.highlighted.has(i) || !inside(at)) continue;
      attempts += 1;
      // A cheap check first: most labels do not fit, and need not be measured.
      if (occupied[Math.floor(at[1] / CELL) * columns + Math.floor((at[0] + size + 4) / CELL)]) continue;
      if (drawLabel(i, at, false)) placed += 1;
    }
  }

  // The nearest point within a distance in pixels; -1 if there is none.
  pointAt(px, py, within) {
    const { x, y } = this.data;
    const { width, height } = this;
    const { scale } = this.view;
    const [mx, my] = [this.view.x + (px - width / 2) / scale, this.view.y - (py - height / 2) / scale];
    let [best, minDistance] = [-1, (within / scale) ** 2];
    for (let i = 0; i < x.length; i++) {
      const distance = (x[i] - mx) ** 2 + (y[i] - my) ** 2;
      if (distance < minDistance) [best, minDistance] = [i, distance];
    }
    return best;
  }

  move(dx, dy) {
    this.change({ ...this.view, x: this.view.x - dx / this.view.scale, y: this.view.y + dy / this.view.scale });
  }

  // Zooms around a position on the canvas.
  zoom(factor, px, py) {
    const { width, height } = this;
    const [dx, dy] = [px - width / 2, height / 2 - py];
    const scale = Math.min(Math.max(this.view.scale * factor, this.minScale / 3), this.minScale * MAX_ZOOM);
    const { x, y, scale: before } = this.view;
    this.change({ x: x + dx / before - dx / scale, y: y + dy / before - dy / scale, scale });
  }

  change(view) {
    this.setView(view);
    this.events.view(this.view);
  }

  // Selects the next or previous word, from the centre of the map outwards.
  step(by) {
    if (!this.order) {
      const { width, height } = this;
      const distance = (i) => { const [px, py] = this.position(i); return Math.hypot(px - width / 2, py - height / 2); };
      const inside = (i) => { const [px, py] = this.position(i); return px >= 0 && py >= 0 && px <= width && py <= height; };
      const order = this.data.words.map((_, i) => i).filter(inside).map((i) => [distance(i), i]).sort((a, b) => a[0] - b[0]);
      this.order = { order: order.map(([, i]) => i), at: by > 0 ? -1 : 0 };
    }
    const { order } = this.order;
    if (!order.length) return;
    this.order.at = (this.order.at + by + order.length) % order.length;
    this.events.hover(order[this.order.at], true);
  }

  listen() {
    const { canvas } = this;
    const offset = (event) => [event.offsetX, event.offsetY];
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, offset(event));
      this.moved = this.pointers.size > 1;
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!this.data) return;
      const [px, py] = offset(event);
      const before = this.pointers.get(event.pointerId);
      if (!before) return this.events.hover(this.pointAt(px, py, HIT_RADIUS));
      if (!this.moved && Math.hypot(px - before[0], py - before[1]) < 4) return;
      this.moved = true;
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const spread = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
        this.zoom(spread([px, py]) / spread(before), (px + other[0]) / 2, (py + other[1]) / 2);
      } else {
        this.move(px - before[0], py - before[1]);
      }
      this.pointers.set(event.pointerId, [px, py]);
    });
    const up = (event) => {
      const pressed = this.pointers.delete(event.pointerId);
      if (event.type === 'pointerup' && pressed && !this.moved && this.data) {
        const found = this.pointAt(...offset(event), HIT_RADIUS);
        if (found >= 0) this.events.pick(found);
      }
    };
    canvas.addEventListener('pointerup', up);
    canvas.addEventListener('pointercancel', up);
    canvas.addEventListener('pointerleave', () => this.data && this.events.hover(-1));
    canvas.addEventListener('wheel', (event) => {
      if (!this.data) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...offset(event));
    }, { passive: false });
    canvas.addEventListener('keydown', (event) => {
      if (!this.data || event.ctrlKey || event.metaKey || event.altKey) return;
      const [px, py] = [this.width / 2, this.height / 2];
      const keys = {
        ArrowLeft: () => this.move(60, 0), ArrowRight: () => this.move(-60, 0),
        ArrowUp: () => this.move(0, 60), ArrowDown: () => this.move(0, -60),
        '+': () => this.zoom(1.4, px, py), '=': () => this.zoom(1.4, px, py), '-': () => this.zoom(1 / 1.4, px, py),
        0: () => { this.resetView(); this.events.view(this.view); },
        n: () => this.step(1), p: () => this.step(-1),
        Enter: () => this.marked >= 0 && this.events.pick(this.marked),
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}

// An antialiased disc: opacity from 0 to 256 for each pixel.
function mask(radius) {
  const reach = Math.ceil(radius);
  const side = 2 * reach + 1;
  const alphas = new Uint16Array(side * side);
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const alpha = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x, y)));
      alphas[(y + reach) * side + x + reach] = Math.round(220 * alpha);
    }
  }
  return { reach, side, alphas };
}

// Blends a disc of a colour into the image; red and blue are computed together, green separately.
function stamp(pixels, width, height, px, py, { reach, side, alphas }, colour) {
  if (px < reach || py < reach || px >= width - reach || py >= height - reach) return;
  const [redBlue, green] = [colour & 0xff00ff, colour & 0xff00];
  let index = 0;
  for (let y = py - reach; y <= py + reach; y++) {
    let at = y * width + px - reach;
    for (let x = 0; x < side; x++, at++, index++) {
      const by = alphas[index];
      if (!by) continue;
      const under = pixels[at];
      const mixed = ((redBlue * by + (under & 0xff00ff) * (256 - by)) >>> 8) & 0xff00ff;
      pixels[at] = 0xff000000 | mixed | (((green * by + (under & 0xff00) * (256 - by)) >>> 8) & 0xff00);
    }
  }
}

// A colour in the byte order of image data: red in the lowest byte.
export function packed(colour) {
  const [red, green, blue] = channels(colour);
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
}

// `#rrggbb` as three numbers.
function channels(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

// Interpolates between two colours; returns `#rrggbb`.
export function between(from, to, weight) {
  const [a, b] = [channels(from), channels(to)];
  return '#' + a.map((one, i) => Math.round(one + (b[i] - one) * weight).toString(16).padStart(2, '0')).join('');
}
