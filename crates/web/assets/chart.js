// A chart of lines over time. Chart.js draws axes, lines, gaps and bands; here is what it leaves to others:
// which range an axis has, thresholds, marks, a legend with values.

import "./chartjs.js";
import { Overlay } from "./chart-overlay.js";
import { indexAt, timeTicks, valueLabel, valueRange, valueTicks } from "./chart-scale.js";
import { value as formatted } from "./format.js";

const Library = Reflect.get(globalThis, "Chart");
const isWall = new URLSearchParams(location.search).has("wall");
Object.assign(Library.defaults.font, { family: "system-ui, sans-serif", size: isWall ? 18 : 11 });

/** Width of the axis of values: the same everywhere, so that times of charts stand below each other. */
const LEFT = isWall ? 100 : 62;
/** Dashes tell lines apart where colours come round again. */
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
const COLOURS = 8;
/** Longer than so many steps without a point is a gap. */
const GAP = 3.5;
/** Least time, in milliseconds, between two pictures of what is live. */
const PAUSE = 950;
/** Pixels that a live chart moves at a time, unless a value jumps: an eye misses nothing, a battery lasts longer. */
const MOVED = 4;
/** Share of the axis of values from which on a value jumps. */
const JUMP = 0.1;
/** More spans than these would lie over each other until nothing shines through: then only their starts are drawn. */
const MOST_FILLED = 12;

const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(name).trim();
const seriesColour = (place) => colour(`--series-${place % COLOURS}`);
const dash = (place) => DASHES[Math.floor(place / COLOURS) % DASHES.length];

/** The usual distance of points: what is collected less often than the step has no gaps for that. */
const usualStep = (times) => {
  const distances = times.slice(1).map((time, place) => time - times[place]).sort((a, b) => a - b);
  return distances[distances.length >> 1] ?? 0;
};

/** Least and greatest value of all series; nothing where there is none. */
const extent = (series) => {
  let least = Infinity, greatest = -Infinity;
  for (const { value, min = value, max = value } of series) {
    for (const number of min) least = Math.min(least, number);
    for (const number of max) greatest = Math.max(greatest, number);
  }
  return least <= greatest ? [least, greatest] : [];
};

export class Chart {
  /** @type {any[]} */ series = [];
  /** @type {number[]} */ extent = [];
  /** Charts that share its axis of values. @type {Chart[]} */ peers = [];
  /** @type {any[]} */ marks = [];
  /** @type {{value: number, label: string, severity?: string, tried?: boolean}[]} */ thresholds = [];
  /** Names of series that are not shown. @type {Set<string>} */ hidden = new Set();
  /** Where the cursor is, in milliseconds since 1970. @type {number | null} */ cursor = null;
  unit = "";
  start = 0;
  stop = 1;
  step = 1000;
  isLocked = false;
  isStale = false;
  hasJumped = false;
  /** @type {boolean | undefined} */ isSeen;
  /** @type {number | null} */ due = null;
  labelled = -Infinity;

