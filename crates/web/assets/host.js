// One host: its figures, charts, the processes at the cursor, notes and alerts of the range.

import { of, withQuery } from "./address.js";
import { moment, value } from "./format.js";
import { ask, call, get, levelOf, stateOf } from "./page.js";
import { Panels, marks } from "./panel.js";

const head = document.getElementById("host");
const { host, range, start, stop } = head.dataset;
const PAUSE = 400;
let timer;

const cell = (text, className = "") => Object.assign(document.createElement("td"), { className, textContent: text });
const rowHead = (text) => Object.assign(document.createElement("th"), { scope: "row", textContent: text });
const row = (...cells) => { const made = document.createElement("tr"); made.append(...cells); return made; };

const processes = async (time) => {
  const at = time === null ? "now" : new Date(Math.min(time, Date.now())).toISOString();
  try {
    const answer = await get(withQuery("api/v1/processes", { host, at }));
    document.getElementById("processes-at").textContent = time === null ? "now" : `at ${moment(time)}`;
    document.querySelector("#processes tbody").replaceChildren(...answer.processes.map((process) => row(
      rowHead(process.process),
      cell(process.process_pid?.toFixed(0) ?? "–", "number"),
      cell(value(process.process_cpu_percent, "percent"), "number"),
      cell(value(process.process_memory_bytes, "bytes"), "number"),
      cell(value(process.process_instances, "count"), "number"),
    )));
  } catch { /* The banner tells. */ }
};

const later = (time) => { clearTimeout(timer); timer = setTimeout(() => processes(time), PAUSE); };

const tiles = new Map([...document.querySelectorAll(".tile dd")].map((tile) => [tile.dataset.metric, tile]));
const showTiles = (points) => {
  const newest = new Map();
  for (const { metric, tags, value } of points) {
    const part = tags.cpu !== undefined || tags.interface !== undefined;
    if (tiles.has(metric) && !part) newest.set(metric, Math.max(newest.get(metric) ?? 0, value));
  }
  for (const [metric, number] of newest) {
    const tile = tiles.get(metric);
    tile.textContent = value(number, tile.dataset.unit);
    tile.className = levelOf(metric, number);
    tile.parentElement.querySelector("rect")?.setAttribute("width", Math.round(Math.min(100, number)));
  }
};

const showMarks = (found) => {
  const section = document.getElementById("marks");
  section.hidden = found.length === 0;
  section.querySelector("tbody").replaceChildren(...found.map((mark) => {
    const name = rowHead(mark.label);
    if (mark.alert) name.className = `severity ${mark.alert}`;
    const actions = cell("", "buttons");
    if (mark.id && document.body.dataset.annotate === "true") {
      const remove = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "Delete" });
      remove.addEventListener("click", () => call("DELETE", of("api/v1/annotations", mark.id)).then(() => panels.loadNow(), (error) => { remove.textContent = error.message; }));
      actions.append(remove);
    }
    return row(cell(moment(mark.time)), name, cell(mark.open ? "now" : mark.stop ? moment(mark.stop) : ""), cell(mark.by ?? (mark.alert ? "alert" : "")), actions);
  }));
};

let cursor = null;
// Age and state come from the newest point.
let newest = Number(head.dataset.time || 0);
const panels = new Panels({
  host, range, start, stop,
  marks: marks([host]),
  onMarks: showMarks,
  onCursor: (time) => { cursor = time ?? cursor; later(time); },
  onUpdate: (update) => {
    for (const { time } of update.points) newest = Math.max(newest, time);
    showTiles(update.points);
  },
});
processes(null);
document.addEventListener("database-back", () => panels.loadNow());

document.getElementById("annotate")?.addEventListener("click", () => {
  const dialog = document.getElementById("note");
  dialog.querySelector("[name=time]").value = new Date(cursor ?? Date.now()).toISOString().slice(0, 19) + "Z";
  ask(dialog, async (form) => {
    await call("POST", "api/v1/annotations", { text: form.get("text"), time: form.get("time"), ...(form.get("only") ? { host } : {}) });
    panels.loadNow();
  });
});

setInterval(() => {
  if (!newest) return;
  const state = stateOf(newest, Date.now());
  document.getElementById("state").textContent = state;
  document.getElementById("dot").className = `dot ${state}`;
  document.getElementById("since").textContent = state === "online" ? "" : `since ${moment(newest)}`;
}, 1000);
