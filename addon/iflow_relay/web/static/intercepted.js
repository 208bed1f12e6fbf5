// What the proxy answers itself, and how programs come to it.

import { copyable } from "./copy.js";
import { find, make, onChange, show, withCode } from "./dom.js";
import { word } from "./language.js";
import { endpointOf } from "./programs.js";

/** Draw the section. */
export function drawIntercepted(state) {
  drawHosts(state.hosts);
  drawValues(state.proxy, endpointOf(state), state.connections);
  drawCommands(state.proxy !== null);
}

const drawHosts = onChange((hosts) => {
  const items = hosts.map((host) => make("li", {}, make("code", {}, host)));
  find("hosts").replaceChildren(...items);
});

const drawValues = onChange((proxy, endpoint, connections) => {
  const pac = make("code", {}, `${endpoint}/proxy.pac`);
  const rows = [
    ["proxy", proxy ? make("code", {}, proxy) : word("proxyNone")],
    ...(proxy ? [["pac", pac], ["counts", word("countsText", connections)]] : []),
  ];
  const nodes = rows.flatMap(([name, value]) => [make("dt", {}, word(name)), make("dd", {}, value)]);
  find("intercepted-values").replaceChildren(...nodes);
});

const drawCommands = onChange((proxy) => {
  find("no-proxy").replaceChildren(...withCode(word("noProxy")));
  show(find("no-proxy"), !proxy);
  const commands = [["commandRun", "iflow-relay run -- PROGRAM"]];
  if (proxy) commands.push(["commandEnv", 'eval "$(iflow-relay env)"']);
  find("commands").replaceChildren(
    ...commands.flatMap(([name, text]) => [make("h3", {}, word(name)), ...copyable(text, word(name))]),
  );
});
