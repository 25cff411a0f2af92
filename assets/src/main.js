// Starts every small behaviour of the dashboard; each lives in a file of its own.
import htmx from "htmx.org";
import { startChoosing } from "./choosing.js";
import { startCopying } from "./copy.js";
import { startDialogs } from "./dialogs.js";
import { startForms } from "./forms.js";
import { startLive } from "./live.js";
import { startMenus } from "./menus.js";
import { startTheme } from "./theme.js";
import { startTimes } from "./times.js";
import { startToasts } from "./toasts.js";

// The Content-Security-Policy allows neither evaluated code nor injected styles.
htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.selfRequestsOnly = true;
htmx.config.historyCacheSize = 0;

document.body.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRFToken"] = document.body.dataset.csrf ?? "";
});

startTheme();
startMenus();
startDialogs();
startForms();
startChoosing();
startCopying();
startToasts();
startTimes();
startLive();

// Things few pages need are fetched only where a page asks for them, and again after each swap.
async function loadWanted(root) {
  if (root.querySelector("[data-chart]")) (await import("./charts.js")).drawCharts(root);
  if (root.querySelector("[data-upload]")) (await import("./upload.js")).startUploads(root);
  if (root.querySelector("[data-training]")) (await import("./training.js")).startTraining(root);
  if (root.querySelector("[data-comparing]")) (await import("./comparing.js")).startComparing(root);
  if (root.querySelector("[data-playground]")) (await import("./playground.js")).startPlayground(root);
}
htmx.onLoad(loadWanted);
