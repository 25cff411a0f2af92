// One request to the API from the page's own session, with the progress of what is sent.

/** An answer of the API that says in a sentence what is wrong. */
export class Refused extends Error {
  constructor(message, status, code) {
    super(message);
    this.isSentence = true;
    this.status = status;
    this.code = code;
  }
}

/** Send a form; resolves with the answer's JSON. `fetch` cannot tell how much it has sent. */
export function sendForm(url, body, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("X-CSRFToken", document.body.dataset.csrf ?? "");
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress?.(event.loaded);
    request.onload = () => {
      if (request.status < 400 && request.response) return resolve(request.response);
      reject(new Refused(request.response?.error?.message ?? document.body.dataset.failed, request.status, request.response?.error?.code));
    };
    request.onerror = () => reject(new TypeError("offline"));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    if (signal?.aborted) return request.onabort();
    request.send(body);
  });
}

/** Call the API with JSON; resolves with the answer's JSON. `wait` asks it to wait for an end. */
export async function callApi(url, { method = "POST", body, signal, wait } = {}) {
  const headers = { "X-CSRFToken": document.body.dataset.csrf ?? "", "Content-Type": "application/json" };
  if (wait) headers.Prefer = "wait";
  const answer = await fetch(url, { method, headers, signal, body: body && JSON.stringify(body) });
  const json = await answer.json().catch(() => null);
  if (!answer.ok || !json) throw new Refused(json?.error?.message ?? document.body.dataset.failed, answer.status, json?.error?.code);
  return json;
}

/** Send a file in one request; resolves with the file's id. */
export async function sendWhole(file, { dataset, signal, onProgress }) {
  const body = new FormData();
  body.set("purpose", "fine-tune");
  if (dataset) body.set("dataset_id", dataset);
  body.set("file", file);
  return (await sendForm("/v1/files", body, { signal, onProgress })).id;
}
