// A form over boxes ticked elsewhere: `<form id="x" data-chooses="2-6">` lets go only of so many.
// Without this script the server says what is wrong.
function bring(form) {
  const [least, most] = form.dataset.chooses.split("-").map(Number);
  const boxes = [...document.querySelectorAll(`input[type=checkbox][form="${form.id}"]`)];
  const count = boxes.filter((box) => box.checked).length;
  form.querySelector("button").disabled = count < least || count > most;
  form.querySelector("[data-chosen]").textContent = count ? `${count}` : "";
  for (const box of boxes) box.disabled = !box.checked && count >= most;
}

export function startChoosing() {
  const forms = () => document.querySelectorAll("form[data-chooses]");
  const all = () => forms().forEach(bring);
  document.addEventListener("change", all);
  document.addEventListener("htmx:afterSettle", all);
  // Back from the comparison, the browser ticks the boxes again by itself.
  window.addEventListener("pageshow", all);
  all();
}
