// Panels of a page: what they ask the API for (one request for all), and the range, the cursor, which can
// be locked, and the live tail they share, which waits while somebody points.

import { at, withQuery } from "./address.js";
import { Chart } from "./chart.js";
import { picture } from "./chart-picture.js";
import { moment } from "./format.js";
import { follow, get } from "./page.js";
import { Range } from "./range.js";

/** Widest span that follows the present: beyond it a second is less than a pixel. */
const LIVE_SPAN = 6 * 3600e3;
const DEBOUNCE = 50;
/** Most metrics of one request. */
const BATCH = 32;

/** What tells the metrics of a panel apart: their words without the unit, and without those that all begin with. */
const ownWords = (metrics) => {
  const words = metrics.map((metric) => metric.replace(/_(percent|bytes)$/, "").split("_"));
  let shared = 0;
  while (words.length > 1 && words.every((own) => own.length > shared + 1 && own[shared] === words[0][shared])) shared += 1;
  return words.map((own) => own.slice(shared).join(" "));
};

export class Panels {
  /** @type {any[]} */ panels = [];
  /** Points that came while somebody pointed. @type {any[]} */ waiting = [];
  /** @type {number | null} */ locked = null;
  isHeld = false;
  /** Which of several loads is the newest. */
  run = 0;
  loadedAt = 0;
  /** @type {number | undefined} */ timer;

  /** @param {any} options */
  constructor({ range, start, stop, host, marks, isShared, onCursor, onUpdate, onMarks, isQuiet }) {
    this.host = host;
    this.onCursor = onCursor;
    this.onUpdate = onUpdate;
    this.onMarks = onMarks;
    this.loadMarks = marks;
    this.panels = [...document.querySelectorAll("figure.panel[data-metrics]")].map((figure) => this.panel(figure));
    if (isShared) for (const { chart } of this.panels) chart.peers = this.panels.map((panel) => panel.chart);
    this.range = new Range({ range, start, stop }, () => this.load());
    const at = Date.parse(new URLSearchParams(location.search).get("at"));
    if (at) this.lock(at);
    if (!isQuiet) this.load();
    if (host) this.live();
    setInterval(() => this.tick(), 1000);
  }

  get start() { return this.range.start; }
  get stop() { return this.range.stop; }

  panel(figure) {
    const legend = figure.appendChild(Object.assign(document.createElement("div"), { className: "legend" }));
    const chart = new Chart(figure.querySelector(".plot"), legend, {
      cursor: (time, isKey) => { if (this.locked === null || isKey) this.point(time, isKey); },
      zoom: (start, stop) => this.range.fix(start, stop),
      move: (start, stop) => { for (const { chart } of this.panels) { Object.assign(chart, { start, stop }); chart.draw(); } },
      pick: (time) => this.lock(this.locked === null ? time : null),
      hold: (isHeld) => { this.isHeld = isHeld; if (!isHeld) this.release(); },
    });
    chart.thresholds = JSON.parse(figure.dataset.thresholds ?? "[]");
    const { metrics, each, band, hosts } = figure.dataset;
    const panel = { figure, chart, metrics: metrics.split(","), words: ownWords(metrics.split(",")), each: each === "true", band: band === "true", hosts: hosts?.split(",").filter(Boolean) };
    this.exports(panel);
    return panel;
  }

  exports(panel) {
    const caption = panel.figure.querySelector("figcaption");
    const png = Object.assign(document.createElement("button"), { type: "button", textContent: "PNG", title: "Save the chart as a picture" });
    png.addEventListener("click", async () => {
      const link = Object.assign(document.createElement("a"), { download: `${panel.figure.dataset.panel}.png`, href: URL.createObjectURL(await picture(panel.chart, panel.figure.getAttribute("aria-label"))) });
      link.click();
      URL.revokeObjectURL(link.href);
    });
    panel.csv = Object.assign(document.createElement("a"), { textContent: "CSV", title: "Save the values" });
    caption.append(png, panel.csv);
    if (document.body.dataset.annotate === "true" && !document.getElementById("board")) caption.append(this.pin(panel));
  }

