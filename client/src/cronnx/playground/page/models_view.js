/**
 * The models of the server, live.
 */

import { byId, element, setText } from "./element.js";
import { counted, splitText, taskWords } from "./words.js";

const KEPT = 30; // rates: a minute at one in two seconds
const SVG = "http://www.w3.org/2000/svg";

export class ModelsView {
  #rows = new Map();
  #places = "";
  #onPick;

  /** @param {function(string): void} onPick Gets the name of a model that somebody wants to ask. */
  constructor(onPick) {
    this.#onPick = onPick;
    const head = byId("models-head").cloneNode(true);
    head.removeAttribute("id");
    head.querySelector("th").textContent = "Step";
    byId("part-rows").before(head);
  }

  /** Show these models; rows that stay are changed in place, so that the focus stays too. */
  show(models) {
    const names = models.map((each) => each.name);
    const places = JSON.stringify(models.map(({ name, task, state }) => [name, task, state]));
    if (places !== this.#places) {
      this.#places = places;
      this.#rows = new Map(names.map((name) => [name, this.#rows.get(name) ?? this.#row(name)]));
      const isPart = (model) => !model.task && model.state === "READY";
      const nodes = (some) => some.map(({ name }) => this.#rows.get(name).node);
      byId("model-rows").replaceChildren(...nodes(models.filter((model) => !isPart(model))));
      byId("part-rows").replaceChildren(...nodes(models.filter(isPart)));
      byId("parts").hidden = !models.some(isPart);
      setText(byId("parts-summary"), counted(models.filter(isPart).length, "step"));
    }
    for (const model of models) fill(this.#rows.get(model.name), model);
    setText(byId("models-note"), models.length ? "" : "The server has no models.");
  }

  /** Say why the models cannot be listed; the rows stay. */
  showError(message) {
    setText(byId("models-note"), message);
  }

  #row(name) {
    const cell = (label, ...children) => element("td", { role: "cell", "data-label": label }, ...children);
    const row = {
      pick: element("button", { class: "plain", title: "Ask this model", onclick: () => this.#onPick(name) }, name),
      task: cell("Task"),
      state: element("span", {}),
      reason: element("span", { class: "reason" }),
      versions: cell("Versions"),
      split: cell("Split"),
      rate: element("span", { class: "rate" }),
      curve: document.createElementNS(SVG, "polyline"),
      rates: [],
    };
    const chart = document.createElementNS(SVG, "svg");
    chart.setAttribute("class", "curve");
    chart.setAttribute("viewBox", `0 0 ${KEPT - 1} 10`);
    chart.setAttribute("preserveAspectRatio", "none");
    chart.setAttribute("aria-hidden", "true");
    chart.append(row.curve);
    row.node = element(
      "tr",
      { role: "row" },
      element("th", { scope: "row", role: "rowheader" }, row.pick),
      row.task,
      cell("State", row.state, row.reason),
      row.versions,
      row.split,
      element("td", { role: "cell", class: "number", "data-label": "Requests/s" }, chart, row.rate),
    );
    return row;
  }
}

function fill(row, model) {
  row.pick.disabled = !(model.task && model.state === "READY");
  setText(row.task, taskWords(model.task ?? ""));
  setText(row.state, (model.state || "not loaded").toLowerCase());
  row.state.className = `state ${(model.state || "none").toLowerCase()}`;
  setText(row.reason, model.reason ?? "");
  setText(row.versions, versionsText(model));
  setText(row.split, model.split ? splitText(model.split) : "");
  const rate = model.requests_per_s ?? 0;
  setText(row.rate, rate.toFixed(1));
  row.rates = [...row.rates, rate].slice(-KEPT);
  row.curve.setAttribute("points", row.rates.length > 1 ? points(row.rates) : "");
}

function versionsText({ versions, live_version: live }) {
  const text = (version) => (version === live && versions.length > 1 ? `${version} (live)` : version);
  return versions.map(text).join(", ");
}

/** Return a curve that ends at the right, where now is. */
function points(rates) {
  const most = Math.max(1, ...rates);
  const start = KEPT - rates.length;
  return rates.map((rate, index) => `${start + index},${(9.5 - (rate / most) * 9).toFixed(2)}`).join(" ");
}
