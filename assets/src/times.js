// Keeps "3 minutes ago" true while a page is open. The server wrote the full time, in the
// tenant's time zone, into the element and its title; without scripts that is what people read.
const STEPS = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 7],
];

function relative(moment, format) {
  let value = (moment - Date.now()) / 1000;
  if (Math.abs(value) < 10) return format.format(0, "second");
  for (const [unit, size] of STEPS) {
    if (Math.abs(value) < size) return format.format(Math.round(value), unit);
    value /= size;
  }
  return null; // Over a week: the date itself says more.
}

export function refreshTimes(root = document) {
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  for (const element of root.querySelectorAll("time[data-relative]")) {
    const text = relative(Date.parse(element.dateTime), format);
    if (text) element.textContent = text;
  }
}

export function startTimes() {
  refreshTimes();
  setInterval(refreshTimes, 20_000);
  document.body.addEventListener("htmx:afterSettle", () => refreshTimes());
}
