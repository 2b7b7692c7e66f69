import { element, makeOnce, onSubmit, tell } from "./dom.js";

let project = null;
let onCreated = () => {};
let send = makeOnce();

/** Opens the form for a new issue in the project `into`; `created` is called with Juncture's response. */
export function offerNewIssue(into, created) {
  project = into;
  onCreated = created;
  element("creation-heading").textContent = `New issue in ${into.name}`;
  element("create").reset();
  tell("create-problem");
  send = makeOnce();
  element("creation").showModal();
  element("create-summary").focus();
}

async function create() {
  const body = {
    project: project.id,
    summary: element("create-summary").value,
    description: element("create-description").value,
    issue_type: element("create-type").value,
  };
  const answer = await send("/api/issues", { body });
  element("creation").close();
  await onCreated(answer);
}

onSubmit(element("create"), "create-problem", create);
element("creation-close").addEventListener("click", () => element("creation").close());
