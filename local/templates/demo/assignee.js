import { ask, element, make, tell } from "./dom.js";

const PAUSE = 250;

let shown = null;
let onChange = () => {};
/** What was found in this dialog, by query: all apps on a Jira site share one limit for these searches. */
let found = new Map();
let timer = null;
/** Incremented with each query, so that late responses for an earlier one are dropped. */
let turn = 0;

/** Shows whom an issue is assigned to; `changed` is called with the new assignee. */
export function showAssignee(issue, changed) {
  shown = issue;
  onChange = changed;
  found = new Map();
  tell("assignee-problem");
  close();
  name(issue.assignee);
}

function name(assignee) {
  element("assignee-name").textContent = assignee ? (assignee.displayName ?? "Somebody without a visible name") : "Nobody";
  element("assignee-change").textContent = assignee ? "Assign to another person" : "Assign";
  element("assignee-remove").hidden = !assignee;
}

function open() {
  element("assignee-search").hidden = false;
  element("assignee-change").setAttribute("aria-expanded", "true");
  element("assignee-query").focus();
}

function close() {
  clearTimeout(timer);
  turn += 1;
  element("assignee-search").hidden = true;
  element("assignee-change").setAttribute("aria-expanded", "false");
  element("assignee-query").value = "";
  element("assignee-note").textContent = "";
  element("assignee-people").replaceChildren();
}

async function search() {
  const mine = (turn += 1);
  const query = element("assignee-query").value.trim();
  element("assignee-people").replaceChildren();
  if (!query) {
    element("assignee-note").textContent = "";
    return;
  }
  element("assignee-note").textContent = "Searching…";
  let note;
  let people = [];
  try {
    const path = `/api/issues/${encodeURIComponent(shown.key)}/people?${new URLSearchParams({ query })}`;
    if (!found.has(query)) found.set(query, (await ask(path)).users);
    people = found.get(query) ?? [];
    note = people.length ? `${people.length} found.` : "Nobody by that name can be assigned.";
  } catch (error) {
    note = error.message;
  }
  if (mine !== turn) return;
  element("assignee-note").textContent = note;
  element("assignee-people").replaceChildren(...people.filter((one) => one.account_id).map(person));
}

function person({ account_id: id, display_name: displayName }) {
  const button = make("button", { type: "button", className: "choice", textContent: displayName ?? "Somebody without a visible name" });
  button.addEventListener("click", () => assign(id));
  return make("li", {}, button);
}

async function assign(id) {
  const { key } = shown;
  const buttons = document.querySelectorAll(".assignee button, #assignee-search button");
  tell("assignee-problem");
  for (const button of buttons) button.disabled = true;
  try {
    const path = `/api/issues/${encodeURIComponent(key)}/assignee`;
    const { issue } = await ask(path, { method: "PUT", body: { account_id: id } });
    if (key !== shown.key) return;
    close();
    name(issue.assignee);
    element("assignee-change").focus();
    onChange(issue.assignee);
  } catch (error) {
    if (key === shown.key) tell("assignee-problem", error.message);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

element("assignee-change").addEventListener("click", () => (element("assignee-search").hidden ? open() : close()));
element("assignee-remove").addEventListener("click", () => assign(null));
element("assignee-query").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, PAUSE);
});
