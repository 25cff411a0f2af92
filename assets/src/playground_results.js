// A JSON answer for people: the pictures in it as pictures, lists of numbers in one line.

const DATA_URL = /^data:image\/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/=]+$/;
const BASE64 = /^[A-Za-z0-9+/=]+$/;
// How files of these types begin, in base64.
const BEGINNINGS = { iVBORw0KGgo: "image/png", "/9j/": "image/jpeg", UklGR: "image/webp" };
const SHORTEST = 60;

function pictureIn(text) {
  if (DATA_URL.test(text)) return text;
  const beginning = Object.keys(BEGINNINGS).find((one) => text.startsWith(one));
  const isPicture = beginning && text.length >= SHORTEST && BASE64.test(text);
  return isPicture ? `data:${BEGINNINGS[beginning]};base64,${text}` : undefined;
}

/** Write a value out; each picture in it is handed to `onPicture(url)`, which gives its name. */
export function readable(value, onPicture, depth = 0) {
  const [inner, outer] = ["  ".repeat(depth + 1), "  ".repeat(depth)];
  if (typeof value === "string") {
    const url = pictureIn(value);
    return url ? `⟨${onPicture(url)}⟩` : JSON.stringify(value);
  }
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value) && value.every((one) => typeof one === "number")) return `[${value.join(", ")}]`;
  const parts = Array.isArray(value)
    ? value.map((one) => readable(one, onPicture, depth + 1))
    : Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${readable(one, onPicture, depth + 1)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return parts.length ? `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${outer}${close}` : open + close;
}
