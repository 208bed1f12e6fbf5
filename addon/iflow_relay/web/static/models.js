// The catalog: what can be asked for at the upstream in use.

import { busy, explain, find, make, onChange, show } from "./dom.js";
import { word } from "./language.js";
import { get } from "./relay.js";

const FILTERED = 20; // models from which on a filter helps

let models = [];
let source = null;
let loadedFor = null; // upstream and key whose catalog is shown
let refusal = null;
let loading = false;
let tell = () => {};

/** Draw the section; another upstream or key has another catalog. */
export function drawModels(state) {
  const identity = JSON.stringify([state.upstream?.base_url, state.key?.mask, state.working]);
  if (identity !== loadedFor) {
    loadedFor = identity;
    if (state.working) load();
    else forget(state.problem);
  }
  drawAll();
}

/** Bring the section to life; `changed` is told the models whenever they are. */
export function offerModels(changed) {
  tell = changed;
  const button = find("models-load");
  button.addEventListener("click", () => busy(button, load));
  find("models-filter").addEventListener("input", drawAll);
}

function forget(problem) {
  [models, source, refusal] = [[], null, problem];
  tell(models);
}

async function load() {
  const wanted = loadedFor;
  loading = true;
  drawAll();
  const [found, problem] = await read();
  if (wanted !== loadedFor) return; // The answer is about another upstream.
  [models, source, refusal, loading] = [found?.models ?? [], found?.source, problem, false];
  tell(models);
  drawAll();
}

async function read() {
  try {
    return [await get("/ui/models"), null];
  } catch (problem) {
    return [null, { code: problem.code, message: problem.message }];
  }
}

function drawAll() {
  show(find("models-filter-field"), models.length > FILTERED);
  draw(models, source, refusal, loading, models.length > FILTERED ? find("models-filter").value : "");
}

const draw = onChange((all, from, problem, waiting, filter) => {
  const shown = all.filter((model) => matches(model, filter.trim().toLowerCase()));
  find("models-source").textContent = from ? word(`modelsSource.${from}`) : "";
  find("models-message").replaceChildren(...message(all, shown, problem, waiting));
  find("models-rows").replaceChildren(...shown.map(row));
  drawColumns(all);
  show(find("models-source"), Boolean(from));
  show(find("models-table"), shown.length > 0);
});

/** A column that is empty throughout is left out; a table that scrolls can be reached by keys. */
function drawColumns(all) {
  const full = [true, all.some(hasName), all.some(({ description }) => description)];
  for (const { cells } of find("models-table").querySelectorAll("tr")) {
    full.forEach((visible, column) => show(cells[column], visible));
  }
  if (all.length > FILTERED) find("models-table").tabIndex = 0;
  else find("models-table").removeAttribute("tabindex");
}

function hasName({ id, name }) {
  return Boolean(name) && name !== id;
}

function matches({ id, name = "", description = "" }, wanted) {
  return [id, name, description].some((text) => text.toLowerCase().includes(wanted));
}

function message(all, shown, problem, waiting) {
  if (waiting) return [word("modelsLoading")];
  if (problem?.code === "gone") return [word("gone")];
  if (problem) return explain(problem.code, problem.message);
  if (!all.length) return [word("modelsNone")];
  return all.length > FILTERED ? [word("modelsShown", { shown: shown.length, all: all.length })] : [];
}

function row({ id, name, description = "" }) {
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, make("code", {}, id)),
    make("td", {}, hasName({ id, name }) ? name : ""),
    make("td", {}, description),
  );
}
