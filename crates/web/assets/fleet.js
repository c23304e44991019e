// The fleet: a map and rows that follow the live values, sort and filter without asking the server. Only
// rows on the screen are drawn, so that a thousand hosts cost what thirty do.

import { at, of, withQuery } from "./address.js";
import { age, value } from "./format.js";
import { FleetMap } from "./fleet-map.js";
import { byName, follow, get, levelOf, stateOf } from "./page.js";

const NAMES = { cpu_usage_percent: "CPU", memory_usage_percent: "memory", disk_usage_percent: "fullest disk", cpu_load_1m: "load", network_bytes_recv: "received", network_bytes_sent: "sent" };
const METRICS = { cpu_usage_percent: "percent", memory_usage_percent: "percent", disk_usage_percent: "percent", cpu_load_1m: "", network_bytes_recv: "bytes/s", network_bytes_sent: "bytes/s" };
const COLUMNS = { cpu: "cpu_usage_percent", memory: "memory_usage_percent", disk: "disk_usage_percent", load: "cpu_load_1m", received: "network_bytes_recv", sent: "network_bytes_sent" };
const SEVERITIES = { critical: 0, warning: 1, info: 2 };
/** What the address leaves out, since it is so without being said. */
const DEFAULTS = { sort: "problems", order: "up", view: "both", fill: "cpu_usage_percent" };
/** The rank of a host without problems. */
const CALM = 9;
/** Least time, in milliseconds, between two orders by problems. */
const SORT_PAUSE = 2000;
const SPARK_MS = 20e3, SPARK_POINTS = 45, SPARK_STEP = 2, SPARK_HEIGHT = 24;

const table = document.getElementById("fleet");
const body = document.getElementById("hosts");
const form = /** @type {any} */ (document.getElementById("filters"));
const hasAlerter = document.body.dataset.alerter === "true";
const entries = new Map();
const isWall = new URLSearchParams(location.search).has("wall");
let skew = 0;

const text = (node, wanted) => { if (node.textContent !== wanted) node.textContent = wanted; };
const part = (name, className, textContent = "") => Object.assign(document.createElement(name), { className, textContent });
const svg = (name, attributes) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

// === Rows: those of the server are taken over, others made alike. ===

const seen = new IntersectionObserver((found) => {
  for (const { target, isIntersecting } of found) {
    const entry = entries.get(target.dataset.host);
    if (!entry) continue;
    entry.visible = isIntersecting;
    if (isIntersecting && entry.dirty) draw(entry);
  }
}, { rootMargin: "300px" });

const adopt = (row) => {
  const cells = new Map([...row.querySelectorAll("[data-metric]")].map((cell) => [cell.dataset.metric, cell]));
  const values = {};
  for (const [metric, cell] of cells) if (cell.dataset.value !== "") values[metric] = Number(cell.dataset.value);
  const path = row.querySelector(".spark path");
  const entry = {
    row, cells, values, path, name: row.dataset.host, tags: JSON.parse(row.dataset.tags || "{}"), time: Number(row.dataset.time), state: row.dataset.state,
    alerts: [...row.querySelectorAll(".alerts .severity")].map((flag) => ({ name: flag.textContent, severity: flag.classList[1], suppressed: flag.classList.contains("suppressed"), summary: flag.title })),
    dot: row.querySelector(".dot"), stateText: row.querySelector(".state span:last-child"), age: row.querySelector(".age"), flags: row.querySelector(".alerts"),
    spark: [...(path.getAttribute("d") ?? "").matchAll(/L\d+ (\d+)/g)].map((point) => Number(point[1])), visible: true, dirty: false,
  };
  entries.set(entry.name, entry);
  seen.observe(row);
  return entry;
};

