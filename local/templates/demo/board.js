import { ask, element, make, tell } from "./dom.js";
import { letDrag } from "./drag.js";
import { openIssue } from "./issue.js";
import { move, offerMoves } from "./moves.js";

const wanted = new URLSearchParams(location.search);
let project = null;
let isRanked = false;
/** Incremented with each board that is loaded, so that late responses for an earlier one are dropped. */
let turn = 0;

const lists = () => [...document.querySelectorAll(".cards")];

/** Shows why there is no board, and what to do. */
function stop(sentence) {
  element("board-note").textContent = "";
  tell("board-problem", sentence);
}

async function start() {
  try {
    const { projects, selected_project_id: selected } = await ask("/api/projects");
    const id = wanted.get("project") ?? selected;
    project = projects.find((one) => one.id === id);
    if (!project) {
      stop("No project is selected. Go to Integrations and select one.");
      return;
    }
    element("board-heading").textContent = project.name;
    const { boards } = await ask(`/api/boards?${new URLSearchParams({ project: project.id })}`);
    // Of other people's private boards, Jira returns only the ids.
    chooseAmong(boards.filter((one) => one.name));
  } catch (error) {
    stop(`${error.message.replace(/\.?$/, ".")} Integrations shows the state of the connection.`);
  }
}

function chooseAmong(boards) {
  if (boards.length === 0) {
    stop(`${project.name} has no board in Jira. Create one there, or go to Integrations, which lists its tickets.`);
    return;
  }
  const options = boards.map(({ id, name }) => make("option", { value: id, textContent: name }));
  element("board-select").replaceChildren(...options);
  const known = boards.find(({ id }) => String(id) === wanted.get("board"));
  element("board-select").value = (known ?? boards[0]).id;
  element("board-choice").hidden = boards.length === 1;
  load();
}

async function load() {
  const mine = (turn += 1);
  const query = new URLSearchParams({ project: project.id, board: element("board-select").value });
  history.replaceState(null, "", `?${query}`);
  element("board-note").textContent = "Loading…";
  element("reload").disabled = true;
  tell("board-problem");
  try {
    const board = await ask(`/api/board?${query}`);
    if (mine !== turn) return;
    isRanked = board.is_ranked;
    element("columns").replaceChildren(...board.columns.map(column));
    element("board-note").textContent = board.note ?? (board.columns.length ? "" : "This board has no columns with a status.");
    element("hint").hidden = !board.columns.length;
    count();
  } catch (error) {
    if (mine !== turn) return;
    element("columns").replaceChildren();
    stop(error.message);
  }
  element("reload").hidden = false;
  element("reload").disabled = false;
}

function column({ name, status_ids: statuses, min, max, cards }, index) {
  const id = `column-${index}`;
  const title = name ?? "A column without a name";
  const list = make("ol", { className: "cards" }, ...cards.map((one) => card(one, title)));
  list.setAttribute("aria-labelledby", id);
  Object.assign(list.dataset, { name: title, statuses: statuses.join(" "), min: min ?? "", max: max ?? "" });
  const head = make("div", { className: "row apart" }, make("h2", { id, textContent: title }), make("small", { className: "count" }));
  return make("section", { className: "column" }, head, list);
}

function card({ key, summary, status, assignee, issue_type: type }, title) {
  const handle = make("button", { type: "button", className: "handle", textContent: "⠿", ariaLabel: `Move ${key}`, title: "Move" });
  const open = make("button", { type: "button", className: "open" }, make("code", { textContent: key }), " ", make("span", { textContent: summary ?? "" }));
  const about = [type, status === title ? null : status].filter(Boolean).join(" · ");
  const who = make("span", { className: "who", textContent: assignee ?? "Nobody" });
  const made = make("li", { className: "card" }, open, handle, make("p", {}, make("span", { textContent: about }), who));
  made.dataset.key = key;
  open.addEventListener("click", () => openIssue(key, (issue) => refresh(made, issue)));
  handle.addEventListener("click", () => offerMoves(made, lists(), isRanked, (list, before) => choose(made, list, before)));
  return made;
}

function refresh(made, { summary, assignee }) {
  made.querySelector(".open span").textContent = summary ?? "";
  made.querySelector(".who").textContent = assignee?.displayName ?? "Nobody";
}

/** Counts the cards in each column, and marks those that are beyond the board's limits. */
function count() {
  for (const list of lists()) {
    const { min, max } = list.dataset;
    const cards = list.querySelectorAll(".card").length;
    const limits = [min && `at least ${min}`, max && `at most ${max}`].filter(Boolean).join(", ");
    const shown = list.closest(".column").querySelector(".count");
    shown.textContent = limits ? `${cards} (${limits})` : cards;
    shown.classList.toggle("problem", (min && cards < Number(min)) || (max !== "" && cards > Number(max)));
  }
}

const drop = (made, list, before) => move(made, list, before, { keepsPlace: isRanked, settled: count });

/** A move that was chosen from the list of columns goes to the end of the column, without a rank. */
async function choose(made, list, before) {
  const keepsPlace = isRanked && list === made.parentElement;
  const moving = move(made, list, before, { keepsPlace, settled: count });
  // The card is elsewhere in the document now, so it has lost the focus.
  made.querySelector(".handle").focus();
  await moving;
  if (document.activeElement === document.body) made.querySelector(".handle").focus();
}

letDrag(element("columns"), drop);
element("board-select").addEventListener("change", load);
element("reload").addEventListener("click", load);
start();
