// Numbers as people read them, in the language of the page.

import { tag, word } from "./language.js";

const CODE = /^[A-Z]{3}$/; // ISO 4217

/** A whole number, its thousands parted. */
export function whole(number) {
  return new Intl.NumberFormat(tag()).format(number);
}

/** A number in few letters, as in "12.3K". */
export function short(number) {
  return new Intl.NumberFormat(tag(), { notation: "compact", maximumFractionDigits: 1 }).format(number);
}

/** A part of one, as in "3.2%". */
export function percent(part) {
  return new Intl.NumberFormat(tag(), { style: "percent", maximumFractionDigits: 1 }).format(part);
}

/** Seconds, finer the fewer they are. */
export function seconds(number) {
  return word("seconds", { number: fine(number, digitsOf(number)) });
}

/** Seconds beside an axis, without noughts behind the point. */
export function roundSeconds(number) {
  return word("seconds", { number: fine(number, 0) });
}

/** Several durations in few letters, as in "0.42 · 1.20 · 3.00 s". */
export function manySeconds(numbers) {
  const texts = numbers.map((number) => fine(number, digitsOf(number)));
  return word("seconds", { number: texts.join(" · ") });
}

function digitsOf(number) {
  return number < 10 ? 2 : number < 100 ? 1 : 0;
}

function fine(number, least) {
  const digits = { minimumFractionDigits: least, maximumFractionDigits: digitsOf(number) };
  return new Intl.NumberFormat(tag(), digits).format(number);
}

/** An amount; the currency is whatever the user calls it. */
export function money(amount, currency) {
  const digits = { maximumFractionDigits: Math.abs(amount) < 1 ? 4 : 2 };
  const options = CODE.test(currency) ? { style: "currency", currency, ...digits } : digits;
  const text = new Intl.NumberFormat(tag(), options).format(amount);
  return CODE.test(currency) ? text : `${text} ${currency}`.trim();
}
