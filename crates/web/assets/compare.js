// One metric over hosts: those that are named, the highest, the lowest or all; as lines, a heat map, small
// multiples or a table; by group; beside the same time a day or a week before.

import { at, of, withQuery } from "./address.js";
import { length, value } from "./format.js";
import { HeatMap } from "./heat-map.js";
import { byName, follow, get } from "./page.js";
import { Panels, marks } from "./panel.js";
import { Range } from "./range.js";

const { range, start, stop, view, metric, unit, named } = document.getElementById("compare").dataset;
const form = /** @type {any} */ (document.getElementById("choice"));
const problem = document.getElementById("problem");
const isNamed = named === "true";
/** Points of a line, and of a row of the heat map. */
const POINTS = 240;
/** Most lines of a chart: of more, a heat map or the table says more. */
const LINES = 50;

// === Which hosts: chosen from a list, by letters of their names or their tags. ===

const shown = () => { for (const part of form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(form.elements.pick.value); };
form.elements.pick.addEventListener("change", shown);
shown();

const picker = form.querySelector(".picker");
picker.addEventListener("input", (event) => {
  if (event.target.type === "search") {
    const words = event.target.value.toLowerCase().split(/\s+/);
    for (const line of picker.querySelectorAll("li")) line.hidden = !words.every((word) => `${line.textContent} ${line.dataset.tags}`.toLowerCase().includes(word));
  } else form.elements.hosts.value = [...picker.querySelectorAll("[type=checkbox]:checked")].map((box) => box.value).join(",");
});

// Hosts are a list: what is suggested completes its last name and leaves out those before.
const field = form.elements.hosts;
const known = [...document.querySelectorAll("#known option")].map((option) => option.value);
const SUGGESTED = 100;
field.addEventListener("input", () => {
  const before = field.value.slice(0, field.value.lastIndexOf(",") + 1);
  const chosen = before.split(","), begun = field.value.slice(before.length);
  const rest = known.filter((name) => name.includes(begun) && !chosen.includes(name)).slice(0, SUGGESTED);
  document.getElementById("known").replaceChildren(...rest.map((name) => new Option("", before + name)));
});

// Only what is said stands in the address.
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const defaults = { pick: "named", by: "mean", count: "10", shift: "none", view: "overlay", group: "" };
  const asked = Object.fromEntries([...new FormData(form)].filter(([name, chosen]) => chosen && chosen !== defaults[name]));
  if (form.elements.pick.value !== "named") delete asked.hosts;
  const now = new URLSearchParams(location.search);
  const times = Object.fromEntries(["range", "start", "stop", "zone"].filter((name) => now.has(name)).map((name) => [name, now.get(name)]));
  for (const name of ["range", "start", "stop"]) delete asked[name];
  location.assign(at(withQuery("compare", { ...asked, ...(times.start || times.range ? {} : { range }), ...times })));
});
for (const select of form.querySelectorAll("select")) select.addEventListener("change", () => { if (select.name !== "pick" || select.value !== "named") form.requestSubmit(); });

// === What is asked for. ===

/** Series of a range, of named hosts or page by page of all. */
const read = async ({ from, to, hosts }) => {
  const answers = [];
  let cursor = "";
  do {
    const answer = await get(withQuery("api/v1/series", { metric, start: new Date(from).toISOString(), stop: new Date(to).toISOString(), max_points: POINTS, hosts: hosts?.join(","), cursor }));
    answers.push(answer);
    cursor = hosts ? "" : answer.next_cursor;
  } while (cursor);
  return { series: answers.flatMap((answer) => answer.series), step: answers[0].resolution_seconds * 1000, tiers: answers[0].tiers };
};

const summary = ({ value: values }) => {
  const sum = values.reduce((sum, number) => sum + number, 0);
  return { mean: sum / values.length, min: Math.min(...values), max: Math.max(...values), last: values.at(-1) };
};

const title = (one) => [one.host, ...Object.values(one.tags)].join(" · ");

/** The mean line of each group of hosts by a tag. */
const groups = (series, tag, tagsOf) => {
  const found = new Map();
  for (const one of series) {
    const name = tagsOf.get(one.host)?.[tag] ?? "none";
    const sums = found.get(name) ?? found.set(name, { hosts: new Set(), sums: new Map() }).get(name);
    sums.hosts.add(one.host);
    one.time.forEach((time, place) => {
      const [sum, count] = sums.sums.get(time) ?? [0, 0];
      sums.sums.set(time, [sum + one.value[place], count + 1]);
    });
  }
  return [...found].sort(([a], [b]) => byName(a, b)).map(([name, { hosts, sums }]) => {
    const times = [...sums.keys()].sort((a, b) => a - b);
    return { host: "", tags: {}, name: `${name} (${hosts.size})`, time: times, value: times.map((time) => sums.get(time)[0] / sums.get(time)[1]) };
  });
};

