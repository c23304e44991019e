// The picture of a chart to save: title, times, lines and legend, so that it says by itself what it shows.

import { moment } from "./format.js";

const HEAD = 30, ROW = 20, MARGIN = 10;
const style = getComputedStyle(document.documentElement);

/** What the legend says, in rows that fit the width. */
const rows = (context, legend, width) => {
  const shown = [...legend.children].filter((button) => button.getAttribute("aria-pressed") === "true");
  const made = [];
  let x = Infinity;
  for (const button of shown) {
    const [swatch, name, value] = button.childNodes;
    const text = `${name.textContent} ${value.textContent}`;
    const length = swatch.width + 6 + context.measureText(text).width + 18;
    if (x + length > width - MARGIN) {
      made.push([]);
      x = MARGIN;
    }
    made[made.length - 1].push({ swatch, text, x });
    x += length;
  }
  return made;
};

/** A PNG of the chart, as sharp as the screen. */
export const picture = ({ library, plot, legend, start, stop }, title) => {
  const { clientWidth: width, clientHeight: height } = plot;
  const ratio = library.canvas.width / width;
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  context.font = "12px system-ui, sans-serif";
  const lines = rows(context, legend, width);
  Object.assign(canvas, { width: width * ratio, height: (HEAD + height + (lines.length + 0.5) * ROW) * ratio });
  context.scale(ratio, ratio);
  context.fillStyle = style.getPropertyValue("--ground");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(library.canvas, 0, HEAD, width, height);
  context.fillStyle = style.getPropertyValue("--text");
  context.textBaseline = "middle";
  context.font = "600 13px system-ui, sans-serif";
  context.fillText(title, MARGIN, HEAD / 2);
  const taken = MARGIN + context.measureText(title).width;
  context.font = "12px system-ui, sans-serif";
  lines.forEach((line, row) => {
    for (const { swatch, text, x } of line) {
      const y = HEAD + height + (row + 0.5) * ROW;
      context.drawImage(swatch, x, y - swatch.height / 2);
      context.fillText(text, x + swatch.width + 6, y);
    }
  });
  context.textAlign = "right";
  context.fillStyle = style.getPropertyValue("--dim");
  const times = `${moment(start)} – ${moment(stop)}`;
  const isRoom = taken + 2 * MARGIN + context.measureText(times).width < width - MARGIN;
  if (isRoom) context.fillText(times, width - MARGIN, HEAD / 2);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
};
