/** Helpers for the other scripts. */

export const element = (id) => document.getElementById(id);

/** Creates an element with properties and children; skips children that are null. */
export function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Creates a link that opens in a new tab; null if the URL is not http(s). */
export function outside(url, properties) {
  if (!/^https?:\/\//.test(url ?? "")) return null;
  return make("a", { href: url, target: "_blank", rel: "noopener noreferrer", ...properties });
}

/** Shows a sentence in an element, or hides the element if there is none. */
export function tell(id, sentence) {
  element(id).textContent = sentence ?? "";
  element(id).hidden = !sentence;
}

/** Calls Lantern's own backend; throws an error whose message can be shown to the user. */
export async function ask(path, { method = "GET", body, headers = {} } = {}) {
  const request = { method, headers: { ...headers } };
  if (body) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new Error("Lantern's own server did not answer. Try again in a moment.");
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok || !answer) throw new Error(answer?.error ?? `Lantern's server answered with status ${response.status}.`);
  return answer;
}

/** Runs `work` on submit, one submission at a time, and shows its error in the form. */
export function onSubmit(form, problem, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button[type=submit]");
    if (button.disabled) return;
    button.disabled = true;
    tell(problem);
    try {
      await work();
    } catch (error) {
      tell(problem, error.message);
    } finally {
      button.disabled = false;
    }
  });
}
