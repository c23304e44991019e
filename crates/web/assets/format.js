// Numbers and times as people read them; crates/web/src/pages/number.rs does the same for pages.

import * as clock from "./clock.js";

const scaled = (number, base, units) => {
  let place = 0;
  while (Math.abs(number) >= base && place + 1 < units.length) {
    number /= base;
    place += 1;
  }
  const size = Math.abs(number);
  const digits = size >= 100 || Number.isInteger(number) ? 0 : size >= 10 ? 1 : 2;
  return `${number.toFixed(digits)} ${units[place]}`.trim();
};

export const age = (seconds) => {
  if (seconds < 120) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
};

/** A value in its unit; missing ones are a dash. */
export const value = (number, unit) => {
  if (number === null || number === undefined || !Number.isFinite(number)) return "–";
  switch (unit) {
    case "percent": return `${number.toFixed(Math.abs(number) >= 99.95 ? 0 : 1)} %`;
    case "bytes": return scaled(number, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
    case "bytes/s": return scaled(number, 1024, ["B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"]);
    case "seconds": return age(number);
    case "celsius": return `${number.toFixed(1)} °C`;
    case "megahertz": return `${number.toFixed(0)} MHz`;
    case "count": case "": case undefined: return scaled(number, 1000, ["", "k", "M", "G"]);
    default: return `${scaled(number, 1000, ["", "k", "M", "G"])} ${unit.replace("count", "")}`;
  }
};

/** A time of the page's zone to the second. */
export const moment = (milliseconds) => clock.local(milliseconds).replace("T", " ");

const UNITS = { s: 1e3, m: 60e3, h: 3600e3, d: 86400e3, w: 604800e3, y: 365 * 86400e3 };

/** Milliseconds of a length such as 15m, 24h, 1y. */
export const length = (text) => {
  const parts = [...text.matchAll(/(\d+)([smhdwy])/g)];
  return parts.reduce((sum, [, count, unit]) => sum + count * UNITS[unit], 0);
};
