// What is put into programs, as text; a pure module.

const HELLO = "Hello";

/**
 * The set-up of each program: a title, or the name of one in words.js, and the text. `endpoint` is
 * an origin, `key` what a program is to send.
 */
export function snippets(endpoint, model, key, localKeys) {
  const base = `${endpoint}/v1`;
  return [
    { title: "Python (openai)", text: python(base, model, key) },
    { title: "Node (openai)", text: node(base, model, key) },
    { title: "curl", text: curl(base, model, localKeys ? key : null) },
    { word: "environmentSh", text: sh(base, key) },
    { word: "environmentPowershell", text: powershell(base, key) },
    { title: "LobeChat", text: lobechat(base, model, key), docker: true },
    { title: "Open WebUI", text: openWebui(base, key), docker: true },
    { title: "ChatGPT-Next-Web", text: nextWeb(endpoint, model, key), docker: true },
  ];
}

function python(base, model, key) {
  return `from openai import OpenAI

client = OpenAI(base_url="${base}", api_key="${key}")
answer = client.chat.completions.create(
    model="${model}", messages=[{"role": "user", "content": "${HELLO}"}]
)
print(answer.choices[0].message.content)`;
}

function node(base, model, key) {
  return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${base}", apiKey: "${key}" });
const stream = await client.chat.completions.create({
  model: "${model}",
  messages: [{ role: "user", content: "${HELLO}" }],
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");`;
}

function curl(base, model, key) {
  const body = { model, stream: true, messages: [{ role: "user", content: HELLO }] };
  const authorization = key ? ` \\\n  -H 'Authorization: Bearer ${key}'` : "";
  return `curl -N ${base}/chat/completions \\
  -H 'Content-Type: application/json'${authorization} \\
  -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`;
}

function sh(base, key) {
  return `export OPENAI_BASE_URL=${base}\nexport OPENAI_API_KEY=${key}`;
}

function powershell(base, key) {
  return `$env:OPENAI_BASE_URL = "${base}"\n$env:OPENAI_API_KEY = "${key}"`;
}

function lobechat(base, model, key) {
  return `docker run --network host -e OPENAI_API_KEY=${key} \\
  -e OPENAI_PROXY_URL=${base} -e OPENAI_MODEL_LIST=+${model} lobehub/lobe-chat`;
}

function openWebui(base, key) {
  return `docker run --network host -e OPENAI_API_KEY=${key} \\
  -e OPENAI_API_BASE_URL=${base} ghcr.io/open-webui/open-webui:main`;
}

function nextWeb(endpoint, model, key) {
  return `docker run --network host -e OPENAI_API_KEY=${key} \\
  -e BASE_URL=${endpoint} -e CUSTOM_MODELS=-all,+${model} yidadaa/chatgpt-next-web`;
}
