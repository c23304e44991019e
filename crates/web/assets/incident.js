// One alert: its span on the chart of its metric, and what else changed on its host around it.

import { at, withQuery } from "./address.js";
import { moment, value } from "./format.js";
import { ask, call, get } from "./page.js";
import { Panels, marks } from "./panel.js";

const head = document.getElementById("incident");
const { fingerprint, host, metric, severity, name, range, start, stop } = head.dataset;
const begun = Number(head.dataset.begun), ended = Number(head.dataset.ended) || null;

/** Metrics of one request, and points of each course. */
const BATCH = 32, POINTS = 120;
/** Metrics that are shown, and from how many standard deviations on they count as unusual. */
const SHOWN = 12, UNUSUAL = 3;
/** Least milliseconds of the time before, which says what is usual. */
const BEFORE = 30 * 60e3;
/** Names whose values say nothing by growing. */
const STEADY = /^(uptime|process_pid|disk_power_on|cpu_freq)/;

const cell = (text, className = "") => Object.assign(document.createElement("td"), { className, textContent: text });
const row = (heading, ...cells) => {
  const made = document.createElement("tr");
  const first = made.appendChild(Object.assign(document.createElement("th"), { scope: "row" }));
  first.append(heading);
  made.append(...cells);
  return made;
};

// === The chart: this alert's span is filled, other alerts and notes are marked. ===

const own = { metric, time: begun, stop: ended ?? Date.now(), open: !ended, label: name, alert: severity, host };
const around = async (asked) => {
  const found = await (host ? marks([host]) : marks([]))(asked);
  const others = found.filter((mark) => !(mark.alert && mark.label.startsWith(name) && Math.abs(mark.time - begun) < 60e3));
  return [own, ...others.map((mark) => mark.alert ? { ...mark, metric: undefined } : mark)].sort((a, b) => a.time - b.time);
};
const showMarks = (found) => {
  const others = found.filter((mark) => mark !== own);
  const section = document.getElementById("marks");
  section.hidden = others.length === 0;
  section.querySelector("tbody").replaceChildren(...others.map((mark) => {
    const line = document.createElement("tr");
    line.append(cell(moment(mark.time)), cell(mark.label, mark.alert ? `severity ${mark.alert}` : ""), cell(mark.open ? "now" : mark.stop ? moment(mark.stop) : ""));
    return line;
  }));
};
const panels = document.querySelector("figure[data-metrics]") ? new Panels({ range, start, stop, marks: around, onMarks: showMarks }) : null;

// === What else changed. ===

const mean = (values) => values.reduce((sum, number) => sum + number, 0) / values.length;

/** How far the time while it fired is from the time before, in standard deviations of the latter. */
const unusual = ({ time, value: values }, until) => {
  const before = values.filter((_, place) => time[place] < begun - 60e3);
  const during = values.filter((_, place) => time[place] >= begun - 60e3 && time[place] <= until);
  if (before.length < 5 || during.length < 1) return null;
  const [usual, now] = [mean(before), mean(during)];
  const spread = Math.sqrt(mean(before.map((number) => (number - usual) ** 2)));
  const floor = Math.max(Math.abs(usual) * 0.02, 1e-6);
  return { before: usual, during: now, score: Math.abs(now - usual) / Math.max(spread, floor) };
};

const course = (values) => {
  const low = Math.min(...values), high = Math.max(...values);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 120 24");
  svg.setAttribute("class", "course");
  svg.setAttribute("aria-hidden", "true");
  const line = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "polyline"));
  line.setAttribute("points", values.map((number, place) => `${(place / Math.max(1, values.length - 1) * 120).toFixed(1)},${(22 - (number - low) / (high - low || 1) * 20).toFixed(1)}`).join(" "));
  const made = document.createElement("td");
  made.append(svg);
  return made;
};

const changed = async () => {
  const until = Math.min(ended ?? Date.now(), begun + 6 * 3600e3);
  const from = begun - Math.max(BEFORE, (until - begun) * 2);
  const { metrics } = await get("api/v1/metrics");
  const names = metrics.map((one) => one.name).filter((one) => one !== metric && !STEADY.test(one));
  const found = [];
  // One after the other: nothing here is in a hurry, and the database has others to answer.
  for (let place = 0; place < names.length; place += BATCH) {
    const { answers } = await get(withQuery("api/v1/series/batch", { metrics: names.slice(place, place + BATCH).join(","), host, start: new Date(from).toISOString(), stop: new Date(until + 60e3).toISOString(), max_points: POINTS }));
    for (const answer of answers) {
      for (const one of answer.series) {
        const score = unusual(one, until);
        if (score && score.score >= UNUSUAL) found.push({ ...score, metric: answer.metric, unit: answer.unit, of: Object.values(one.tags).join(" "), values: one.value });
      }
    }
  }
  found.sort((a, b) => b.score - a.score);
  document.querySelector("#changed tbody").replaceChildren(...found.slice(0, SHOWN).map((one) => row(
    Object.assign(document.createElement("a"), { href: at(withQuery("compare", { metric: one.metric, hosts: host, start: new Date(from).toISOString(), stop: new Date(until).toISOString() })), textContent: [one.metric, one.of].filter(Boolean).join(" · ") }),
    course(one.values), cell(value(one.before, one.unit), "number"), cell(value(one.during, one.unit), "number"), cell(`${one.score > 99 ? "> 99" : one.score.toFixed(1)} σ`, "number"),
  )));
  document.getElementById("changed-note").textContent = found.length ? `${found.length} series were unusual; the most unusual come first.` : "Nothing else was unusual.";
  document.getElementById("changed-note").dataset.found = String(found.length);
};

const processes = async () => {
  const section = document.getElementById("processes");
  const answer = await get(withQuery("api/v1/processes", { host, at: new Date(begun).toISOString() }));
  section.querySelector("tbody").replaceChildren(...answer.processes.map((process) => row(process.process, cell(process.process_pid?.toFixed(0) ?? "–", "number"), cell(value(process.process_cpu_percent, "percent"), "number"), cell(value(process.process_memory_bytes, "bytes"), "number"))));
  section.querySelector(".empty").hidden = answer.processes.length > 0;
};

if (host) {
  changed().catch((error) => { document.getElementById("changed-note").textContent = error.message; });
  processes().catch(() => {});
}

document.getElementById("annotate")?.addEventListener("click", () => {
  const dialog = document.getElementById("note");
  dialog.querySelector("[name=time]").value = `${new Date().toISOString().slice(0, 19)}Z`;
  ask(dialog, async (form) => {
    await call("POST", "api/v1/annotations", { text: form.get("text"), time: form.get("time"), ...(form.get("only") ? { host } : {}) });
    panels?.loadNow();
  });
});
head.dataset.ready = fingerprint;
