// Alerts: explain, silence, acknowledge, end a silence, try a threshold on history.

import { Chart } from "./chart.js";
import { length, value } from "./format.js";
import { ask, call, follow, get } from "./page.js";

const dialog = document.getElementById("dialog");
const field = (name) => dialog.querySelector(`[name=${name}]`);

const open = (kind, title, save) => {
  dialog.querySelector("h2").textContent = title;
  for (const part of dialog.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(kind);
  field("comment").required = kind === "silence";
  ask(dialog, save);
};

const actions = {
  async explain({ fingerprint, name }) {
    const explanation = document.getElementById("explanation");
    explanation.textContent = "…";
    open("explain", `Why ${name} is told, or not`, async () => {});
    try {
      explanation.textContent = JSON.stringify(await get(`/api/v1/alerts/${fingerprint}/explanation`), null, 2);
    } catch (error) {
      explanation.textContent = error.message;
    }
  },
  silence({ name, host }) {
    field("matchers").value = [`alertname="${name}"`, ...(host ? [`host="${host}"`] : [])].join("\n");
    open("silence", `Silence ${name}`, async (form) => {
      const matchers = form.get("matchers").split("\n").map((line) => line.trim()).filter(Boolean);
      await call("POST", "/api/v1/silences", { matchers, comment: form.get("comment"), for: form.get("for") });
      location.reload();
    });
  },
  acknowledge({ fingerprint, name }) {
    open("acknowledge", `Acknowledge ${name}`, async (form) => {
      await call("POST", `/api/v1/alerts/${fingerprint}/acknowledgement`, { comment: form.get("comment"), for: form.get("for") });
      location.reload();
    });
  },
  async expire({ id }) {
    await call("DELETE", `/api/v1/silences/${encodeURIComponent(id)}`);
    location.reload();
  },
  async rule({ rule }) {
    document.getElementById("rule").hidden = false;
    document.getElementById("rule-name").textContent = rule;
    const known = await get(`/api/v1/rules/${encodeURIComponent(rule)}`).catch(() => ({}));
    const series = known.seriesList?.[0];
    if (series?.labels.host) preview.elements.host.value = series.labels.host;
    const metric = { cpu_high: "cpu_usage_percent", memory_high: "memory_usage_percent", disk_high: "disk_usage_percent" }[rule];
    if (metric) preview.elements.metric.value = metric;
    preview.elements.hold.value = known.for && known.for !== "0s" ? known.for : "1m";
    preview.requestSubmit();
    document.getElementById("rule").scrollIntoView();
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (button) Promise.resolve(actions[button.dataset.do](button.closest("tr").dataset)).catch((error) => { button.title = button.textContent = error.message; });
});

// === A threshold over the series, and how often it would have fired. ===

const preview = document.getElementById("preview");
const verdict = document.getElementById("verdict");
const figure = document.querySelector("#rule figure");
let chart;

const firings = (one, threshold, hold) => {
  let since = null, count = 0, told = false;
  one.time.forEach((time, place) => {
    if (one.value[place] <= threshold) { since = null; told = false; return; }
    since ??= time;
    if (!told && time - since >= hold) { told = true; count += 1; }
  });
  return count;
};

preview.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = Object.fromEntries(new FormData(preview));
  const stop = Date.now(), start = stop - length(form.range);
  const legend = figure.querySelector(".legend") ?? figure.appendChild(Object.assign(document.createElement("div"), { className: "legend" }));
  const draw = (time) => chart.point(time);
  chart ??= new Chart(figure.querySelector(".plot"), legend, { cursor: draw, zoom: () => {} });
  try {
    const asked = new URLSearchParams({ metric: form.metric, range: form.range, max_points: 2000, ...(form.host ? { host: form.host } : {}) });
    const answer = await get(`/api/v1/series?${asked}`);
    const series = answer.series.map((one) => ({ ...one, name: [one.host, ...Object.values(one.tags)].join(" ") }));
    const threshold = Number(form.threshold);
    chart.thresholds = [{ value: threshold, label: `above ${value(threshold, answer.unit)}` }];
    chart.set({ series, unit: answer.unit, start, stop, step: answer.resolution_seconds * 1000 });
    const counts = series.map((one) => [one.name, firings(one, threshold, length(form.hold))]);
    const total = counts.reduce((sum, [, count]) => sum + count, 0);
    const busiest = counts.filter(([, count]) => count).sort((a, b) => b[1] - a[1]).slice(0, 5).map(([name, count]) => `${name} ${count}`);
    verdict.textContent = `Would have fired ${total} times in ${form.range} over ${series.length} series${busiest.length ? `: ${busiest.join(", ")}` : ""}.`;
  } catch (error) {
    verdict.textContent = error.message;
  }
});

for (const time of document.querySelectorAll("time")) time.textContent = new Date(time.dateTime).toLocaleString();
follow(null, () => {});
document.addEventListener("database-back", () => location.reload());
