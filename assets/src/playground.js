// Tries a model through the API, with the page's own session: pictures at once, text as it comes.
import { predict, streamText } from "./playground_calls.js";
import { curlCode, pythonCode } from "./playground_code.js";
import { fieldValues, showProblem } from "./playground_fields.js";
import { filesRead, startFiles } from "./playground_files.js";
import { readable } from "./playground_results.js";

const SEED_LIMIT = 2 ** 31;

class Playground {
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`[data-playground-${name}]`);
    this.form = this.part("form");
    this.seed = root.querySelector("#seed");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    this.form.addEventListener("input", () => this.showCode());
    this.part("stop").addEventListener("click", () => this.stopper?.abort());
    this.newSeed();
    startFiles(this.form, () => this.showCode());
    this.showCode();
    // Until here the browser itself would send the form, and what was typed would be gone.
    this.part("run").disabled = false;
  }

  newSeed() {
    if (!this.root.querySelector("#seed-lock").checked || this.seed.value === "") {
      this.seed.value = String(Math.floor(Math.random() * SEED_LIMIT));
    }
  }

  call(options) {
    const count = Number(this.root.querySelector("#count")?.value || 1);
    return {
      model: this.root.dataset.model,
      input: fieldValues(this.form, "i", this.root.dataset, options),
      parameters: fieldValues(this.form, "p", this.root.dataset, options),
      count: Math.min(Math.max(count, 1), 16),
      isPictures: Boolean(this.root.querySelector("#count")),
      isStreaming: Boolean(this.root.dataset.streaming),
      seed: this.seed.value === "" ? undefined : Number(this.seed.value),
    };
  }

  showCode() {
    try {
      const call = this.call({ standIn: "picture.png" });
      this.root.querySelector("#code-python").textContent = pythonCode(this.root.dataset.api, call);
      this.root.querySelector("#code-curl").textContent = curlCode(this.root.dataset.api, call);
    } catch {
      // Half-written JSON in a field; the code follows when it is whole.
    }
  }

  async run() {
    if (this.stopper) return;
    this.stopper = new AbortController();
    this.newSeed();
    this.showCode();
    this.begin();
    try {
      await filesRead(this.form, this.stopper.signal);
      const call = this.call();
      const done = call.isStreaming
        ? await streamText(call, { signal: this.stopper.signal, onText: (text) => this.addText(text) })
        : await predict(call, { signal: this.stopper.signal });
      this.show(done, call);
    } catch (error) {
      this.fail(error);
    } finally {
      this.stopper = null;
      [this.part("run").disabled, this.part("stop").hidden] = [false, true];
      document.body.dispatchEvent(new CustomEvent("predicted"));
    }
  }

  begin() {
    for (const name of ["error", "hint", "text", "pictures", "facts"]) this.part(name).hidden = true;
    this.part("text").textContent = "";
    [this.part("run").disabled, this.part("stop").hidden] = [true, false];
    this.part("status").textContent = this.root.dataset.working;
  }

  addText(text) {
    this.part("text").hidden = false;
    this.part("text").textContent += text;
  }

  fail(error) {
    this.part("status").textContent = error.name === "AbortError" ? this.root.dataset.stopped : "";
    if (error.name === "AbortError") return;
    if (error.field) showProblem(error);
    this.part("error").hidden = false;
    this.part("error-text").textContent = error.isSentence ? error.message : document.body.dataset.offline;
  }

  show(done, call) {
    this.part("status").textContent = "";
    if (!call.isStreaming) this.showOutputs(done.outputs);
    this.showFacts(done);
  }

  showOutputs(outputs) {
    const urls = outputs.filter((output) => output.url).map((output) => output.url);
    const found = (url) => this.pictureName(urls.push(url));
    const others = outputs.filter((output) => !output.url);
    const texts = others.map((output) => output.text ?? readable(output.value, found));
    this.part("pictures").replaceChildren(...urls.map((url, i) => this.picture(url, i + 1)));
    this.part("pictures").hidden = urls.length === 0;
    // Values are indented; texts are for reading.
    for (const look of ["font-mono", "text-sm"]) this.part("text").classList.toggle(look, others.some((output) => output.text === undefined));
    if (texts.length) this.addText(texts.join("\n\n"));
  }

  pictureName(number) {
    return `${this.root.dataset.picture} ${number}`;
  }

  picture(url, number) {
    const item = document.createElement("li");
    const image = document.createElement("img");
    [image.src, image.alt] = [url, this.pictureName(number)];
    image.className = "sample-picture rounded-field border border-base-300";
    const save = document.createElement("a");
    [save.href, save.download, save.textContent] = [url, `picture-${number}.png`, this.root.dataset.save];
    save.className = "link-quiet mt-1.5 inline-block text-sm";
    save.setAttribute("aria-label", `${this.root.dataset.save}: ${image.alt}`);
    item.append(image, save);
    return item;
  }

  showFacts(done) {
    const words = this.root.dataset;
    const meters = JSON.parse(words.meters);
    const ms = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: "millisecond" });
    const cost = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 6, minimumFractionDigits: 2 });
    const facts = [
      [words.cost, `${cost.format(done.cost_micro / 1e6)} USD`],
      [words.waited, ms.format(done.timing.queue_ms ?? 0)],
      [words.computed, ms.format(done.timing.compute_ms ?? 0)],
      ["", done.model_state === "cold" ? words.cold : words.warm],
      ...Object.entries(done.usage).map(([meter, qty]) => [meters[meter] ?? meter, new Intl.NumberFormat(document.documentElement.lang).format(qty)]),
    ];
    this.part("facts").replaceChildren(...facts.map(([name, text]) => fact(name, text)));
    this.part("facts").hidden = false;
  }
}

function fact(name, text) {
  const row = document.createElement("div");
  const [term, value] = [document.createElement("dt"), document.createElement("dd")];
  row.className = "flex gap-1.5";
  [term.textContent, value.textContent] = [name, text];
  value.className = "font-medium text-base-content";
  row.append(term, value);
  return row;
}

export function startPlayground(root) {
  for (const element of root.querySelectorAll("[data-playground]:not([data-ready])")) {
    element.dataset.ready = "";
    new Playground(element);
  }
}
