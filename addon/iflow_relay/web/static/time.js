// Times as people read them; all are seconds since 1970.

import { tag } from "./language.js";

const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** Date and time of day where the browser is. */
export function date(seconds) {
  return new Intl.DateTimeFormat(tag(), { dateStyle: "medium", timeStyle: "short" }).format(
    seconds * 1000,
  );
}

/** How far away it is, as in "in 3 days". */
export function distance(seconds, now) {
  const away = seconds - now;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(away) >= length) ?? UNITS.at(-1);
  return new Intl.RelativeTimeFormat(tag(), { numeric: "auto" }).format(
    Math.trunc(away / size),
    unit,
  );
}

/** Minutes and seconds, as in "4:09". */
export function countdown(seconds) {
  const left = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

/** A <time> element's machine-readable form. */
export function iso(seconds) {
  return new Date(seconds * 1000).toISOString();
}
