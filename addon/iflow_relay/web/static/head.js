// The state of the relay in one sentence, on top and in the title.

import { explain, find, make, onChange, withCode } from "./dom.js";
import { word } from "./language.js";

const SENTENCES = {
  not_logged_in: "notLoggedIn",
  login_required: "loginRequired",
  settings_invalid: "settingsInvalid",
};

/** Draw what the relay said of itself. */
export function drawHead(state) {
  const { working, problem, upstream } = state;
  draw(working, problem, upstream?.base_url ?? null);
  find("version").textContent = word("version", { version: state.version });
}

/** Draw that it says nothing, or refuses to. */
export function drawLost(refusal) {
  const gone = refusal.code === "gone";
  tell("bad", "titleGone", word("gone"), gone ? withCode(word("goneMore")) : explain(refusal.code, refusal.message));
  draw("lost", null, null); // so that the next state is drawn whatever it is
}

/** Draw that nothing is known yet. */
export function drawAsking() {
  tell("plain", null, word("asking"), []);
}

const draw = onChange((working, problem, host) => {
  if (working === "lost") return;
  const more = problem ? explain(problem.code, problem.message) : [];
  if (working && !problem) tell("good", "titleWorking", word("working", { host }), []);
  else if (working) tell("warning", "titleWorking", word("workingBut"), more);
  else {
    const sentence = SENTENCES[problem?.code] ?? "notWorking";
    const title = sentence === "settingsInvalid" ? "notWorking" : sentence;
    const titles = { notLoggedIn: "titleNotLoggedIn", loginRequired: "titleNotLoggedIn" };
    tell("bad", titles[title] ?? "titleNotWorking", word(sentence), more);
  }
});

function tell(tone, title, sentence, more) {
  const place = find("state");
  const said = make("span", {}, sentence, ...(more.length ? [make("small", {}, ...more)] : []));
  place.dataset.tone = tone;
  // A live region is read out again even where the same words are put into it.
  if (place.textContent !== said.textContent) place.replaceChildren(said);
  document.title = title ? `${word(title)} · iflow-relay` : "iflow-relay";
}
