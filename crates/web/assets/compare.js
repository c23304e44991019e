// Hosts side by side over a shared range and cursor.

import { follow } from "./page.js";
import { Panels, marks } from "./panel.js";

const { range, start, stop, view } = document.getElementById("compare").dataset;
const hosts = [...new Set([...document.querySelectorAll(".panel")].flatMap((panel) => panel.dataset.hosts.split(",").filter(Boolean)))];
const panels = new Panels({ range, start, stop, isShared: view === "multiples", marks: hosts.length ? marks(hosts) : undefined });
follow(null, () => {});
document.addEventListener("database-back", () => panels.loadNow());

// Hosts are a list: what is suggested completes its last name and leaves out those before.
const field = document.querySelector("[name=hosts]");
const known = [...document.querySelectorAll("#known option")].map((option) => option.value);
const SUGGESTED = 100;
field.addEventListener("input", () => {
  const before = field.value.slice(0, field.value.lastIndexOf(",") + 1);
  const named = before.split(","), begun = field.value.slice(before.length);
  const rest = known.filter((name) => name.includes(begun) && !named.includes(name)).slice(0, SUGGESTED);
  document.getElementById("known").replaceChildren(...rest.map((name) => new Option("", before + name)));
});
