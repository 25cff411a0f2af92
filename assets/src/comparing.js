// Several jobs side by side: `data-comparing="/url"`. Curves overlaid, samples by step, a switch
// for the parameters that are the same.
import { updateChart } from "./charts.js";
import { addChart, sampleFigure } from "./training.js";

const EVERY_MS = 3000;

class Comparing {
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`[data-comparing-${name}]`);
    this.slider = root.querySelector("input[type=range]");
    this.charts = new Map(); // title → element
    this.seen = "";
    this.slider.addEventListener("input", () => this.showStep());
    this.ask();
  }

  async ask() {
    try {
      const answer = await fetch(this.root.dataset.comparing);
      if (answer.ok) {
        const body = await answer.json();
        this.showCharts(body.charts.filter((chart) => chart.x.length > 0));
        this.takeRuns(body.runs);
        if (body.is_over) return;
      }
    } catch {
      // The connection is away for a moment; what is shown stays, and we ask again.
    }
    if (this.root.isConnected) setTimeout(() => this.ask(), document.hidden ? 4 * EVERY_MS : EVERY_MS);
  }

  showCharts(charts) {
    this.part("curves").hidden = charts.length === 0;
    for (const spec of charts) {
      const known = this.charts.get(spec.title);
      if (known) updateChart(known, spec);
      else this.charts.set(spec.title, addChart(this.part("charts"), spec));
    }
  }

  takeRuns(runs) {
    const all = runs.flatMap((run) => run.samples);
    const seen = `${all.length} ${all.at(-1)?.step}`;
    if (seen === this.seen) return;
    this.seen = seen;
    this.runs = runs;
    const names = [...new Set(all.map((sample) => sample.name))];
    // What each run shows once, such as a confusion matrix, has no step to choose.
    const isOnce = (name) => runs.every((run) => run.samples.filter((one) => one.name === name).length < 2);
    this.once = names.filter(isOnce);
    this.often = names.filter((name) => !isOnce(name));
    this.show("once", this.once, Infinity);
    this.takeSteps(all);
  }

  takeSteps(all) {
    const wasLast = this.slider.value === this.slider.max;
    const steps = all.filter((one) => this.often.includes(one.name)).map((one) => one.step);
    this.steps = [...new Set(steps)].sort((a, b) => a - b);
    this.part("samples").hidden = this.steps.length === 0;
    if (this.steps.length === 0) return;
    this.slider.max = String(this.steps.length - 1);
    if (wasLast) this.slider.value = this.slider.max;
    this.showStep();
  }

  showStep() {
    const step = this.steps[Number(this.slider.value)];
    this.part("step").textContent = this.said(step);
    this.slider.setAttribute("aria-valuetext", this.part("step").textContent);
    this.show("often", this.often, step);
  }

  said(step) {
    return `${this.root.dataset.stepLabel} ${new Intl.NumberFormat(document.documentElement.lang).format(step)}`;
  }

  /** Show of each run the newest sample of each name that is not behind `step`. */
  show(part, names, step) {
    const place = this.part(part);
    place.closest("[data-comparing-section]").hidden = names.length === 0;
    place.replaceChildren(...names.map((name) => this.row(name, step)));
  }

  row(name, step) {
    const row = document.createElement("div");
    // Four stand better two by two.
    const wide = this.runs.length === 2 || this.runs.length === 4 ? "" : "xl:grid-cols-3";
    row.className = `grid grid-cols-1 items-start gap-4 sm:grid-cols-2 ${wide}`;
    row.append(...this.runs.map((run) => this.cell(run, name, step)));
    return row;
  }

  cell(run, name, step) {
    const cell = document.createElement("div");
    cell.className = "min-w-0";
    const sample = run.samples.findLast((one) => one.name === name && one.step <= step);
    const title = document.createElement("p");
    title.className = "mb-1.5 flex justify-between gap-3 text-sm";
    const [who, when] = [document.createElement("span"), document.createElement("span")];
    who.className = "truncate font-medium";
    who.textContent = run.title;
    when.className = "muted numeric whitespace-nowrap";
    when.textContent = sample ? `${name} · ${this.said(sample.step)}` : "–";
    title.append(who, when);
    cell.append(title);
    if (sample) cell.append(sampleFigure(sample));
    return cell;
  }
}

export function startComparing(root) {
  for (const element of root.querySelectorAll("[data-comparing]:not([data-ready])")) {
    element.dataset.ready = "";
    new Comparing(element);
  }
}
