// The range of a page's charts: which buttons choose it, and how the address keeps it, so that back and
// forward go through the ranges and a link shows the same.

import * as clock from "./clock.js";
import { length } from "./format.js";

const DAY = 86400e3;

export class Range {
  /** Milliseconds since 1970. */
  start = 0;
  stop = 0;
  /** Whether these are fixed times, not the last minutes or days. */
  isFixed = false;
  /** @type {string | undefined} */ range;

  /**
   * `onChange` loads the charts again. `first` is what the server found in the address.
   * @param {{range?: string, start?: string, stop?: string}} first
   * @param {() => void} onChange
   */
  constructor(first, onChange) {
    this.onChange = onChange;
    this.follow = /** @type {HTMLInputElement | null} */ (document.getElementById("follow"));
    this.read(first);
    this.show();
    for (const button of document.querySelectorAll("button[data-range]")) {
      button.addEventListener("click", () => this.choose(button.dataset.range));
    }
    document.querySelector("[data-zoom-out]")?.addEventListener("click", () => {
      const half = (this.stop - this.start) / 2;
      this.fix(this.start - half, Math.min(Date.now(), this.stop + half));
    });
    document.querySelector("[data-yesterday]")?.addEventListener("click", () => {
      const today = clock.dayOf(Date.now());
      this.fix(clock.dayOf(today - DAY / 2), today);
    });
    this.follow?.addEventListener("change", () => this.follow.checked ? this.choose(this.range ?? "15m") : this.fix(this.start, this.stop));
    addEventListener("popstate", () => {
      this.read({ range: first.range, ...Object.fromEntries(new URLSearchParams(location.search)) });
      this.show();
      this.onChange();
    });
    this.dates();
    document.querySelector("[data-link]")?.addEventListener("click", (event) => this.copy(event.currentTarget));
  }

  /** @param {{range?: string, start?: string, stop?: string}} said */
  read({ range, start, stop }) {
    if (start) {
      Object.assign(this, { start: Date.parse(start), stop: stop ? Date.parse(stop) : Date.now(), isFixed: true });
      this.range ??= range;
    } else Object.assign(this, { range, stop: Date.now(), start: Date.now() - length(range), isFixed: false });
  }

  /** A range that ends now. */
  choose(range) {
    this.read({ range });
    this.keep();
  }

  /** A range of fixed times. */
  fix(start, stop) {
    Object.assign(this, { start: Math.round(start), stop: Math.round(Math.max(stop, start + 1000)), isFixed: true });
    this.keep();
  }

  keep() {
    const address = new URL(location.href);
    for (const name of ["range", "start", "stop"]) address.searchParams.delete(name);
    for (const [name, value] of Object.entries(this.asked)) address.searchParams.set(name, value);
    if (address.href !== location.href) history.pushState(null, "", address);
    this.show();
    this.onChange();
  }

  get asked() {
    return this.isFixed ? { start: new Date(this.start).toISOString(), stop: new Date(this.stop).toISOString() } : { range: this.range };
  }

  show() {
    if (this.follow) this.follow.checked = !this.isFixed;
    for (const button of document.querySelectorAll("button[data-range]")) {
      button.setAttribute("aria-pressed", String(!this.isFixed && button.dataset.range === this.range));
    }
  }

  /** Moves the window along with the present. */
  advance() {
    const span = this.stop - this.start;
    this.stop = Date.now();
    this.start = this.stop - span;
  }

  // === From one date to another. ===

  dates() {
    const chosen = document.querySelector(".ranges .dates");
    if (!chosen) return;
    const [from, to] = chosen.querySelectorAll("input");
    chosen.addEventListener("toggle", () => {
      if (!chosen.open) return;
      [from.value, to.value] = [clock.local(this.start), clock.local(this.stop)];
      from.focus();
    });
    const take = () => {
      const [start, stop] = [clock.instant(from.value), clock.instant(to.value)];
      const wrong = Number.isNaN(start) || Number.isNaN(stop) ? "Both dates are needed." : start >= stop ? "From must be before To." : "";
      chosen.querySelector(".mistake").textContent = wrong;
      if (wrong) return;
      chosen.open = false;
      this.fix(start, stop);
    };
    chosen.querySelector("button").addEventListener("click", take);
    chosen.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { chosen.open = false; chosen.querySelector("summary").focus(); }
      if (event.key === "Enter" && event.target.matches("input")) take();
    });
  }

  /** The address of what is shown now, with times that stay. */
  copy(button) {
    const address = new URL(location.href);
    address.searchParams.delete("range");
    const said = { start: new Date(this.start).toISOString(), stop: new Date(this.stop).toISOString(), zone: clock.zone || clock.own };
    for (const [name, value] of Object.entries(said)) address.searchParams.set(name, value);
    const done = (text) => { button.textContent = text; setTimeout(() => { button.textContent = "Copy link"; }, 2000); };
    button.dataset.copied = address.href;
    // Without HTTPS a browser gives pages no clipboard: then the link is in the address line.
    const instead = () => { history.pushState(null, "", address); done("In the address bar"); };
    navigator.clipboard ? navigator.clipboard.writeText(address.href).then(() => done("Copied"), instead) : instead();
  }
}
