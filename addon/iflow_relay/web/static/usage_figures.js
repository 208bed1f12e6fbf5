// What was used, in four figures: tokens, the two waits, and failures.

import { lines, stack } from "./chart.js";
import { find } from "./dom.js";
import { Figure } from "./figure.js";
import { current, word } from "./language.js";
import { manySeconds, percent, roundSeconds, seconds, short, whole } from "./numbers.js";
import { looksOf } from "./patterns.js";
import { slot } from "./time.js";

const SPREAD = ["median", "p95", "p99"];

let tokens, firstToken, duration, failures;

/** Draw them all; without uPlot's constructor the tables and the words alone. */
export function drawFigures(found, uPlot) {
  if (!tokens) begin();
  const labels = found.slots.map((one) => slot(one.slot));
  const shown = { found, uPlot, labels, unit: word(`unit.${found.unit}`) };
  drawTokens(shown);
  drawSpread(firstToken, "first_token", shown);
  drawSpread(duration, "duration", shown);
  drawFailures(shown);
}

function begin() {
  [tokens, firstToken, duration, failures] = Array.from({ length: 4 }, () => new Figure());
  const elements = [tokens, firstToken, duration, failures].map(({ element }) => element);
  find("usage-figures").replaceChildren(...elements);
}

/** What a model is called on the page. */
export function nameOf(model) {
  return model.name === null ? word("otherModels") : model.name || word("noModel");
}

function drawTokens({ found, uPlot, labels, unit }) {
  const models = found.models.filter((model) => model.tokens.some(Boolean));
  const totals = labels.map((_, place) => models.reduce((sum, model) => sum + model.tokens[place], 0));
  const looks = looksOf(models.map(({ name }) => name));
  const title = word("tokensFigure", { unit });
  const rows = labels.map((label, place) => ({
    key: found.slots[place].slot,
    cells: [label, ...models.map((model) => whole(model.tokens[place])), whole(totals[place])],
  }));
  const columns = [unit, ...models.map(nameOf), word("allTokens")];
  tokens.tell(title, sayTokens(models, totals, labels, unit), columns, rows);
  tokens.explain(models.map((model, place) => [nameOf(model), looks[place]]));
  const at = (place) => readTokens(labels[place], totals[place], models, place);
  const shape = { kind: "stack", looks, language: current() };
  const data = [labels.map((_, place) => place), ...pile(models, labels.length)];
  tokens.paint(uPlot, shape, stack([...looks].reverse(), short), data, labels, short, at);
}

/** The heights of bars upon each other, the highest first; one of nothing where there are none. */
function pile(models, count) {
  const heights = [];
  let below = Array(count).fill(0);
  for (const model of models) {
    below = below.map((height, place) => height + model.tokens[place]);
    heights.unshift(below);
  }
  return heights.length ? heights : [below];
}

function sayTokens(models, totals, labels, unit) {
  const all = totals.reduce((sum, one) => sum + one, 0);
  if (!all) return word("tokensNone");
  const most = totals.indexOf(Math.max(...totals));
  const used = models.map((model) => model.tokens.reduce((sum, one) => sum + one, 0));
  const first = used.indexOf(Math.max(...used));
  return word("tokensSaid", {
    all: whole(all),
    unit,
    when: labels[most],
    most: whole(totals[most]),
    model: nameOf(models[first]),
    share: percent(used[first] / all),
  });
}

function readTokens(label, total, models, place) {
  const parts = models
    .filter((model) => model.tokens[place])
    .map((model) => `${nameOf(model)} ${whole(model.tokens[place])}`);
  return [`${label}: ${whole(total)}`, ...parts].join(" · ");
}

function drawSpread(figure, what, { found, uPlot, labels, unit }) {
  const names = SPREAD.map((name) => word(`spread.${name}`));
  const spreads = found.slots.map((one) => one[what]);
  const title = word(`${what}Figure`, { unit });
  const rows = spreads.map((spread, place) => ({
    key: found.slots[place].slot,
    cells: [labels[place], ...(spread ?? [null, null, null]).map(secondsOrNone)],
  }));
  figure.tell(title, saySpread(found.total[what]), [unit, ...names], rows);
  figure.explain([]);
  const at = (place) => spreads[place] && `${labels[place]}: ${showSpread(spreads[place])}`;
  const data = [labels.map((_, place) => place), ...names.map((_, rank) => spreads.map((one) => one?.[rank] ?? null))];
  figure.paint(uPlot, { kind: "lines", language: current() }, lines(names), data, labels, roundSeconds, at);
}

function saySpread(spread) {
  if (!spread) return word("spreadNone");
  const [median, p95, p99] = spread.map(seconds);
  return word("spreadSaid", { median, p95, p99 });
}

/** Seconds that were measured, or a dash. */
export function secondsOrNone(number) {
  return number === null ? "–" : seconds(number);
}

/** A spread in few words, or a dash. */
export function showSpread(spread) {
  if (!spread) return "–";
  return spread.map((number, rank) => `${word(`spread.${SPREAD[rank]}`)} ${seconds(number)}`).join(" · ");
}

/** A spread in fewer words still, under a heading that names its parts. */
export function showNumbers(spread) {
  return spread ? manySeconds(spread) : "–";
}

function drawFailures({ found, uPlot, labels, unit }) {
  const shares = found.slots.map(({ calls, failed }) => (calls ? failed / calls : null));
  const rows = found.slots.map(({ slot: key, calls, failed }, place) => ({
    key,
    cells: [labels[place], whole(calls), whole(failed), calls ? percent(shares[place]) : "–"],
  }));
  const columns = [unit, word("calls"), word("failed"), word("failedShare")];
  failures.tell(word("failuresFigure", { unit }), sayFailures(found, shares, labels, unit), columns, rows);
  failures.explain([]);
  const at = (place) => {
    const { calls, failed } = found.slots[place];
    return `${labels[place]}: ${word("failedOf", { failed: whole(failed), calls: whole(calls) })}`;
  };
  const shape = { kind: "stack", language: current() };
  const data = [labels.map((_, place) => place), shares];
  failures.paint(uPlot, shape, stack([6], percent), data, labels, percent, at);
}

function sayFailures({ total, slots }, shares, labels, unit) {
  if (!total.failed) return word("failuresNone");
  const worst = shares.indexOf(Math.max(...shares));
  return word("failuresSaid", {
    failed: whole(total.failed),
    calls: whole(total.calls),
    share: percent(total.failed / total.calls),
    unit,
    when: labels[worst],
    most: percent(shares[worst]),
    of: whole(slots[worst].calls),
  });
}
