// What was used in tables: by model, failures by their reasons, and the last calls.

import { find, make, show, write } from "./dom.js";
import { has, word } from "./language.js";
import { money, percent, whole } from "./numbers.js";
import { Table } from "./table.js";
import { moment, slotBegin } from "./time.js";
import { nameOf, secondsOrNone, showNumbers, showSpread } from "./usage_figures.js";

let models, outcomes, calls;

/** Draw them all. */
export function drawTables(found) {
  if (!models) begin();
  drawModels(found);
  drawOutcomes(found);
  drawCalls(found);
}

function begin() {
  [models, outcomes, calls] = [new Table(), new Table(), new Table()];
  find("usage-models").replaceChildren(models.element);
  find("usage-outcomes").replaceChildren(outcomes.element);
  find("usage-calls").replaceChildren(calls.element);
}

/** Draw the sums in words. */
export function drawTotal({ total, slots, currency, unpriced, cost_problem: problem }) {
  const { calls: count, failed, prompt, completion, cached, reasoning } = total;
  const share = percent(count ? failed / count : 0);
  const rows = [
    ["since", slotBegin(slots[0].slot)],
    ["calls", word("totalCalls", { calls: whole(count), failed: whole(failed), share })],
    ["tokensIn", word("totalIn", { prompt: whole(prompt), cached: whole(cached) })],
    ["tokensOut", word("totalOut", { completion: whole(completion), reasoning: whole(reasoning) })],
    ["firstToken", showSpread(total.first_token)],
    ["duration", showSpread(total.duration)],
  ];
  if (total.cost !== null) {
    rows.push(["cost", word(unpriced ? "costAtLeast" : "costAll", { cost: money(total.cost, currency) })]);
  }
  const terms = find("usage-total");
  if (terms.dataset.rows !== `${rows.length}`) {
    terms.dataset.rows = `${rows.length}`;
    terms.replaceChildren(...rows.flatMap(() => [make("dt"), make("dd")]));
  }
  rows.forEach(([name, value], place) => {
    write(terms.children[2 * place], word(name));
    write(terms.children[2 * place + 1], value);
  });
  write(find("usage-prices"), problem ?? "");
  show(find("usage-prices"), Boolean(problem));
}

function drawModels({ models: found, currency }) {
  const priced = found.some(({ cost }) => cost !== null);
  const columns = ["calls", "failed", "tokensIn", "tokensOut", "firstTokens", "durations"];
  const rows = found.map((model) => ({
    key: JSON.stringify(model.name),
    cells: [
      { text: nameOf(model), isName: true },
      ...[model.calls, model.failed, model.prompt, model.completion].map(whole),
      showNumbers(model.first_token),
      showNumbers(model.duration),
      ...(priced ? [model.cost === null ? "–" : money(model.cost, currency)] : []),
    ],
  }));
  const named = [...columns, ...(priced ? ["cost"] : [])].map((name) => word(name));
  models.draw(word("usageModels"), [words("usedModel"), ...named], rows);
  show(find("usage-models"), rows.length > 0);
}

function drawOutcomes({ outcomes: found }) {
  const rows = found.map(({ status, error, calls: count }) => ({
    key: `${status} ${error}`,
    cells: [sayStatus(Number(status)), { text: sayError(error), isName: true }, whole(count)],
  }));
  outcomes.draw(word("usageOutcomes"), [word("status"), words("reason"), word("calls")], rows);
  show(find("usage-outcomes"), rows.length > 0);
  show(find("usage-outcomes-heading"), rows.length > 0);
}

function drawCalls({ last }) {
  const columns = ["tokens", "firstToken", "duration", "streamed"].map((name) => word(name));
  const rows = last.map((call) => ({
    key: call.call,
    cells: [
      moment(call.time),
      { text: call.client, isName: true },
      { text: sayModels(call), isName: true },
      { text: `${sayStatus(call.status)} ${sayError(call.error)}`.trim(), isName: true },
      sayTokens(call),
      secondsOrNone(call.first_token),
      secondsOrNone(call.duration),
      word(call.streamed ? "yes" : "no"),
    ],
  }));
  const named = ["client", "usedModel", "status"].map(words);
  calls.draw(word("usageCalls"), [word("time"), ...named, ...columns], rows);
}

function words(name) {
  return { text: word(name), isName: true };
}

function sayModels({ asked, run, route }) {
  if (!asked && !run) return `(${route})`;
  return asked === run || !asked || !run ? asked || run : `${asked} → ${run}`;
}

function sayTokens({ prompt, completion }) {
  const [given, made] = [prompt, completion].map((count) => (count === null ? "–" : whole(count)));
  return prompt === null && completion === null ? "–" : `${given} → ${made}`;
}

function sayStatus(status) {
  return status ? `${status}` : word("noAnswer");
}

function sayError(code) {
  return has(`error.${code}`) ? word(`error.${code}`) : code.replaceAll("_", " ");
}
