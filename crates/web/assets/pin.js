// Pins a chart to a board, one that is there or a new one.

import { at, of } from "./address.js";
import { ask, call, get } from "./page.js";

const dialog = document.body.appendChild(document.createElement("dialog"));
dialog.innerHTML = `<form method="dialog"><h2>Pin to a board</h2>
  <label>Board <input name="board" list="boards-there" required maxlength="100" autocomplete="off"></label><datalist id="boards-there"></datalist>
  <label>Title <input name="title" maxlength="100" autocomplete="off"></label>
  <p class="mistake" role="alert"></p>
  <div class="buttons"><button value="save">Pin</button> <button value="cancel" formnovalidate class="quiet">Cancel</button></div></form>`;

/** Asks for the board; `panel` is `{title, metrics, hosts, each}`. */
export const pin = async (panel, button) => {
  const { boards } = await get("api/v1/boards").catch(() => ({ boards: [] }));
  dialog.querySelector("datalist").replaceChildren(...boards.map((board) => new Option("", board.name)));
  dialog.querySelector("[name=board]").value = boards[0]?.name ?? "";
  dialog.querySelector("[name=title]").value = panel.title;
  ask(dialog, async (form) => {
    const name = form.get("board").trim();
    const there = boards.find((board) => board.name === name);
    const pinned = { ...panel, title: form.get("title") };
    await call("POST", of("api/v1/boards", name), { range: there?.range ?? "1h", panels: [...(there?.panels ?? []), pinned] });
    const link = Object.assign(document.createElement("a"), { href: at(of("boards", name)), textContent: "Pinned" });
    button.replaceWith(link);
  });
};
