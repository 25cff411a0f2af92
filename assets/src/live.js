// Server-sent events. `data-live="/url"` on an element: each event named `html` replaces its
// content; each other event is dispatched on the element as `live:<name>` with parsed JSON.
import htmx from "htmx.org";

const RETRY_MS = 3000;

function swap(element, html) {
  htmx.swap(element, html, { swapStyle: "innerHTML" });
}

/** Follow `url` until the server says `end`; reconnects by itself, resuming after the last id. */
export function follow(element, url) {
  let last = element.dataset.liveAfter ?? "";
  let source;
  const names = (element.dataset.liveEvents ?? "").split(" ").filter(Boolean);
  const emit = (name, event) => {
    if (event.lastEventId) last = event.lastEventId;
    const detail = JSON.parse(event.data);
    element.dispatchEvent(new CustomEvent(`live:${name}`, { detail, bubbles: true }));
  };
  const open = () => {
    const address = new URL(url, location.href);
    if (last) address.searchParams.set("after", last);
    source = new EventSource(address);
    source.addEventListener("html", (event) => {
      if (event.lastEventId) last = event.lastEventId;
      swap(element, event.data);
    });
    source.addEventListener("end", () => source.close());
    for (const name of names) source.addEventListener(name, (event) => emit(name, event));
    source.onerror = () => {
      source.close();
      if (document.contains(element)) setTimeout(open, RETRY_MS);
    };
  };
  open();
  addEventListener("pagehide", () => source.close());
}

export function startLive() {
  htmx.onLoad((root) => {
    for (const element of root.querySelectorAll("[data-live]:not([data-following])")) {
      element.dataset.following = "";
      follow(element, element.dataset.live);
    }
  });
}
