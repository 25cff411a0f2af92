// Sends files with a progress bar: `data-upload="/v1/files"` on a form with one file input.
// Fires `upload:done` (detail: the server's JSON) or shows the server's sentence on failure.
import { toast } from "./toasts.js";

function send(form, file) {
  const request = new XMLHttpRequest();
  const bar = form.querySelector("progress");
  const body = new FormData(form);
  body.set("file", file);
  request.open("POST", form.dataset.upload);
  request.setRequestHeader("X-CSRFToken", document.body.dataset.csrf ?? "");
  request.responseType = "json";
  request.upload.onprogress = (event) => {
    if (!bar) return;
    bar.hidden = false;
    bar.max = event.total;
    bar.value = event.loaded;
  };
  request.onload = () => {
    if (bar) bar.hidden = true;
    if (request.status < 400) {
      form.dispatchEvent(new CustomEvent("upload:done", { detail: request.response, bubbles: true }));
      const next = form.dataset.uploadNext;
      if (next) location.assign(next.replace("__id__", request.response.id));
    } else toast(request.response?.error?.message ?? document.body.dataset.failed, "error");
  };
  request.onerror = () => {
    if (bar) bar.hidden = true;
    toast(document.body.dataset.offline, "error");
  };
  request.send(body);
}

export function startUploads(root) {
  for (const form of root.querySelectorAll("form[data-upload]:not([data-ready])")) {
    form.dataset.ready = "";
    const input = form.querySelector("input[type=file]");
    input.addEventListener("change", () => input.files[0] && send(form, input.files[0]));
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const kind of ["dragover", "dragleave", "drop"]) {
      form.addEventListener(kind, (event) => {
        event.preventDefault();
        form.toggleAttribute("data-over", kind === "dragover");
        if (kind === "drop" && event.dataTransfer.files[0]) send(form, event.dataTransfer.files[0]);
      });
    }
  }
}
