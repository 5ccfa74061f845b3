/**
 * The same call as the page makes, as curl, Python and command line.
 */

import { getCalls } from "./api.js";
import { announce, byId, element, setText } from "./element.js";
import { makeTabs } from "./tabs.js";
import { choiceId } from "./workbench.js";

const KINDS = ["curl", "python", "command"];
const COPIED_MS = 1500;

export class CallsView {
  #tabs = makeTabs(byId("call-tabs"));
  #choices = [];
  #shown = "";

  constructor() {
    for (const kind of KINDS) byId(`copy-${kind}`).addEventListener("click", (event) => copy(kind, event.target));
    byId("call-side").addEventListener("change", () => this.#fill());
  }

  /** Show the calls of these choices, one at a time. */
  show(choices) {
    this.#choices = choices;
    const select = byId("call-side");
    const chosen = select.value;
    const options = choices.map((choice, side) => element("option", { value: side }, `${"AB"[side]}: ${choice.model}`));
    select.replaceChildren(...options);
    select.value = chosen < choices.length ? chosen || "0" : "0";
    byId("call-side-field").hidden = choices.length < 2;
    this.#fill();
  }

  /** Ask again after an outage. */
  refresh() {
    if (!this.#shown) this.#fill();
  }

  async #fill() {
    const choice = this.#choices[Number(byId("call-side").value) || 0];
    byId("calls").hidden = !choice;
    if (!choice || this.#shown === choiceId(choice)) return;
    const id = (this.#shown = choiceId(choice));
    try {
      const calls = await getCalls(choice);
      if (this.#shown !== id) return; // another model was chosen meanwhile
      for (const kind of KINDS) {
        setText(byId(`code-${kind}`), calls[kind] ?? "");
        this.#tabs.hide(byId(`tab-${kind}`), !calls[kind]);
      }
    } catch {
      this.#shown = ""; // the banner says why
    }
  }
}

async function copy(kind, button) {
  const code = byId(`code-${kind}`);
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    // Browsers give pages of other machines no clipboard without TLS.
    getSelection().selectAllChildren(code);
    if (!document.execCommand("copy")) return;
  }
  setText(button, "Copied");
  announce("Copied.");
  setTimeout(() => setText(button, "Copy"), COPIED_MS);
}
