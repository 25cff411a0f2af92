// Copies text: `data-copy="#id"` names the element whose text or value is wanted.
import { toast } from "./toasts.js";

async function write(text, source) {
  if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
  // Without https the clipboard is closed to scripts; select the text so that Ctrl+C takes it.
  const range = document.createRange();
  range.selectNodeContents(source);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  source.select?.();
  if (!document.execCommand("copy")) throw new Error("not copied");
}

export function startCopying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    try {
      await write((source.value ?? source.textContent).trim(), source);
      toast(document.body.dataset.copied, "success");
    } catch {
      toast(document.body.dataset.copyFailed, "error");
    }
  });
}
