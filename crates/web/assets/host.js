// One host: its charts, the processes at the cursor, notes.

import { moment, value } from "./format.js";
import { ask, call, get } from "./page.js";
import { Panels, marks } from "./panel.js";

const head = document.getElementById("host");
const { host, range, start, stop } = head.dataset;
const pause = 400;
let timer;

const processes = async (time) => {
  const at = time === null ? "now" : new Date(Math.min(time, Date.now())).toISOString();
  try {
    const answer = await get(`/api/v1/hosts/${encodeURIComponent(host)}/processes?at=${encodeURIComponent(at)}`);
    document.getElementById("processes-at").textContent = time === null ? "now" : `at ${moment(time)}`;
    document.querySelector("#processes tbody").replaceChildren(...answer.processes.map((process) => {
      const row = document.createElement("tr");
      const name = row.appendChild(document.createElement("th"));
      name.scope = "row";
      name.textContent = process.process;
      const cells = [process.process_pid?.toFixed(0) ?? "–", value(process.process_cpu_percent, "percent"), value(process.process_memory_bytes, "bytes"), value(process.process_instances, "count")];
      for (const text of cells) row.append(Object.assign(document.createElement("td"), { className: "number", textContent: text }));
      return row;
    }));
  } catch { /* The banner tells. */ }
};

const later = (time) => { clearTimeout(timer); timer = setTimeout(() => processes(time), pause); };

let cursor = null;
// Age and state come from the newest point.
let newest = Number(head.dataset.time || 0);
const panels = new Panels({
  host, range, start, stop,
  marks: marks(host),
  onCursor: (time) => { cursor = time ?? cursor; later(time); },
  onUpdate: (update) => { for (const { time } of update.points) newest = Math.max(newest, time); },
});
processes(null);
document.addEventListener("database-back", () => panels.loadNow());

document.getElementById("annotate")?.addEventListener("click", () => {
  const dialog = document.getElementById("note");
  dialog.querySelector("[name=time]").value = new Date(cursor ?? Date.now()).toISOString().slice(0, 19) + "Z";
  ask(dialog, async (form) => {
    await call("POST", "/api/v1/annotations", { text: form.get("text"), time: form.get("time"), ...(form.get("only") ? { host } : {}) });
    panels.loadNow();
  });
});

setInterval(() => {
  if (!newest) return;
  const seconds = (Date.now() - newest) / 1000;
  const state = seconds >= 60 ? "offline" : seconds >= 15 ? "late" : "online";
  document.getElementById("state").textContent = state;
  document.getElementById("dot").className = `dot ${state}`;
  document.getElementById("since").textContent = state === "online" ? "" : `since ${moment(newest)}`;
}, 1000);
