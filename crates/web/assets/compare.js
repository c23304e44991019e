// Hosts side by side over a shared range and cursor.

import { follow } from "./page.js";
import { Panels, marks } from "./panel.js";

const { range, start, stop } = document.getElementById("compare").dataset;
const hosts = [...new Set([...document.querySelectorAll(".panel")].flatMap((panel) => panel.dataset.hosts.split(",").filter(Boolean)))];
const panels = new Panels({ range, start, stop, marks: hosts.length ? marks(hosts) : undefined });
follow(null, () => {});
document.addEventListener("database-back", () => panels.loadNow());
