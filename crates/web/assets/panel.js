// Panels of a page: what each asks the API for, and the range, cursor, zoom and live tail they share.

import { Chart } from "./chart.js";
import { length } from "./format.js";
import { follow, get } from "./page.js";

/** Widest span that follows the present: beyond it a second is less than a pixel. */
const LIVE_SPAN = 6 * 3600e3;
const DEBOUNCE = 250;

export class Panels {
  constructor({ range, start, stop, host, marks, onCursor, onPick, onUpdate }) {
    this.host = host;
    this.loadMarks = marks;
    this.onCursor = onCursor;
    this.onPick = onPick;
    this.onUpdate = onUpdate;
    this.panels = [...document.querySelectorAll("figure.panel[data-metrics]")].map((figure) => this.panel(figure));
    this.follow = document.getElementById("follow");
    this.controls();
    if (start) this.fix(Date.parse(start), stop ? Date.parse(stop) : Date.now());
    else this.choose(range);
    this.load();
    if (host) this.live();
    setInterval(() => this.tick(), 1000);
  }

  panel(figure) {
    const legend = figure.appendChild(Object.assign(document.createElement("div"), { className: "legend" }));
    const chart = new Chart(figure.querySelector(".plot"), legend, {
      cursor: (time) => {
        for (const { chart } of this.panels) chart.point(time);
        this.onCursor?.(time);
      },
      zoom: (start, stop) => { this.fix(start, stop); this.load(); },
      pick: (time) => this.onPick?.(time),
    });
    const panel = { figure, chart, metrics: figure.dataset.metrics.split(","), each: figure.dataset.each === "true", band: figure.dataset.band === "true" };
    this.exports(panel);
    return panel;
  }

  exports(panel) {
    const caption = panel.figure.querySelector("figcaption");
    const png = Object.assign(document.createElement("button"), { type: "button", textContent: "PNG", title: "Save the chart as a picture" });
    png.addEventListener("click", async () => {
      const link = Object.assign(document.createElement("a"), { download: `${panel.figure.dataset.panel}.png`, href: URL.createObjectURL(await panel.chart.picture()) });
      link.click();
      URL.revokeObjectURL(link.href);
    });
    panel.csv = Object.assign(document.createElement("a"), { textContent: "CSV", title: "Save the values" });
    caption.append(png, panel.csv);
  }

  controls() {
    for (const button of document.querySelectorAll("[data-range]")) {
      button.tagName === "BUTTON" && button.addEventListener("click", () => { this.choose(button.dataset.range); this.load(); });
    }
    document.querySelector("[data-zoom-out]")?.addEventListener("click", () => {
      const half = (this.stop - this.start) / 2;
      this.fix(this.start - half, Math.min(Date.now(), this.stop + half));
      this.load();
    });
    this.follow?.addEventListener("change", () => { if (this.follow.checked) { this.choose(this.range ?? "15m"); this.load(); } });
  }

  /** A range that ends now. */
  choose(range) {
    this.range = range;
    this.stop = Date.now();
    this.start = this.stop - length(range);
    if (this.follow) this.follow.checked = true;
    this.remember({ range });
  }

  /** A range of fixed times. */
  fix(start, stop) {
    this.start = Math.round(start);
    this.stop = Math.round(Math.max(stop, start + 1000));
    if (this.follow) this.follow.checked = false;
    this.remember({ start: new Date(this.start).toISOString(), stop: new Date(this.stop).toISOString() });
  }

  remember(own) {
    const address = new URL(location.href);
    for (const name of ["range", "start", "stop"]) address.searchParams.delete(name);
    for (const [name, value] of Object.entries(own)) address.searchParams.set(name, value);
    history.replaceState(null, "", address);
    for (const button of document.querySelectorAll("button[data-range]")) {
      button.setAttribute("aria-pressed", String(button.dataset.range === own.range));
    }
  }

  get isLive() { return this.follow?.checked && this.stop - this.start <= LIVE_SPAN; }

