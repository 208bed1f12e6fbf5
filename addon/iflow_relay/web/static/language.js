// Which language the page speaks, and texts in it.

import { WORDS } from "./words.js";

const REMEMBERED = "iflow-relay-language";
const TAGS = { en: "en", zh: "zh-CN" };

let language = remembered() ?? preferred();

/** The language that was chosen by the button; storage may be forbidden. */
function remembered() {
  try {
    const found = localStorage.getItem(REMEMBERED);
    return found in WORDS ? found : null;
  } catch {
    return null;
  }
}

/** The first of the browser's languages that the page knows. */
function preferred() {
  const known = navigator.languages.map((tag) => tag.toLowerCase().split("-")[0]);
  return known.find((name) => name in WORDS) ?? "en";
}

/** The name of the language: "en" or "zh". */
export function current() {
  return language;
}

/** The tag for dates and numbers: the browser's own of that language, as in en-GB. */
export function tag() {
  return navigator.languages.find((name) => name.toLowerCase().startsWith(language)) ?? TAGS[language];
}

/** Speak the other language, and remember it. */
export function change() {
  language = language === "en" ? "zh" : "en";
  try {
    localStorage.setItem(REMEMBERED, language);
  } catch {
    // Then it lasts until the page is loaded again.
  }
}

/** The text of that name, its {places} filled in. */
export function word(name, values = {}) {
  const text = WORDS[language][name] ?? WORDS.en[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

/** Whether the language has a text of that name. */
export function has(name) {
  return name in WORDS[language];
}

/** Put every text of the document that is in words.js into it. */
export function translate() {
  document.documentElement.lang = TAGS[language];
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = word(element.dataset.word);
  }
}
