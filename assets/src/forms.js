// Small conveniences of forms: a choice that sends its form, and the browser's time zone.
export function startForms() {
  document.addEventListener("change", (event) => {
    if (event.target.closest("[data-submits]")) event.target.form.requestSubmit();
  });
  for (const input of document.querySelectorAll("input[data-time-zone]")) {
    input.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
}
