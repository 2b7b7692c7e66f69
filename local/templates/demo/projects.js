import { offerNewIssue } from "./create.js";
import { ask, element, make, outside, tell } from "./dom.js";
import { openIssue } from "./issue.js";

const sprintOrder = ["active", "future", "closed"];

let project = null;
let cursor = null;
/** Incremented with each choice of a project, so that late responses for an earlier one are dropped. */
let choice = 0;
/** The same for tickets, which are also requested for the next page and after a new one was created. */
let turn = 0;

export async function loadProjects() {
  let answer;
  try {
    answer = await ask("/api/projects");
  } catch (error) {
    showProjects([], error.message);
    return;
  }
  const { projects, selected_project_id: selected } = answer;
  showProjects(projects, projects.length ? "" : "This site has no projects yet.");
  const known = projects.find(({ id }) => id === selected);
  if (known) await showProject(known);
}

export function hideProjects() {
  choice += 1;
  turn += 1;
  project = null;
  element("projects").hidden = true;
  element("project").hidden = true;
}

function showProjects(projects, note) {
  const rows = projects.map((one) => {
    const parts = [["code", one.key], ["span", one.name], ["small", one.lead?.displayName]];
    const texts = parts.map(([tag, text]) => make(tag, { textContent: text ?? "" }));
    const button = make("button", { type: "button", className: "project" }, ...texts);
    button.dataset.id = one.id;
    button.addEventListener("click", () => select(one));
    return make("li", {}, button);
  });
  element("project-list").replaceChildren(...rows);
  tell("projects-note", note);
  element("projects").hidden = false;
}

async function select(one) {
  tell("projects-note");
  const mine = (choice += 1);
  try {
    await ask("/api/selected-project", { method: "PUT", body: { project: one.id } });
  } catch (error) {
    if (mine === choice) tell("projects-note", error.message);
    return;
  }
  if (mine === choice) await showProject(one);
}

async function showProject(one) {
  choice += 1;
  project = one;
  for (const button of document.querySelectorAll("button.project")) {
    button.setAttribute("aria-pressed", String(button.dataset.id === one.id));
  }
  element("project-heading").textContent = one.name;
  element("project-link").replaceChildren(...[outside(one.url, { textContent: "Open in Jira" })].filter(Boolean));
  element("project").hidden = false;
  await Promise.all([
    load("boards", (answer) => answer.boards.map(board), "There are no boards."),
    load("sprints", (answer) => sprintsOf(answer.boards).map(sprint), "There are no sprints."),
    loadTickets(),
  ]);
}

/** Fills one of the project's lists, or shows why it cannot. */
async function load(name, rows, none) {
  const mine = choice;
  element(name).replaceChildren();
  tell(`${name}-note`, "Loading…");
  let made = [];
  let note;
  try {
    made = rows(await ask(`/api/${name}?${new URLSearchParams({ project: project.id })}`));
    note = made.length ? "" : none;
  } catch (error) {
    note = error.message;
  }
  if (mine !== choice) return;
  element(name).replaceChildren(...made);
  tell(`${name}-note`, note);
}

function board({ id, name, type }) {
  const href = `/board?${new URLSearchParams({ project: project.id, board: id })}`;
  // Of other people's private boards, Jira returns only the ids.
  const title = name ? make("a", { href, textContent: name }) : make("span", { textContent: "A private board" });
  return make("li", {}, title, make("small", { textContent: type ?? "" }));
}

/** The sprints of all boards without duplicates, active ones first. */
function sprintsOf(boards) {
  const sprints = new Map(boards.flatMap((one) => one.sprints).map((one) => [one.id, one]));
  const rank = ({ state }) => sprintOrder.indexOf(state);
  return [...sprints.values()].sort((a, b) => rank(a) - rank(b));
}

function sprint({ name, state, goal }) {
  const title = make("span", { textContent: name ?? "A sprint without a name" });
  const aim = goal ? make("small", { textContent: goal, className: "aside" }) : null;
  const mark = make("small", { textContent: state ?? "", className: "badge" });
  mark.dataset.state = state ?? "";
  return make("li", {}, title, aim, mark);
}

async function loadTickets({ more = false } = {}) {
  const mine = (turn += 1);
  const query = new URLSearchParams({ project: project.id });
  if (more) query.set("cursor", cursor);
  else element("tickets").replaceChildren();
  tell("tickets-problem");
  element("more").disabled = true;
  element("tickets-note").textContent = "Loading…";
  try {
    const answer = await ask(`/api/tickets?${query}`);
    if (mine !== turn) return;
    element("tickets").append(...answer.tickets.map(ticket));
    cursor = answer.next_cursor;
    element("more").hidden = !cursor;
  } catch (error) {
    if (mine !== turn) return;
    tell("tickets-problem", error.message);
  }
  const shown = element("tickets").rows.length;
  element("tickets-note").textContent = shown ? `${shown} shown${cursor ? ", there are more" : ""}.` : "There are no tickets.";
  element("more").disabled = false;
}

function ticket({ key, url, summary, status, assignee }) {
  const button = make("button", { type: "button", className: "key", textContent: key });
  button.addEventListener("click", () => openIssue(key, refresh));
  const cells = [summary, status, assignee].map((text) => make("td", { textContent: text ?? "" }));
  const link = outside(url, { textContent: "↗", className: "aside", ariaLabel: `Open ${key} in Jira` });
  const row = make("tr", {}, make("th", { scope: "row" }, button, link), ...cells);
  row.dataset.key = key;
  return row;
}

function refresh({ key, summary, status, assignee }) {
  const row = [...element("tickets").rows].find((one) => one.dataset.key === key);
  const texts = [summary, status?.name, assignee?.displayName];
  if (row) texts.forEach((text, index) => (row.cells[index + 1].textContent = text ?? ""));
}

async function created({ ticket: { key }, warning }) {
  await loadTickets();
  element("tickets-note").textContent = [`${key} was created.`, warning].filter(Boolean).join(" ");
}

element("more").addEventListener("click", () => loadTickets({ more: true }));
element("new").addEventListener("click", () => offerNewIssue(project, created));
