// The fleet on a wall: the map and what is wrong, large enough for five metres, nothing to press. What fills
// the tiles changes by itself; Escape leaves.

import { at, here } from "./address.js";

/** Milliseconds that one metric stays. */
const STAY = 15e3;
const TURNS = ["cpu_usage_percent", "memory_usage_percent", "disk_usage_percent"];

/** Begins; `show` draws what the form says. */
export const begin = (form, show) => {
  document.body.dataset.wall = "true";
  document.getElementById("map").dataset.tall = "true";
  const heading = document.querySelector("h1");
  const turn = () => {
    const { fill } = form.elements;
    heading.textContent = `Fleet: ${fill.selectedOptions[0].textContent}`;
    show();
  };
  turn();
  setInterval(() => {
    const { fill } = form.elements;
    fill.value = TURNS[(TURNS.indexOf(fill.value) + 1) % TURNS.length];
    turn();
  }, STAY);
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const [, query = ""] = here().split("?");
    const asked = new URLSearchParams(query);
    asked.delete("wall");
    location.assign(`${at("") || "./"}${asked.size ? `?${asked}` : ""}`);
  });
  // A screen that sleeps shows nothing; browsers without this one have settings of their own.
  navigator.wakeLock?.request("screen").catch(() => {});
};
