// Logging in with an API key: its form, and what the relay makes of it.

import { busy, find, make, onChange, show } from "./dom.js";
import { word } from "./language.js";
import { accuse, aside, failed, missing, note, progress, succeeded } from "./outcome.js";
import { get, post } from "./relay.js";

const OTHER = "other";
const SUCCESS = { accepted: "keyAccepted", unsure: "keyUnsure", skipped: "keySkipped" };

let known = [];
let touched = false;
let present = null; // the upstream in use

/** Draw what of the form depends on the state: the upstream in use is chosen until another is. */
export function drawKeyLogin(state) {
  present = state.upstream;
  choosePresent();
  drawHint();
}

/** Bring the form to life; `ask` brings the state that follows a login. */
export function offerKeyLogin(ask) {
  find("known").addEventListener("change", () => {
    touched = true;
    drawHint();
  });
  find("key-show").addEventListener("click", toggleKey);
  find("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit(ask);
  });
  loadKnown();
}

async function loadKnown() {
  try {
    known = (await get("/ui/upstreams")).upstreams;
  } catch {
    return; // "Other address" is there all the same.
  }
  const other = find("known").querySelector(`[value=${OTHER}]`);
  other.before(...known.map(({ name, title }) => make("option", { value: name }, title)));
  choosePresent();
  drawHint();
}

function choosePresent() {
  if (touched || find("key").value || !present || present.origin === "default") return;
  const found = known.find(({ base_url }) => base_url === present.base_url);
  find("known").value = found ? found.name : OTHER;
  if (!found && !find("base-url").value) find("base-url").value = present.base_url;
}

function drawHint() {
  const chosen = find("known").value;
  show(find("base-url-field"), chosen === OTHER);
  hint(known.find(({ name }) => name === chosen) ?? null);
}

const hint = onChange((chosen) => {
  if (!chosen) return find("known-hint").replaceChildren();
  const parts = [make("code", {}, chosen.base_url)];
  if (!chosen.needs_key) parts.push(` · ${word("knownNoKey")}`);
  if (chosen.keys_at?.startsWith("https://")) {
    const link = { href: chosen.keys_at, target: "_blank", rel: "noopener noreferrer" };
    parts.push(" · ", make("a", link, word("knownKeys")));
  }
  return find("known-hint").replaceChildren(...parts);
});

function toggleKey() {
  const shown = find("key").type === "text";
  find("key").type = shown ? "password" : "text";
  find("key-show").setAttribute("aria-pressed", String(!shown));
}

function submit(ask) {
  const chosen = find("known").value;
  if (!chosen) return missing("needKnown", find("known"));
  if (chosen === OTHER && !find("base-url").value.trim()) {
    return missing("needBaseUrl", find("base-url"));
  }
  const keyless = chosen === OTHER || known.find(({ name }) => name === chosen)?.needs_key === false;
  if (!keyless && !find("key").value.trim()) return missing("needKey", find("key"));
  return send(ask, { check: find("check").checked });
}

function read() {
  const chosen = find("known").value;
  const model = find("model").value.trim();
  return {
    key: find("key").value,
    ...(chosen === OTHER ? { base_url: find("base-url").value } : { upstream: chosen }),
    ...(model ? { model } : {}),
  };
}

function send(ask, further) {
  return busy(find("key-submit"), async () => {
    progress(further.check ? "checking" : "writing");
    try {
      const answer = await post("/ui/login/key", { ...read(), ...further });
      forget();
      await ask();
      succeeded(SUCCESS[answer.checked] ?? "keyUnsure", notes(answer));
    } catch (refusal) {
      failed(refusal, choices(ask, refusal, further));
      if (refusal.code === "key_refused") accuse(find("key"));
    }
  });
}

/** The key leaves the page as soon as the relay has it. */
function forget() {
  find("key").value = "";
  if (find("key").type === "text") toggleKey();
  touched = false;
}

function notes({ checked, message, repairs, notices }) {
  const said = checked === "unsure" ? note(message) : aside(message);
  return [said, ...repairs.map(repaired), ...notices.map(note)];
}

function repaired(text) {
  const [, what, how] = /^(.+) (put before it|taken off its end)$/.exec(text) ?? [];
  const repair = how ? word(how === "put before it" ? "repairBefore" : "repairEnd", { what }) : text;
  return make("p", { "data-note": true }, word("repaired", { repair }));
}

function choices(ask, { code }, further) {
  const again = (more) => () => {
    find("key-submit").focus();
    send(ask, { ...further, ...more });
  };
  if (code === "settings_damaged") return [["replaceDamaged", again({ replace_damaged: true })]];
  if (code.startsWith("upstream_")) return [["writeAnyway", again({ check: false })]];
  return [];
}
