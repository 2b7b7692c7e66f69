import { ask, element, listOf, make, makeOnce, onSubmit, when } from "./dom.js";

let key = null;
let send = makeOnce();

const path = () => `/api/issues/${encodeURIComponent(key)}/comments`;

const list = listOf("comments", {
  load: (query) => ask(`${path()}?${query}`),
  rows: (answer) => answer.comments.map(row),
  none: "No comments yet.",
});

export function showComments(of) {
  key = of;
  send = makeOnce();
  element("comment").reset();
  element("comment-problem").hidden = true;
  return list.start();
}

function row({ author, created, html, is_internal: isInternal }) {
  const about = [author ?? "Somebody", when(created), isInternal ? "internal" : null].filter(Boolean).join(" · ");
  // Rendered from Markdown by the backend, without active content.
  const body = make("div", { className: "prose", innerHTML: html ?? "" });
  return make("li", {}, make("p", { className: "soft", textContent: about }), body);
}

async function add() {
  const to = key;
  const { comment } = await send(path(), { body: { body: element("comment-body").value } });
  if (to !== key) return;
  element("comment").reset();
  list.prepend(row(comment), "Your comment was added.");
}

onSubmit(element("comment"), "comment-problem", add);
