// What every page has: calls to the API, the stream of live values, the banner, dark and light.

import { at, here, withQuery } from "./address.js";
import * as clock from "./clock.js";
import { age } from "./format.js";

/** Names in natural order: `web-9` before `web-10`. */
export const byName = new Intl.Collator("en", { numeric: true }).compare;

/** From which values on metrics look alarming, as the rules say. */
const levels = JSON.parse(document.body.dataset.levels || "{}");

/** How alarming a value looks: `critical`, `warn` or nothing. */
export const levelOf = (metric, number) => {
  const level = levels[metric];
  if (!level || number === undefined || number === null) return "";
  const past = (limit) => limit !== null && (level.below ? number <= limit : number >= limit);
  return past(level.critical) ? "critical" : past(level.warn) ? "warn" : "";
};

/** Reads JSON; an error has the server's message. */
export const get = (path) => call("GET", path);

/** Sends JSON. */
export const call = async (method, path, body) => {
  let response;
  try {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    response = await fetch(at(path), { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("This server cannot be reached.");
  }
  if (response.status === 401) location.assign(at(withQuery("sign-in", { to: here() })));
  const document = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(document.error ? [document.error.field, document.error.message].filter(Boolean).join(": ") : `Status ${response.status}`);
  return document;
};

const live = document.getElementById("live");
const banner = document.getElementById("banner");
const status = (state, text) => { live.dataset.state = state; live.textContent = text; };

/** Since when the database has not answered, by this browser's clock; null while it does. */
export let silentSince = null;

/** A host's state by the time of its newest point: a database that is away says nothing of its hosts. */
export const stateOf = (time, now) => {
  const [late, offline] = [Number(document.body.dataset.late), Number(document.body.dataset.offline)];
  const silence = silentSince === null ? 0 : Date.now() - silentSince;
  const isSilent = silence >= late * 1e3;
  const seconds = (now - (isSilent ? silence : 0) - time) / 1e3;
  if (seconds >= offline) return "offline";
  if (isSilent) return "unknown";
  return seconds >= late ? "late" : "online";
};

const tellSilence = () => {
  if (silentSince === null) return;
  document.getElementById("silence").textContent = `The database has not answered for ${age((Date.now() - silentSince) / 1e3)}.`;
};
setInterval(tellSilence, 1000);

/** Follows live values, of one host or of the fleet; connects again by itself. */
export const follow = (host, onUpdate) => {
  const stream = new EventSource(at(withQuery("api/v1/live", { host })));
  stream.addEventListener("open", () => status("on", "live"));
  stream.addEventListener("error", () => status("off", "reconnecting"));
  stream.addEventListener("update", (event) => onUpdate(JSON.parse(event.data)));
  stream.addEventListener("status", (event) => {
    const { database, message, silent_ms: silent } = JSON.parse(event.data);
    silentSince = database === "up" ? null : Date.now() - silent;
    tellSilence();
    const back = database === "up" && !banner.hidden;
    banner.hidden = database === "up";
    document.getElementById("banner-text").textContent = message ?? "";
    status(database === "up" ? "on" : "off", database === "up" ? "live" : "no database");
    if (back) document.dispatchEvent(new Event("database-back"));
  });
  addEventListener("pagehide", () => stream.close());
  return stream;
};

/** Opens a dialog; gives its form's values, or nothing when it was cancelled. `save` may refuse by an error. */
export const ask = (dialog, save) => {
  const form = dialog.querySelector("form");
  const mistake = form.querySelector(".mistake");
  mistake.textContent = "";
  form.onsubmit = async (event) => {
    if (event.submitter?.value !== "save") return;
    event.preventDefault();
    try {
      await save(new FormData(form));
      dialog.close();
    } catch (error) {
      mistake.textContent = error.message;
    }
  };
  dialog.showModal();
};

// === What people choose for themselves: kept in the browser, and on the server for those who sign in. ===

const root = document.documentElement;
const NAMES = ["theme", "density", "zone"];
const stored = (name) => { try { return localStorage.getItem(name) ?? ""; } catch { return ""; } };
const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private window: for this page alone */ } };
const user = document.querySelector(".who span")?.textContent;

/** Keeps a choice; the next page has it, in any browser of somebody who is signed in. */
export const prefer = async (name, value) => {
  store(name, value);
  if (user) await call("POST", "api/v1/preferences", Object.fromEntries(NAMES.map((one) => [one, stored(one)]))).catch(() => {});
};

const show = () => {
  for (const name of ["theme", "density"]) stored(name) ? root.dataset[name] = stored(name) : delete root.dataset[name];
  document.getElementById("theme").textContent = `Theme: ${stored("theme") || "system"}`;
  document.getElementById("density").value = stored("density");
};
show();
document.getElementById("theme").addEventListener("click", () => {
  const themes = ["", "dark", "light"];
  prefer("theme", themes[(themes.indexOf(stored("theme")) + 1) % themes.length]);
  show();
});
document.getElementById("density").addEventListener("change", ({ target }) => { prefer("density", target.value); show(); });

// Once a session: what was chosen in another browser.
const SESSION = "preferences of";
if (user && sessionStorage.getItem(SESSION) !== user) {
  get("api/v1/preferences").then((chosen) => {
    sessionStorage.setItem(SESSION, user);
    if (!NAMES.some((name) => chosen[name])) return;
    const isNew = chosen.zone !== stored("zone");
    for (const name of NAMES) store(name, chosen[name]);
    show();
    if (isNew) location.reload();
  }, () => {});
}

// === Times are in one zone. ===

const zones = document.getElementById("zone");
if (zones) {
  const named = clock.zone && clock.zone !== "UTC" && clock.zone !== clock.own;
  zones.append(...[["", `Browser (${clock.own})`], ["UTC", "UTC"], ...(named ? [[clock.zone, clock.zone]] : [])].map(([name, text]) => new Option(text, name, false, name === clock.zone)));
  zones.addEventListener("change", () => prefer("zone", zones.value).then(() => clock.choose(zones.value)));
}

// === One field finds everything; its script comes when it is opened. ===

const find = () => import("./find.js").then(({ open }) => open());
document.getElementById("find")?.addEventListener("click", find);
addEventListener("keydown", (event) => {
  const writes = event.target.matches?.("input, select, textarea, [contenteditable]");
  if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !writes)) {
    event.preventDefault();
    find();
  }
});
