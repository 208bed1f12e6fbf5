// The last errors that clients were answered with.

import { explain, find, make, onChange, show } from "./dom.js";
import { date, distance, iso } from "./time.js";

/** Draw the section. */
export function drawTroubles(state) {
  const { troubles, now } = state;
  draw(troubles.map((trouble) => ({ ...trouble, ago: distance(trouble.when, now) })));
}

const draw = onChange((troubles) => {
  show(find("troubles-none"), troubles.length === 0);
  show(find("troubles"), troubles.length > 0);
  find("troubles").replaceChildren(...troubles.map(item));
});

function item({ when, ago, status, code, message }) {
  const time = make("time", { datetime: iso(when) }, `${date(when)} (${ago})`);
  const head = make("small", {}, time, " · ", make("code", {}, `${status} ${code}`));
  return make("li", {}, head, make("div", {}, ...explain(code, message)));
}