const make = (host) => {
  const row = document.createElement("tr");
  Object.assign(row.dataset, { host: host.host, state: host.state, time: 0, tags: JSON.stringify(host.tags ?? {}) });
  const state = row.appendChild(part("td", "state"));
  state.append(part("span", "dot"), part("span", ""));
  const head = row.appendChild(document.createElement("th"));
  head.scope = "row";
  head.append(Object.assign(document.createElement("a"), { href: at(of("hosts", host.host)), textContent: host.host }));
  if (hasAlerter) row.append(part("td", "alerts"));
  const drawing = svg("svg", { viewBox: `0 0 ${(SPARK_POINTS - 1) * SPARK_STEP} ${SPARK_HEIGHT}`, "aria-hidden": "true" });
  drawing.append(svg("path", { d: "" }));
  row.appendChild(part("td", "spark")).append(drawing);
  for (const [metric, unit] of Object.entries(METRICS)) {
    const cell = row.appendChild(part("td", "number"));
    Object.assign(cell.dataset, { metric, value: "" });
    cell.append(part("span", ""));
    if (unit !== "percent") continue;
    const bar = svg("svg", { class: "bar", viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" });
    bar.append(svg("rect", { width: 0, height: 1 }));
    cell.append(bar);
  }
  row.append(part("td", "number age"), part("td", "place", [host.region, host.environment, host.service].filter(Boolean).join(" · ")));
  body.append(row);
  return adopt(row);
};

const take = (host) => {
  const entry = entries.get(host.host) ?? make(host);
  if (host.spark) entry.spark = host.spark.map(height);
  entry.time = Date.parse(host.last_seen);
  entry.state = entry.row.dataset.state = host.state;
  entry.values = host.values;
  entry.alerts = host.alerts ?? [];
  entry.rank = rank(entry);
  remember(entry);
  if (entry.visible) draw(entry); else entry.dirty = true;
};

/** Where a percentage stands in a sparkline. */
const height = (share) => Math.round(SPARK_HEIGHT - 1 - Math.min(100, Math.max(0, share)) / 100 * (SPARK_HEIGHT - 2));

const remember = (entry) => {
  const cpu = entry.values.cpu_usage_percent;
  if (cpu === undefined) return;
  const y = height(cpu);
  const step = Math.floor(entry.time / SPARK_MS);
  if (entry.step === step && entry.spark.length) entry.spark[entry.spark.length - 1] = y;
  else entry.spark.push(y);
  entry.step = step;
  if (entry.spark.length > SPARK_POINTS) entry.spark.shift();
};

const draw = (entry) => {
  entry.dirty = false;
  entry.dot.className = `dot ${entry.state}`;
  text(entry.stateText, entry.state);
  for (const [metric, cell] of entry.cells) {
    const number = entry.values[metric];
    text(cell.firstElementChild, value(number, METRICS[metric]));
    const className = `number ${levelOf(metric, number)}`.trim();
    if (cell.className !== className) cell.className = className;
    cell.querySelector("rect")?.setAttribute("width", Math.round(Math.min(100, Math.max(0, number ?? 0))));
  }
  const first = SPARK_POINTS - entry.spark.length;
  if (entry.spark.length) entry.path.setAttribute("d", `M${first * SPARK_STEP} ${SPARK_HEIGHT}${entry.spark.map((y, place) => `L${(first + place) * SPARK_STEP} ${y}`).join("")}V${SPARK_HEIGHT}z`);
  drawFlags(entry);
  drawAge(entry, Date.now() + skew);
};

/** The alerts by name, and below them what the worst of them says. */
const drawFlags = (entry) => {
  const flags = entry.alerts.map((alert) => `${alert.severity} ${alert.suppressed} ${alert.name} ${alert.summary}`).join("\n");
  if (!entry.flags || entry.drawnFlags === flags) return;
  entry.drawnFlags = flags;
  const names = entry.alerts.flatMap((alert) => {
    /** @type {any} */
    const flag = Object.assign(document.createElement(alert.fingerprint ? "a" : "span"), { className: `severity ${alert.severity}${alert.suppressed ? " suppressed" : ""}`, textContent: alert.name, title: alert.summary });
    if (alert.fingerprint) flag.href = at(of("alerts", alert.fingerprint));
    return [flag, " "];
  });
  const says = entry.alerts.find((alert) => !alert.suppressed)?.summary;
  entry.flags.replaceChildren(...names, ...(says ? [part("small", "line", says)] : []));
};

const drawAge = (entry, now) => {
  const offline = entry.state === "offline";
  const shown = age((now - entry.time) / 1000) + (offline ? " since" : "");
  if (entry.drawnAge === shown) return;
  entry.drawnAge = shown;
  entry.age.textContent = shown.replace(" since", "");
  if (offline) entry.age.append(" ", part("small", "", `since ${new Date(entry.time).toISOString().slice(5, 16).replace("T", " ")}`));
};

const ages = () => {
  const now = Date.now() + skew;
  let changed = false;
  for (const entry of entries.values()) {
    const state = stateOf(entry.time, now);
    if (state !== entry.state) {
      entry.state = entry.row.dataset.state = state;
      entry.rank = rank(entry);
      changed = entry.dirty = true;
    }
    if (!entry.visible) continue;
    if (entry.dirty) draw(entry); else drawAge(entry, now);
  }
  if (changed) settle();
};

const counts = () => {
  const found = { online: 0, late: 0, offline: 0, unknown: 0, alerts: 0 };
  for (const { state, alerts } of entries.values()) { found[state] += 1; found.alerts += alerts.length; }
  for (const [name, count] of Object.entries(found)) {
    const element = document.getElementById(`count-${name}`);
    if (element) text(element, String(count));
    if (name === "unknown" && element) element.closest("li").hidden = count === 0;
  }
};

// === Order and filters; the address keeps them. ===

/** How urgent a host is, 0 the most; crates/web/src/pages/fleet.rs ranks alike. */
const rank = ({ alerts, values, state }) => {
  const ofAlerts = alerts.map(({ suppressed, severity }) => suppressed ? 5 : { critical: 0, warning: 2 }[severity] ?? 4);
  if (state === "offline") return Math.min(1, ...ofAlerts);
  const ofValues = Object.entries(values).map(([metric, number]) => ({ critical: 2, warn: 3 })[levelOf(metric, number)] ?? CALM);
  return Math.min(state === "online" ? CALM : 3, ...ofAlerts, ...ofValues);
};

const key = (entry, column) => {
  switch (column) {
    case "problems": return entry.rank;
    case "age": case "state": return -entry.time;
    case "alerts": return entry.alerts.length ? SEVERITIES[entry.alerts[0].severity] * 1000 - entry.alerts.length : Infinity;
    default: return entry.values[COLUMNS[column]] ?? -1;
  }
};

const sort = () => {
  const { sort: column, order } = table.dataset;
  const direction = order === "down" ? -1 : 1;
  const sorted = [...entries.values()].map((entry) => ({ entry, key: column === "host" ? 0 : key(entry, column) }));
  sorted.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : byName(a.entry.name, b.entry.name)) * direction);
  let place = body.firstElementChild;
  for (const { entry } of sorted) {
    if (entry.row === place) place = place.nextElementSibling;
    else body.insertBefore(entry.row, place);
  }
  for (const head of table.querySelectorAll("th[data-column]")) {
    head.dataset.column === column ? head.setAttribute("aria-sort", order === "down" ? "descending" : "ascending") : head.removeAttribute("aria-sort");
  }
  document.getElementById("by-problems").setAttribute("aria-pressed", String(column === "problems"));
  sortedAt = Date.now();
};

