// Opens <dialog> elements: `data-opens="id"` on a button, `data-closes` on one inside.
export function startDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      event.preventDefault();
      document.getElementById(opener.dataset.opens)?.showModal();
    }
    const closer = event.target.closest("[data-closes]");
    if (closer) closer.closest("dialog")?.close();
    // A click on the veil around the box lands on the dialog itself.
    if (event.target instanceof HTMLDialogElement) event.target.close();
  });
  // A second click must not send a form twice.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button && event.target.method === "post" && !button.name) {
      setTimeout(() => (button.disabled = true));
    }
  });
  // The browser's back button shows the page as it was left: give the buttons back.
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("form button:disabled:not([data-stays-off])")) {
      button.disabled = false;
    }
  });
}
