// What was used: asked for while the section is in sight, one request at a time.

import { load, onTurn } from "./chart.js";
import { explain, find, show } from "./dom.js";
import { word } from "./language.js";
import { get } from "./relay.js";
import { drawFigures } from "./usage_figures.js";
import { drawTables, drawTotal } from "./usage_tables.js";

const PATIENCE = 60_000; // milliseconds; a large ledger on a slow disk takes its time
const USUAL = 4; // seconds between two requests
const LONGEST = 30; // while the relay is gone, pauses grow up to this

let found = null;
let refusal = null;
let uPlot = null;
let isWatched = false;
let isSeen = false;
let timer;
let failures = 0;
let running = null; // the span that is being asked for

/** Ask from now on, whenever the section is in sight. */
export function watchUsage() {
  if (isWatched) return;
  isWatched = true;
  for (const radio of radios()) radio.addEventListener("change", ask);
  new IntersectionObserver((entries) => {
    isSeen = entries.at(-1).isIntersecting;
    look();
  }).observe(find("usage"));
  document.addEventListener("visibilitychange", look);
  onTurn(drawUsage);
}

/** Draw the section again, as in another language. */
export function drawUsage() {
  drawMessage();
  const shown = found?.state === "on";
  show(find("usage-found"), shown);
  if (!shown) return;
  drawTotal(found);
  drawFigures(found, uPlot);
  drawTables(found);
}

function radios() {
  return document.querySelectorAll("input[name=span]");
}

function look() {
  clearTimeout(timer);
  if (isSeen && !document.hidden) ask();
}

async function ask() {
  clearTimeout(timer);
  const wanted = [...radios()].find(({ checked }) => checked).value;
  if (running === wanted) return;
  running = wanted;
  drawMessage();
  const [answer, problem] = await read(wanted);
  if (running !== wanted) return; // Another span was chosen meanwhile.
  running = null;
  [found, refusal] = [answer ?? found, problem];
  failures = problem ? failures + 1 : 0;
  drawUsage();
  const pause = problem ? Math.min(2 ** (failures - 1), LONGEST) : USUAL;
  if (isSeen && !document.hidden) timer = setTimeout(ask, pause * 1000);
}

async function read(span) {
  try {
    const [answer, made] = await Promise.all([get(`/ui/usage?span=${span}`, PATIENCE), load().catch(() => null)]);
    uPlot = made;
    return [answer, null];
  } catch (problem) {
    return [null, problem];
  }
}

function drawMessage() {
  const place = find("usage-message");
  const words = message();
  const text = words.map((part) => part.textContent ?? part).join("");
  if (place.textContent !== text) place.replaceChildren(...words);
  show(place, words.length > 0);
}

function message() {
  if (refusal?.code === "gone") return [word("gone")];
  if (refusal) return explain(refusal.code, refusal.message);
  if (!found) return [word("usageLoading")];
  if (running && running !== found.span) return [word("usageLoading")];
  if (found.state === "unreadable") return explain("ledger_unreadable", found.message);
  return found.state === "on" ? [] : [word(`usage.${found.state}`)];
}
