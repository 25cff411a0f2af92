// Line and bar charts by uPlot, drawn from `data-chart='{"title": …, "x": […], "series": […]}'`.
// x: seconds since 1970 when "time" is true, else plain numbers such as training steps.
// series: [{"label": "Loss", "values": […], "bars": false, "dashed": false}].
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

const HEIGHT_PX = 260;
const drawn = new Map(); // element → uPlot
const closer = new Map(); // element → the stretch that somebody looks at closer

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function palette() {
  const names = ["primary", "warning", "info", "error", "success", "neutral"];
  return names.map((name) => ink(`--color-${name}`));
}

function axis(extra) {
  const grid = { stroke: ink("--color-base-300"), width: 1 };
  return { stroke: ink("--color-base-content"), grid, ticks: grid, font: "12px system-ui", ...extra };
}

function said(value, number) {
  return value == null ? "–" : number.format(value);
}

/** The rows uPlot draws. Stacked: each series on top of those after it, so the widest is drawn first. */
function rowsOf(spec) {
  const values = spec.series.map((one) => one.values);
  if (!spec.stacked) return [spec.x, ...values];
  const sums = values.map((_one, i) => spec.x.map((_x, row) => values.slice(i).reduce((sum, one) => sum + (one[row] ?? 0), 0)));
  return [spec.x, ...sums];
}

function saidX(x, spec) {
  if (x == null) return "–";
  const language = document.documentElement.lang;
  return spec.time ? new Date(x * 1000).toLocaleDateString(language) : new Intl.NumberFormat(language).format(x);
}

/** Bars stand in the middle of their place: leave half a place free at both ends. */
function rangeFor(spec) {
  const half = spec.series.some((one) => one.bars) && spec.x.length > 1 ? (spec.x[1] - spec.x[0]) / 2 : 0;
  return (_plot, least, most) => [least - half, most + half];
}

function options(element, spec, number) {
  const colours = palette();
  const lines = spec.series.map((one, i) => ({
    label: one.label,
    stroke: colours[i % colours.length],
    fill: one.bars ? colours[i % colours.length] : undefined,
    width: one.bars ? 0 : 2,
    dash: one.dashed ? [6, 4] : undefined,
    paths: one.bars ? uPlot.paths.bars({ size: [0.7, 48] }) : undefined,
    points: { show: one.values.length < 2 },
    spanGaps: true,
    // Stacked values are drawn as sums; people read their own.
    value: (_plot, value, _series, row) => said(spec.stacked ? one.values[row] : value, number),
  }));
  return {
    width: Math.max(element.clientWidth, 200),
    height: Number(element.dataset.chartHeight ?? HEIGHT_PX),
    scales: { x: { time: Boolean(spec.time), range: rangeFor(spec) }, y: spec.log ? { distr: 3 } : {} },
    legend: { live: true },
    cursor: { points: { size: 7 }, bind: { dblclick: () => () => lookWhole(element) } },
    hooks: { setSelect: [(plot) => lookCloser(element, plot)] },
    axes: [axis({ label: spec.x_label, labelSize: spec.x_label ? 22 : 0 }),
      axis({ size: 58, values: (_, values) => values.map((v) => (v == null ? "" : number.format(v))) })],
    series: [{ label: spec.x_name ?? spec.x_label ?? "", value: (_plot, x) => saidX(x, spec) }, ...lines],
  };
}

function draw(element, spec) {
  closer.delete(element);
  drawn.get(element)?.destroy();
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 4 });
  element.chart = spec;
  drawn.set(element, new uPlot(options(element, spec, number), rowsOf(spec), element));
}

/** Draw the stretch that was dragged over from points of its own, where somebody gives `finer`. */
async function lookCloser(element, plot) {
  if (!element.finer || plot.select.width === 0) return;
  const [left, right] = [plot.select.left, plot.select.left + plot.select.width];
  const stretch = { min: plot.posToVal(left, "x"), max: plot.posToVal(right, "x") };
  closer.set(element, stretch);
  const spec = await element.finer(Math.floor(stretch.min), Math.ceil(stretch.max));
  // Meanwhile somebody may have gone on to another stretch, or back.
  if (closer.get(element) !== stretch || !spec?.x.length) return;
  plot.setData(rowsOf(spec), false);
  plot.setScale("x", stretch);
}

function lookWhole(element) {
  closer.delete(element);
  updateChart(element, element.chart);
}

/** Replace a chart's data (same shape as the attribute); redraws axes when series changed. */
export function updateChart(element, spec) {
  const plot = drawn.get(element);
  if (!plot || plot.series.length !== spec.series.length + 1) return draw(element, spec);
  element.chart = spec;
  // Whoever looks closer is left there; a double click shows what came meanwhile.
  return closer.has(element) ? plot : plot.setData(rowsOf(spec));
}

/** Draw a chart into an element and keep it as wide as that. */
export function chartInto(element, spec) {
  draw(element, spec);
  new ResizeObserver(() => {
    const width = Math.max(element.clientWidth, 200);
    const plot = drawn.get(element);
    if (plot && plot.width !== width) plot.setSize({ width, height: plot.height });
  }).observe(element);
}

export function drawCharts(root) {
  for (const element of root.querySelectorAll("[data-chart]")) {
    if (drawn.has(element)) continue;
    chartInto(element, JSON.parse(element.dataset.chart));
    // A server-sent event or any module may hand over new data.
    element.addEventListener("chart:data", (event) => updateChart(element, event.detail));
  }
}

document.addEventListener("themechange", () => {
  for (const [element] of drawn) draw(element, element.chart);
});
