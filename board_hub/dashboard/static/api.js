// Requests to the server. Addresses are relative: a reverse proxy may serve the page below a path.
import { t } from "./i18n.js";

export class Failure extends Error {
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const base = new URL("api/v1/", document.baseURI);

async function answer(response) {
  let row = null;
  try {
    row = await response.json();
  } catch {
    // no JSON: a proxy answered
  }
  if (response.ok && row) return row;
  const error = (row && row.error) || { code: "http", message: `HTTP ${response.status}` };
  if (response.status === 401 && error.code === "login") {
    window.dispatchEvent(new Event("k230-login"));
  }
  throw new Failure(error.code, error.message, response.status);
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(new URL(path, base), { credentials: "same-origin", ...options });
  } catch {
    throw new Failure("offline", t("error.server"), 0);
  }
  return answer(response);
}

export const get = (path) => ask(path, {});

export const post = (path, row = {}) =>
  ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-K230": "1" },
    body: JSON.stringify(row),
  });

export const boardPath = (id, rest = "") => `boards/${encodeURIComponent(id)}${rest}`;

// fetch tells nothing of an upload's progress.
export function upload(path, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", new URL(path, base));
    request.setRequestHeader("X-K230", "1");
    request.setRequestHeader("Content-Type", "application/zip");
    request.upload.onprogress = (event) => progress(event.loaded, event.total);
    request.onerror = () => reject(new Failure("offline", t("error.server"), 0));
    request.onload = () => {
      const body = new Response(request.responseText, { status: request.status || 500 });
      answer(body).then(resolve, reject);
    };
    request.send(file);
  });
}
