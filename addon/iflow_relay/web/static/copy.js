// Texts to copy, each with its button.

import { find, make, write } from "./dom.js";
import { word } from "./language.js";

const SHOWN = 3000; // milliseconds
let fading;

/** A text in a box and a button that copies it; `what` says to a screen reader which it is. */
export function copyable(text, what) {
  const label = word("copyOf", { what });
  const button = make("button", { type: "button", "data-quiet": true, "aria-label": label });
  button.textContent = word("copy");
  button.addEventListener("click", () => copy(text, button));
  return [make("pre", {}, make("code", {}, text)), button];
}

async function copy(text, button) {
  const done = (await byClipboard(text)) || bySelection(text, button);
  tell(word(done ? "copied" : "copyFailed"));
}

/** Browsers give the clipboard to pages of this machine, but to http://iflow.internal none. */
async function byClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function bySelection(text, button) {
  const area = make("textarea", { readonly: true, "aria-hidden": "true" });
  area.value = text;
  button.after(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  button.focus();
  return done;
}

function tell(text) {
  clearTimeout(fading);
  write(find("copied"), text);
  fading = setTimeout(() => write(find("copied"), ""), SHOWN);
}
