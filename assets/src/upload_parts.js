// A big file in parts of 8 MB. What was begun is remembered, so that it can go on after a reload.
import { callApi, Refused, sendForm } from "./api.js";

const PART_BYTES = 8 << 20;
const TRIES = 5;
const MEMORY = "modelmill-upload";

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(MEMORY));
  } catch {
    return null;
  }
}

function remember(value) {
  if (value) localStorage.setItem(MEMORY, JSON.stringify(value));
  else localStorage.removeItem(MEMORY);
}

function markOf(file) {
  return `${file.name}|${file.size}|${file.lastModified}`;
}

async function resumed(file) {
  const memory = remembered();
  if (memory?.mark !== markOf(file)) return null;
  try {
    const upload = await callApi(`/v1/uploads/${memory.id}`, { method: "GET" });
    return upload.status === "pending" ? upload : null;
  } catch (error) {
    // Only what is gone is begun anew: a busy server still has what was sent.
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

async function begun(file) {
  const body = { filename: file.name, bytes: file.size, mime_type: file.type || "application/octet-stream", purpose: "fine-tune" };
  const upload = await callApi("/v1/uploads", { body });
  remember({ id: upload.id, mark: markOf(file) });
  return upload;
}

async function sendPart(upload, blob, { signal, onProgress }) {
  for (let attempt = 1; ; attempt++) {
    const body = new FormData();
    body.set("data", blob, "part");
    try {
      return (await sendForm(`/v1/uploads/${upload.id}/parts`, body, { signal, onProgress })).id;
    } catch (error) {
      const isFinal = error.name === "AbortError" || (error instanceof Refused && error.status < 500 && error.status !== 429);
      if (isFinal || attempt >= TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt));
    }
  }
}

/** Send a file in parts; resolves with the file's id. `onResume` is called when it goes on. */
export async function sendInParts(file, { signal, onProgress, onResume }) {
  const known = await resumed(file);
  const upload = known ?? (await begun(file));
  try {
    return await sendRest(file, upload, { signal, onProgress, onResume });
  } catch (error) {
    // Another window may have brought the same upload to its end meanwhile.
    if (!(error instanceof Refused) || error.code !== "upload_not_pending") throw error;
    const now = await callApi(`/v1/uploads/${upload.id}`, { method: "GET" });
    remember(null);
    if (now.status !== "completed") throw error;
    return now.file.id;
  }
}

async function sendRest(file, upload, { signal, onProgress, onResume }) {
  // Parts are sent one after the other, so those that arrived are the file's beginning.
  const ids = (upload.parts ?? []).map((part) => part.id);
  let sent = (upload.parts ?? []).reduce((sum, part) => sum + part.bytes, 0);
  if (sent > 0) onResume();
  while (sent < file.size) {
    const blob = file.slice(sent, sent + PART_BYTES);
    const before = sent;
    ids.push(await sendPart(upload, blob, { signal, onProgress: (loaded) => onProgress(Math.min(before + loaded, file.size)) }));
    sent += blob.size;
    onProgress(sent);
  }
  const done = await callApi(`/v1/uploads/${upload.id}/complete`, { body: { part_ids: ids }, signal });
  remember(null);
  return done.file.id;
}

/** Give up what was begun; its parts are deleted. */
export function cancelUpload() {
  const memory = remembered();
  remember(null);
  if (memory) callApi(`/v1/uploads/${memory.id}/cancel`).catch(() => {});
}
