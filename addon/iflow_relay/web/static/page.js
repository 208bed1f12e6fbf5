// The relay's own page: asks for the state, and hands it to each section.

import { find } from "./dom.js";
import { drawAsking, drawHead, drawLost } from "./head.js";
import { drawIntercepted } from "./intercepted.js";
import { change, translate, word } from "./language.js";
import { drawKeyLogin, offerKeyLogin } from "./login_key.js";
import { drawOauthLogin, offerOauthLogin } from "./login_oauth.js";
import { drawModels, offerModels } from "./models.js";
import { clear } from "./outcome.js";
import { poll } from "./poll.js";
import { drawPrograms } from "./programs.js";
import { drawTroubles } from "./troubles.js";
import { drawUpstream, offerLogOut } from "./upstream.js";
import { drawUsage, watchUsage } from "./usage.js";

let state = null;
let models = [];
let refusal = null;

function draw() {
  if (refusal) drawLost(refusal);
  else if (state) drawHead(state);
  else drawAsking();
  if (!state) return;
  find("closed").hidden = !state.upstream?.is_iflow;
  drawUpstream(state);
  drawTroubles(state);
  drawKeyLogin(state);
  drawOauthLogin(state);
  drawModels(state);
  drawPrograms(state, models);
  drawIntercepted(state);
  watchUsage(); // not before: the page is short until then, and its end in sight
}

function speak() {
  translate();
  const button = find("language");
  button.textContent = word("otherLanguage");
  button.lang = word("otherLanguageTag");
}

speak();
drawAsking();
const ask = poll(
  (found) => {
    [state, refusal] = [found, null];
    draw();
  },
  (problem) => {
    refusal = problem;
    draw();
  },
);
offerLogOut(ask);
offerKeyLogin(ask);
offerOauthLogin(ask);
offerModels((found) => {
  models = found;
  if (state) drawPrograms(state, models);
});
find("language").addEventListener("click", () => {
  change();
  speak();
  clear();
  draw();
  drawUsage();
});
