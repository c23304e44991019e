// What every page has: calls to the API, the stream of live values, the banner, dark and light.

/** Reads JSON; an error has the server's message. */
export const get = (path) => call("GET", path);

/** Sends JSON. */
export const call = async (method, path, body) => {
  let response;
  try {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("This server cannot be reached.");
  }
  if (response.status === 401) location.assign(`/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`);
  const document = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(document.error ? [document.error.field, document.error.message].filter(Boolean).join(": ") : `Status ${response.status}`);
  return document;
};

const live = document.getElementById("live");
const banner = document.getElementById("banner");
const status = (state, text) => { live.dataset.state = state; live.textContent = text; };

/** Follows live values, of one host or of the fleet; connects again by itself. */
export const follow = (host, onUpdate) => {
  const stream = new EventSource(`/api/v1/live${host ? `?host=${encodeURIComponent(host)}` : ""}`);
  stream.addEventListener("open", () => status("on", "live"));
  stream.addEventListener("error", () => status("off", "reconnecting"));
  stream.addEventListener("update", (event) => onUpdate(JSON.parse(event.data)));
  stream.addEventListener("status", (event) => {
    const { database, message } = JSON.parse(event.data);
    const back = database === "up" && !banner.hidden;
    banner.hidden = database === "up";
    document.getElementById("banner-text").textContent = message ?? "";
    status(database === "up" ? "on" : "off", database === "up" ? "live" : "no database");
    if (back) document.dispatchEvent(new Event("database-back"));
  });
  addEventListener("pagehide", () => stream.close());
  return stream;
};

/** Opens a dialog; gives its form's values, or nothing when it was cancelled. `save` may refuse by an error. */
export const ask = (dialog, save) => {
  const form = dialog.querySelector("form");
  const mistake = form.querySelector(".mistake");
  mistake.textContent = "";
  form.onsubmit = async (event) => {
    if (event.submitter?.value !== "save") return;
    event.preventDefault();
    try {
      await save(new FormData(form));
      dialog.close();
    } catch (error) {
      mistake.textContent = error.message;
    }
  };
  dialog.showModal();
};

const root = document.documentElement;
const themes = ["", "dark", "light"];
const theme = (name) => {
  name ? root.dataset.theme = name : delete root.dataset.theme;
  document.getElementById("theme").textContent = `Theme: ${{ "": "system", dark: "dark", light: "light" }[name]}`;
};
const stored = () => { try { return localStorage.getItem("theme") ?? ""; } catch { return ""; } };
theme(themes.includes(stored()) ? stored() : "");
document.getElementById("theme").addEventListener("click", () => {
  const next = themes[(themes.indexOf(root.dataset.theme ?? "") + 1) % themes.length];
  try { localStorage.setItem("theme", next); } catch { /* private window: for this page alone */ }
  theme(next);
});
