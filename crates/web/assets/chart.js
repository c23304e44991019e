// A line chart on a canvas: axes, lines with gaps, bands, thresholds, marks, a time cursor that charts
// share, zoom by dragging, keys, and export as a picture. Crisp on any screen, redrawn once a frame.

import { indexAt, timeTicks, valueRange, valueTicks } from "./chart-scale.js";
import { moment, value as formatted } from "./format.js";

const LEFT = 62, RIGHT = 8, TOP = 8, BOTTOM = 22;
/** Dashes tell lines apart where colours come round again. */
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
const COLOURS = 8;

/** The usual distance of points: what is collected less often than the step has no gaps for that. */
const usualStep = (times) => {
  const distances = times.slice(1).map((time, place) => time - times[place]).sort((a, b) => a - b);
  return distances[distances.length >> 1] ?? 0;
};

export class Chart {
  /** `on.cursor(time | null)`, `on.zoom(start, stop)`, `on.pick(time)` tell what the user did. */
  constructor(plot, legend, on) {
    this.plot = plot;
    this.legend = legend;
    this.on = on;
    this.series = [];
    this.marks = [];
    this.thresholds = [];
    this.hidden = new Set();
    this.unit = "";
    this.start = 0;
    this.stop = 1;
    this.step = 1000;
    this.cursor = null;
    this.drag = null;
    this.canvas = plot.appendChild(document.createElement("canvas"));
    this.context = this.canvas.getContext("2d");
    this.message = plot.appendChild(Object.assign(document.createElement("div"), { className: "message", textContent: "…" }));
    new ResizeObserver(() => this.resize()).observe(plot);
    new MutationObserver(() => this.draw()).observe(document.documentElement, { attributes: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.listen();
  }

  /** Series are `{name, time: [ms], value: [], min?: [], max?: []}`. */
  set({ series, unit, start, stop, step }) {
    Object.assign(this, { series, unit, start, stop, step });
    for (const one of series) one.gap = usualStep(one.time) * 3.5;
    this.rebuildLegend();
    this.say(series.some((one) => one.time.length) ? "" : "No data in this range");
    this.draw();
  }

  /** Adds a live point; points before `start` go. */
  append(name, time, value) {
    const one = this.series.find((one) => one.name === name);
    if (!one || (one.time.length && time <= one.time[one.time.length - 1])) return;
    one.time.push(time);
    one.value.push(value);
    if (one.min) { one.min.push(value); one.max.push(value); }
    const keep = this.start - this.step * 2;
    while (one.time.length > 2 && one.time[0] < keep) {
      for (const column of [one.time, one.value, one.min, one.max]) column?.shift();
    }
    this.plot.dataset.newest = time;
    this.say("");
  }

  window(start, stop) { this.start = start; this.stop = stop; this.draw(); }
  point(time) { if (time !== this.cursor) { this.cursor = time; this.draw(); } }
  say(text) { this.message.textContent = text; }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.plot;
    this.width = clientWidth;
    this.height = clientHeight;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.draw();
  }

  draw() {
    if (this.due) return;
    this.due = requestAnimationFrame(() => {
      this.due = null;
      if (this.width > LEFT + RIGHT) this.paint();
      this.updateLegend();
      this.plot.dataset.drawn = String(Date.now());
    });
  }

  x(time) { return LEFT + (time - this.start) / (this.stop - this.start) * (this.width - LEFT - RIGHT); }
  y(value) { return this.height - BOTTOM - (value - this.low) / (this.high - this.low) * (this.height - TOP - BOTTOM); }
  time(x) { return this.start + (x - LEFT) / (this.width - LEFT - RIGHT) * (this.stop - this.start); }

  paint() {
    const { context } = this;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.palette = Array.from({ length: COLOURS }, (_, place) => colour(`--series-${place}`));
    this.scale();
    context.clearRect(0, 0, this.width, this.height);
    context.font = "11px system-ui, sans-serif";
    this.axes(colour);
    context.save();
    context.beginPath();
    context.rect(LEFT, 0, this.width - LEFT - RIGHT, this.height - BOTTOM + 1);
    context.clip();
    this.series.forEach((one, place) => { if (!this.hidden.has(one.name)) this.line(one, place); });
    this.thresholds.forEach((threshold) => this.threshold(threshold, colour));
    this.labelled = -Infinity;
    this.marks.forEach((mark) => this.mark(mark, colour(mark.alert ? (mark.alert === "critical" ? "--bad" : "--warn") : "--series-6")));
    if (this.drag) {
      context.fillStyle = colour("--link");
      context.globalAlpha = 0.18;
      context.fillRect(Math.min(this.drag.from, this.drag.to), TOP, Math.abs(this.drag.to - this.drag.from), this.height - TOP - BOTTOM);
      context.globalAlpha = 1;
    }
    context.restore();
    if (this.cursor !== null && this.cursor >= this.start && this.cursor <= this.stop) this.paintCursor(colour);
  }

  scale() {
    let least = Infinity, greatest = -Infinity;
    for (const one of this.series) {
      if (this.hidden.has(one.name)) continue;
      const lows = one.min ?? one.value, highs = one.max ?? one.value;
      for (let place = 0; place < one.time.length; place += 1) {
        if (one.time[place] < this.start - this.step || one.time[place] > this.stop) continue;
        least = Math.min(least, lows[place]);
        greatest = Math.max(greatest, highs[place]);
      }
    }
    for (const { value } of this.thresholds) { least = Math.min(least, value); greatest = Math.max(greatest, value); }
    [this.low, this.high] = valueRange(least, greatest, this.unit);
  }

  axes(colour) {
    const { context } = this;
    const base = this.unit.startsWith("bytes") ? 1024 : 10;
    context.lineWidth = 1;
    context.strokeStyle = colour("--grid");
    context.fillStyle = colour("--dim");
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const tick of valueTicks(this.low, this.high, Math.max(2, this.height / 45), base)) {
      const y = Math.round(this.y(tick)) + 0.5;
      this.stroke(LEFT, y, this.width - RIGHT, y);
      context.fillText(formatted(tick, this.unit).replace(/\.0 %$/, " %"), LEFT - 6, y);
    }
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const { time, label } of timeTicks(this.start, this.stop, (this.width - LEFT) / 80)) {
      const x = Math.round(this.x(time)) + 0.5;
      this.stroke(x, TOP, x, this.height - BOTTOM);
      if (x > LEFT + 12 && x < this.width - 20) context.fillText(label, x, this.height - BOTTOM + 6);
    }
  }

  stroke(fromX, fromY, toX, toY) {
    this.context.beginPath();
    this.context.moveTo(fromX, fromY);
    this.context.lineTo(toX, toY);
    this.context.stroke();
  }

  /** Parts without a gap: a gap is longer than three steps. */
  *runs(one) {
    const first = Math.max(0, indexAt(one.time, this.start));
    const gap = Math.max(this.step * 3.5, one.gap ?? 0);
    let begun = first;
    for (let place = first + 1; place <= one.time.length; place += 1) {
      if (place === one.time.length || one.time[place] - one.time[place - 1] > gap) {
        yield [begun, place];
        begun = place;
      }
    }
  }

  line(one, place) {
    const { context } = this;
    const colour = this.palette[place % COLOURS];
    for (const [from, to] of this.runs(one)) {
      if (one.min) {
        context.beginPath();
        for (let at = from; at < to; at += 1) context.lineTo(this.x(one.time[at]), this.y(one.max[at]));
        for (let at = to - 1; at >= from; at -= 1) context.lineTo(this.x(one.time[at]), this.y(one.min[at]));
        context.fillStyle = colour;
        context.globalAlpha = 0.2;
        context.fill();
        context.globalAlpha = 1;
      }
      context.beginPath();
      for (let at = from; at < to; at += 1) context.lineTo(this.x(one.time[at]), this.y(one.value[at]));
      context.strokeStyle = colour;
      context.lineWidth = 1.5;
      context.lineJoin = "round";
      context.setLineDash(DASHES[Math.floor(place / COLOURS) % DASHES.length]);
      context.stroke();
      context.setLineDash([]);
      if (to - from === 1) {
        context.fillStyle = colour;
        context.fillRect(this.x(one.time[from]) - 1.5, this.y(one.value[from]) - 1.5, 3, 3);
      }
    }
  }

  threshold({ value, label, tried, severity }, colours) {
    const { context } = this;
    const colour = colours(tried ? "--link" : severity === "warn" ? "--warn" : severity === "recover" ? "--good" : "--bad");
    const y = Math.round(this.y(value)) + 0.5;
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 1;
    context.setLineDash([5, 4]);
    this.stroke(LEFT, y, this.width - RIGHT, y);
    context.setLineDash([]);
    context.textAlign = "left";
    context.textBaseline = "bottom";
    context.fillText(label, LEFT + 4, y - 2);
  }

  mark({ time, stop, label }, colour) {
    const { context } = this;
    const x = Math.round(Math.max(this.x(time), LEFT)) + 0.5;
    if (x > this.width - RIGHT || (stop && this.x(stop) < LEFT) || (!stop && time < this.start)) return;
    context.strokeStyle = context.fillStyle = colour;
    if (stop) {
      context.globalAlpha = 0.1;
      context.fillRect(x, TOP, Math.max(2, this.x(stop) - x), this.height - TOP - BOTTOM);
      context.globalAlpha = 1;
    }
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    this.stroke(x, TOP, x, this.height - BOTTOM);
    context.setLineDash([]);
    context.beginPath();
    context.moveTo(x - 4, TOP - 8); context.lineTo(x + 4, TOP - 8); context.lineTo(x, TOP);
    context.fill();
    context.textAlign = "left";
    context.textBaseline = "top";
    // A label that would cover the one before is left out; the table below the charts has it.
    const text = label.length > 28 ? `${label.slice(0, 27)}…` : label;
    const width = context.measureText(text).width;
    const at = x + 5 + width > this.width - RIGHT ? x - 5 - width : x + 5;
    if (at < this.labelled) return;
    this.labelled = at + width + 8;
    context.fillText(text, at, TOP);
  }

  paintCursor(colour) {
    const { context } = this;
    const x = Math.round(this.x(this.cursor)) + 0.5;
    context.strokeStyle = colour("--text");
    context.globalAlpha = 0.6;
    this.stroke(x, TOP, x, this.height - BOTTOM);
    context.globalAlpha = 1;
    const label = moment(this.cursor).slice(this.stop - this.start > 864e5 ? 5 : 11);
    context.fillStyle = colour("--text");
    context.textBaseline = "top";
    context.textAlign = x > this.width - 90 ? "right" : "left";
    context.fillText(label, x + (x > this.width - 90 ? -5 : 5), this.height - BOTTOM - 14);
  }

  rebuildLegend() {
    const names = this.series.map((one) => one.name).join("\n");
    if (names === this.names) return;
    this.names = names;
    this.legend.replaceChildren(...this.series.map((one, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(!this.hidden.has(one.name)));
      const swatch = Object.assign(document.createElement("canvas"), { width: 16, height: 10 });
      button.append(swatch, one.name, document.createElement("b"));
      button.addEventListener("click", () => {
        this.hidden.has(one.name) ? this.hidden.delete(one.name) : this.hidden.add(one.name);
        button.setAttribute("aria-pressed", String(!this.hidden.has(one.name)));
        this.draw();
      });
      button.dataset.place = place;
      return button;
    }));
  }

  updateLegend() {
    for (const button of this.legend.children) {
      const one = this.series[button.dataset.place];
      if (!one) continue;
      const at = this.cursor === null ? one.time.length - 1 : indexAt(one.time, this.cursor);
      const near = at >= 0 && (this.cursor === null || this.cursor - one.time[at] <= Math.max(this.step * 3.5, one.gap ?? 0));
      const text = near ? formatted(one.value[at], this.unit) : "–";
      if (button.lastChild.textContent !== text) button.lastChild.textContent = text;
      const swatch = button.firstChild.getContext("2d");
      swatch.clearRect(0, 0, 16, 10);
      swatch.strokeStyle = this.palette?.[button.dataset.place % COLOURS] ?? "gray";
      swatch.lineWidth = 2.5;
      swatch.setLineDash(DASHES[Math.floor(button.dataset.place / COLOURS) % DASHES.length]);
      swatch.beginPath();
      swatch.moveTo(0, 5); swatch.lineTo(16, 5); swatch.stroke();
    }
  }

  listen() {
    const { canvas } = this;
    const within = (event) => Math.min(Math.max(event.offsetX, LEFT), this.width - RIGHT);
    canvas.addEventListener("pointermove", (event) => {
      const x = within(event);
      if (this.drag) { this.drag.to = x; this.draw(); }
      this.on.cursor(this.time(x));
    });
    canvas.addEventListener("pointerleave", () => this.on.cursor(null));
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      canvas.setPointerCapture(event.pointerId);
      this.drag = { from: within(event), to: within(event) };
    });
    canvas.addEventListener("pointerup", (event) => {
      if (!this.drag) return;
      const [from, to] = [this.drag.from, within(event)].sort((a, b) => a - b);
      this.drag = null;
      this.draw();
      if (to - from > 6) this.on.zoom(this.time(from), this.time(to));
      else this.on.pick?.(this.time(to));
    });
    canvas.addEventListener("pointercancel", () => { this.drag = null; this.draw(); });
    canvas.addEventListener("dblclick", () => this.zoomBy(2));
    this.plot.parentElement.addEventListener("keydown", (event) => this.key(event));
  }

  /** Arrows move the cursor, + and - zoom, Escape lets go of the cursor. */
  key(event) {
    if (event.target !== this.plot.parentElement) return;
    const span = this.stop - this.start;
    const at = this.cursor ?? this.stop;
    const move = Math.max(this.step, span / 100);
    switch (event.key) {
      case "ArrowLeft": this.on.cursor(Math.max(this.start, at - move)); break;
      case "ArrowRight": this.on.cursor(Math.min(this.stop, at + move)); break;
      case "Enter": this.on.pick?.(at); break;
      case "Escape": this.on.cursor(null); break;
      case "+": case "=": this.zoomBy(0.5); break;
      case "-": this.zoomBy(2); break;
      default: return;
    }
    event.preventDefault();
  }

  zoomBy(factor) {
    const centre = this.cursor ?? (this.start + this.stop) / 2;
    this.on.zoom(centre - (centre - this.start) * factor, centre + (this.stop - centre) * factor);
  }

  /** The picture on the page's ground, as a PNG. */
  picture() {
    const copy = Object.assign(document.createElement("canvas"), { width: this.canvas.width, height: this.canvas.height });
    const context = copy.getContext("2d");
    context.fillStyle = getComputedStyle(document.body).backgroundColor;
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(this.canvas, 0, 0);
    return new Promise((done) => copy.toBlob(done, "image/png"));
  }
}
