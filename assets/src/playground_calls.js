// The playground's two calls: a prediction that is waited for, and a stream of text.
import { callApi, Refused } from "./api.js";
import { requestOf } from "./playground_request.js";

/** Make a prediction and wait for it; resolves with its JSON. */
export async function predict(call, { signal }) {
  const [path, body] = requestOf(call);
  let prediction = await callApi(`/v1/${path}`, { body, signal, wait: true });
  while (["queued", "running"].includes(prediction.status)) {
    prediction = await callApi(`/v1/predictions/${prediction.id}`, { method: "GET", signal, wait: true });
  }
  if (prediction.status !== "succeeded") throw new Refused(prediction.error?.message ?? document.body.dataset.failed, 400);
  return prediction;
}

/** Stream a completion, or the answer to a conversation; `onText` gets each piece. Resolves with the finished prediction's JSON. */
export async function streamText(call, { signal, onText }) {
  const [path, body] = requestOf(call);
  const headers = { "X-CSRFToken": document.body.dataset.csrf ?? "", "Content-Type": "application/json" };
  const answer = await fetch(`/v1/${path}`, { method: "POST", headers, signal, body: JSON.stringify(body) });
  if (!answer.ok) {
    const json = await answer.json().catch(() => null);
    throw new Refused(json?.error?.message ?? document.body.dataset.failed, answer.status);
  }
  let id = "";
  for await (const chunk of events(answer.body)) {
    if (chunk.error) throw new Refused(chunk.error.message, 400);
    id = chunk.id;
    for (const choice of chunk.choices) {
      const text = choice.text ?? choice.delta?.content;
      if (text) onText(text);
    }
  }
  return callApi(`/v1/predictions/${id.replace(/^(chat)?cmpl-/, "pred-")}`, { method: "GET", signal });
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const text = line.slice(5).trim();
      if (text === "[DONE]") return;
      yield JSON.parse(text);
    }
  }
}
