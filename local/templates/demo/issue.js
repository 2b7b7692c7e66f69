import { showAssignee } from "./assignee.js";
import { showFiles } from "./attachments.js";
import { showComments } from "./comments.js";
import { ask, element, make, onSubmit, outside, tell } from "./dom.js";
import { showWorklogs } from "./worklogs.js";

/** The issue in the dialog, and the callback for changes to it. */
let shown = null;
let onChange = () => {};

const path = (key) => `/api/issues/${encodeURIComponent(key)}`;

/** Opens an issue; `changed` is called with the issue after each edit. */
export async function openIssue(key, changed) {
  shown = { key };
  onChange = changed;
  element("issue-heading").textContent = key;
  element("issue-content").hidden = true;
  element("editing").open = false;
  tell("issue-problem");
  tell("edit-problem");
  element("issue-note").textContent = "Loading…";
  element("issue").showModal();
  showComments(key);
  showWorklogs(key);
  try {
    const issue = await load(key);
    if (issue) showFiles(key, issue.attachments);
    if (shown.key === key) element("issue-note").textContent = "";
  } catch (error) {
    if (shown.key !== key) return;
    element("issue-note").textContent = "";
    tell("issue-problem", error.message);
  }
}

/** Loads, shows and returns the issue, unless another one has been opened in the meantime. */
async function load(key) {
  const { issue, description_html: html } = await ask(path(key));
  if (shown.key !== key) return null;
  shown = issue;
  element("issue-heading").textContent = `${issue.key} · ${issue.summary ?? ""}`;
  const facts = {
    Status: issue.status?.name,
    Type: issue.issueType?.name,
    Priority: issue.priority?.name,
    Reporter: issue.reporter?.displayName,
    Labels: issue.labels.join(", "),
  };
  const known = Object.entries(facts).filter(([, text]) => text);
  const pairs = known.map(([name, text]) =>
    make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: text })),
  );
  element("facts").replaceChildren(...pairs);
  element("issue-link").replaceChildren(...[outside(issue.url, { textContent: "Open in Jira" })].filter(Boolean));
  // Rendered from Markdown by the backend, without active content.
  element("description").innerHTML = html ?? "<p>There is no description.</p>";
  element("edit-summary").value = issue.summary ?? "";
  element("edit-description").value = issue.description ?? "";
  // Read back from the text area, which normalises line breaks.
  shown.typed = element("edit-description").value;
  showAssignee(issue, (assignee) => {
    shown.assignee = assignee;
    onChange(shown);
  });
  element("issue-content").hidden = false;
  return issue;
}

async function save() {
  const { key, summary, typed } = shown;
  const body = {};
  // Only changed fields are sent, so that concurrent changes by others are kept.
  if (element("edit-summary").value !== summary) body.summary = element("edit-summary").value;
  if (element("edit-description").value !== typed) body.description = element("edit-description").value;
  element("issue-note").textContent = "";
  if (Object.keys(body).length === 0) {
    element("editing").open = false;
    return;
  }
  const { warning } = await ask(path(key), { method: "PUT", body });
  await load(key);
  if (shown.key !== key) return;
  onChange(shown);
  element("editing").open = false;
  element("issue-note").textContent = warning ?? "Saved.";
  element("issue-heading").focus();
}

onSubmit(element("edit"), "edit-problem", save);
element("issue-close").addEventListener("click", () => element("issue").close());
