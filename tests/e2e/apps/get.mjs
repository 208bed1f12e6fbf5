// Gets addresses with Node's own fetch: `node get.mjs ADDRESS…`, bodies as JSON.
const bodies = [];
for (const address of process.argv.slice(2)) {
  bodies.push(await (await fetch(address)).text());
}
console.log(JSON.stringify(bodies));
