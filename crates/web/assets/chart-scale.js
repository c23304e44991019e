// Axes: which values and times get a tick, and how a tick is written. Pure. (Chart.js has ticks for powers
// of ten; for times it wants a library of dates beside it.)

import * as clock from "./clock.js";
import { value as formatted } from "./format.js";

/** Round steps for a range of values: at most about `count` ticks. */
export const valueTicks = (low, high, count, base = 10) => {
  const span = high - low || 1;
  const rough = span / Math.max(1, count);
  let step;
  if (base === 1024) {
    const power = 2 ** Math.ceil(Math.log2(rough));
    step = Math.max(1, power);
  } else {
    const power = 10 ** Math.floor(Math.log10(rough));
    step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  }
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) {
    ticks.push(Math.abs(tick) < step * 1e-9 ? 0 : tick);
  }
  return ticks;
};

/** How a tick is written: as many decimals as its neighbours, a step away, need. */
export const valueLabel = (tick, step, unit) => {
  if (unit.startsWith("bytes") || unit === "seconds" || Math.abs(tick) >= 1000) return formatted(tick, unit);
  const digits = Math.max(0, Math.ceil(-Math.log10(Math.abs(step) || 1) - 1e-9));
  return formatted(tick, unit).replace(/^-?[\d.]+/, tick.toFixed(digits));
};

const SECOND = 1e3, MINUTE = 60e3, HOUR = 3600e3, DAY = 86400e3;
const STEPS = [
  SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE,
  15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY,
  30 * DAY, 61 * DAY, 122 * DAY,
];
/** Times of ticks on round times of the page's zone, with their labels. */
export const timeTicks = (start, stop, count) => {
  const rough = (stop - start) / Math.max(1, count);
  const step = STEPS.find((size) => size >= rough) ?? STEPS[STEPS.length - 1];
  const offset = -clock.offset(start);
  const ticks = [];
  for (let time = Math.ceil((start - offset) / step) * step + offset; time <= stop; time += step) {
    ticks.push({ time, label: label(time, step) });
  }
  return ticks;
};

const label = (time, step) => {
  const text = clock.local(time);
  const day = text.slice(5, 10), hour = text.slice(11, 16);
  if (step >= DAY || (hour === "00:00" && step >= MINUTE)) return day;
  return step >= MINUTE ? hour : text.slice(11);
};

/** Room above and below for values, from zero where that is near. */
export const valueRange = (least, greatest, unit) => {
  if (!Number.isFinite(least)) return unit === "percent" ? [0, 100] : [0, 1];
  if (unit === "percent") return [0, greatest > 100 ? greatest * 1.05 : greatest > 20 ? 100 : Math.max(5, greatest * 1.25)];
  const flat = least === greatest;
  const low = least >= 0 && (flat || least < greatest * 0.8) ? 0 : least;
  const span = greatest - low || Math.abs(greatest) || 1;
  return [low === 0 ? 0 : low - span * 0.05, greatest + span * 0.08];
};

/** The place of the last element at or before `time` in ascending times; -1 if there is none. */
export const indexAt = (times, time) => {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle + 1; else high = middle;
  }
  return low - 1;
};
