// Sends a dataset's file: `data-upload` on a form with one file input, a drop zone around it, and
// the elements marked data-upload-…; texts come from the form's data attributes.
// Small files go in one request; big ones in parts, so that a lost connection or a reload costs
// one part: choose the same file again and it goes on where it stopped.
import { cancelUpload, sendInParts } from "./upload_parts.js";
import { sendWhole } from "./api.js";

const WHOLE_BYTES = 8 << 20;

function sizeText(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log(bytes) / Math.log(1000)));
  const format = { style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: step > 1 ? 1 : 0 };
  return new Intl.NumberFormat(document.documentElement.lang, format).format(bytes / 1000 ** step);
}

function leftText(seconds) {
  const minutes = Math.round(seconds / 60);
  const [value, unit] = minutes > 0 ? [minutes, "minute"] : [Math.max(1, Math.round(seconds)), "second"];
  return new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

class Uploader {
  constructor(form) {
    this.form = form;
    this.part = (name) => form.querySelector(`[data-upload-${name}]`);
    this.input = form.querySelector("input[type=file]");
    this.part("stop").addEventListener("click", () => this.stop());
    this.input.addEventListener("change", () => this.input.files[0] && this.start(this.input.files[0]));
    form.addEventListener("submit", (event) => event.preventDefault());
    this.listenForDrops();
    // A file may have been chosen while this script was still on its way.
    if (this.input.files[0]) this.start(this.input.files[0]);
  }

  listenForDrops() {
    const zone = this.part("zone");
    for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
      zone.addEventListener(kind, (event) => {
        event.preventDefault();
        zone.toggleAttribute("data-over", kind === "dragenter" || kind === "dragover");
        const file = kind === "drop" && event.dataTransfer.files[0];
        if (file) this.start(file);
      });
    }
  }

  async start(file) {
    // The choice made before this script ran may be told of once more, as a change.
    if (this.stopper) return;
    this.stopper = new AbortController();
    this.began = performance.now();
    this.sentBefore = null;
    this.show({ isBusy: true, name: file.name, error: "" });
    this.progress(0, file.size);
    addEventListener("beforeunload", warn);
    try {
      location.assign(this.form.dataset.uploadNext.replace("__id__", await this.send(file)));
    } catch (error) {
      this.show({ isBusy: false, error: error.name === "AbortError" ? "" : this.sentence(error) });
    } finally {
      removeEventListener("beforeunload", warn);
      this.stopper = null;
      this.input.value = "";
    }
  }

  async send(file) {
    const dataset = this.form.dataset.uploadDataset;
    const options = { signal: this.stopper.signal, onProgress: (sent) => this.progress(sent, file.size) };
    // A new version of a dataset is sent whole: parts cannot name the dataset.
    if (dataset || file.size <= WHOLE_BYTES) return sendWhole(file, { ...options, dataset });
    return sendInParts(file, { ...options, onResume: () => (this.part("note").textContent = this.form.dataset.resumed) });
  }

  progress(sent, total) {
    const bar = this.part("bar");
    [bar.max, bar.value] = [Math.max(total, 1), sent];
    const share = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" }).format(total ? sent / total : 0);
    this.part("share").textContent = share;
    this.sentBefore ??= sent;
    const seconds = (performance.now() - this.began) / 1000;
    const rate = (sent - this.sentBefore) / seconds;
    const left = rate > 0 && seconds > 2 && sent < total ? leftText((total - sent) / rate) : "";
    this.part("size").textContent = `${sizeText(sent)} / ${sizeText(total)}`;
    this.part("left").textContent = left && this.form.dataset.left.replace("__time__", left);
    if (sent >= total) this.part("left").textContent = this.form.dataset.finishing;
  }

  stop() {
    this.stopper?.abort();
    cancelUpload();
  }

  show({ isBusy, name, error }) {
    this.part("zone").hidden = isBusy;
    this.part("busy").hidden = !isBusy;
    if (name) this.part("name").textContent = name;
    if (isBusy) this.part("note").textContent = "";
    this.part("error").hidden = !error;
    this.part("error-text").textContent = error;
    if (!isBusy) this.input.focus();
  }

  sentence(error) {
    return error.isSentence ? error.message : document.body.dataset.offline;
  }
}

function warn(event) {
  event.preventDefault();
}

export function startUploads(root) {
  for (const form of root.querySelectorAll("form[data-upload]:not([data-ready])")) {
    form.dataset.ready = "";
    new Uploader(form);
  }
}
