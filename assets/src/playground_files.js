// A file given as one of a model's inputs: chosen or dropped, shown, and sent as base64 text.

/** What stands for a file in a call: its base64 when it is sent, its name in the code shown. */
export class ChosenFile {
  constructor(name, encoded) {
    [this.name, this.encoded] = [name, encoded];
  }

  toJSON() {
    return this.encoded;
  }
}

function encode(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

class FileField {
  constructor(root, onChange) {
    this.part = (name) => root.querySelector(`[data-file-${name}]`);
    [this.root, this.onChange] = [root, onChange];
    this.input = root.querySelector("input[type=file]");
    this.input.addEventListener("change", () => this.start());
    this.part("remove").addEventListener("click", () => this.remove());
    // A browser that goes back to the page may still know what was chosen.
    this.start();
  }

  remove() {
    this.input.value = "";
    this.start();
    this.input.focus();
  }

  // Whoever sends the form waits for `reading`: a large file takes a while.
  start() {
    const reading = this.take().finally(() => {
      if (this.input.reading === reading) this.input.reading = undefined;
    });
    this.input.reading = reading;
  }

  async take() {
    const [file] = this.input.files;
    this.input.chosen = undefined;
    const mostBytes = Number(this.input.dataset.mostBytes) || Infinity;
    const isTooBig = file && file.size > mostBytes;
    this.say(isTooBig ? this.root.dataset.tooBig : "");
    if (file && !isTooBig) {
      const encoded = await encode(file).catch(() => undefined);
      // Another may have been chosen while this one was read.
      if (file !== this.input.files[0]) return;
      if (encoded === undefined) this.say(this.root.dataset.unreadable);
      else this.input.chosen = new ChosenFile(file.name, encoded);
    }
    this.show(this.input.chosen && file);
    this.onChange();
  }

  say(problem) {
    this.part("problem").textContent = problem;
    this.input.toggleAttribute("aria-invalid", Boolean(problem));
    if (problem) this.input.setAttribute("aria-invalid", "true");
  }

  show(file) {
    const picture = this.part("picture");
    if (picture.src) URL.revokeObjectURL(picture.src);
    picture.removeAttribute("src");
    this.part("shown").hidden = !file;
    picture.hidden = !file?.type.startsWith("image/");
    if (!picture.hidden) picture.src = URL.createObjectURL(file);
  }
}

/** Wait until every file chosen in a form is read, or cannot be. Throws when `signal` aborts. */
export async function filesRead(form, signal) {
  const readings = () => [...form.elements].map((field) => field.reading).filter(Boolean);
  const stopped = new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  // It may be stopped when nothing is read any more.
  stopped.catch(() => {});
  // Another may be chosen while these are read.
  for (let now = readings(); now.length; now = readings()) await Promise.race([Promise.all(now), stopped]);
}

/** Start the file fields of a form; `onChange` is called when what was chosen is at hand. */
export function startFiles(form, onChange) {
  for (const root of form.querySelectorAll("[data-file]")) new FileField(root, onChange);
}
