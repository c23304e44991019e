// What moves over a chart: the cursor, the span that is being chosen, and the pointer and keys that move
// them. It has a canvas of its own, so that following a pointer draws no line again.

import { moment } from "./format.js";

/** A drag that is shorter, in pixels, is a click. */
const SHORTEST_DRAG = 6;

export class Overlay {
  /** @type {{from: number, to: number} | null} */ drag = null;
  /** @type {{from: number, start: number, stop: number} | null} */ moved = null;
  /** @type {number | null} */ due = null;

  /** @param {import("./chart.js").Chart} chart @param {any} on */
  constructor(chart, on) {
    this.chart = chart;
    this.on = on;
    this.plot = chart.plot;
    this.canvas = this.plot.appendChild(Object.assign(document.createElement("canvas"), { className: "overlay" }));
    this.context = this.canvas.getContext("2d");
    this.listen();
  }

  draw() {
    this.due ??= requestAnimationFrame(() => { this.due = null; this.paint(); });
  }

  paint() {
    const { context, canvas, plot, chart } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(plot.clientWidth * ratio), Math.round(plot.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(plot);
    const { left, right, top, bottom } = chart.area;
    if (this.drag) {
      const { from, to } = this.drag;
      context.fillStyle = style.getPropertyValue("--link");
      context.globalAlpha = 0.18;
      context.fillRect(Math.min(from, to), top, Math.abs(to - from), bottom - top);
      context.globalAlpha = 1;
    }
    if (chart.cursor === null || chart.cursor < chart.start || chart.cursor > chart.stop) return;
    const x = Math.round(chart.x(chart.cursor)) + 0.5;
    context.strokeStyle = context.fillStyle = style.getPropertyValue("--text");
    context.globalAlpha = chart.isLocked ? 1 : 0.6;
    context.lineWidth = chart.isLocked ? 2 : 1;
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, bottom);
    context.stroke();
    context.globalAlpha = 1;
    const isRight = x > right - 90;
    context.font = "11px system-ui, sans-serif";
    context.textAlign = isRight ? "right" : "left";
    context.textBaseline = "bottom";
    context.fillText(moment(chart.cursor).slice(chart.stop - chart.start > 864e5 ? 5 : 11), Math.max(left, x + (isRight ? -5 : 5)), bottom - 2);
  }

  listen() {
    const { plot, chart, on } = this;
    const within = (event) => Math.min(Math.max(event.offsetX, chart.area.left), chart.area.right);
    plot.addEventListener("pointermove", (event) => {
      on.hold?.(true);
      if (this.moved) return this.move(within(event));
      if (this.drag) this.drag.to = within(event);
      on.cursor(chart.time(within(event)));
      this.draw();
    });
    plot.addEventListener("pointerleave", () => { on.cursor(null); on.hold?.(false); });
    plot.addEventListener("click", (event) => { if (event.pointerType === "touch") on.pick?.(chart.time(within(event))); });
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      event.target.setPointerCapture(event.pointerId);
      if (event.shiftKey) this.moved = { from: within(event), start: chart.start, stop: chart.stop };
      else this.drag = { from: within(event), to: within(event) };
    });
    plot.addEventListener("pointerup", (event) => {
      if (this.moved) {
        this.moved = null;
        return on.zoom(chart.start, chart.stop);
      }
      if (!this.drag) return;
      const [from, to] = [this.drag.from, within(event)].sort((a, b) => a - b);
      this.drop();
      if (to - from > SHORTEST_DRAG) on.zoom(chart.time(from), chart.time(to));
      else on.pick?.(chart.time(to));
    });
    plot.addEventListener("pointercancel", () => this.drop());
    plot.addEventListener("dblclick", () => this.zoomBy(2));
    plot.parentElement.addEventListener("keydown", (event) => this.key(event));
  }

  /** Shift and a drag move the window, all charts with it. */
  move(x) {
    const { from, start, stop } = this.moved;
    const by = (from - x) / (this.chart.area.right - this.chart.area.left) * (stop - start);
    this.on.move?.(Math.round(start + by), Math.round(stop + by));
  }

  drop() {
    this.drag = this.moved = null;
    this.draw();
  }

  /** Arrows move the cursor, + and - zoom, Escape lets go of the cursor. */
  key(event) {
    if (event.target !== this.plot.parentElement) return;
    const { start, stop, step, cursor } = this.chart;
    const at = cursor ?? stop;
    const move = Math.max(step, (stop - start) / 100);
    switch (event.key) {
      case "ArrowLeft": this.on.cursor(Math.max(start, at - move), true); break;
      case "ArrowRight": this.on.cursor(Math.min(stop, at + move), true); break;
      case "Enter": this.on.pick?.(at); break;
      case "Escape": if (this.chart.isLocked) this.on.pick?.(null); else this.on.cursor(null, true); break;
      case "+": case "=": this.zoomBy(0.5); break;
      case "-": this.zoomBy(2); break;
      default: return;
    }
    event.preventDefault();
  }

  zoomBy(factor) {
    const { start, stop, cursor } = this.chart;
    const centre = cursor ?? (start + stop) / 2;
    this.on.zoom(centre - (centre - start) * factor, centre + (stop - centre) * factor);
  }
}
