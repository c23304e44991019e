// A board: its charts, their order, and the board as a file.

import { at, of } from "./address.js";
import { moment } from "./format.js";
import { call, follow } from "./page.js";
import { Panels, marks } from "./panel.js";

const head = document.getElementById("board");
const { name, range, start, stop } = head.dataset;
const board = JSON.parse(head.dataset.document);
const problem = document.getElementById("problem");
const hosts = [...new Set(board.panels.flatMap((panel) => panel.hosts))];
/** Milliseconds after which charts on a wall are asked for again. */
const AGAIN = 30e3;

const panels = board.panels.length ? new Panels({ range, start, stop, marks: marks(hosts) }) : null;
for (const time of document.querySelectorAll("time")) time.textContent = moment(Date.parse(time.dateTime));
follow(null, () => {});
document.addEventListener("database-back", () => panels?.loadNow());
if (head.dataset.wall) {
  document.body.dataset.wall = "true";
  setInterval(() => panels?.loadNow(), AGAIN);
}

/** Keeps the board as it now is; the page then shows it so. */
const keep = () => call("POST", of("api/v1/boards", name), board).then(() => location.reload(), (error) => { problem.textContent = error.message; });

const figures = [...document.querySelectorAll("figure.panel")];
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move], [data-take], [data-save], [data-remove]");
  if (!button) return;
  const place = figures.indexOf(button.closest("figure"));
  if (button.matches("[data-save]")) {
    const file = new Blob([`${JSON.stringify(board, null, 2)}\n`], { type: "application/json" });
    const link = Object.assign(document.createElement("a"), { download: `${name}.json`, href: URL.createObjectURL(file) });
    link.click();
    URL.revokeObjectURL(link.href);
  } else if (button.matches("[data-remove]")) {
    if (confirm(`Remove the board ${name} for everyone?`)) call("DELETE", of("api/v1/boards", name)).then(() => location.assign(at("boards")), (error) => { problem.textContent = error.message; });
  } else if (button.matches("[data-take]")) {
    board.panels.splice(place, 1);
    keep();
  } else {
    const to = place + Number(button.dataset.move);
    if (to < 0 || to >= board.panels.length) return;
    board.panels.splice(to, 0, ...board.panels.splice(place, 1));
    keep();
  }
});
