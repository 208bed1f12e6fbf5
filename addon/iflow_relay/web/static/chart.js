// Charts by uPlot, which is fetched when the first is drawn; colours are those of the page.

import { find, make } from "./dom.js";
import { pattern } from "./patterns.js";

const HEIGHT = 220; // CSS pixels
const ROOM = 50; // for the numbers at the left, and the names of lines at the right
const LETTERS = 12;

const dark = matchMedia("(prefers-color-scheme: dark)");
let library = null;

/** uPlot's constructor, fetched once; throws where it cannot be had. */
export function load() {
  library ??= fetchAll().catch((error) => {
    library = null;
    throw error;
  });
  return library;
}

async function fetchAll() {
  const style = find("chart-style") ?? make("link", { id: "chart-style", rel: "stylesheet", href: "/ui/vendor/uPlot.min.css" });
  document.head.append(style);
  return (await import("/ui/vendor/uPlot.esm.js")).default;
}

/** Have this done when the page turns dark, or light. */
export function onTurn(draw) {
  dark.addEventListener("change", draw);
}

/** One chart; drawn into an element, and as wide as that. */
export class Chart {
  #place;
  #plot = null;
  #shape = "";
  #data = "";

  constructor(place) {
    this.#place = place;
    new ResizeObserver(() => this.#fit()).observe(place);
  }

  /**
   * `shape` is all but the numbers: with another the chart is made anew. `read` is told the place on
   * the x axis that is pointed at, or null.
   */
  draw(uPlot, shape, series, data, labels, format, read) {
    const [key, numbers] = [JSON.stringify([shape, labels, dark.matches]), JSON.stringify(data)];
    if (key === this.#shape && numbers === this.#data) return;
    if (this.#plot && key === this.#shape) this.#plot.setData(data);
    else {
      this.#plot?.destroy();
      const options = frame(labels, format, read);
      const size = { width: this.#place.clientWidth, height: HEIGHT };
      this.#plot = new uPlot({ ...options, ...size, ...series(uPlot), ...padding(shape) }, data, this.#place);
    }
    [this.#shape, this.#data] = [key, numbers];
  }

  #fit() {
    const width = this.#place.clientWidth;
    if (this.#plot && width && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }
}

function padding({ kind }) {
  return { padding: [LETTERS + 6, kind === "lines" ? ROOM : 8, 0, 0] };
}

function frame(labels, format, read) {
  const [ink, line] = [colour("--faint"), colour("--line")];
  const axis = { stroke: ink, font: font(1), ticks: { show: false } };
  const values = (plot, places) => places.map((place) => labels[place] ?? "");
  return {
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: [-0.5, labels.length - 0.5] },
      y: { range: (plot, least, most) => [0, most > 0 ? most * 1.05 : 1] },
    },
    axes: [
      { ...axis, grid: { show: false }, values, size: 28, space: 60, incrs: [1, 2, 3, 4, 6, 7, 10, 15] },
      {
        ...axis,
        size: ROOM,
        space: 36,
        grid: { stroke: line, width: 1 },
        values: (plot, places) => places.map((place) => (place === null ? "" : format(place))),
      },
    ],
    hooks: { setCursor: [(plot) => read(plot.cursor.left < 0 ? null : plot.cursor.idx)] },
  };
}

/** Bars upon each other; `looks` from the highest end to the lowest, each drawn down to the axis. */
export function stack(looks, format) {
  return (uPlot) => ({
    series: [{}, ...looks.map((look) => ({
      paths: uPlot.paths.bars({ size: [0.72, 56] }),
      points: { show: false },
      width: 1,
      stroke: colour("--ink"),
      fill: (plot) => pattern(plot.ctx, look, uPlot.pxRatio),
    }))],
    plugins: [{ hooks: { draw: (plot) => writeTotals(plot, uPlot.pxRatio, format) } }],
  });
}

/** Write each bar's height above it, or where they have no room that of the highest alone. */
function writeTotals(plot, ratio, format) {
  const totals = plot.data[1];
  const context = begin(plot, ratio, "center");
  const texts = totals.map((total) => (total ? format(total) : ""));
  const room = (plot.bbox.width / totals.length) * 0.98;
  const allFit = texts.every((text) => context.measureText(text).width <= room);
  const highest = totals.indexOf(Math.max(...totals));
  texts.forEach((text, place) => {
    if (!allFit && place !== highest) return;
    const end = context.canvas.width - context.measureText(text).width / 2;
    const [left, top] = [Math.min(plot.valToPos(place, "x", true), end), plot.valToPos(totals[place], "y", true)];
    context.fillText(text, left, top - 4 * ratio);
  });
  context.restore();
}

const DASHES = [[], [9, 4], [2, 4]];
const COLOURS = ["--good", "--accent", "--bad"];

/** Lines that differ in more than their colours, each named at its end. */
export function lines(names) {
  return (uPlot) => ({
    series: [{}, ...names.map((_, place) => ({
      stroke: colour(COLOURS[place]),
      width: 2,
      dash: DASHES[place],
      points: { show: true, size: 7, fill: place ? colour("--card") : colour(COLOURS[place]) },
    }))],
    plugins: [{ hooks: { draw: (plot) => writeNames(plot, uPlot.pxRatio, names) } }],
  });
}

function writeNames(plot, ratio, names) {
  const context = begin(plot, ratio, "left");
  const left = plot.bbox.left + plot.bbox.width + 4 * ratio;
  let below = Infinity;
  names.forEach((name, place) => {
    const last = plot.data[place + 1].findLast((value) => value !== null);
    if (last === undefined) return;
    // From the lowest to the highest, which never is below it.
    below = Math.min(plot.valToPos(last, "y", true) + 4 * ratio, below - LETTERS * ratio);
    context.fillStyle = colour(COLOURS[place]);
    context.fillText(name, left, below);
  });
  context.restore();
}

function begin(plot, ratio, align) {
  const context = plot.ctx;
  context.save();
  context.font = font(ratio);
  context.textAlign = align;
  context.textBaseline = "alphabetic";
  context.fillStyle = colour("--ink");
  return context;
}

function font(ratio) {
  return `${LETTERS * ratio}px ${getComputedStyle(document.body).fontFamily}`;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
