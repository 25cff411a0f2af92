// The playground's call as code to copy: Python with the OpenAI client, and curl.
import { ChosenFile } from "./playground_files.js";
import { requestOf } from "./playground_request.js";

const STANDARD = {
  "chat/completions": ["model", "messages", "max_tokens", "temperature", "top_p", "stop", "seed", "stream"],
  completions: ["model", "prompt", "max_tokens", "temperature", "top_p", "stop", "seed", "stream"],
};
const STREAMS = {
  "chat/completions": ["chat.completions", 'piece.choices[0].delta.content or ""'],
  completions: ["completions", "piece.choices[0].text"],
};
const PREDICTION = `wait = {"headers": {"Prefer": "wait"}}
answer = client.post("/predictions", body=body, options=wait, cast_to=object)
while answer["status"] in ("queued", "running"):
    answer = client.get(f"/predictions/{answer['id']}", options=wait, cast_to=object)
if answer["error"]:
    raise SystemExit(answer["error"]["message"])
for output in answer["outputs"]:
    print(output.get("url") or output.get("text") or output.get("value"))`;

function python(value) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value == null) return "None";
  if (value instanceof ChosenFile) return `b64encode(Path(${JSON.stringify(value.name)}).read_bytes()).decode()`;
  if (Array.isArray(value)) {
    const isRepeated = value.length > 1 && value.every((one) => typeof one === "object" && one === value[0]);
    return isRepeated ? `[${python(value[0])}] * ${value.length}` : `[${value.map(python).join(", ")}]`;
  }
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${python(one)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}

function hasFile(value) {
  if (value instanceof ChosenFile) return true;
  return value !== null && typeof value === "object" && Object.values(value).some(hasFile);
}

function streamCode(path, body) {
  const [call, text] = STREAMS[path];
  // The client knows OpenAI's own names; a plugin's parameters travel in extra_body.
  const own = Object.entries(body).filter(([name]) => STANDARD[path].includes(name));
  const extra = Object.entries(body).filter(([name]) => !STANDARD[path].includes(name));
  const lines = own.map(([name, value]) => `    ${name}=${python(value)},`);
  if (extra.length) lines.push(`    extra_body=${python(Object.fromEntries(extra))},`);
  return `stream = client.${call}.create(\n${lines.join("\n")}\n)\nfor piece in stream:\n    print(${text}, end="", flush=True)`;
}

function predictionCode(body) {
  const lines = Object.entries(body).map(([name, value]) => `    ${JSON.stringify(name)}: ${python(value)},`);
  return `body = {\n${lines.join("\n")}\n}\n${PREDICTION}`;
}

export function pythonCode(api, call) {
  const [path, body] = requestOf(call);
  const imports = hasFile(body) ? "import os\nfrom base64 import b64encode\nfrom pathlib import Path" : "import os";
  const head = `${imports}\n\nfrom openai import OpenAI\n\nclient = OpenAI(\n    base_url=${JSON.stringify(api)},\n    api_key=os.environ["OPENAI_API_KEY"],\n)\n`;
  return head + (path === "predictions" ? predictionCode(body) : streamCode(path, body));
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// Files are read in where they stand; a here-document has no limit of length, as arguments have.
function documentWithFiles(body) {
  const names = [];
  const marked = (value) => {
    if (value instanceof ChosenFile) return `\u0001${names.push(value.name) - 1}\u0001`;
    if (Array.isArray(value)) return value.map(marked);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, marked(one)]));
  };
  const text = JSON.stringify(marked(body)).replace(/[\\$`]/g, "\\$&");
  return text.replace(/\\\\u0001(\d+)\\\\u0001/g, (_all, at) => `$(base64 < ${quoted(names[at])} | tr -d '\\n')`);
}

export function curlCode(api, call) {
  const [path, body] = requestOf(call);
  const wait = path === "predictions" ? '  -H "Prefer: wait" \\\n' : "";
  const flags = body.stream ? "-N " : "";
  const head = `curl ${flags}${api}/${path} \\\n  -H "Authorization: Bearer $OPENAI_API_KEY" \\\n  -H "Content-Type: application/json" \\\n${wait}`;
  if (hasFile(body)) return `${head}  -d @- <<END\n${documentWithFiles(body)}\nEND`;
  return `${head}  -d ${quoted(JSON.stringify(body))}`;
}
