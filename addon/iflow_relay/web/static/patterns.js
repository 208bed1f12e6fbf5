// Colours that the colour-blind can tell apart (Okabe and Ito), each with a hatching of its own.

const SIZE = 8; // CSS pixels of a pattern's tile

const DIAGONAL = [[-1, 1, 1, -1], [0, 8, 8, 0], [7, 9, 9, 7]];
const COUNTER = [[-1, 7, 1, 9], [0, 0, 8, 8], [7, -1, 9, 1]];
const LEVEL = [[0, 4, 8, 4]];
const UPRIGHT = [[4, 0, 4, 8]];
const DOT = [[3, 4, 5, 4], [4, 3, 4, 5]];

const LOOKS = [
  ["#56b4e9", []],
  ["#e69f00", DIAGONAL],
  ["#009e73", DOT],
  ["#cc79a7", COUNTER],
  ["#f0e442", LEVEL],
  ["#0072b2", UPRIGHT],
  ["#d55e00", [...DIAGONAL, ...COUNTER]],
  ["#b8b8b8", [...LEVEL, ...UPRIGHT]],
];
const OTHERS = ["#ffffff", DOT];

/** How many looks there are, that of the others aside. */
export const COUNT = LOOKS.length;

/** What to fill with; `place` counts the looks, and is null for the others. */
export function pattern(context, place, ratio) {
  const [colour, lines] = place === null ? OTHERS : LOOKS[place % COUNT];
  const tile = document.createElement("canvas");
  tile.width = tile.height = SIZE * ratio;
  const drawn = tile.getContext("2d");
  drawn.scale(ratio, ratio);
  drawn.fillStyle = colour;
  drawn.fillRect(0, 0, SIZE, SIZE);
  drawn.strokeStyle = "#1d2023";
  for (const [x, y, toX, toY] of lines) {
    drawn.beginPath();
    drawn.moveTo(x, y);
    drawn.lineTo(toX, toY);
    drawn.stroke();
  }
  return context.createPattern(tile, "repeat");
}

/** A small picture of a look, for a legend. */
export function swatch(place) {
  const ratio = Math.ceil(devicePixelRatio);
  const picture = document.createElement("canvas");
  picture.setAttribute("aria-hidden", "true");
  picture.width = picture.height = 2 * SIZE * ratio;
  const context = picture.getContext("2d");
  context.fillStyle = pattern(context, place, ratio);
  context.fillRect(0, 0, picture.width, picture.height);
  return picture;
}

const places = new Map(); // of the models by their names; they stay while the page does

/** The look of each model; the others, whose name is null, have theirs. */
export function looksOf(names) {
  for (const name of [...places.keys()]) {
    if (!names.includes(name)) places.delete(name);
  }
  for (const name of names) {
    if (name === null || places.has(name)) continue;
    const taken = new Set(places.values());
    places.set(name, LOOKS.findIndex((_, place) => !taken.has(place)));
  }
  return names.map((name) => (name === null ? null : places.get(name)));
}
