// Calls to the relay, with the token of its present start.

const TOKEN = document.querySelector("meta[name=relay-token]").content;
const RELOADED = "iflow-relay-reloaded";
const PATIENCE = 60_000; // milliseconds; a login's check asks the upstream

/** An answer that is an error, in the relay's own shape; `code` "gone" where there is no answer. */
export class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The document at that path; throws Refusal. */
export function get(path, patience) {
  return call(path, {}, patience);
}

/** What the relay answers to that document; throws Refusal. */
export function post(path, document = {}, patience = PATIENCE) {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(document) }, patience);
}

async function call(path, options, patience = PATIENCE) {
  const headers = { ...options.headers, "X-Relay-Token": TOKEN };
  const limits = { cache: "no-store", redirect: "error", signal: AbortSignal.timeout(patience) };
  const [answer, found] = await read(path, { ...options, ...limits, headers });
  if (answer.ok) return found;
  const error = found.error ?? {};
  if (error.code === "forbidden_origin") reloadOnce();
  throw new Refusal(error.code ?? `${answer.status}`, error.message ?? answer.statusText);
}

async function read(path, options) {
  try {
    const answer = await fetch(path, options);
    return [answer, await answer.json()];
  } catch {
    throw new Refusal("gone", "");
  }
}

/** A relay that was started anew has another token, which only the page itself brings. */
function reloadOnce() {
  try {
    if (sessionStorage.getItem(RELOADED) === TOKEN) return;
    sessionStorage.setItem(RELOADED, TOKEN);
  } catch {
    return; // Without storage nobody would know that it was done.
  }
  location.reload();
}