/** Problems come first as they come, unless somebody points at the rows or moves among them. */
let sortedAt = 0, ranks = "";
const settleOrder = () => {
  if (table.dataset.sort !== "problems" || Date.now() - sortedAt < SORT_PAUSE || body.matches(":hover, :focus-within")) return;
  const now = [...entries.values()].map(({ rank }) => rank).join("");
  if (now !== ranks) sort();
  ranks = now;
};

/** @returns {any} */
const wantedNow = () => Object.fromEntries(new FormData(form));

const filter = () => {
  const wanted = wantedNow();
  const search = wanted.q.toLowerCase();
  const tags = ["region", "environment", "service"].filter((tag) => wanted[tag]);
  const shown = [];
  for (const entry of entries.values()) {
    const { row, name, state, alerts } = entry;
    const fits = name.toLowerCase().includes(search)
      && (!wanted.state || (wanted.state === "alerting" ? alerts.length > 0 : state === wanted.state))
      && tags.every((tag) => entry.tags[tag] === wanted[tag]);
    if (row.hidden === fits) row.hidden = !fits;
    if (fits) shown.push(entry);
  }
  const empty = document.getElementById("empty");
  if (!shown.length && entries.size) empty.replaceChildren(part("p", "", "No host matches the filters."));
  empty.hidden = shown.length > 0;
  text(document.getElementById("shown"), `${shown.length} of ${entries.size} hosts`);
  document.getElementById("within").hidden = !wanted.group;
  if (isWall) for (const { row, rank } of shown) row.hidden = rank === CALM;
  const view = document.getElementById("views").dataset.view = wanted.view;
  if (view !== "table") map.show(shown.sort((a, b) => byName(a.name, b.name)), { fill: wanted.fill, size: wanted.size, groups: [wanted.group, wanted.within].filter(Boolean), units: METRICS, names: NAMES });
};

