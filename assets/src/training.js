// A job's curves and samples: `data-training="/url"`, asked again while the job lives.
import { callApi } from "./api.js";
import { chartInto, updateChart } from "./charts.js";

const EVERY_MS = 2500;

class Training {
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`[data-training-${name}]`);
    this.slider = root.querySelector("input[type=range]");
    this.samples = new Map(); // step → samples
    this.charts = new Map(); // title → element
    this.slider.addEventListener("input", () => this.showStep());
    this.ask();
  }

  async ask() {
    try {
      const answer = await fetch(this.root.dataset.training);
      if (answer.ok) this.show(await answer.json());
      if (answer.ok && this.isOver) return;
    } catch {
      // The connection is away for a moment; what is shown stays, and we ask again.
    }
    if (this.root.isConnected) setTimeout(() => this.ask(), document.hidden ? 4 * EVERY_MS : EVERY_MS);
  }

  show(body) {
    this.isOver = body.is_over;
    this.showCharts(body.charts.filter((chart) => chart.x.length > 0));
    this.takeSamples(body.samples);
  }

  showCharts(charts) {
    this.part("curves").hidden = charts.length === 0;
    for (const spec of charts) {
      const known = this.charts.get(spec.title);
      if (known) updateChart(known, spec);
      else this.charts.set(spec.title, this.addCurves(spec));
    }
  }

  addCurves(spec) {
    const element = addChart(this.part("charts"), spec);
    element.finer = (from, to) => this.finer(element.chart, from, to);
    return element;
  }

  /** The same curves between two steps, from as many points as the whole has. */
  async finer(spec, from, to) {
    const names = spec.series.map((one) => one.name);
    const asked = new URLSearchParams({ names: names.join(","), from_step: Math.max(0, from), to_step: Math.max(0, to) });
    try {
      const told = await callApi(`${this.root.dataset.metrics}?${asked}`, { method: "GET" });
      return { ...spec, x: told.step, series: spec.series.map((one) => ({ ...one, values: told.series[one.name] })) };
    } catch {
      return null; // What is shown stays: it is right, only coarser.
    }
  }

  takeSamples(samples) {
    const wasLast = this.slider.value === this.slider.max;
    const before = this.samples.size;
    this.samples = new Map();
    for (const sample of samples) {
      if (!this.samples.has(sample.step)) this.samples.set(sample.step, []);
      this.samples.get(sample.step).push(sample);
    }
    if (this.samples.size === before) return;
    this.part("samples").hidden = this.samples.size === 0;
    this.slider.max = String(this.samples.size - 1);
    // Whoever looks at the newest goes on doing so; whoever looks back is left there.
    if (wasLast) this.slider.value = this.slider.max;
    this.showStep();
  }

  showStep() {
    const step = [...this.samples.keys()][Number(this.slider.value)];
    const number = new Intl.NumberFormat(document.documentElement.lang).format(step);
    this.part("step").textContent = `${this.root.dataset.stepLabel} ${number}`;
    this.slider.setAttribute("aria-valuetext", this.part("step").textContent);
    const shown = this.samples.get(step);
    this.part("shown").replaceChildren(...shown.map((sample) => figure(sample, shown.length === 1)));
  }
}

/** Add a chart with its title to a container; returns what `updateChart` takes. */
export function addChart(container, spec) {
  const panel = document.createElement("figure");
  panel.className = "panel panel-body min-w-0";
  const title = document.createElement("figcaption");
  title.className = "mb-2 text-sm font-medium";
  title.textContent = spec.title;
  const element = document.createElement("div");
  element.dataset.chartHeight = "220";
  panel.append(title, element);
  container.append(panel);
  chartInto(element, spec);
  return element;
}

function figure(sample, isAlone) {
  // A picture alone has the room to be looked at.
  const width = isAlone && sample.url ? "max-w-3xl sm:col-span-2" : sample.url ? "" : "sm:col-span-2";
  return sampleFigure(sample, width);
}

/** A sample as a panel: its picture, or its text. */
export function sampleFigure(sample, width = "") {
  const panel = document.createElement("figure");
  panel.className = `panel min-w-0 w-full ${sample.url ? "overflow-hidden" : "panel-body"} ${width}`;
  if (sample.url) {
    const picture = document.createElement("img");
    picture.className = "sample-picture";
    [picture.src, picture.alt] = [sample.url, sample.name];
    panel.append(picture);
  } else {
    const text = document.createElement("p");
    // What is laid out by spaces or drawn with blocks stays as it was written.
    const isLaidOut = / {2,}\S|█/.test(sample.text);
    text.className = isLaidOut
      ? "overflow-x-auto font-mono text-xs leading-relaxed whitespace-pre"
      : "leading-relaxed whitespace-pre-wrap break-words";
    if (isLaidOut) text.tabIndex = 0;
    text.textContent = sample.text;
    panel.append(text);
  }
  return panel;
}

export function startTraining(root) {
  for (const element of root.querySelectorAll("[data-training]:not([data-ready])")) {
    element.dataset.ready = "";
    new Training(element);
  }
}
