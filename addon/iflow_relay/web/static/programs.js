// How programs are set up for this relay, with its real address and a real model.

import { copyable } from "./copy.js";
import { around, find, make, onChange, show } from "./dom.js";
import { word } from "./language.js";
import { snippets } from "./snippets.js";

const ANY_KEY = "unused";
const LOCAL_KEY = "your-local-key";
const NO_MODEL = "your-model";

/** Draw the section from the state and the models of the catalog. */
export function drawPrograms(state, models) {
  draw(endpointOf(state), chooseModel(state.model?.name, models), state.local_keys);
}

/** Where clients call; a wildcard address is nobody's, so the one of this page stands in. */
export function endpointOf(state) {
  const given = state.endpoint;
  return given && !/\/\/(0\.0\.0\.0|\[::\])(:|$)/.test(given) ? given : location.origin;
}

function chooseModel(preferred, models) {
  const ids = models.map(({ id }) => id);
  if (preferred && (ids.includes(preferred) || !ids.length)) return preferred;
  return ids[0] ?? NO_MODEL;
}

const draw = onChange((endpoint, model, localKeys) => {
  const key = localKeys ? LOCAL_KEY : ANY_KEY;
  const base = make("code", {}, `${endpoint}/v1`);
  find("programs-address").replaceChildren(...around("programsAddress", "url", base));
  find("programs-keys").replaceChildren(...keys(localKeys));
  find("programs-here").textContent = word("programsHere", { origin: location.origin });
  show(find("programs-here"), isElsewhere(endpoint));
  const opened = find("programs").querySelector("details[open]")?.dataset.place ?? "0";
  const made = snippets(endpoint, model, key, localKeys);
  find("programs").replaceChildren(...made.map((one, place) => item(one, `${place}`, opened)));
});

function keys(localKeys) {
  if (!localKeys) return [word("programsAnyKey")];
  return around("programsLocalKeys", "placeholder", make("code", {}, LOCAL_KEY));
}

function item({ title, word: name, text, docker }, place, opened) {
  const what = title ?? word(name);
  const attributes = { name: "program", "data-place": place, open: place === opened };
  const remark = docker ? [make("p", {}, make("small", {}, word("docker")))] : [];
  return make("details", attributes, make("summary", {}, what), ...remark, ...copyable(text, what));
}

/** Whether the page came by another way than the endpoint, as over a forwarded port. */
function isElsewhere(endpoint) {
  const [here, there] = [new URL(location.origin), new URL(endpoint)];
  const loopback = ["127.0.0.1", "localhost", "[::1]"];
  const alike = here.port === there.port && [here, there].every((url) => loopback.includes(url.hostname));
  return here.hostname !== "iflow.internal" && here.origin !== there.origin && !alike;
}
