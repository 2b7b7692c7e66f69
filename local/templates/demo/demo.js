import { ask, element, outside, tell } from "./dom.js";
import { hideProjects, loadProjects } from "./projects.js";

const { junctureUrl } = document.body.dataset;

const views = {
  checking: { label: "Checking…", detail: "", actions: [] },
  not_connected: {
    label: "Not connected",
    detail: "Bring your team's Jira projects into Lantern.",
    actions: ["connect"],
  },
  connected: { label: "Connected", detail: "Lantern can work with your Jira.", actions: ["reconnect", "disconnect"] },
  reconnect_needed: {
    label: "Reconnect needed",
    detail: "Lantern no longer has access to your Jira. Reconnect to go on where you left off.",
    actions: ["reconnect", "disconnect"],
  },
  unavailable: { label: "Unavailable", detail: "The state of the connection is not known.", actions: ["retry"] },
};

/** Shows the site: "Harbour, harbour.atlassian.net". Some connections do not know it before their first use. */
function showSite(name, url) {
  const link = outside(url, { textContent: url?.replace(/^https?:\/\//, "") });
  const parts = [name, link].filter(Boolean).flatMap((part, index) => (index ? [", ", part] : [part]));
  element("site").replaceChildren(...parts);
  element("site").hidden = parts.length === 0;
}

function show(state, { detail, problem, name, url } = {}) {
  const view = views[state];
  element("state").textContent = view.label;
  element("state").dataset.state = state;
  element("detail").textContent = detail ?? view.detail;
  showSite(name, url);
  for (const id of ["connect", "reconnect", "retry", "disconnect"]) {
    element(id).hidden = !view.actions.includes(id);
    element(id).disabled = false;
  }
  // While the connection works, reconnecting is optional, so the button is less prominent.
  element("reconnect").className = state === "connected" ? "quiet" : "";
  tell("problem", problem);
}

async function checkConnection() {
  show("checking");
  hideProjects();
  let connection;
  try {
    connection = await ask("/api/connection");
  } catch (error) {
    show("unavailable", { problem: error.message });
    return;
  }
  const until = connection.token_expires_at && new Date(connection.token_expires_at);
  const time = until && until.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const detail = time && `Lantern can work with your Jira: it has a valid token until ${time}.`;
  const { problem, site_name: name, site_url: url } = connection;
  show(connection.state, { detail: detail || undefined, problem, name, url });
  if (connection.state === "connected") await loadProjects();
}

async function connect(event) {
  const button = event.currentTarget;
  button.disabled = true;
  tell("problem");
  try {
    // Lantern's server decides which workspace is connected, not this page.
    const { connect_token: connectToken } = await ask("/api/connect-token", { method: "POST" });
    const response = await fetch(`${junctureUrl}/api/frontend/oauth/initiate-oauth-flow`, {
      method: "POST",
      // Stores Juncture's cookie, so that only this browser can finish the flow that it starts.
      credentials: "include",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ connect_token: connectToken }),
    });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const { authorization_uri: authorizationUri } = await response.json();
    location.assign(authorizationUri);
  } catch {
    button.disabled = false;
    tell("problem", "Connecting is not possible right now: Juncture did not answer as expected. Try again in a moment.");
  }
}

async function disconnect(event) {
  const button = event.currentTarget;
  button.disabled = true;
  tell("problem");
  try {
    await ask("/api/connection", { method: "DELETE" });
    await checkConnection();
  } catch (error) {
    button.disabled = false;
    tell("problem", error.message);
  }
}

element("connect").addEventListener("click", connect);
element("reconnect").addEventListener("click", connect);
element("disconnect").addEventListener("click", disconnect);
element("retry").addEventListener("click", checkConnection);
// Also fires when the browser restores the page from its back/forward cache, after a visit to Jira.
addEventListener("pageshow", checkConnection);
