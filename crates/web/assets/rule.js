// A rule: its levels over its series, what it would have sent, and what another level would have done.

import { of, withQuery } from "./address.js";
import { length, moment, value } from "./format.js";
import { call, follow, get } from "./page.js";
import { Panels } from "./panel.js";

const head = document.getElementById("rule");
const { rule, range, unit } = head.dataset;
const element = (id) => document.getElementById(id);
const figure = document.querySelector("figure.panel");

let messages = [];
const spans = async (asked) => {
  const { spans } = await get(withQuery("api/v1/alerts/spans", { ...asked, rule })).catch(() => ({ spans: [] }));
  const told = messages.map((message) => ({ time: Date.parse(message.at), label: `would be sent: ${message.status}`, alert: message.severity }));
  return [...spans.map((span) => ({ time: span.start_ms, stop: span.stop_ms ?? Date.now(), label: span.host || rule, alert: span.severity || "warning" })), ...told];
};
const panels = figure ? new Panels({ range, marks: spans }) : null;

// === The rule as it is, over what is stored. ===

element("backtest")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter ?? event.target.querySelector("button");
  const wanted = new FormData(/** @type {any} */ (event.target)).get("range");
  const verdict = element("verdict");
  button.disabled = true;
  verdict.textContent = "Replaying…";
  try {
    const answer = await call("POST", withQuery(`${of("api/v1/rules", rule)}/backtest`, { range: wanted }));
    messages = answer.messages;
    verdict.textContent = `Would have sent ${answer.pages} page${answer.pages === 1 ? "" : "s"} in ${wanted} over ${answer.series} series, evaluated every ${answer.step}.`;
    element("messages").hidden = messages.length === 0;
    element("messages").querySelector("tbody").replaceChildren(...messages.slice(0, 200).map((message) => {
      const row = document.createElement("tr");
      const alerts = (message.alerts ?? []).map((labels) => labels.match(/host=([^,}]+)/)?.[1] ?? labels).join(", ");
      for (const text of [moment(Date.parse(message.at)), message.status, message.severity ?? "", message.receiver, alerts, message.reason]) row.append(Object.assign(document.createElement("td"), { textContent: text }));
      return row;
    }));
    panels?.range.choose(wanted);
  } catch (error) {
    verdict.textContent = error.message;
  }
  button.disabled = false;
});

// === Another level, over the series that the chart shows. ===

const firings = (one, past, hold) => {
  let since = null, count = 0, told = false;
  one.time.forEach((time, place) => {
    if (!past(one.value[place])) { since = null; told = false; return; }
    since ??= time;
    if (!told && time - since >= hold) { told = true; count += 1; }
  });
  return count;
};

element("level")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = Object.fromEntries(new FormData(/** @type {any} */ (event.target)));
  const level = Number(form.level);
  const past = head.dataset.direction === "below" ? (number) => number < level : (number) => number > level;
  const { chart } = panels.panels[0];
  const counts = chart.series.map((one) => firings(one, past, length(form.hold)));
  const known = chart.thresholds.filter((threshold) => !threshold.tried);
  chart.thresholds = [...known, { value: level, label: `tried ${value(level, unit)}`, tried: true }];
  chart.draw();
  element("tried").textContent = `${value(level, unit)} for ${form.hold} would have been passed ${counts.reduce((sum, count) => sum + count, 0)} times by ${counts.filter(Boolean).length} of ${counts.length} series in this range.`;
});

for (const time of document.querySelectorAll("time")) time.textContent = moment(Date.parse(time.dateTime));
follow(null, () => {});
