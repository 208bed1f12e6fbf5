// Small pieces of the document, made of text alone.

import { current, has, word } from "./language.js";

/** The element of that id. */
export function find(id) {
  return document.getElementById(id);
}

/** An element with attributes and children; a string becomes text. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Change a text only where it differs: a live region would read it out again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show an element, or hide it. */
export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/** A function that draws again only where its values, or the language, have changed. */
export function onChange(draw) {
  let last;
  return (...values) => {
    const now = JSON.stringify([current(), values]);
    if (now === last) return;
    last = now;
    draw(...values);
  };
}

/**
 * An error in words, as nodes. In Chinese a known code has a sentence of its own, with the relay's
 * English message below it, which names hosts and files.
 */
export function explain(code, message) {
  if (current() === "en" || !has(`error.${code}`)) return withCode(message || code || "");
  const original = message ? [make("small", { lang: "en" }, ...withCode(message))] : [];
  return [word(`error.${code}`), ...original];
}

/** Texts with `commands` between backquotes, as nodes. */
export function withCode(text) {
  return text.split("`").map((part, place) => (place % 2 ? make("code", {}, part) : part));
}

/** A text whose {place} is filled with a node, as nodes. */
export function around(name, place, node) {
  const [before, after] = word(name).split(`{${place}}`);
  return [before, node, after];
}

/** Do something that takes a while once at a time; the button keeps the focus meanwhile. */
export async function busy(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}