/** Keeps what is chosen in the address; a choice is a step back, letters that are typed are not. */
const keep = (isStep) => {
  const wanted = { ...wantedNow(), sort: table.dataset.sort, order: table.dataset.order };
  const address = new URL(location.href);
  for (const [name, chosen] of Object.entries(wanted)) {
    chosen && chosen !== DEFAULTS[name] ? address.searchParams.set(name, chosen) : address.searchParams.delete(name);
  }
  if (address.href === location.href) return;
  isStep ? history.pushState(null, "", address) : history.replaceState(null, "", address);
};

addEventListener("popstate", () => {
  const said = { ...DEFAULTS, ...Object.fromEntries(new URLSearchParams(location.search)) };
  for (const field of form.elements) if (field.name) field.value = said[field.name] ?? "";
  Object.assign(table.dataset, { sort: said.sort, order: said.order });
  pressed();
  sort();
  filter();
});

for (const head of document.querySelectorAll("[data-column]")) {
  head.addEventListener("click", (event) => {
    event.preventDefault();
    const { column } = head.dataset;
    const same = table.dataset.sort === column && column !== "problems";
    const largestFirst = column in COLUMNS;
    table.dataset.order = same ? (table.dataset.order === "down" ? "up" : "down") : largestFirst ? "down" : "up";
    table.dataset.sort = column;
    sort();
    keep(true);
  });
}
for (const link of document.querySelectorAll("[data-show]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    form.elements.state.value = form.elements.state.value === link.dataset.show ? "" : link.dataset.show;
    filter();
    keep(true);
  });
}

const pressed = () => {
  for (const button of document.querySelectorAll("[data-view-of]")) button.setAttribute("aria-pressed", String(form.elements.view.value === button.dataset.viewOf));
};
for (const button of document.querySelectorAll("[data-view-of]")) {
  button.addEventListener("click", () => { form.elements.view.value = button.dataset.viewOf; pressed(); filter(); keep(true); });
}
for (const field of [form, ...document.querySelectorAll(".map-bar")]) field.addEventListener("input", (event) => { filter(); keep(event.target.matches?.("select") ?? false); });
const more = form.querySelector(".more");
more.addEventListener("click", () => more.setAttribute("aria-expanded", String(more.getAttribute("aria-expanded") !== "true")));
form.addEventListener("submit", (event) => event.preventDefault());

/** Down and up go from row to row, as Tab goes from link to link. */
table.addEventListener("keydown", (event) => {
  const row = event.target.closest?.("tbody tr");
  const way = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (!row || !way) return;
  let next = row[way];
  while (next?.hidden) next = next[way];
  if (!next) return;
  event.preventDefault();
  next.querySelector("th a").focus();
});

// === Live. ===

let due = false;
const settle = () => {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    counts();
    filter();
    settleOrder();
    document.body.dataset.updates = String(Number(document.body.dataset.updates ?? 0) + 1);
  });
};

const map = new FleetMap(document.getElementById("map"), {
  open: ({ name }, { ctrlKey, metaKey }) => { const to = at(of("hosts", name)); ctrlKey || metaKey ? open(to) : location.assign(to); },
});
for (const row of body.querySelectorAll("tr")) {
  const entry = adopt(row);
  entry.rank = rank(entry);
}
sort();
filter();
if (isWall) import("./wall.js").then(({ begin }) => begin(form, filter));
follow(null, (update) => {
  skew = update.now - Date.now();
  const known = entries.size;
  update.hosts.forEach(take);
  if (entries.size !== known) sort();
  settle();
});

// The server rendered what its query asked for; the rest comes once, for filters without a request.
const all = async () => {
  let cursor = "";
  do {
    const answer = await get(withQuery("api/v1/hosts", { cursor, spark: true }));
    answer.hosts.filter((host) => !entries.has(host.host)).forEach(take);
    cursor = answer.next_cursor;
  } while (cursor);
  sort();
  settle();
};
if (entries.size < Number(table.dataset.total)) all().catch(() => {});
document.addEventListener("database-back", () => entries.size ? all().catch(() => {}) : location.reload());
setInterval(ages, 1000);
