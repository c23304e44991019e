// The fleet: rows that follow the live values, sort and filter without asking the server.

import { age, value } from "./format.js";
import { follow, get } from "./page.js";

const UNITS = { cpu_load_1m: "", network_bytes_recv: "bytes/s", network_bytes_sent: "bytes/s" };
const LEVELS = { cpu_usage_percent: [90, 95], memory_usage_percent: [85, 95], disk_usage_percent: [80, 90] };
const SPARK_STEP = 20e3, SPARK_POINTS = 45, WIDTH = 90, HEIGHT = 24;

const table = document.getElementById("fleet");
const body = document.getElementById("hosts");
const form = document.getElementById("filters");
const rows = new Map();
let skew = 0;

const adopt = (row) => rows.set(row.dataset.host, { row, cells: new Map([...row.querySelectorAll("[data-metric]")].map((cell) => [cell.dataset.metric, cell])), spark: sparkOf(row) });
const sparkOf = (row) => row.querySelector("polyline").getAttribute("points").split(" ").filter(Boolean).map((point) => Number(point.split(",")[1]));
body.querySelectorAll("tr").forEach(adopt);

const level = (metric, number) => {
  const [warn, critical] = LEVELS[metric] ?? [Infinity, Infinity];
  return number >= critical ? "critical" : number >= warn ? "warn" : "";
};

const make = (host) => {
  const row = document.createElement("tr");
  row.dataset.host = host.host;
  for (const tag of ["region", "environment", "service"]) row.dataset[tag] = host[tag] ?? "";
  const cell = (name, className) => row.appendChild(Object.assign(document.createElement(name), { className }));
  cell("td", "").append(Object.assign(document.createElement("span"), { className: "dot" }), Object.assign(document.createElement("span"), { className: "state" }));
  const head = cell("th", "");
  head.scope = "row";
  head.append(Object.assign(document.createElement("a"), { href: `/hosts/${encodeURIComponent(host.host)}`, textContent: host.host }));
  const spark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  spark.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  spark.setAttribute("width", WIDTH);
  spark.setAttribute("height", HEIGHT);
  spark.setAttribute("aria-hidden", "true");
  spark.append(document.createElementNS("http://www.w3.org/2000/svg", "polyline"));
  spark.firstChild.setAttribute("points", "");
  cell("td", "spark").append(spark);
  for (const metric of ["cpu_usage_percent", "memory_usage_percent", "disk_usage_percent", "cpu_load_1m", "network_bytes_recv", "network_bytes_sent"]) cell("td", "number").dataset.metric = metric;
  cell("td", "number age");
  cell("td", "place").textContent = [host.region, host.environment, host.service].filter(Boolean).join(" · ");
  body.append(row);
  adopt(row);
  return rows.get(host.host);
};

const show = (host) => {
  const entry = rows.get(host.host) ?? make(host);
  const { row, cells } = entry;
  row.dataset.time = Date.parse(host.last_seen);
  setState(row, host.state);
  for (const [metric, cell] of cells) {
    const number = host.values[metric];
    const text = value(number, UNITS[metric] ?? "percent");
    if (cell.textContent !== text) cell.textContent = text;
    cell.dataset.value = number ?? "";
    const className = `number ${level(metric, number)}`.trim();
    if (cell.className !== className) cell.className = className;
  }
  spark(entry, host.values.cpu_usage_percent, Date.parse(host.last_seen));
};

const spark = (entry, cpu, time) => {
  if (cpu === undefined) return;
  const y = HEIGHT - 1 - Math.min(100, Math.max(0, cpu)) / 100 * (HEIGHT - 2);
  const step = Math.floor(time / SPARK_STEP);
  if (entry.step === step && entry.spark.length) entry.spark[entry.spark.length - 1] = y;
  else entry.spark.push(y);
  entry.step = step;
  if (entry.spark.length > SPARK_POINTS) entry.spark.shift();
  const first = SPARK_POINTS - entry.spark.length;
  const points = entry.spark.map((y, place) => `${((first + place) * WIDTH / (SPARK_POINTS - 1)).toFixed(0)},${y.toFixed(1)}`);
  entry.row.querySelector("polyline").setAttribute("points", points.join(" "));
};