  /**
   * `on.cursor(time | null)`, `on.zoom(start, stop)`, `on.pick(time)` tell what the user did.
   * @param {HTMLElement} plot
   * @param {HTMLElement} legend
   * @param {any} on
   */
  constructor(plot, legend, on) {
    this.plot = plot;
    this.legend = legend;
    const canvas = plot.appendChild(document.createElement("canvas"));
    this.message = Object.assign(document.createElement("div"), { className: "message", textContent: "…" });
    this.library = new Library(canvas, this.configuration());
    this.overlay = new Overlay(this, on);
    plot.append(this.message);
    new IntersectionObserver(([{ isIntersecting }]) => {
      this.isSeen = isIntersecting;
      if (isIntersecting && this.isStale) this.draw();
    }, { rootMargin: "100px" }).observe(plot);
    new MutationObserver(() => this.restyle()).observe(document.documentElement, { attributes: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.restyle());
  }

  configuration() {
    const axis = { type: "linear", bounds: "data", border: { display: false } };
    const ticks = { padding: 6, autoSkip: false };
    return {
      type: "line",
      data: { datasets: [] },
      options: {
        animation: false, parsing: false, normalized: true, maintainAspectRatio: false, events: [],
        layout: { padding: { top: 8, right: 8 } },
        elements: { line: { borderWidth: 1.5, borderJoinStyle: "round" }, point: { radius: 0 } },
        plugins: { legend: { display: false }, tooltip: { enabled: false } },
        scales: {
          x: {
            ...axis, grid: { color: colour("--grid"), drawTicks: false },
            ticks: { ...ticks, color: colour("--dim"), maxRotation: 0, callback: (_, place, ticks) => ticks[place].label },
            afterBuildTicks: (axis) => { axis.ticks = timeTicks(axis.min, axis.max, axis.width / 80).map(({ time, label }) => ({ value: time, label })); },
          },
          y: {
            ...axis, grid: { color: colour("--grid"), drawTicks: false },
            ticks: { ...ticks, color: colour("--dim"), callback: (tick, _, ticks) => valueLabel(tick, ticks.length > 1 ? ticks[1].value - ticks[0].value : tick, this.unit) },
            afterDataLimits: (axis) => { [axis.min, axis.max] = this.range(axis.getMinMax(false)); },
            afterBuildTicks: (axis) => { axis.ticks = this.isEmpty ? [] : valueTicks(axis.min, axis.max, Math.max(2, axis.height / 40), this.unit.startsWith("bytes") ? 1024 : 10).map((value) => ({ value })); },
            afterFit: (axis) => { axis.width = LEFT; },
          },
        },
      },
      // Neither is there yet while the library makes the chart.
      plugins: [{ id: "watchpost", afterDatasetsDraw: () => this.overlay && this.decorate(), afterDraw: () => this.overlay?.draw() }],
    };
  }

  /** Series are `{name, time: [ms], value: [], min?: [], max?: []}`. */
  set({ series, unit, start, stop, step }) {
    Object.assign(this, { series, unit, start, stop, step, extent: extent(series) });
    series.forEach((one, place) => { one.datasets = this.datasets(one, place); });
    this.library.data.datasets = series.flatMap((one) => one.datasets);
    this.rebuildLegend();
    this.say(series.some((one) => one.time.length) ? "" : "No data in this range");
    this.draw();
  }

  /** The line, and the two edges between which its band is filled. */
  datasets(one, place) {
    one.gap = Math.max(this.step, usualStep(one.time)) * GAP;
    const points = (values) => one.time.map((x, at) => ({ x, y: values[at] }));
    const common = { spanGaps: one.gap, hidden: this.hidden.has(one.name) };
    const lone = ({ dataIndex: at }) => this.isLone(one, at) ? 1.5 : 0;
    const line = { ...common, label: one.name, data: points(one.value), borderColor: seriesColour(place), backgroundColor: seriesColour(place), borderDash: dash(place), fill: false, pointRadius: one.time.some((_, at) => this.isLone(one, at)) ? lone : 0 };
    const edge = (values, fill) => ({ ...common, data: points(values), borderWidth: 0, backgroundColor: `${seriesColour(place)}33`, fill });
    return one.min ? [line, edge(one.max, "+1"), edge(one.min, false)] : [line];
  }

  /** Whether no line leads to this point, so that it would not be seen. */
  isLone({ time, gap }, at) {
    return !(time[at] - time[at - 1] <= gap) && !(time[at + 1] - time[at] <= gap);
  }

  /** Adds a live point; points before `start` go. */
  append(name, time, value) {
    const one = this.series.find((one) => one.name === name);
    if (!one || (one.time.length && time <= one.time[one.time.length - 1])) return;
    for (const column of [one.value, one.min, one.max]) column?.push(value);
    one.time.push(time);
    const { min, max } = this.library.scales.y;
    if (Math.abs(value - one.value.at(-2)) > (max - min) * JUMP) this.hasJumped = true;
    for (const { data } of one.datasets) data.push({ x: time, y: value });
    const keep = this.start - this.step * 2;
    while (one.time.length > 2 && one.time[0] < keep) {
      for (const column of [one.time, one.value, one.min, one.max, ...one.datasets.map(({ data }) => data)]) column?.shift();
    }
    this.plot.dataset.newest = time;
    this.say("");
  }

  /** Follows the present, where it is seen and as often as it would move. */
  window(start, stop) {
    this.start = start;
    this.stop = stop;
    const pause = this.hasJumped ? PAUSE : Math.max(PAUSE, MOVED * (stop - start) / Math.max(1, this.area.right - this.area.left));
    if (Date.now() - Number(this.plot.dataset.drawn) < pause) return this.updateLegend();
    if (this.isSeen === false) this.isStale = true; else this.draw();
  }

  say(text) { if (this.message.textContent !== text) this.message.textContent = text; }
  point(time) {
    if (time === this.cursor) return;
    this.cursor = time;
    this.overlay.draw();
    this.updateLegend();
  }

  draw() {
    this.due ??= requestAnimationFrame(() => {
      this.due = null;
      this.isStale = this.hasJumped = false;
      Object.assign(this.library.options.scales.x, { min: this.start, max: this.stop });
      this.library.update("none");
      this.updateLegend();
      this.plot.dataset.drawn = String(Date.now());
    });
  }

  /** The page has become dark or light. */
  restyle() {
    for (const axis of Object.values(this.library.options.scales)) {
      axis.grid.color = colour("--grid");
      axis.ticks.color = colour("--dim");
    }
    this.set(this);
  }

  get isEmpty() { return this.thresholds.length === 0 && !this.series.some((one) => one.time.length); }
  get area() { return this.library.chartArea ?? { left: LEFT, right: LEFT + 1, top: 0, bottom: 1 }; }
  x(time) { return this.library.scales.x.getPixelForValue(time); }
  time(x) { return this.library.scales.x.getValueForPixel(x); }

  /** The axis of values: room for what is shown, for thresholds, and for the charts that it is compared with. */
  range({ min, max }) {
    const levels = this.thresholds.map(({ value }) => value);
    const others = this.peers.flatMap((peer) => peer.extent);
    return valueRange(Math.min(min, ...levels, ...others), Math.max(max, ...levels, ...others), this.unit);
  }

  // === What is drawn over the lines. ===

  decorate() {
    const { ctx: context } = this.library, { left, right, bottom } = this.area;
    context.save();
    context.beginPath();
    context.rect(left, 0, right - left, bottom + 1);
    context.clip();
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "left";
    for (const threshold of this.thresholds) this.threshold(context, threshold);
    this.labelled = -Infinity;
    const filled = this.marks.length <= MOST_FILLED;
    for (const mark of this.marks) this.mark(context, mark, filled);
    context.restore();
  }

  /** @param {any} context @param {any} threshold */
  threshold(context, { value, label, tried, severity }) {
    const { left, right } = this.area;
    const y = Math.round(this.library.scales.y.getPixelForValue(value)) + 0.5;
    context.strokeStyle = context.fillStyle = colour(tried ? "--link" : severity === "warn" ? "--warn" : severity === "recover" ? "--good" : "--bad");
    dashed(context, [5, 4], left, y, right, y);
    // The level that ends an alert is near the one that begins it: its name stands below.
    lettered(context, label, left + 4, severity === "recover" ? y + 2 : y - 14);
  }

  mark(context, { time, stop, label, alert }, filled) {
    const { left, right, top, bottom } = this.area;
    const x = Math.round(Math.max(this.x(time), left)) + 0.5;
    if (x > right || (stop && this.x(stop) < left) || (!stop && time < this.start)) return;
    context.strokeStyle = context.fillStyle = colour(alert ? (alert === "critical" ? "--bad" : "--warn") : "--series-6");
    if (stop && filled) {
      context.globalAlpha = 0.1;
      context.fillRect(x, top, Math.max(2, this.x(stop) - x), bottom - top);
      context.globalAlpha = 1;
    }
    dashed(context, [3, 3], x, top, x, bottom);
    context.beginPath();
    context.moveTo(x - 4, top - 8); context.lineTo(x + 4, top - 8); context.lineTo(x, top);
    context.fill();
    // A label that would cover the one before is left out; the table below the charts has it.
    const text = label.length > 28 ? `${label.slice(0, 27)}…` : label;
    const width = context.measureText(text).width;
    const at = x + 5 + width > right ? x - 5 - width : x + 5;
    if (at < this.labelled) return;
    this.labelled = at + width + 8;
    lettered(context, text, at, top + 1);
  }

  // === The legend: buttons that show and hide, with the value at the cursor. ===

  rebuildLegend() {
    this.legend.replaceChildren(...this.series.map((one, place) => {
      const button = Object.assign(document.createElement("button"), { type: "button", title: `Hide or show ${one.name}` });
      button.setAttribute("aria-pressed", String(!this.hidden.has(one.name)));
      button.append(swatch(place), one.name, document.createElement("b"));
      button.addEventListener("click", () => this.toggle(one, button));
      return button;
    }));
  }

  toggle(one, button) {
    const hidden = !this.hidden.delete(one.name);
    if (hidden) this.hidden.add(one.name);
    button.setAttribute("aria-pressed", String(!hidden));
    for (const dataset of one.datasets) dataset.hidden = hidden;
    this.draw();
  }

  updateLegend() {
    this.series.forEach((one, place) => {
      const at = this.cursor === null ? one.time.length - 1 : indexAt(one.time, this.cursor);
      const near = at >= 0 && (this.cursor === null || this.cursor - one.time[at] <= one.gap);
      const text = near ? formatted(one.value[at], this.unit) : "–";
      const shown = this.legend.children[place].lastChild;
      if (shown.textContent !== text) shown.textContent = text;
      one.shown = near ? one.value[at] : -Infinity;
    });
    this.order();
  }

  /** At a cursor the largest value comes first; without one the lines stand as they were asked for. */
  order() {
    const ranked = this.cursor === null ? this.series : [...this.series].sort((a, b) => b.shown - a.shown);
    ranked.forEach((one, rank) => {
      const { style } = this.legend.children[this.series.indexOf(one)];
      if (style.order !== String(rank)) style.order = rank;
    });
  }
}

const dashed = (context, dashes, fromX, fromY, toX, toY) => {
  context.lineWidth = 1;
  context.setLineDash(dashes);
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
  context.setLineDash([]);
};

/** Text that can be read over lines: the ground shines through little behind it. */
const lettered = (context, text, x, y) => {
  const ink = context.fillStyle;
  context.globalAlpha = 0.8;
  context.fillStyle = colour("--ground");
  context.fillRect(x - 2, y, context.measureText(text).width + 4, 13);
  context.globalAlpha = 1;
  context.fillStyle = ink;
  context.textBaseline = "top";
  context.fillText(text, x, y + 1);
};

/** The colour and dashes of a line. */
const swatch = (place) => {
  const made = Object.assign(document.createElement("canvas"), { width: 16, height: 10 });
  const context = made.getContext("2d");
  context.strokeStyle = seriesColour(place);
  context.lineWidth = 2.5;
  context.setLineDash(dash(place));
  context.beginPath();
  context.moveTo(0, 5);
  context.lineTo(16, 5);
  context.stroke();
  return made;
};
