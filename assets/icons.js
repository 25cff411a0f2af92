// Packs the icons our templates name into one sprite, so that pages need no inline drawings;
// the product's mark goes with them into the manifest.
import { readFileSync } from "node:fs";

// Left: the name in templates (`{% icon "home" %}`); right: the drawing in lucide-static.
const ICONS = {
  alert: "triangle-alert",
  arrow: "arrow-right",
  audit: "scroll-text",
  back: "arrow-left",
  bolt: "zap",
  check: "check",
  chevron: "chevron-down",
  clock: "clock",
  close: "x",
  compare: "columns-2",
  copy: "copy",
  data: "database",
  download: "download",
  external: "external-link",
  file: "file-text",
  globe: "languages",
  help: "circle-question-mark",
  home: "house",
  image: "image",
  info: "info",
  invoice: "receipt-text",
  job: "activity",
  key: "key-round",
  lock: "lock",
  logout: "log-out",
  mail: "mail",
  menu: "menu",
  model: "box",
  moon: "moon",
  more: "ellipsis",
  operator: "shield-check",
  pause: "pause",
  play: "play",
  playground: "sparkles",
  plugin: "blocks",
  plus: "plus",
  refresh: "refresh-cw",
  search: "search",
  settings: "settings",
  stop: "square",
  sun: "sun",
  system: "monitor",
  team: "users",
  tenant: "building-2",
  text: "type",
  trash: "trash-2",
  upload: "upload",
  usage: "chart-column",
  user: "user-round",
  wallet: "wallet",
  webhook: "webhook",
  worker: "server",
};

const folder = new URL("../node_modules/lucide-static/icons/", import.meta.url);

function symbol([name, drawing]) {
  const source = readFileSync(new URL(`${drawing}.svg`, folder), "utf8");
  const shapes = source.slice(source.indexOf(">", source.indexOf("<svg")) + 1).replace("</svg>", "");
  return `<symbol id="${name}" viewBox="0 0 24 24">${shapes.replace(/\s+/g, " ").trim()}</symbol>`;
}

export default function iconSprite() {
  return {
    name: "icon-sprite",
    buildStart() {
      const symbols = Object.entries(ICONS).map(symbol).join("");
      this.emitFile({
        type: "asset",
        name: "icons.svg",
        originalFileName: "assets/icons.svg",
        source: `<svg xmlns="http://www.w3.org/2000/svg">${symbols}</svg>`,
      });
      this.emitFile({
        type: "asset",
        name: "mark.svg",
        originalFileName: "assets/mark.svg",
        source: readFileSync(new URL("./mark.svg", import.meta.url), "utf8"),
      });
    },
  };
}