const tagsOf = new Map([...picker.querySelectorAll("li")].map((line) => [line.querySelector("input").value, JSON.parse(line.dataset.tags)]));

/** The wanted of all series, the most telling first. */
const chosen = (series) => {
  const { pick, by, count, group } = Object.fromEntries(new FormData(form));
  if (group) return groups(series, group, tagsOf);
  const ranked = series.filter((one) => one.value.length).map((one) => ({ ...one, name: title(one) }));
  if (pick === "named" || pick === "all") return ranked.sort((a, b) => byName(a.name, b.name));
  const sign = pick === "top" ? -1 : 1;
  return ranked.sort((a, b) => sign * (summary(a)[by] - summary(b)[by])).slice(0, Number(count) || 10);
};

const table = (series) => {
  const row = (one) => {
    const line = document.createElement("tr");
    const head = line.appendChild(Object.assign(document.createElement("th"), { scope: "row" }));
    head.append(one.host ? Object.assign(document.createElement("a"), { href: at(of("hosts", one.host)), textContent: one.name }) : one.name);
    const figures = summary(one);
    for (const name of ["mean", "min", "max", "last"]) line.append(Object.assign(document.createElement("td"), { className: "number", textContent: value(figures[name], unit) }));
    return line;
  };
  document.querySelector("#figures tbody").replaceChildren(...series.map(row));
  document.querySelectorAll("#figures thead th").forEach((head) => { if (head.textContent === "Of") head.remove(); });
};

// === Named hosts are charted as on other pages; what is picked of all, here. ===

const shift = form.elements.shift.value;
const heat = document.getElementById("heat");
const isOwn = !isNamed || heat !== null || shift !== "none" || view === "table";
const hosts = isNamed ? [...new Set(field.value.split(",").filter(Boolean))] : [];
const panels = document.querySelector("figure[data-metrics]")
  ? new Panels({ range, start, stop, isShared: view === "multiples", isQuiet: isOwn, marks: hosts.length ? marks(hosts) : undefined })
  : null;
const map = heat ? new HeatMap(heat, { open: ({ host }) => { if (host) location.assign(at(of("hosts", host))); } }) : null;

const load = async () => {
  const times = panels?.range ?? ranges;
  document.body.dataset.loading = "true";
  if (panels) panels.loadedAt = Date.now();
  try {
    const [from, to] = [times.start, times.stop];
    const asked = hosts.length ? hosts : undefined;
    const back = shift === "none" ? 0 : length(shift);
    const [now, before] = await Promise.all([read({ from, to, hosts: asked }), back ? read({ from: from - back, to: to - back, hosts: asked }) : null]);
    const series = chosen(now.series);
    if (before) {
      const names = new Set(series.map((one) => one.name));
      const earlier = form.elements.group.value ? groups(before.series, form.elements.group.value, tagsOf) : before.series.map((one) => ({ ...one, name: title(one) }));
      series.push(...earlier.filter((one) => names.has(one.name)).map((one) => ({ ...one, name: `${one.name}, ${shift === "1d" ? "a day" : "a week"} before`, time: one.time.map((time) => time + back), isEarlier: true })));
    }
    problem.hidden = true;
    table(series.filter((one) => !one.isEarlier));
    map?.show({ series: series.filter((one) => !one.isEarlier), unit, start: from, stop: to, step: now.step });
    const named = form.elements.group.value ? undefined : [...new Set(series.map((one) => one.host))].slice(0, 100).join(",");
    const saved = at(withQuery("api/v1/series", { metric, start: new Date(from).toISOString(), stop: new Date(to).toISOString(), max_points: POINTS, hosts: named, format: "csv", download: true }));
    for (const link of document.querySelectorAll("figure a[title='Save the values']")) link.href = saved;
    if (panels && !map) {
      const drawn = series.slice(0, LINES * (back ? 2 : 1));
      panels.panels[0].chart.set({ series: drawn, unit, start: from, stop: to, step: now.step });
      panels.tier({ tiers: now.tiers, resolution_seconds: now.step / 1000, warnings: series.length > drawn.length ? [`the first ${drawn.length} of ${series.length} lines`] : [] });
    }
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
  delete document.body.dataset.loading;
};

const ranges = panels?.range ?? new Range({ range, start, stop }, () => load());
if (isOwn) {
  if (panels) panels.loadNow = load;
  load();
}
follow(null, () => {});
document.addEventListener("database-back", () => isOwn ? load() : panels.loadNow());
