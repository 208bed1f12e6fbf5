// Where requests go and with what, where each value came from, and the way out of it.

import { busy, explain, find, make, onChange, show, withCode } from "./dom.js";
import { current, word } from "./language.js";
import { post } from "./relay.js";
import { date, distance } from "./time.js";

/** Draw the section. */
export function drawUpstream(state) {
  const { upstream, key, model, settings } = state;
  const until = key?.expires ? [date(key.expires), distance(key.expires, state.now)] : null;
  drawValues(upstream, key, until, Boolean(until && key.expires <= state.now), model, settings.path);
  drawOverrides(state.overrides);
  show(find("log-out"), settings.can_log_out);
  find("log-out-what").replaceChildren(...withCode(word("logOutWhat", { path: `\`${settings.path}\`` })));
}

/** Say where a value came from. */
export function origin(text) {
  const [, kind, name] = /^(option|environment) (.+)$/.exec(text) ?? [];
  if (kind) return word(`origin.${kind}`, { name });
  return text === "default" ? word("origin.default") : word("origin.file", { name: text });
}

const drawValues = onChange((upstream, key, until, over, model, path) => {
  const rows = [
    upstream && row("address", make("code", {}, upstream.base_url), origin(upstream.origin)),
    key
      ? row("keyMasked", make("code", {}, key.mask), origin(key.origin))
      : row("keyMasked", word("keyNone")),
    until && row(over ? "expired" : "expires", until[0], until[1]),
    key && key.renewal !== "none" && renewal(key),
    model
      ? row("defaultModel", make("code", {}, model.name), origin(model.origin))
      : row("defaultModel", word("modelUnset")),
    row("settings", make("code", {}, path)),
  ];
  find("upstream-values").replaceChildren(...rows.filter(Boolean).flat());
});

function row(name, value, small) {
  const children = small ? [value, make("small", {}, small)] : [value];
  return [make("dt", {}, word(name)), make("dd", {}, ...children)];
}

function renewal(key) {
  const [term, value] = row("renewal", word(`renewal.${key.renewal}`));
  if (key.renewal_message) value.append(make("small", { lang: "en" }, key.renewal_message));
  return [term, value];
}

const drawOverrides = onChange((overrides) => {
  const items = overrides.map(({ value, origin: from }) =>
    make("li", { "data-note": true }, word(`override.${value}`, { origin: origin(from) })),
  );
  find("overrides").replaceChildren(...items);
  show(find("overrides"), items.length > 0);
});

/** Have the button log out, after a question; `ask` brings the state that follows. */
export function offerLogOut(ask) {
  const [button, dialog, yes] = [find("log-out"), find("log-out-dialog"), find("log-out-yes")];
  const outcome = find("log-out-outcome");
  button.addEventListener("click", () => {
    outcome.replaceChildren();
    dialog.showModal();
  });
  find("log-out-no").addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () =>
    busy(yes, async () => {
      const said = await logOut();
      dialog.close();
      await ask();
      if (button.hidden) find("upstream-heading").focus();
      outcome.replaceChildren(...said);
    }),
  );
}

async function logOut() {
  try {
    const { removed, kept } = await post("/ui/logout");
    const done = removed.length
      ? word("loggedOut", { names: removed.join(", ") })
      : word("loggedOutNothing");
    const still = kept.map((sentence) => make("p", { lang: "en", "data-note": true }, sentence));
    return [make("p", {}, done), ...still];
  } catch (refusal) {
    const words = refusal.code === "gone" ? [word("gone")] : explain(refusal.code, refusal.message);
    return [make("p", { "data-note": true, lang: current() }, ...words)];
  }
}
