// What the fields of the playground's form hold, as the API wants it.
import { Refused } from "./api.js";
import { ChosenFile } from "./playground_files.js";

/** A field whose text is not what it has to be; `message` says what is wrong with it. */
export class FieldProblem extends Refused {
  constructor(field, sentence, details = "") {
    const name = field.labels?.[0]?.textContent.trim() ?? field.name;
    super(sentence.replace("__name__", name) + (details && ` (${details})`), 400);
    this.field = field;
  }
}

// What was left empty takes the model's own default, as on the other pages.
function filled(value) {
  return typeof value === "object" && !Object.keys(value ?? {}).length ? undefined : value;
}

function valueOf(field, words) {
  if (field.type === "checkbox") return field.checked;
  if (field.type === "file") return field.chosen;
  if (field.validity.badInput) throw new FieldProblem(field, words.notNumber);
  const text = field.value;
  if (text.trim() === "" && field.dataset.json !== "string") return undefined;
  if (text === "") return undefined;
  if (["integer", "number"].includes(field.dataset.json)) return Number(text);
  if (field.dataset.json === "lines") return filled(text.split("\n").filter(Boolean));
  if (["array", "object"].includes(field.dataset.json)) return filled(parsed(field, words));
  return text;
}

function parsed(field, words) {
  let value;
  try {
    value = JSON.parse(field.value);
  } catch (error) {
    throw new FieldProblem(field, words.notJson, error.message);
  }
  const isList = Array.isArray(value);
  if (field.dataset.json === "array" && !isList) throw new FieldProblem(field, words.notList);
  if (field.dataset.json === "object" && (isList || value === null || typeof value !== "object")) throw new FieldProblem(field, words.notObject);
  return value;
}

/** Return the values of the fields with a prefix, by name. Throws FieldProblem.

`standIn` names a file for each that has to be chosen and is not yet. */
export function fieldValues(form, prefix, words, { standIn } = {}) {
  const found = {};
  for (const field of form.elements) {
    if (!field.name?.startsWith(`${prefix}-`)) continue;
    let value = valueOf(field, words);
    if (value === undefined && field.type === "file" && field.required && standIn) value = new ChosenFile(standIn, "");
    if (value !== undefined) found[field.name.slice(prefix.length + 1)] = value;
  }
  return found;
}

/** Mark the field that a problem is of, and go to it. */
export function showProblem({ field }) {
  const fold = field.closest("details");
  if (fold) fold.open = true;
  field.setAttribute("aria-invalid", "true");
  field.focus();
  field.addEventListener("input", () => field.removeAttribute("aria-invalid"), { once: true });
}
