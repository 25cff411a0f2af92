// Short messages in the corner; `toast(text)` from any module, or an HX-Trigger header "toast".
function dismissLater(box) {
  const delay_ms = box.dataset.level === "error" ? 12_000 : 6_000;
  setTimeout(() => box.remove(), delay_ms);
}

export function toast(text, level = "info") {
  const box = document.createElement("div");
  box.className = `alert alert-soft alert-${level} shadow-md`;
  box.dataset.level = level;
  box.dataset.toast = "";
  box.textContent = text;
  document.getElementById("toasts")?.append(box);
  dismissLater(box);
}

export function startToasts() {
  document.querySelectorAll("[data-toast]").forEach(dismissLater);
  document.addEventListener("click", (event) => {
    event.target.closest("[data-toast-close]")?.closest("[data-toast]")?.remove();
  });
  document.body.addEventListener("toast", (event) => {
    toast(event.detail.message, event.detail.level);
  });
  document.body.addEventListener("htmx:sendError", () => toast(document.body.dataset.offline, "error"));
  document.body.addEventListener("htmx:responseError", () => toast(document.body.dataset.failed, "error"));
}