  /** A button that pins the chart to a board. */
  pin(panel) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Pin", title: "Pin the chart to a board" });
    button.addEventListener("click", async () => {
      const { pin } = await import("./pin.js");
      const hosts = panel.hosts?.length ? panel.hosts : [this.host];
      pin({ title: panel.figure.getAttribute("aria-label"), metrics: panel.metrics, hosts, each: panel.each }, button);
    });
    return button;
  }

  /** The cursor of all charts. Keys move one that is locked. */
  point(time, isKey) {
    if (isKey && this.locked !== null) return this.lock(time);
    for (const { chart } of this.panels) chart.point(time);
    this.onCursor?.(time);
  }

  /** Keeps the cursor where it is, with the values of all charts, until it is let go. */
  lock(time) {
    this.locked = time;
    for (const { chart } of this.panels) {
      chart.isLocked = time !== null;
      chart.cursor = undefined;
      chart.point(time);
    }
    this.onCursor?.(time);
    const address = new URL(location.href);
    time === null ? address.searchParams.delete("at") : address.searchParams.set("at", new Date(time).toISOString());
    history.replaceState(null, "", address);
    const note = document.getElementById("locked");
    if (note) note.textContent = time === null ? "" : `Locked at ${moment(time)}; click or press Escape to unlock`;
  }

  get isLive() { return !this.range.isFixed && this.range.follow && this.stop - this.start <= LIVE_SPAN; }

  /** Whether somebody points, drags or writes, so that nothing may move under them. */
  get isBusy() { return this.isHeld || document.querySelector("dialog[open]") !== null; }

  load() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.loadNow(), DEBOUNCE);
  }

  async loadNow() {
    const run = this.run += 1;
    this.loadedAt = Date.now();
    const range = { start: new Date(this.start).toISOString(), stop: new Date(this.stop).toISOString() };
    document.body.dataset.loading = "true";
    await Promise.all([this.fill(range, run), this.mark(range, run)]);
    if (run === this.run) delete document.body.dataset.loading;
  }

  /** One request for the metrics of all panels, or a few. */
  async fill(range, run) {
    const name = (panel, metric) => panel.each ? `${metric}:each` : metric;
    const metrics = [...new Set(this.panels.flatMap((panel) => panel.metrics.map((metric) => name(panel, metric))))];
    const hosts = [...new Set(this.panels.flatMap((panel) => panel.hosts ?? []))];
    const whose = hosts.length ? { hosts: hosts.join(",") } : this.host ? { host: this.host } : {};
    const points = Math.max(50, Math.min(1000, ...this.panels.map((panel) => Math.round(panel.figure.clientWidth))));
    const own = { ...whose, band: this.panels.some((panel) => panel.band), max_points: points, ...range };
    for (const panel of this.panels) {
      const hosts = panel.hosts?.length ? { hosts: panel.hosts.join(",") } : {};
      const metrics = panel.metrics.map((metric) => name(panel, metric)).join(",");
      panel.csv.href = at(withQuery("api/v1/series/batch", { metrics, ...own, ...hosts, format: "csv", download: true }));
    }
    if (!metrics.length) return;
    try {
      const pieces = Array.from({ length: Math.ceil(metrics.length / BATCH) }, (_, at) => metrics.slice(at * BATCH, (at + 1) * BATCH));
      const read = (piece) => get(withQuery("api/v1/series/batch", { metrics: piece.join(","), ...own }));
      const answers = (await Promise.all(pieces.map(read))).flatMap((piece) => piece.answers);
      if (run !== this.run) return;
      for (const panel of this.panels) this.show(panel, panel.metrics.map((metric) => answers[metrics.indexOf(name(panel, metric))]));
      this.tier(answers[0]);
    } catch (error) {
      if (run === this.run) for (const { chart } of this.panels) chart.say(error.message);
    }
  }

  show(panel, answers) {
    const wanted = (one) => !panel.hosts || panel.hosts.length === 0 || panel.hosts.includes(one.host);
    const series = answers.flatMap((answer, place) => answer.series.filter(wanted).map((one) => ({ ...one, name: this.name(panel, panel.metrics[place], one) })));
    panel.chart.set({ series, unit: answers[0].unit, start: this.start, stop: this.stop, step: answers[0].resolution_seconds * 1000 });
  }

  name(panel, metric, one) {
    const words = panel.words[panel.metrics.indexOf(metric)];
    const tags = Object.entries(one.tags).map(([tag, value]) => tag === "cpu" ? `core ${value}` : value).join(" ");
    const parts = [];
    if (panel.hosts) parts.push(one.host);
    if (panel.metrics.length > 1) parts.push(words);
    if (tags) parts.push(tags);
    return parts.join(" · ") || words;
  }

  tier(answer) {
    const element = document.getElementById("tier");
    if (!element) return;
    const tiers = [...new Set(answer.tiers.map((part) => part.tier))].join(" + ");
    const { resolution_seconds: step } = answer;
    const every = step % 86400 === 0 ? `${step / 86400} d` : step % 3600 === 0 ? `${step / 3600} h` : step % 60 === 0 ? `${step / 60} min` : `${step} s`;
    element.textContent = [`tier ${tiers}, a point every ${every}`, ...answer.warnings].join("; ");
  }

  async mark(range, run) {
    const marks = await (this.loadMarks?.(range) ?? []);
    if (run !== this.run) return;
    for (const { chart, hosts, metrics } of this.panels) {
      const own = marks.filter((mark) => !mark.host || !hosts?.length || hosts.includes(mark.host));
      // An alert's span stands on the charts of its metric; on the others its beginning is marked.
      chart.marks = own.map((mark) => mark.alert && !metrics.includes(mark.metric) ? { ...mark, stop: undefined } : mark);
      chart.draw();
    }
    this.onMarks?.(marks);
  }

  /** Points as they come. */
  live() {
    follow(this.host, (update) => {
      this.onUpdate?.(update);
      if (!this.isLive) return;
      this.waiting.push(...update.points);
      if (!this.isBusy) this.release();
    });
  }

  /** What has come while somebody pointed. */
  release() {
    for (const { metric, tags, time, value } of this.waiting.splice(0)) {
      for (const panel of this.panels) {
        if (!panel.metrics.includes(metric)) continue;
        panel.chart.append(this.name(panel, metric, { tags, host: this.host }), time, value);
      }
    }
    this.tick();
  }

  /** Moves the window along with the present; long spans load again now and then. */
  tick() {
    if (this.range.isFixed || !this.range.follow || document.hidden || this.isBusy) return;
    this.range.advance();
    if (this.isLive) for (const { chart } of this.panels) chart.window(this.start, this.stop);
    const pause = Math.max(this.host ? 60e3 : 5e3, (this.stop - this.start) / 500);
    if (this.stop - this.loadedAt > pause) this.loadNow();
  }
}

