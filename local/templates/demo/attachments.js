import { element, make, makeOnce, onSubmit, tell, when } from "./dom.js";

const MAX_BYTES = 4 * 1024 * 1024;

let key = null;
let send = makeOnce();

/** Shows the files that came with the issue. */
export function showFiles(of, files) {
  key = of;
  send = makeOnce();
  element("attach").reset();
  tell("attach-problem");
  const rows = files.map(({ id, fileName, size, created, author }) =>
    row({ id, name: fileName, size, created, author: author?.displayName }),
  );
  element("files").replaceChildren(...rows);
  element("files-note").textContent = rows.length ? "" : "No files yet.";
}

function bytes(size) {
  const units = ["bytes", "KB", "MB", "GB"];
  const unit = size > 0 ? Math.min(Math.floor(Math.log(size) / Math.log(1024)), 3) : 0;
  const digits = unit ? 1 : 0;
  return `${(size / 1024 ** unit).toFixed(digits)} ${units[unit]}`;
}

function row({ id, name, size, created, author }) {
  // Lantern's server sends the browser on to a URL of the file that is valid for a short time.
  const href = `/api/files/${encodeURIComponent(id)}`;
  const link = make("a", { href, target: "_blank", rel: "noopener noreferrer", textContent: name ?? "A file without a name" });
  const about = [size == null ? null : bytes(size), author, when(created)].filter(Boolean).join(" · ");
  return make("li", {}, link, make("p", { className: "soft", textContent: about }));
}

async function attach() {
  const to = key;
  const [file] = element("attach-file").files;
  if (file.size > MAX_BYTES) throw new Error(`${file.name} has ${bytes(file.size)}. A file can have at most 4 MB.`);
  element("files-note").textContent = `Sending ${file.name}…`;
  try {
    const path = `/api/issues/${encodeURIComponent(key)}/files?${new URLSearchParams({ name: file.name })}`;
    const { attachment } = await send(path, { content: file });
    if (to !== key) return;
    const { id, file_name: name, size, created, author } = attachment;
    element("attach").reset();
    element("files").append(row({ id, name, size, created, author }));
    element("files-note").textContent = `${name} was attached.`;
  } catch (error) {
    if (to === key) element("files-note").textContent = "";
    throw error;
  }
}

onSubmit(element("attach"), "attach-problem", attach);
