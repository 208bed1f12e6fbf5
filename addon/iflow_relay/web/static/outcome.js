// How a login went: what is said below its form, and what can be done about it.

import { explain, find, make, show } from "./dom.js";
import { word } from "./language.js";

/** Forget what was said. */
export function clear() {
  find("login-error").replaceChildren();
  find("login-outcome").replaceChildren();
  offer();
}

/** Say in passing what is being done. */
export function progress(name) {
  clear();
  find("login-outcome").replaceChildren(make("p", {}, word(name)));
}

/** Say that it succeeded, with further sentences in the relay's own words. */
export function succeeded(name, notes = []) {
  clear();
  const said = make("p", { "data-tone": "good" }, word(name));
  find("login-outcome").replaceChildren(said, ...notes);
}

/** What the relay itself says of it, in smaller letters. */
export function aside(text) {
  return make("small", { lang: "en" }, text);
}

/** A sentence of the relay's that is to be noticed. */
export function note(text) {
  return make("p", { lang: "en", "data-note": true }, text);
}

/** Say why it failed; `choices` are pairs of a word and what to do when it is chosen. */
export function failed(refusal, choices = []) {
  clear();
  const { code, message } = refusal;
  const words = code === "gone" ? [word("gone")] : explain(code, message);
  find("login-error").replaceChildren(make("p", {}, ...words));
  offer(choices);
}

/** Say what is missing before anything is sent. */
export function missing(name, field) {
  clear();
  find("login-error").replaceChildren(make("p", {}, word(name)));
  accuse(field);
}

/** Mark the field that is at fault, until it is changed, and go there. */
export function accuse(field) {
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-errormessage", "login-error");
  const absolve = () => {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-errormessage");
  };
  for (const kind of ["input", "change"]) field.addEventListener(kind, absolve, { once: true });
  field.focus();
}

function offer(choices = []) {
  const buttons = choices.map(([name, act]) => {
    const button = make("button", { type: "button", "data-quiet": true }, word(name));
    button.addEventListener("click", act);
    return button;
  });
  find("login-choices").replaceChildren(...buttons);
  show(find("login-choices"), buttons.length > 0);
}
