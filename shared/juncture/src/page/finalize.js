// Improves the page for choosing a site, which also works without it.
"use strict";

{
  // Longer than the server's own timeout, so that the server's response comes first.
  const TIMEOUT_MS = 35_000;

  const form = document.getElementById("finalize");
  const sites = document.getElementById("sites");
  const button = document.getElementById("connect");
  const buttonName = document.getElementById("connect-name");
  const error = document.getElementById("error");
  const progress = document.getElementById("progress");
  const { endpoint, connectionCode, provider, redirect } = form.dataset;
  const heading = form.querySelector("h1").textContent;
  let busy = false;

  const confirmation = form.querySelector("input[name=replace_account]");

  const chosen = () => form.querySelector("input[name=site_id]:checked");
  const nameOf = (radio) => radio.closest("label").querySelector(".name").textContent;

  function nameTheButton() {
    const radio = chosen();
    if (!radio) return;
    const name = document.createElement("bdi");
    name.textContent = nameOf(radio);
    buttonName.replaceChildren(" ", name);
  }

  function setBusy(value) {
    busy = value;
    // Not `disabled`, which would lose the keyboard focus.
    button.setAttribute("aria-disabled", String(value));
    button.classList.toggle("busy", value);
    form.setAttribute("aria-busy", String(value));
    sites.disabled = value;
    if (!value) progress.textContent = "";
  }

  function say(text) {
    progress.textContent = text;
    document.title = text;
  }

  function fail(text) {
    setBusy(false);
    error.textContent = text;
    error.hidden = false;
    document.title = `Not connected yet – ${heading}`;
    button.focus();
  }

  // Replaces the page with the message in this template.
  function end(id) {
    const message = document.getElementById(id).content.cloneNode(true);
    const title = message.querySelector("h1");
    document.querySelector("main").replaceChildren(message);
    document.title = title.textContent;
    title.focus();
  }

  async function connect(siteId) {
    let response;
    try {
      response = await fetch(endpoint, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          connection_code: connectionCode,
          site_id: siteId,
          replace_account: confirmation?.checked ?? false,
        }),
        signal: AbortSignal.timeout?.(TIMEOUT_MS),
      });
    } catch (cause) {
      return fail(
        cause.name === "TimeoutError"
          ? "This took too long. Please try again."
          : "No answer. Please check your internet connection and try again.",
      );
    }
    if (response.ok) {
      end("done");
      if (redirect) location.assign(redirect);
    } else if (response.status === 410) {
      end("expired");
    } else if (response.status === 403 || response.status === 409) {
      // Another browser's flow, or another account is connected: the page from the server explains it.
      location.reload();
    } else {
      // The API's own message is for developers.
      fail(
        response.status === 400
          ? "That site cannot be connected. Choose another one."
          : "That did not work. Try again in a moment.",
      );
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const radio = chosen();
    if (busy || !radio) return;
    const siteId = radio.value;
    error.hidden = true;
    setBusy(true);
    say(`Connecting ${provider}…`);
    connect(siteId);
  });

  form.addEventListener("change", nameTheButton);

  // A browser may restore the choice after a reload, or the whole page after "Back".
  window.addEventListener("pageshow", () => {
    setBusy(false);
    nameTheButton();
  });

  const searchBox = document.getElementById("search-box");
  if (searchBox) {
    const search = document.getElementById("search");
    const count = document.getElementById("search-count");
    const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    const labels = [...sites.querySelectorAll("label")].map((label) => ({
      label,
      radio: label.querySelector("input"),
      text: plain(label.querySelector(".names").textContent),
    }));

    const found = () => {
      const words = plain(search.value).split(/\s+/);
      return labels.filter(({ text }) => words.every((word) => text.includes(word)));
    };

    const filter = () => {
      const shown = new Set(found());
      for (const entry of labels) {
        // The chosen site stays visible: a checked radio is the only tab stop of its group.
        entry.label.hidden = !shown.has(entry) && !entry.radio.checked;
      }
      const all = `${labels.length} sites`;
      count.textContent = search.value.trim() ? `${shown.size} of ${all}` : all;
    };

    search.addEventListener("input", filter);
    // "Enter" selects the site if only one is found, and never submits the form from here.
    search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      const [only, ...others] = found();
      if (!only || others.length) return;
      only.radio.checked = true;
      only.radio.focus();
      filter();
      nameTheButton();
    });
    form.addEventListener("change", filter);
    searchBox.hidden = false;
    filter();
  }
}
