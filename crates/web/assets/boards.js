// The list of boards, and boards from files.

import { at, of } from "./address.js";
import { moment } from "./format.js";
import { call, follow } from "./page.js";

for (const time of document.querySelectorAll("time")) time.textContent = moment(Date.parse(time.dateTime));
follow(null, () => {});

const form = /** @type {any} */ (document.getElementById("load"));
form?.elements.file.addEventListener("change", () => {
  form.elements.name.value ||= form.elements.file.files[0]?.name.replace(/\.json$/, "") ?? "";
});
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const mistake = form.querySelector(".mistake");
  mistake.textContent = "";
  try {
    const text = await form.elements.file.files[0].text();
    let board;
    try { board = JSON.parse(text); } catch (error) { throw new Error(`The file is not JSON: ${error.message}`); }
    await call("POST", of("api/v1/boards", form.elements.name.value), board);
    location.assign(at(of("boards", form.elements.name.value)));
  } catch (error) {
    mistake.textContent = error.message;
  }
});
