import { make } from "./dom.js";

/** The inputs for fields of one line, by the type that Juncture gives them. */
const inputs = { text: "text", url: "url", number: "number", date: "date", date_time: "datetime-local", labels: "text" };

let number = 0;

/**
 * What asks for a field of a form: its `elements`, and what to `read` from them for Juncture's `fields`. Null if this
 * page cannot ask for such a field.
 */
export function controlOf(field) {
  const shape = shapeOf(field);
  if (!shape) return null;
  const id = `field-${(number += 1)}`;
  const control = Object.assign(make(...shape), { id, required: true });
  const label = make("label", { htmlFor: id, textContent: field.name });
  return { id: field.id, elements: [label, control], read: () => read(field, control) };
}

/** The arguments of `make`. */
function shapeOf({ type, allowed_values: allowed }) {
  const options = (allowed ?? []).map(({ id, name }) => make("option", { value: id ?? name, textContent: name ?? id }));
  if (type === "choice" && allowed) return ["select", {}, make("option", { value: "", textContent: "Choose…" }), ...options];
  if (type === "choices" && allowed) return ["select", { multiple: true, size: Math.min(options.length, 6) }, ...options];
  if (type === "rich_text") return ["textarea", { rows: 4 }];
  return type in inputs ? ["input", { type: inputs[type], step: "any", autocomplete: "off" }] : null;
}

function read({ type }, control) {
  if (type === "choices") return [...control.selectedOptions].map((option) => option.value);
  if (type === "labels") return control.value.split(/\s+/).filter(Boolean);
  if (type === "number") return control.valueAsNumber;
  // The field has the visitor's local time.
  if (type === "date_time") return new Date(control.value).toISOString();
  return control.value;
}
