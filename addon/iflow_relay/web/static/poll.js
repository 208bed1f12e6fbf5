// Asks for the state again and again: one request at a time, none while nobody looks.

import { get } from "./relay.js";

const PATIENCE = 10_000; // milliseconds
const USUAL = 5; // seconds between two requests
const LOGGING_IN = 1;
const LONGEST = 30; // while the relay is gone, pauses grow up to this

/**
 * Begin; `draw` gets each state, `lost` each Refusal. Returns a function that asks at once, whose
 * promise is kept when a state has been drawn that was asked for after the call.
 */
export function poll(draw, lost) {
  let timer;
  let failures = 0;
  let running = Promise.resolve();
  let waiting = null;

  async function once() {
    waiting = null;
    clearTimeout(timer);
    const [state, refusal] = await read();
    failures = refusal ? failures + 1 : 0;
    if (!document.hidden) timer = setTimeout(ask, pause(state) * 1000);
    if (refusal) lost(refusal);
    else draw(state);
  }

  function pause(state) {
    if (!state) return Math.min(2 ** (failures - 1), LONGEST);
    return state.login.pending ? LOGGING_IN : USUAL;
  }

  function ask() {
    waiting ??= running = running.then(once, once);
    return waiting;
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) ask();
  });
  ask();
  return ask;
}

async function read() {
  try {
    return [await get("/ui/state", PATIENCE), null];
  } catch (refusal) {
    return [null, refusal];
  }
}