const setState = (row, state) => {
  if (row.dataset.state === state) return;
  row.dataset.state = state;
  row.querySelector(".dot").className = `dot ${state}`;
  row.querySelector(".state").textContent = state;
};

const counts = () => {
  const found = { online: 0, late: 0, offline: 0 };
  for (const { row } of rows.values()) found[row.dataset.state] += 1;
  for (const [state, count] of Object.entries(found)) document.getElementById(`count-${state}`).textContent = count;
};

const ages = () => {
  const now = Date.now() + skew;
  for (const { row } of rows.values()) {
    const cell = row.querySelector(".age");
    const seconds = (now - Number(row.dataset.time)) / 1000;
    const offline = row.dataset.state === "offline";
    const text = age(seconds);
    if (cell.firstChild?.nodeValue?.trim() !== text || offline !== Boolean(cell.querySelector("small"))) {
      cell.textContent = text;
      if (offline) cell.append(" ", Object.assign(document.createElement("small"), { textContent: `since ${new Date(Number(row.dataset.time)).toISOString().slice(0, 19)}Z` }));
    }
  }
};

const KEYS = { cpu: "cpu_usage_percent", memory: "memory_usage_percent", disk: "disk_usage_percent", load: "cpu_load_1m", received: "network_bytes_recv", sent: "network_bytes_sent" };
const key = (row, column) => {
  if (column === "host") return row.dataset.host;
  if (column === "age" || column === "state") return -Number(row.dataset.time);
  return Number(rows.get(row.dataset.host).cells.get(KEYS[column])?.dataset.value || -1);
};

const sort = () => {
  const { sort: column, order } = table.dataset;
  const direction = order === "down" ? -1 : 1;
  const sorted = [...rows.values()].map(({ row }) => ({ row, key: key(row, column) }));
  sorted.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.row.dataset.host < b.row.dataset.host ? -1 : 1) * direction);
  sorted.forEach(({ row }, place) => { if (body.children[place] !== row) body.insertBefore(row, body.children[place] ?? null); });
  for (const head of table.querySelectorAll("th[data-column]")) {
    head.dataset.column === column ? head.setAttribute("aria-sort", order === "down" ? "descending" : "ascending") : head.removeAttribute("aria-sort");
  }
};

const filter = () => {
  const wanted = Object.fromEntries(new FormData(form));
  let shown = 0;
  for (const { row } of rows.values()) {
    const fits = row.dataset.host.toLowerCase().includes(wanted.q.toLowerCase()) && ["region", "environment", "service", "state"].every((name) => !wanted[name] || row.dataset[name] === wanted[name]);
    row.hidden = !fits;
    shown += fits;
  }
  const empty = document.getElementById("empty");
  empty.hidden = shown > 0;
  if (!shown && rows.size) empty.textContent = "No host matches the filters.";
  const address = new URL(location.href);
  for (const [name, text] of Object.entries({ ...wanted, sort: table.dataset.sort, order: table.dataset.order })) text ? address.searchParams.set(name, text) : address.searchParams.delete(name);
  history.replaceState(null, "", address);
};

for (const link of table.querySelectorAll("th[data-column] a")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const { column } = link.parentElement.dataset;
    const same = table.dataset.sort === column;
    const numeric = !["host", "state", "age"].includes(column);
    table.dataset.order = same ? (table.dataset.order === "down" ? "up" : "down") : numeric ? "down" : "up";
    table.dataset.sort = column;
    sort();
    filter();
  });
}
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());

let due = false;
const settle = () => {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; counts(); ages(); filter(); document.body.dataset.updates = Number(document.body.dataset.updates ?? 0) + 1; });
};

follow(null, (update) => {
  skew = update.now - Date.now();
  const known = rows.size;
  update.hosts.forEach(show);
  if (update.hosts.length && rows.size !== known) sort();
  settle();
});

// The server rendered what its query asked for; the rest comes once, for filters without a request.
const all = async () => {
  let cursor = "";
  do {
    const answer = await get(`/api/v1/hosts${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`);
    answer.hosts.filter((host) => !rows.has(host.host)).forEach(show);
    cursor = answer.next_cursor;
  } while (cursor);
  sort();
  settle();
};
all().catch(() => {});
document.addEventListener("database-back", () => all().catch(() => {}));
setInterval(ages, 1000);