  load() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.loadNow(), DEBOUNCE / 5);
  }

  async loadNow() {
    const run = this.run = (this.run ?? 0) + 1;
    this.loadedAt = Date.now();
    const range = { start: new Date(this.start).toISOString(), stop: new Date(this.stop).toISOString() };
    document.body.dataset.loading = "true";
    await Promise.all([...this.panels.map((panel) => this.fill(panel, range, run)), this.mark(range, run)]);
    if (run === this.run) delete document.body.dataset.loading;
  }

  async fill(panel, range, run) {
    const hosts = panel.figure.dataset.hosts ?? this.host ?? "";
    const points = Math.max(50, Math.min(1000, Math.round(panel.figure.clientWidth)));
    const asked = (metric) => new URLSearchParams({ metric, ...(panel.figure.dataset.hosts === undefined ? { host: hosts } : { hosts }), each: panel.each, band: panel.band, max_points: points, ...range });
    panel.csv.href = `/api/v1/series?${asked(panel.metrics[0])}&format=csv&download=true`;
    try {
      const answers = await Promise.all(panel.metrics.map((metric) => get(`/api/v1/series?${asked(metric)}`)));
      if (run !== this.run) return;
      const series = answers.flatMap((answer, place) => answer.series.map((one) => ({ ...one, name: this.name(panel, panel.metrics[place], one) })));
      panel.chart.set({ series, unit: answers[0].unit, start: this.start, stop: this.stop, step: answers[0].resolution_seconds * 1000 });
      this.tier(answers[0]);
    } catch (error) {
      if (run === this.run) panel.chart.say(error.message);
    }
  }

  name(panel, metric, one) {
    const tags = Object.values(one.tags).join(" ");
    const parts = [];
    if (panel.figure.dataset.hosts !== undefined) parts.push(one.host);
    if (panel.metrics.length > 1) parts.push(metric.replace(/_(percent|bytes)$/, "").replace(/_/g, " "));
    if (tags) parts.push(tags);
    return parts.join(" · ") || metric.replace(/_/g, " ");
  }

  tier(answer) {
    const element = document.getElementById("tier");
    if (!element) return;
    const tiers = [...new Set(answer.tiers.map((part) => part.tier))].join(" + ");
    element.textContent = `tier ${tiers}, a point every ${answer.resolution_seconds} s ${answer.warnings.join("; ")}`;
  }

  async mark(range, run) {
    const marks = await (this.loadMarks?.(range) ?? []);
    if (run !== this.run) return;
    for (const { chart } of this.panels) { chart.marks = marks; chart.draw(); }
  }

  /** Points as they come. */
  live() {
    follow(this.host, (update) => {
      this.onUpdate?.(update);
      if (!this.isLive) return;
      for (const { metric, tags, time, value } of update.points) {
        for (const panel of this.panels) {
          if (!panel.metrics.includes(metric)) continue;
          panel.chart.append(this.name(panel, metric, { tags, host: this.host }), time, value);
        }
      }
      this.tick();
    });
  }

  /** Moves the window along with the present; long spans load again now and then. */
  tick() {
    if (!this.follow?.checked || document.hidden) return;
    const span = this.stop - this.start;
    this.stop = Date.now();
    this.start = this.stop - span;
    if (this.isLive) for (const { chart } of this.panels) chart.window(this.start, this.stop);
    const pause = Math.max(this.host ? 60e3 : 5e3, span / 500);
    if (this.stop - this.loadedAt > pause) this.loadNow();
  }
}

/** Annotations and alerts of a range as marks. */
export const marks = (host) => async (range) => {
  const asked = new URLSearchParams({ ...range, ...(host ? { host } : {}) });
  const notes = get(`/api/v1/annotations?${asked}`).then(({ annotations }) => annotations.map((note) => ({ id: note.id, time: note.time_ms, stop: note.stop && Date.parse(note.stop), label: note.text })), () => []);
  const alerts = document.body.dataset.alerter !== "true" ? [] : get(`/api/v1/alerts${host ? `?host=${encodeURIComponent(host)}` : ""}`).then(({ alerts }) => alerts.map((alert) => ({ time: Date.parse(alert.startsAt), stop: alert.state === "resolved" ? Date.parse(alert.endsAt) : Date.now(), label: alert.name, alert: true })), () => []);
  return (await Promise.all([notes, alerts])).flat();
};
