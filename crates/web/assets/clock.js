// The zone that all times of a page are in: the browser's, UTC, or one by name. The address says it, else
// what was chosen last.

const KEY = "zone";

const usable = (name) => {
  try { return new Intl.DateTimeFormat("en", { timeZone: name }) && name; } catch { return ""; }
};
const remembered = () => { try { return localStorage.getItem(KEY); } catch { return null; } };

/** The browser's own zone, by its name. */
export const own = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The zone's name; empty is the browser's. */
export const zone = usable(new URLSearchParams(location.search).get(KEY) || remembered() || "") || "";

/** Chooses a zone for this and later pages; the page comes anew in it. */
export const choose = (name) => {
  try { localStorage.setItem(KEY, name); } catch { /* private window: the address alone keeps it */ }
  const address = new URL(location.href);
  name ? address.searchParams.set(KEY, name) : address.searchParams.delete(KEY);
  location.assign(address);
};

const format = zone && zone !== "UTC"
  ? new Intl.DateTimeFormat("en", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" })
  : null;

/** Milliseconds that the zone is ahead of UTC at a time. */
export const offset = (time) => {
  if (zone === "UTC") return 0;
  if (!format) return -new Date(time).getTimezoneOffset() * 60e3;
  const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
  const local = Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
  return local - Math.floor(time / 1e3) * 1e3;
};

/** A time of the zone as `2026-03-02T08:00:00`. */
export const local = (time) => {
  const at = new Date(time + offset(time));
  return Number.isFinite(at.getTime()) ? at.toISOString().slice(0, 19) : "";
};

/** Milliseconds since 1970 of what [`local`] wrote; an hour that a clock change leaves out comes after it. */
export const instant = (text) => {
  const wanted = Date.parse(`${text}Z`);
  const guess = wanted - offset(wanted);
  return wanted - offset(guess);
};

/** The beginning of the zone's day that holds a time. */
export const dayOf = (time) => instant(`${local(time).slice(0, 10)}T00:00:00`);
