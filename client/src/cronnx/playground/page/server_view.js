/**
 * Whether the server answers, and its key.
 */

import { key, setKey } from "./api.js";
import { announce, byId, setText } from "./element.js";

/** Show what is known of the server: the answer of `/api/server`, or null if the playground does not answer. */
export function showServer(server) {
  const isUp = Boolean(server?.live);
  const state = !server ? "away" : !server.live ? "away" : server.ready ? "ready" : "starting";
  byId("server-state").className = `state ${state}`;
  setText(byId("server-state"), state);
  if (server) setText(byId("server-url"), server.url);
  const text = bannerText(server);
  if (!isUp && byId("banner").hidden) announce(text);
  if (isUp && !byId("banner").hidden) announce("The server answers again.");
  setText(byId("banner-text"), text);
  setText(byId("banner-cause"), server?.error ?? "");
  byId("banner").hidden = isUp;
}

/** Show the form for the key, or the button that forgets it. */
export function showKey(needsKey) {
  byId("key-form").hidden = !needsKey;
  byId("forget-key").hidden = !key() || needsKey;
  setText(byId("key-refused"), needsKey && key() ? "The server refuses this key." : "");
}

/** Let somebody type the key. @param {function(): void} onChange */
export function acceptKey(onChange) {
  const use = (value) => {
    setKey(value);
    byId("key").value = "";
    onChange();
  };
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    use(byId("key").value.trim());
  });
  byId("forget-key").addEventListener("click", () => use(""));
}

function bannerText(server) {
  if (!server) return "The playground does not answer. Start it again: this page goes on by itself.";
  if (!server.live) return `The server at ${server.url} does not answer. This page goes on by itself once it does.`;
  return "";
}
