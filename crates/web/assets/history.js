// Days and months with their band.

import { follow } from "./page.js";
import { Panels, marks } from "./panel.js";

const { range, start, stop } = document.getElementById("history").dataset;
const host = document.querySelector(".panel").dataset.hosts;
const panels = new Panels({ range, start, stop, marks: host ? marks([host]) : undefined });
follow(null, () => {});
document.addEventListener("database-back", () => panels.loadNow());
