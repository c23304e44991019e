// The fleet as a map: a tile a host, filled by one metric, sized by another, in groups of a tag, and once
// more within them. Drawn on one canvas, so that two thousand tiles cost a few milliseconds.

import { value } from "./format.js";
import { byName, levelOf } from "./page.js";

/** Sides of tiles, in pixels; on a wall they may be larger. */
const LARGEST = 76, WALL = 200, SMALLEST = 7;
const GAP = 2, BETWEEN = 12;
/** Steps of the colours from nothing to all. */
const SHADES = 48;
/** From this width on, in pixels, a tile says its value; from the second on its name, too. */
const NUMBERED = 34, NAMED = 54;

/** Red, green and blue of a colour as the style has it. */
const rgb = (context, text) => {
  context.fillStyle = text;
  return [1, 3, 5].map((at) => parseInt(context.fillStyle.slice(at, at + 2), 16));
};

/** How bright a colour is (WCAG 2.2, relative luminance). */
const luminance = (parts) => {
  const [red, green, blue] = parts.map((part) => part / 255 <= 0.04045 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

/** Of two inks the one that is read more easily on a ground. */
const legible = (ground, inks) => {
  const contrast = (ink) => { const [high, low] = [luminance(ink), luminance(ground)].sort((a, b) => b - a); return (high + 0.05) / (low + 0.05); };
  return inks.reduce((best, ink) => contrast(ink) > contrast(best) ? ink : best);
};
const css = (parts) => `rgb(${parts.join(" ")})`;

/** Groups of entries by a tag in natural order; those without it come last. */
const grouped = (entries, tag) => {
  const groups = new Map();
  for (const entry of entries) {
    const name = entry.tags[tag] ?? "";
    groups.get(name)?.push(entry) ?? groups.set(name, [entry]);
  }
  return [...groups].sort(([a], [b]) => Number(a === "") - Number(b === "") || byName(a, b));
};

export class FleetMap {
  /** @type {any[]} */ entries = [];
  /** @type {any[]} */ tiles = [];
  /** @type {any[]} */ titles = [];
  /** @type {any} */ wanted = {};
  /** @type {any} */ selected = null;
  /** @type {any} */ pointed = null;
  /** @type {any} */ colours = {};
  /** @type {string[]} */ shades = [];
  /** The ink on each shade. @type {string[]} */ inks = [];
  /** Height of a group's title. */ heading = 17;
  /** @type {Map<any, any>} */ places = new Map();
  size = LARGEST;
  width = 0;
  height = 0;
  full = 0;
  grouping = "";
  due = null;

  /**
   * `on.open(entry)` follows a tile; `figure` holds a canvas and the line that says what a tile is.
   * @param {HTMLElement} figure
   * @param {{open: (entry: any, event: MouseEvent | KeyboardEvent) => void}} on
   */
  constructor(figure, on) {
    this.figure = figure;
    this.on = on;
    this.canvas = figure.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    /** @type {HTMLElement} */
    this.tip = figure.querySelector(".map-tip");
    this.restyle();
    new ResizeObserver(() => this.lay()).observe(figure);
    new MutationObserver(() => { this.restyle(); this.draw(); }).observe(document.documentElement, { attributes: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.restyle(); this.draw(); });
    this.listen();
  }

  restyle() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.colours = Object.fromEntries(["ground", "raised", "line", "text", "dim", "warn", "bad", "focus", "link"].map((name) => [name, colour(`--${name}`)]));
    const [low, high, lowInk, highInk] = ["--map-low", "--map-high", "--map-low-ink", "--map-high-ink"].map((name) => rgb(this.context, colour(name)));
    const grounds = Array.from({ length: SHADES }, (_, place) => low.map((part, at) => Math.round(part + (high[at] - part) * place / (SHADES - 1))));
    this.shades = grounds.map(css);
    this.inks = grounds.map((ground) => css(legible(ground, [lowInk, highInk])));
  }

  /** Shows these entries; `wanted` is `{fill, size, groups: [tag, tag], units}`. */
  show(entries, wanted) {
    const key = JSON.stringify(wanted.groups);
    const same = key === this.grouping && entries.length === this.entries.length && entries.every((entry, place) => entry === this.entries[place]);
    Object.assign(this, { entries, wanted, grouping: key });
    same ? this.draw() : this.lay();
  }

  // === Where the tiles are. ===

  lay() {
    const width = this.figure.clientWidth;
    if (!width) return;
    const isTall = Boolean(this.figure.dataset.tall);
    const height = Math.max(140, Math.min(innerHeight * (isTall ? 0.66 : 0.42), 900));
    this.heading = isTall ? 30 : 17;
    let size = isTall ? WALL : LARGEST;
    while (size > SMALLEST && this.pack(width, size).height > height) size = size > 30 ? size - 2 : size - 1;
    const packed = this.pack(width, size);
    Object.assign(this, { size, tiles: packed.tiles, titles: packed.titles, width, height: packed.height });
    this.places = new Map(this.tiles.map((tile) => [tile.entry, tile]));
    const ratio = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(packed.height * ratio) });
    this.canvas.style.height = `${packed.height}px`;
    this.canvas.dataset.tiles = String(this.tiles.length);
    this.paint();
  }

  pack(width, size) {
    const [outer, inner] = this.wanted.groups ?? [];
    if (!outer) return this.block(this.entries, width, size, "");
    const blocks = grouped(this.entries, outer).map(([name, entries]) => {
      if (!inner) return this.block(entries, width, size, name || "none");
      const parts = grouped(entries, inner).map(([part, own]) => this.block(own, width, size, part || "none"));
      return this.shelves(parts, width, `${name || "none"}`);
    });
    return this.shelves(blocks, width, "");
  }

  /** Tiles in rows, somewhat wider than high. */
  block(entries, width, size, title) {
    const most = Math.max(1, Math.floor(width / size));
    const columns = title ? Math.min(most, Math.max(Math.ceil(Math.sqrt(entries.length * 2)), Math.ceil(70 / size))) : most;
    const top = title ? this.heading : 0;
    const tiles = entries.map((entry, place) => ({ entry, x: (place % columns) * size, y: top + Math.floor(place / columns) * size }));
    const titles = title ? [{ text: `${title} (${entries.length})`, x: 0, y: 0, width: columns * size, weight: 400 }] : [];
    return { tiles, titles, width: Math.min(columns, title ? columns : entries.length) * size, height: top + Math.ceil(entries.length / columns) * size };
  }

  /** Blocks beside each other, on the next shelf where one ends. */
  shelves(blocks, width, title) {
    const tiles = [], titles = [];
    let x = 0, y = title ? this.heading + 2 : 0, high = 0, wide = 0;
    for (const block of blocks) {
      if (x > 0 && x + block.width > width) { x = 0; y += high + BETWEEN / 2; high = 0; }
      for (const tile of block.tiles) tiles.push({ ...tile, x: tile.x + x, y: tile.y + y });
      for (const own of block.titles) titles.push({ ...own, x: own.x + x, y: own.y + y });
      wide = Math.max(wide, x + block.width);
      x += block.width + BETWEEN;
      high = Math.max(high, block.height);
    }
    if (title) titles.push({ text: title, x: 0, y: 0, width: wide, weight: 700 });
    return { tiles, titles, width: wide, height: y + high };
  }

  // === What they look like. ===

  draw() {
    if (this.figure.closest("[hidden]")) return;
    this.due ??= requestAnimationFrame(() => { this.due = null; this.paint(); });
  }

  paint() {
    const { context, wanted: { fill, size: sizing, units = {} } } = this;
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    const most = (metric) => this.entries.reduce((top, { values }) => Math.max(top, values[metric] ?? 0), 0);
    const full = units[fill] === "percent" ? 100 : most(fill);
    const largest = sizing ? units[sizing] === "percent" ? 100 : most(sizing) : 0;
    this.full = full;
    context.textBaseline = "middle";
    for (const { text, x, y, width, weight } of this.titles) {
      context.font = `${weight} ${this.heading * 0.68}px system-ui, sans-serif`;
      context.fillStyle = this.colours[weight > 400 ? "text" : "dim"];
      context.textAlign = "left";
      context.fillText(clipped(context, text, width), x + 1, y + this.heading / 2);
    }
    context.textAlign = "center";
    for (const tile of this.tiles) this.tile(tile, fill, full, sizing, largest, units[fill]);
    const ring = this.selected ?? this.pointed;
    const place = ring && this.places?.get(ring);
    if (place) {
      context.strokeStyle = this.colours.focus;
      context.lineWidth = 2;
      context.strokeRect(place.x + 1, place.y + 1, this.size - GAP, this.size - GAP);
    }
    this.canvas.dataset.drawn = String(Date.now());
    this.scale(full, units[fill]);
  }

  tile({ entry, x, y }, fill, full, sizing, largest, unit) {
    const { context, colours, size } = this;
    const number = entry.values[fill];
    const share = sizing ? Math.sqrt(Math.min(1, (entry.values[sizing] ?? 0) / (largest || 1))) : 1;
    const side = Math.max(4, (size - GAP) * (0.3 + 0.7 * share));
    const left = x + (size - side) / 2, top = y + (size - side) / 2;
    const level = levelOf(fill, number);
    const isGone = entry.state === "offline" || entry.state === "unknown";
    const at = number === undefined || !full ? 0 : Math.min(1, Math.max(0, number / full));
    context.fillStyle = isGone || number === undefined ? colours.raised : level === "critical" ? colours.bad : level === "warn" ? colours.warn : this.shades[Math.round(at * (SHADES - 1))];
    context.fillRect(left, top, side, side);
    if (isGone) this.outline(left, top, side, colours[entry.state === "offline" ? "bad" : "dim"], entry.state === "offline");
    else if (entry.state === "late") this.outline(left, top, side, colours.warn, false);
    const ink = isGone || number === undefined ? colours.dim : level ? colours.ground : this.inks[Math.round(at * (SHADES - 1))];
    context.fillStyle = ink;
    const name = side >= NAMED, grown = Math.max(1, side / LARGEST);
    if (side >= NUMBERED) {
      context.font = `600 ${(side >= NAMED ? 12 : 10.5) * grown}px system-ui, sans-serif`;
      context.fillText(shortened(number, unit), x + size / 2, y + size / 2 + (name ? 8 * grown : 0), side - 4);
    }
    if (name) {
      context.font = `${10.5 * grown}px system-ui, sans-serif`;
      context.fillText(clipped(context, entry.name, side - 6), x + size / 2, y + size / 2 - 9 * grown);
    }
    const worst = entry.alerts.find((alert) => !alert.suppressed);
    if (worst) this.flag(left + side, top, worst.severity, size);
    else if (level && side < NUMBERED) this.dot(left, top, side);
  }

  /** A host that does not write has an outline; one that is offline is crossed out, beside what it says. */
  outline(left, top, side, colour, crossed) {
    const { context } = this;
    context.strokeStyle = colour;
    context.lineWidth = side > 14 ? 2 : 1;
    context.strokeRect(left + 1, top + 1, side - 2, side - 2);
    if (!crossed) return;
    const [from, to] = side < NUMBERED ? [1, side - 1] : [4, 12];
    context.beginPath();
    context.moveTo(left + from, top + to);
    context.lineTo(left + to, top + from);
    context.moveTo(left + from, top + from);
    context.lineTo(left + to, top + to);
    context.stroke();
  }

  /** What fires: a diamond is critical, a triangle a warning. */
  flag(right, top, severity, size) {
    const { context, colours } = this;
    const half = Math.max(3, Math.min(6, size / 7), size / 14);
    const x = right - half - 1, y = top + half + 1;
    context.beginPath();
    if (severity === "critical") { context.moveTo(x, y - half); context.lineTo(x + half, y); context.lineTo(x, y + half); context.lineTo(x - half, y); }
    else { context.moveTo(x, y - half); context.lineTo(x + half, y + half); context.lineTo(x - half, y + half); }
    context.closePath();
    context.fillStyle = colours[severity === "critical" ? "bad" : "warn"];
    context.strokeStyle = colours.ground;
    context.lineWidth = 1.5;
    context.stroke();
    context.fill();
  }

  dot(left, top, side) {
    this.context.fillStyle = this.colours.ground;
    this.context.fillRect(left + side / 2 - 1.5, top + side / 2 - 1.5, 3, 3);
  }

  /** The ends of the scale of colours. */
  scale(full, unit) {
    const ends = this.figure.closest("section").querySelectorAll(".map-scale output");
    const texts = [value(0, unit), value(full, unit)];
    ends.forEach((end, place) => { if (end.textContent !== texts[place]) end.textContent = texts[place]; });
  }

  // === The pointer and the keys. ===

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointermove", (event) => this.point(this.at(event.offsetX, event.offsetY)));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("click", (event) => { const entry = this.at(event.offsetX, event.offsetY); if (entry) this.on.open(entry, event); });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => { this.selected = null; this.say(null); this.draw(); });
  }

  at(x, y) {
    return this.tiles.find((tile) => x >= tile.x && x < tile.x + this.size && y >= tile.y && y < tile.y + this.size)?.entry ?? null;
  }

  point(entry) {
    if (entry === this.pointed) return;
    this.pointed = entry;
    this.canvas.style.cursor = entry ? "pointer" : "";
    this.say(entry);
    this.draw();
  }

  /** Arrows go to the nearest tile that way; Home, End to the first and last; Enter opens. */
  key(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Enter" && this.selected) return this.on.open(this.selected, event);
    const found = event.key in ways ? this.beside(...ways[event.key]) : event.key === "Home" ? this.tiles[0] : event.key === "End" ? this.tiles.at(-1) : null;
    if (!found) return;
    event.preventDefault();
    this.selected = found.entry;
    this.say(found.entry);
    this.draw();
  }

  beside(right, down) {
    const from = this.selected && this.places.get(this.selected);
    if (!from) return this.tiles[0];
    let best = null, least = Infinity;
    for (const tile of this.tiles) {
      const along = right ? (tile.x - from.x) * right : (tile.y - from.y) * down;
      const across = Math.abs(right ? tile.y - from.y : tile.x - from.x);
      if (along <= 0 || along + across * 4 >= least) continue;
      best = tile;
      least = along + across * 4;
    }
    return best;
  }

  say(entry) {
    const { tip } = this;
    tip.hidden = !entry;
    if (!entry) return;
    const { fill, size, units = {}, names = {} } = this.wanted;
    const figures = [...new Set([fill, size].filter(Boolean))].map((metric) => `${names[metric] ?? metric} ${value(entry.values[metric], units[metric])}`);
    const alerts = entry.alerts.map((alert) => `${alert.severity}: ${alert.summary || alert.name}`);
    tip.textContent = [`${entry.name}: ${entry.state}`, ...figures, ...alerts].join(" · ");
    const tile = this.places.get(entry);
    tip.style.left = `${Math.max(0, Math.min(tile.x, this.width - Math.min(360, this.width)))}px`;
    tip.style.top = `${tile.y + this.size + 3}px`;
  }
}

/** Text that fits, its end left out where it does not; names differ at their ends, so those stay. */
const clipped = (context, text, width) => {
  if (context.measureText(text).width <= width) return text;
  let kept = text;
  while (kept.length > 2 && context.measureText(`…${kept}`).width > width) kept = kept.slice(1);
  return `…${kept}`;
};

const shortened = (number, unit) => number === undefined ? "–" : unit === "percent" ? `${Math.round(number)} %` : value(number, unit);
