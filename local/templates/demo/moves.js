import { ask, element, make, onSubmit, tell } from "./dom.js";
import { controlOf } from "./fields.js";

const keyOf = (card) => card.dataset.key;
const pathOf = (card, part) => `/api/issues/${encodeURIComponent(keyOf(card))}/${part}`;

/**
 * Moves a card to a list, before another card or to the end, and then the issue in Jira. If Jira refuses, the card goes
 * back. The list decides the status, and, with `keepsPlace`, its neighbours decide its rank.
 */
export async function move(card, list, before, { keepsPlace, settled }) {
  const from = card.parentElement;
  const next = card.nextElementSibling;
  const isSame = list === from;
  if (card.ariaBusy === "true" || (isSame && (!keepsPlace || before === next || before === card))) return;
  tell("board-problem");
  list.insertBefore(card, before);
  card.ariaBusy = "true";
  settled();
  let isThere = isSame;
  try {
    if (!isSame) {
      await changeStatus(card, list);
      isThere = true;
    }
    if (keepsPlace) await rank(card);
    announce(`${keyOf(card)} is in ${list.dataset.name}, ${placeOf(card)}.`);
  } catch (error) {
    if (isSame || !isThere) from.insertBefore(card, next?.parentElement === from ? next : null);
    const where = isSame || !isThere ? `${keyOf(card)} stays in ${from.dataset.name}` : `${keyOf(card)} is in ${list.dataset.name}, but not at this position`;
    if (error.isCancelled) announce(`${where}.`);
    else tell("board-problem", `${where}. ${error.message}`);
  } finally {
    card.ariaBusy = "false";
    settled();
  }
}

/** "1 of 4" */
function placeOf(card) {
  const cards = [...card.parentElement.children];
  return `${cards.indexOf(card) + 1} of ${cards.length}`;
}

function announce(sentence) {
  element("news").textContent = sentence;
}

async function changeStatus(card, list) {
  const send = (more) => {
    const body = { status_ids: list.dataset.statuses.split(" "), ...more };
    return ask(pathOf(card, "status"), { method: "POST", body });
  };
  try {
    await send({});
  } catch (error) {
    if (!error.form) throw error;
    const { transition_id, fields } = error.form;
    await fill(`Move ${keyOf(card)} to ${list.dataset.name}`, fields, (values) => send({ transition_id, fields: values }));
  }
}

/** Ranks the issue as its card is placed. One that is alone in its column keeps its rank. */
async function rank(card) {
  const [after, before] = [card.previousElementSibling, card.nextElementSibling];
  const body = before ? { before: keyOf(before) } : after ? { after: keyOf(after) } : null;
  if (body) await ask(pathOf(card, "rank"), { method: "PUT", body });
}

/** The form of the transition that is being filled in. */
let asked = null;

/** Asks for the fields of a transition and sends them with `send`; fails if the person cancels. */
function fill(heading, fields, send) {
  const wanted = fields.filter((field) => field.must_ask).map((field) => [field, controlOf(field)]);
  const unknown = wanted.filter(([, control]) => !control).map(([field]) => field.name);
  element("asking-heading").textContent = heading;
  element("ask-note").textContent = unknown.length
    ? `Jira asks for ${unknown.join(", ")}, which Lantern cannot ask you for. Move the issue in Jira.`
    : "Jira asks for this when an issue is moved there.";
  element("ask-fields").replaceChildren(...wanted.flatMap(([, control]) => control?.elements ?? []));
  element("ask").querySelector("[type=submit]").hidden = unknown.length > 0;
  tell("ask-problem");
  return new Promise((resolve, reject) => {
    asked = { controls: wanted.map(([, control]) => control), send, resolve, reject };
    element("asking").showModal();
    element("ask-fields").querySelector("input, select, textarea")?.focus();
  });
}

async function submit() {
  const filling = asked;
  const values = Object.fromEntries(filling.controls.map(({ id, read }) => [id, read()]));
  await filling.send(values);
  filling.resolve();
  element("asking").close();
}

onSubmit(element("ask"), "ask-problem", submit);
element("asking-close").addEventListener("click", () => element("asking").close());
// After a success this has no effect, because the promise is already settled.
element("asking").addEventListener("close", () => asked.reject(Object.assign(new Error("Cancelled."), { isCancelled: true })));

/** Asks where a card goes, without dragging. `go` is called with a list and the card to put it before. */
export function offerMoves(card, lists, isRanked, go) {
  const list = card.parentElement;
  const [above, below] = [card.previousElementSibling, card.nextElementSibling];
  const goal = (text, isPossible, ...target) => {
    const button = make("button", { type: "button", className: "choice", textContent: text, disabled: !isPossible });
    button.addEventListener("click", () => {
      element("moving").close();
      go(...target);
    });
    return make("li", {}, button);
  };
  const columns = lists.filter((one) => one !== list).map((one) => goal(`To “${one.dataset.name}”`, true, one, null));
  const positions = [
    goal("Up", above, list, above),
    goal("Down", below, list, below?.nextElementSibling ?? null),
  ];
  element("moving-heading").textContent = `Move ${keyOf(card)}`;
  element("goals").replaceChildren(...columns, ...(isRanked ? positions : []));
  element("moving").showModal();
}

element("moving-close").addEventListener("click", () => element("moving").close());
