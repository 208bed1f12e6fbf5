// Logging in with an iFlow account: the link to follow, the time that is left, and what came of it.

import { busy, explain, find, onChange, show, write } from "./dom.js";
import { word } from "./language.js";
import { aside, clear, failed, missing, succeeded } from "./outcome.js";
import { post } from "./relay.js";
import { countdown } from "./time.js";

let ticking = null;
let held = false;
let pending = null;
let skew = 0; // seconds by which the relay's clock is ahead of the browser's
let seen = null; // when the last login ended that was told of; undefined where there was none
let cancelled = false;
let follow = () => {};

/** Draw what depends on the state, and tell of a login that has just ended. */
export function drawOauthLogin(state) {
  const { login } = state;
  const had = pending !== null;
  skew = state.now - Date.now() / 1000;
  pending = login.pending;
  drawReason(login.oauth.available, login.oauth.reason);
  drawPending();
  const last = login.last?.way === "oauth" ? login.last : null;
  if (seen === null) begin(last);
  else if (last && last.when !== seen) tell(last);
  else if (had && !pending && cancelled) succeeded("oauthCancelled");
  if (!pending) cancelled = false;
}

/** A page that is loaded while a login is under way shows it. */
function begin(last) {
  seen = last?.when ?? undefined;
  if (pending) chooseWay("oauth");
}

function tell(last) {
  seen = last.when;
  if (last.ok) succeeded("oauthDone", [aside(last.message)]);
  else refused(last);
}

/** Say why it failed; a damaged file may be replaced by a login that is begun again. */
function refused(refusal) {
  const replace = () => {
    find("oauth-start").focus();
    start({ replace_damaged: true });
  };
  failed(refusal, refusal.code === "settings_damaged" ? [["replaceDamaged", replace]] : []);
}

const drawReason = onChange((available, reason) => {
  find("oauth-start").disabled = !available;
  find("oauth-reason").replaceChildren(...(available ? [] : explain("oauth_unavailable", reason)));
  show(find("oauth-reason"), !available);
});

function drawPending() {
  const place = find("oauth-pending");
  const active = document.activeElement;
  // What is hidden while the service answers loses its focus to the body: that is no choice.
  if (active !== document.body) held = place.contains(active) && !place.hidden;
  const waiting = pending?.phase === "waiting";
  show(place, pending !== null);
  show(find("oauth-start"), pending === null);
  show(find("oauth-link-row"), waiting);
  show(find("paste-form"), waiting);
  write(find("oauth-phase"), pending ? word(waiting ? "oauthWaiting" : "oauthExchanging") : "");
  if (/^https?:/.test(pending?.url ?? "")) find("oauth-link").href = pending.url;
  else find("oauth-link").removeAttribute("href");
  if (held && !pending) {
    held = false;
    find("oauth-start").focus();
  }
  if (!pending) find("pasted").value = "";
  tick(waiting);
}

function tick(waiting) {
  show(find("oauth-left"), waiting);
  if (!waiting) {
    clearInterval(ticking);
    ticking = null;
    return;
  }
  ticking ??= setInterval(drawLeft, 1000);
  drawLeft();
}

function drawLeft() {
  const left = pending.until - skew - Date.now() / 1000;
  write(find("oauth-left"), word("oauthLeft", { time: countdown(left) }));
}

/** Show the form of that way alone. */
export function chooseWay(way) {
  for (const radio of document.querySelectorAll("[name=way]")) radio.checked = radio.value === way;
  show(find("key-form"), way === "key");
  show(find("oauth"), way === "oauth");
}

/** Bring the buttons to life; `ask` brings the state that follows. */
export function offerOauthLogin(ask) {
  follow = ask;
  for (const radio of document.querySelectorAll("[name=way]")) {
    radio.addEventListener("change", () => {
      clear();
      chooseWay(radio.value);
    });
  }
  find("oauth-start").addEventListener("click", () => start({ replace_damaged: false }));
  find("oauth-cancel").addEventListener("click", cancel);
  find("paste-form").addEventListener("submit", (event) => {
    event.preventDefault();
    paste();
  });
}

function start(document) {
  return attempt(find("oauth-start"), async () => {
    clear();
    await post("/ui/login/oauth", document);
    await follow();
    find("oauth-link").focus();
  });
}

function cancel() {
  return attempt(find("oauth-cancel"), async () => {
    await post("/ui/login/oauth/cancel");
    cancelled = true;
    await follow();
  });
}

function paste() {
  const field = find("pasted");
  if (!field.value.trim()) return missing("needPasted", field);
  return attempt(find("paste-submit"), async () => {
    clear();
    await post("/ui/login/oauth/paste", { url: field.value });
    await follow();
  });
}

function attempt(button, work) {
  return busy(button, async () => {
    try {
      await work();
    } catch (refusal) {
      refused(refusal);
    }
  });
}
