// One field that finds hosts, metrics, alerts, rules, boards, pages and actions. What there is to find is asked for
// when it is opened, and again after a while.

import { at, of, withQuery } from "./address.js";
import { byName, get } from "./page.js";

/** Shown at a time: more lines than that are better found by another letter. */
const SHOWN = 40;
/** Milliseconds that the lists hold. */
const FRESH = 30e3;

const PAGES = [["Fleet", ""], ["Metrics", "compare"], ["History", "history"], ["Boards", "boards"], ["Wall: the map, large, nothing to press", withQuery("", { wall: "yes" })], ["Alerts", "alerts"]];

const actions = () => [
  ["Change between dark and light", () => document.getElementById("theme")?.click()],
  ["Show times in UTC", () => import("./clock.js").then(({ choose }) => choose("UTC"))],
  ["Show times of this browser's zone", () => import("./clock.js").then(({ choose }) => choose(""))],
  ["Copy a link to what is shown", () => navigator.clipboard?.writeText(location.href)],
  ...(document.getElementById("annotate") ? [["Write a note on the charts", () => document.getElementById("annotate").click()]] : []),
  ...(document.querySelector(".who button") ? [["Sign out", () => document.querySelector(".who button").click()]] : []),
];

let found = [], asked = 0;
const read = async () => {
  if (Date.now() - asked < FRESH) return;
  asked = Date.now();
  const none = () => ({});
  const hasAlerter = document.body.dataset.alerter === "true";
  const alerting = hasAlerter ? [get("api/v1/alerts?state=firing").catch(none), get("api/v1/rules").catch(none)] : [{}, {}];
  const [hosts, metrics, { boards = [] }, { alerts = [] }, { rules = [] }] = await Promise.all([every(), get("api/v1/metrics").catch(none), get("api/v1/boards").catch(none), ...alerting]);
  found = [
    ...alerts.map((alert) => ({ kind: "alert", name: [alert.name, alert.labels.host].filter(Boolean).join(" on "), about: alert.annotations?.summary ?? alert.reason, to: of("alerts", alert.fingerprint) })),
    ...PAGES.map(([name, to]) => ({ kind: "page", name, about: "", to })),
    ...boards.map((board) => ({ kind: "board", name: board.name, about: `${board.panels.length} charts`, to: of("boards", board.name) })),
    ...hosts.map((host) => ({ kind: "host", name: host.host, about: [host.state, ...Object.values(host.tags ?? {})].join(" · "), to: of("hosts", host.host) })),
    ...(metrics.metrics ?? []).map((metric) => ({ kind: "metric", name: metric.name, about: [metric.unit, metric.help].filter(Boolean).join(": "), to: withQuery("compare", { metric: metric.name }) })),
    ...rules.map((rule) => ({ kind: "rule", name: rule.name, about: rule.field ?? rule.kind, to: of("rules", rule.name) })),
    ...actions().map(([name, run]) => ({ kind: "action", name, about: "", run })),
  ];
};

/** All hosts, page by page. */
const every = async () => {
  const hosts = [];
  let cursor = "";
  do {
    const answer = await get(withQuery("api/v1/hosts", { cursor })).catch(() => ({ hosts: [] }));
    hosts.push(...answer.hosts);
    cursor = answer.next_cursor;
  } while (cursor);
  return hosts;
};

/** How well a thing fits the words: all must be in its name, or what it is about; 0 the best. */
const fit = (thing, words) => {
  const name = thing.name.toLowerCase(), all = `${thing.kind} ${name} ${thing.about ?? ""}`.toLowerCase();
  if (!words.every((word) => all.includes(word))) return Infinity;
  const first = words[0] ?? "";
  if (name === words.join(" ")) return 0;
  return name.startsWith(first) ? 1 : words.every((word) => name.includes(word)) ? 2 : 3;
};

const dialog = document.body.appendChild(Object.assign(document.createElement("dialog"), { className: "finder" }));
dialog.setAttribute("aria-label", "Find");
const input = dialog.appendChild(Object.assign(document.createElement("input"), { type: "search", placeholder: "Host, metric, alert, rule, page or action", autocomplete: "off" }));
const list = dialog.appendChild(Object.assign(document.createElement("ul"), { id: "found" }));
const hint = dialog.appendChild(document.createElement("p"));
for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "true", "aria-controls": "found", "aria-autocomplete": "list", "aria-label": "Find" })) input.setAttribute(name, value);
list.setAttribute("role", "listbox");
list.setAttribute("aria-label", "Found");

let shown = [], place = 0;
const show = () => {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = found.map((thing) => ({ thing, fit: fit(thing, words) })).filter(({ fit }) => fit < Infinity);
  if (words.length) fitting.sort((a, b) => a.fit - b.fit || byName(a.thing.name, b.thing.name));
  shown = fitting.slice(0, SHOWN).map(({ thing }) => thing);
  place = 0;
  list.replaceChildren(...shown.map((thing, at) => {
    const line = Object.assign(document.createElement("li"), { id: `found-${at}` });
    line.setAttribute("role", "option");
    line.dataset.kind = thing.kind;
    line.append(Object.assign(document.createElement("b"), { textContent: thing.name }), Object.assign(document.createElement("small"), { textContent: [thing.kind, thing.about].filter(Boolean).join(" · ").slice(0, 90) }));
    line.addEventListener("click", (event) => go(thing, event));
    return line;
  }));
  hint.textContent = shown.length ? `${fitting.length} found. Arrows choose, Enter opens, Escape closes.` : "Nothing found.";
  mark();
};

const mark = () => {
  [...list.children].forEach((line, at) => line.setAttribute("aria-selected", String(at === place)));
  shown.length ? input.setAttribute("aria-activedescendant", `found-${place}`) : input.removeAttribute("aria-activedescendant");
  list.children[place]?.scrollIntoView({ block: "nearest" });
};

const go = (thing, { ctrlKey, metaKey }) => {
  dialog.close();
  if (thing.run) return thing.run();
  ctrlKey || metaKey ? window.open(at(thing.to)) : location.assign(at(thing.to) || "./");
};

input.addEventListener("input", show);
input.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    place = (place + step + shown.length) % (shown.length || 1);
    mark();
  } else if (event.key === "Enter" && shown[place]) {
    event.preventDefault();
    go(shown[place], event);
  }
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

export const open = async () => {
  if (dialog.open) return input.select();
  dialog.showModal();
  input.value = "";
  show();
  hint.textContent = "…";
  await read();
  show();
};
