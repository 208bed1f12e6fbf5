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

/** The time to the second; with its day where that is not today. */
export function moment(seconds) {
  const when = new Date(seconds * 1000);
  const isToday = when.toDateString() === new Date().toDateString();
  const day = isToday ? {} : { month: "short", day: "numeric" };
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat(tag(), { ...day, ...time }).format(when);
}

/** A day or an hour as the relay names it, "2026-11-21" or "2026-11-21 13:00", where the relay is. */
export function slot(name) {
  const shown = name.includes(" ")
    ? { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }
    : { month: "short", day: "numeric" };
  return write(name, shown);
}

/** When a day or an hour began, with its year, where the relay is. */
export function slotBegin(name) {
  return write(name, { dateStyle: "medium", ...(name.includes(" ") && { timeStyle: "short" }) });
}

function write(slotName, shown) {
  const date = new Date(`${slotName.replace(" ", "T").padEnd(11, "T").padEnd(16, "00:00")}Z`);
  return new Intl.DateTimeFormat(tag(), { ...shown, timeZone: "UTC" }).format(date);
}
