// A heat map: a row a series, a column a moment, darker the larger. For more lines than can be told apart.

import { timeTicks } from "./chart-scale.js";
import { moment, value } from "./format.js";

const LEFT = 130, BOTTOM = 20, LEAST_ROW = 2, MOST_ROW = 22, SHADES = 64;
/** From this height on, in pixels, a row says its name. */
const NAMED = 11;

export class HeatMap {
  /** @type {any[]} */ series = [];
  /** @type {number | null} */ chosen = null;
  unit = "";
  start = 0;
  stop = 1;
  step = 1;
  least = 0;
  most = 1;
  height = 0;
  due = null;

  /**
   * `on.open(series)` follows a row.
   * @param {HTMLElement} figure
   * @param {{open: (series: any) => void}} on
   */
  constructor(figure, on) {
    this.figure = figure;
    this.on = on;
    this.plot = figure.querySelector(".heat-plot");
    this.canvas = figure.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.tip = figure.querySelector("#heat-tip");
    new ResizeObserver(() => this.draw()).observe(this.plot);
    new MutationObserver(() => this.draw()).observe(document.documentElement, { attributes: true });
    this.canvas.addEventListener("pointermove", (event) => this.say(event));
    this.canvas.addEventListener("pointerleave", () => { this.tip.textContent = ""; });
    this.canvas.addEventListener("click", (event) => { const one = this.row(event); if (one) on.open(one); });
    figure.addEventListener("keydown", (event) => this.key(event));
    this.exports();
  }

  exports() {
    const png = Object.assign(document.createElement("button"), { type: "button", textContent: "PNG", title: "Save the chart as a picture" });
    png.addEventListener("click", () => this.canvas.toBlob((blob) => {
      const link = Object.assign(document.createElement("a"), { download: "heat-map.png", href: URL.createObjectURL(blob) });
      link.click();
      URL.revokeObjectURL(link.href);
    }));
    this.figure.querySelector("figcaption").append(png, Object.assign(document.createElement("a"), { textContent: "CSV", title: "Save the values" }));
  }

  /** Series are `{name, time: [ms], value: []}`. */
  show({ series, unit, start, stop, step }) {
    Object.assign(this, { series, unit, start, stop, step, chosen: null });
    this.least = series.reduce((least, one) => one.value.reduce((a, b) => Math.min(a, b), least), unit === "percent" ? 0 : Infinity);
    this.most = series.reduce((most, one) => one.value.reduce((a, b) => Math.max(a, b), most), unit === "percent" ? 100 : -Infinity);
    const ends = this.figure.querySelectorAll(".map-scale output");
    [this.least, this.most].forEach((end, place) => { ends[place].textContent = value(end, unit); });
    this.draw();
  }

  draw() {
    this.due ??= requestAnimationFrame(() => { this.due = null; this.paint(); });
  }

  paint() {
    const { series, context, canvas, start, stop, step } = this;
    const width = this.plot.clientWidth;
    if (!width || !series.length) return;
    this.height = Math.max(LEAST_ROW, Math.min(MOST_ROW, Math.floor(innerHeight * 0.7 / series.length)));
    const height = this.height * series.length + BOTTOM;
    const ratio = window.devicePixelRatio || 1;
    Object.assign(canvas, { width: width * ratio, height: height * ratio });
    canvas.style.height = `${height}px`;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const shades = this.shades(colour("--map-low"), colour("--map-high"));
    const scale = (width - LEFT) / (stop - start);
    const cell = Math.ceil(step * scale) + 0.5;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    series.forEach((one, place) => {
      const y = place * this.height;
      one.time.forEach((time, at) => {
        const share = (one.value[at] - this.least) / (this.most - this.least || 1);
        context.fillStyle = shades[Math.round(Math.min(1, Math.max(0, share)) * (SHADES - 1))];
        const x = LEFT + (time - start) * scale;
        context.fillRect(Math.max(LEFT, x), y, cell - Math.max(0, LEFT - x), this.height - (this.height > 5 ? 1 : 0));
      });
      if (this.height < NAMED) return;
      context.fillStyle = colour(place === this.chosen ? "--text" : "--dim");
      context.fillText(one.name.length > 19 ? `…${one.name.slice(-18)}` : one.name, 0, y + this.height / 2, LEFT - 6);
    });
    context.fillStyle = colour("--dim");
    for (const { time, label } of timeTicks(start, stop, (width - LEFT) / 80)) context.fillText(label, LEFT + (time - start) * scale, height - BOTTOM / 2);
    canvas.dataset.rows = String(series.length);
  }

  shades(low, high) {
    const rgb = (text) => { this.context.fillStyle = text; return [1, 3, 5].map((at) => parseInt(this.context.fillStyle.slice(at, at + 2), 16)); };
    const [a, b] = [rgb(low), rgb(high)];
    return Array.from({ length: SHADES }, (_, at) => `rgb(${a.map((part, of) => Math.round(part + (b[of] - part) * at / (SHADES - 1))).join(" ")})`);
  }

  row({ offsetY }) { return this.series[Math.floor(offsetY / (this.height || 1))]; }

  say(event) {
    const one = this.row(event);
    const time = this.start + (event.offsetX - LEFT) / (this.plot.clientWidth - LEFT) * (this.stop - this.start);
    if (!one || event.offsetX < LEFT) { this.tip.textContent = one?.name ?? ""; return; }
    const place = one.time.findLastIndex((at) => at <= time);
    this.tip.textContent = `${one.name}, ${moment(time)}: ${place >= 0 ? value(one.value[place], this.unit) : "–"}`;
  }

  /** Up and down choose a row, Enter opens it. */
  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      this.chosen = Math.min(this.series.length - 1, Math.max(0, (this.chosen ?? -1) + step));
      const one = this.series[this.chosen];
      this.tip.textContent = `${one.name}: last ${value(one.value.at(-1), this.unit)}`;
      this.draw();
    } else if (event.key === "Enter" && this.series[this.chosen]) this.on.open(this.series[this.chosen]);
  }
}
