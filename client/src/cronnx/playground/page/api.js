/**
 * The HTTP API of the playground.
 */

const KEY_HEADER = "cronnx-key";
const KEY_ITEM = "cronnx-key";

/**
 * An answer that is an error, or no answer.
 *
 * `type` is the name of the client's error; `Unreachable` if the playground itself does not answer.
 */
export class ApiError extends Error {
  constructor(type, message) {
    super(message);
    this.type = type;
  }

  /** Whether the same request can succeed later without a change. */
  get isOutage() {
    return this.type === "Unreachable" || this.type === "ConnectionFailed";
  }
}

/** Return the key that was typed into this tab; it goes with the tab. */
export function key() {
  return sessionStorage.getItem(KEY_ITEM) ?? "";
}

/** Send this key from now on; empty for none. */
export function setKey(value) {
  if (value) sessionStorage.setItem(KEY_ITEM, value);
  else sessionStorage.removeItem(KEY_ITEM);
}

/** Return the state of the server. */
export const getServer = () => getJson("/api/server");

/** Return the models of the server, and whether it shows more with its key. */
export const getModels = () => getJson("/api/models");

/** Return the names and authors of the bundled photos. */
export const getPictures = () => getJson("/pictures");

/** Return the calls that ask the same as the page does, ready to copy. */
export const getCalls = (choice) => getJson(`/api/calls?${query(choice)}`);

/** Return the address of a bundled photo. */
export const pictureUrl = (name) => `/pictures/${encodeURIComponent(name)}`;

/** Return the content of a bundled photo. */
export async function getPicture(name) {
  return (await request(pictureUrl(name))).blob();
}

/** Ask a model about a photo. */
export async function infer(choice, photo, signal) {
  const headers = { "Content-Type": "application/octet-stream" };
  return (await request(`/api/infer?${query(choice)}`, { method: "POST", body: photo, headers, signal })).json();
}

function query({ model, version }) {
  return new URLSearchParams(version ? { model, version } : { model });
}

async function getJson(path) {
  return (await request(path)).json();
}

async function request(path, options = {}) {
  const headers = { ...options.headers, ...(key() && { [KEY_HEADER]: key() }) };
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("Unreachable", "The playground does not answer.");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const { type = "HTTP error", message = `${response.status} ${response.statusText}` } = body.error ?? {};
  throw new ApiError(type, message);
}
