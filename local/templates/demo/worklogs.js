import { ask, element, listOf, make, makeOnce, onSubmit, when } from "./dom.js";

let key = null;
let send = makeOnce();

const path = () => `/api/issues/${encodeURIComponent(key)}/worklogs`;

const list = listOf("worklogs", {
  load: (query) => ask(`${path()}?${query}`),
  rows: (answer) => answer.worklogs.map(row),
  none: "No work was logged yet.",
});

export function showWorklogs(of) {
  key = of;
  send = makeOnce();
  element("work").reset();
  element("work-problem").hidden = true;
  return list.start();
}

/** "1h 30m" */
function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  const parts = [[Math.floor(minutes / 60), "h"], [minutes % 60, "m"]];
  return parts.filter(([number]) => number).map(([number, unit]) => `${number}${unit}`).join(" ") || "0m";
}

function row({ author, started, time_spent_seconds: seconds, html }) {
  const time = make("strong", { textContent: seconds == null ? "Some time" : duration(seconds) });
  const about = make("p", { className: "soft" }, time, ` · ${author ?? "Somebody"} · ${when(started)}`);
  // Rendered from Markdown by the backend, without active content.
  return make("li", {}, about, html ? make("div", { className: "prose", innerHTML: html }) : null);
}

async function add() {
  const to = key;
  const started = element("work-started").value;
  const body = { time: element("work-time").value, comment: element("work-comment").value };
  // The field has the visitor's local time.
  if (started) body.started = new Date(started).toISOString();
  const { worklog } = await send(path(), { body });
  if (to !== key) return;
  element("work").reset();
  list.append(row(worklog), `${duration(worklog.time_spent_seconds)} logged.`);
}

onSubmit(element("work"), "work-problem", add);
