// Alerts: explain, silence, acknowledge, end a silence.

import { of } from "./address.js";
import { moment } from "./format.js";
import { ask, call, follow, get } from "./page.js";

const dialog = document.getElementById("dialog");
const field = (name) => dialog.querySelector(`[name=${name}]`);
const make = (name, textContent) => Object.assign(document.createElement(name), { textContent });
const time = (text) => text ? moment(Date.parse(text)) : "";

const open = (kind, title, save) => {
  dialog.querySelector("h2").textContent = title;
  for (const part of dialog.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(kind);
  field("comment").required = kind === "silence";
  field("comment").value = "";
  ask(dialog, save);
};

/** Pairs as a list of terms, those without a value left out. */
const terms = (pairs) => {
  const list = document.createElement("dl");
  for (const [term, text] of pairs) if (text) list.append(make("dt", term), make("dd", text));
  return list;
};

const explained = ({ alert, series, receivers, dispatching, history }) => {
  const parts = [terms([
    ["State", [alert?.state ?? series?.state, alert?.severity].filter(Boolean).join(", ")],
    ["Because", series?.reason ?? alert?.reason],
    ["Since", time(alert?.startsAt ?? series?.since)],
    ["Acknowledged by", alert?.acknowledgement?.owner],
    ["Messages", dispatching === false ? "held back: the alerter has just started" : ""],
  ])];
  for (const one of receivers ?? []) {
    parts.push(make("h3", `Receiver ${one.receiver}`), terms([
      ["Kept back by", one.suppressedBy?.map((by) => `${by.stage} ${by.by}`).join(", ")],
      ["Decision", one.dedup],
      ["Group", one.group],
      ["Last message", time(one.lastMessageAt)],
      ["Next flush", time(one.nextLookAt)],
      ["Repeats", time(one.repeatAt)],
      ["Waiting", one.waiting ? `${one.waiting.attempts} attempts, next ${time(one.waiting.nextAttemptAt)}: ${one.waiting.lastError}` : ""],
    ]));
  }
  if (history?.length) {
    const list = document.createElement("ol");
    list.append(...history.slice(0, 10).map((event) => make("li", `${time(event.at)}: ${event.event} ${event.state} – ${event.reason}`)));
    parts.push(make("h3", "What happened"), list);
  }
  return parts;
};

const actions = {
  async explain({ fingerprint, name }) {
    const explanation = document.getElementById("explanation");
    explanation.textContent = "…";
    open("explain", `Why ${name} was sent, or not`, async () => {});
    try {
      explanation.replaceChildren(...explained(await get(`${of("api/v1/alerts", fingerprint)}/explanation`)));
    } catch (error) {
      explanation.textContent = error.message;
    }
  },
  silence({ name, host }) {
    field("matchers").value = [`alertname="${name}"`, ...(host ? [`host="${host}"`] : [])].join("\n");
    open("silence", `Silence ${name}`, async (form) => {
      const matchers = form.get("matchers").split("\n").map((line) => line.trim()).filter(Boolean);
      await call("POST", "api/v1/silences", { matchers, comment: form.get("comment"), for: form.get("for") });
      location.reload();
    });
  },
  acknowledge({ fingerprint, name }) {
    open("acknowledge", `Acknowledge ${name}`, async (form) => {
      await call("POST", `${of("api/v1/alerts", fingerprint)}/acknowledgement`, { comment: form.get("comment"), for: form.get("for") });
      location.reload();
    });
  },
  async release({ fingerprint }) {
    await call("DELETE", `${of("api/v1/alerts", fingerprint)}/acknowledgement`);
    location.reload();
  },
  async expire({ id }) {
    await call("DELETE", of("api/v1/silences", id));
    location.reload();
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (button) Promise.resolve(actions[button.dataset.do](button.closest("[data-fingerprint], [data-id]").dataset)).catch((error) => { button.title = button.textContent = error.message; });
});

for (const element of document.querySelectorAll("time")) element.textContent = time(element.dateTime);

// The link of a message says what to do with its alert: once, not again when the page comes anew.
const linked = new URLSearchParams(location.search);
if (linked.has("do")) {
  [...document.querySelectorAll("[data-fingerprint] button")].find((it) => it.dataset.do === linked.get("do"))?.click();
  linked.delete("do");
  history.replaceState(null, "", `?${linked}`);
}

// What fires changes by itself: the page comes anew then, unless somebody is writing.
const shown = document.getElementById("active")?.dataset.shown;
const look = async () => {
  if (document.hidden || dialog.open || shown === undefined) return;
  const { alerts } = await get("api/v1/alerts?state=firing");
  if (!dialog.open && alerts.map((alert) => alert.fingerprint).sort().join(" ") !== shown.split(" ").filter(Boolean).sort().join(" ")) location.reload();
};
setInterval(() => look().catch(() => {}), 10e3);
follow(null, () => {});
document.addEventListener("database-back", () => location.reload());