/** The metric that each rule looks at, asked for once. */
let fields = null;
const fieldsOfRules = () => {
  const none = document.body.dataset.alerter !== "true";
  fields ??= none ? Promise.resolve(new Map()) : get("api/v1/rules").then(({ rules }) => new Map(rules.map((rule) => [rule.name, rule.field])), () => { fields = null; return new Map(); });
  return fields;
};

/** Annotations and alerts of a range as marks, the oldest first; `hosts` empty: of all. */
export const marks = (hosts) => async (range) => {
  const asked = { ...range, ...(hosts.length === 1 ? { host: hosts[0] } : {}) };
  const wanted = (mark) => !mark.host || !hosts.length || hosts.includes(mark.host);
  // What fires about no host, or about the database, is no news of these hosts.
  const concerns = (span) => !hosts.length || hosts.includes(span.host);
  const rules = await fieldsOfRules();
  const many = hosts.length !== 1;
  const notes = get(withQuery("api/v1/annotations", asked)).then(({ annotations }) => annotations.filter(wanted).map((note) => ({ id: note.id, time: note.time_ms, stop: note.stop && Date.parse(note.stop), label: note.text, by: note.author, host: note.host })), () => []);
  const alerts = get(withQuery("api/v1/alerts/spans", asked)).then(({ spans }) => spans.filter(concerns).map((span) => ({ metric: rules.get(span.rule), time: span.start_ms, stop: span.stop_ms ?? Date.now(), open: !span.stop_ms, label: many && span.host ? `${span.rule} ${span.host}` : span.rule, alert: span.severity || "warning", host: span.host })), () => []);
  return (await Promise.all([notes, alerts])).flat().sort((a, b) => a.time - b.time);
};
