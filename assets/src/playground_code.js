// The playground's call as code to copy: Python with the OpenAI client, and curl.

function python(value, depth = 0) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value == null) return "None";
  if (Array.isArray(value)) return `[${value.map((one) => python(one, depth + 1)).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${python(one, depth + 1)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}

function request(call) {
  const seed = call.seed === undefined ? {} : { seed: call.seed };
  if (call.isStreaming && call.input.messages) {
    return ["chat/completions", { model: call.model, messages: call.input.messages, ...call.parameters, ...seed }];
  }
  if (call.isStreaming) return ["completions", { model: call.model, prompt: "", ...call.input, ...call.parameters, ...seed }];
  if (call.isPictures) return ["images/generations", { model: call.model, prompt: "", ...call.input, n: call.count, ...call.parameters, ...seed }];
  return ["predictions", { model: call.model, input: call.input, parameters: call.parameters, ...seed }];
}

const STANDARD = {
  "chat/completions": ["model", "messages", "max_tokens", "temperature", "top_p", "stop", "seed", "n"],
  completions: ["model", "prompt", "max_tokens", "temperature", "top_p", "stop", "seed", "n"],
  "images/generations": ["model", "prompt", "n", "size"],
};

function clientCall(path, body) {
  // The client knows OpenAI's own names; a plugin's parameters travel in extra_body.
  const own = Object.entries(body).filter(([name]) => STANDARD[path].includes(name));
  const extra = Object.entries(body).filter(([name]) => !STANDARD[path].includes(name));
  const lines = own.map(([name, value]) => `    ${name}=${python(value)},`);
  if (extra.length) lines.push(`    extra_body=${python(Object.fromEntries(extra))},`);
  return lines.join("\n");
}

export function pythonCode(api, call) {
  const [path, body] = request(call);
  const head = `import os\nfrom openai import OpenAI\n\nclient = OpenAI(\n    base_url="${api}",\n    api_key=os.environ["MODELMILL_KEY"],\n)\n`;
  if (path === "completions") {
    return `${head}stream = client.completions.create(\n${clientCall(path, body)}\n    stream=True,\n)\nfor piece in stream:\n    print(piece.choices[0].text, end="", flush=True)`;
  }
  if (path === "chat/completions") {
    return `${head}stream = client.chat.completions.create(\n${clientCall(path, body)}\n    stream=True,\n)\nfor piece in stream:\n    print(piece.choices[0].delta.content or "", end="", flush=True)`;
  }
  if (path === "images/generations") {
    return `${head}answer = client.images.generate(\n${clientCall(path, body)}\n    response_format="url",\n)\nfor picture in answer.data:\n    print(picture.url)`;
  }
  return `${head}answer = client.post(\n    "/predictions",\n    body=${python(body)},\n    options={"headers": {"Prefer": "wait"}},\n    cast_to=object,\n)\nprint(answer["outputs"])`;
}

export function curlCode(api, call) {
  const [path, body] = request(call);
  const text = JSON.stringify(body).replaceAll("'", "'\\''");
  const wait = path === "predictions" ? '  -H "Prefer: wait" \\\n' : "";
  return `curl ${api}/${path} \\\n  -H "Authorization: Bearer $MODELMILL_KEY" \\\n  -H "Content-Type: application/json" \\\n${wait}  -d '${text}'`;
}
