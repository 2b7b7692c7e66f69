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

/** A time as the visitor reads it; empty if there is none. */
export function when(time) {
  return time ? new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
}

/**
 * Calls Lantern's own backend with JSON as the `body`, or a file as the `content`. Throws an error whose message can be
 * shown to the user, and whose `form` is what Jira asks for, if it asks.
 */
export async function ask(path, { method = "GET", body, content, headers = {} } = {}) {
  const request = { method, headers: { ...headers }, body: content };
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
  if (!response.ok || !answer) {
    const error = new Error(answer?.error ?? `Lantern's server answered with status ${response.status}.`);
    throw Object.assign(error, { form: answer?.form });
  }
  return answer;
}

/**
 * Returns a function that POSTs what a form contains. Lantern's server makes an id for the form, so that sending the
 * same content again after an error has no second effect. After a success the form gets a new id.
 */
export function makeOnce() {
  let form = null;
  return async (path, options) => {
    form ??= (await ask("/api/forms", { method: "POST" })).form;
    const answer = await ask(path, { ...options, method: "POST", headers: { "Lantern-Form": form } });
    form = null;
    return answer;
  };
}

/**
 * A list `#name` with a note and a button for more. `load` asks for a page with a query, `rows` makes its elements, and
 * `none` is said of an empty list.
 */
export function listOf(name, { load, rows, none }) {
  const [list, note, more] = [element(name), element(`${name}-note`), element(`${name}-more`)];
  let cursor = null;
  /** Incremented with each start, so that late responses for an earlier issue are dropped. */
  let turn = 0;
  async function next() {
    const mine = turn;
    more.disabled = true;
    note.textContent = "Loading…";
    try {
      const answer = await load(new URLSearchParams(cursor ? { cursor } : {}));
      if (mine !== turn) return;
      list.append(...rows(answer));
      cursor = answer.next_cursor;
      more.hidden = !cursor;
      note.textContent = list.children.length ? "" : none;
    } catch (error) {
      if (mine !== turn) return;
      note.textContent = error.message;
    }
    more.disabled = false;
  }
  function start() {
    turn += 1;
    cursor = null;
    more.hidden = true;
    list.replaceChildren();
    return next();
  }
  const put = (how) => (row, said) => {
    list[how](row);
    note.textContent = said;
  };
  more.addEventListener("click", next);
  return { start, prepend: put("prepend"), append: put("append") };
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
