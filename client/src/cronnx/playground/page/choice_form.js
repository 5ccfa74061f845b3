/**
 * The choice of a model and a version, or of two to compare.
 */

import { byId, element } from "./element.js";
import { splitText, taskWords } from "./words.js";

// The order of the groups; the first model of the first group is the one that the page opens with.
const TASKS = ["classification", "multi_label", "detection", "pose", "oriented_boxes", "instance_segmentation"];

/**
 * The selects of the page, filled with the server's models.
 *
 * Event: `change` if somebody chooses, or if the choice is no longer there.
 */
export class ChoiceForm extends EventTarget {
  #models = [];
  #sides = [
    { model: byId("model"), version: byId("version") },
    { model: byId("other-model"), version: byId("other-version") },
  ];
  #wanted;
  #suggested = ""; // the version that a comparison gave to the first side

  /** @param {import("./workbench.js").Choice[]} wanted The choices that the page's address names. */
  constructor(wanted) {
    super();
    this.#wanted = wanted;
    byId("compare").checked = wanted.length > 1;
    byId("compare").addEventListener("change", () => {
      if (byId("compare").checked) this.#suggestOther();
      else this.#withdrawSuggestion();
      this.#changed();
    });
    for (const { model, version } of this.#sides) {
      model.addEventListener("change", () => {
        fillVersions(version, this.#find(model.value), "");
        this.#changed();
      });
      version.addEventListener("change", () => {
        this.#suggested = "";
        this.#changed();
      });
    }
    this.#showOther();
  }

  /** The choices: none while the server has no model, two to compare. */
  get choices() {
    const sides = byId("compare").checked ? this.#sides : this.#sides.slice(0, 1);
    const named = sides.filter(({ model }) => model.value);
    return named.map(({ model, version }) => ({ model: model.value, version: version.value }));
  }

  /** Choose a model for the first side. */
  choose(name) {
    const [{ model, version }] = this.#sides;
    model.value = name;
    fillVersions(version, this.#find(name), "");
    this.#changed();
  }

  /** Offer these models; the choice stays where it can. */
  offer(models) {
    const askable = models.filter((each) => each.task && each.state === "READY").sort(byTask);
    if (JSON.stringify(askable.map(offered)) === JSON.stringify(this.#models.map(offered))) return;
    const before = JSON.stringify(this.choices);
    this.#models = askable;
    this.#sides.forEach(({ model, version }, side) => {
      const wanted = model.value ? { model: model.value, version: version.value } : this.#wanted[side];
      fillModels(model, askable, wanted?.model);
      fillVersions(version, this.#find(model.value), wanted?.version ?? "");
    });
    if (JSON.stringify(this.choices) !== before) this.#changed();
  }

  #find(name) {
    return this.#models.find((each) => each.name === name);
  }

  /** Offer what people compare most: two versions of one model, else another model of the same task. */
  #suggestOther() {
    const [first, second] = this.#sides;
    const model = this.#find(first.model.value);
    if (!model) return;
    const others = model.versions.filter((each) => each !== first.version.value);
    if (model.versions.length > 1) {
      if (!first.version.value) {
        this.#suggested = first.version.value = String(model.live_version ?? model.versions.at(-1));
      }
      second.model.value = model.name;
      fillVersions(second.version, model, others.find((each) => each !== first.version.value) ?? "");
      return;
    }
    const other = this.#models.find((each) => each.name !== model.name && each.task === model.task);
    second.model.value = (other ?? model).name;
    fillVersions(second.version, other ?? model, "");
  }

  /** Ask what callers get again, unless somebody has chosen a version. */
  #withdrawSuggestion() {
    const [{ version }] = this.#sides;
    if (version.value === this.#suggested) version.value = "";
    this.#suggested = "";
  }

  #changed() {
    this.#showOther();
    this.dispatchEvent(new Event("change"));
  }

  #showOther() {
    byId("other").hidden = !byId("compare").checked;
  }
}

/** What of a model is on offer; the rest changes with every call. */
function offered({ name, task, versions, live_version: live, split }) {
  return { name, task, versions, live, split };
}

/** Classifiers first, then what finds objects, then the other tasks; models of one task keep their order. */
function byTask(one, other) {
  const place = ({ task }) => (TASKS.includes(task) ? TASKS.indexOf(task) : TASKS.length);
  return place(one) - place(other) || one.task.localeCompare(other.task);
}

function fillModels(select, models, chosen) {
  const groups = new Map();
  for (const { name, task } of models) {
    if (!groups.has(task)) groups.set(task, []);
    groups.get(task).push(element("option", { value: name }, name));
  }
  select.replaceChildren(
    ...[...groups].map(([task, options]) => element("optgroup", { label: taskWords(task) }, options)),
  );
  if (chosen && !models.some((each) => each.name === chosen)) {
    // A model that is gone stays chosen: asking it says why, and another one's answers would surprise.
    select.append(element("option", { value: chosen }, `${chosen} (not ready)`));
  }
  select.value = chosen || (models[0]?.name ?? "");
  select.disabled = !select.value;
}

function fillVersions(select, model, chosen) {
  const versions = model?.versions ?? [chosen].filter(Boolean);
  select.replaceChildren(
    element("option", { value: "" }, liveText(model)),
    ...versions.map((version) => element("option", { value: version }, `version ${version}`)),
  );
  select.disabled = !versions.length;
  select.value = versions.includes(chosen) ? chosen : "";
}

function liveText(model) {
  if (model?.split) return `as callers get it: ${splitText(model.split)}`;
  return model?.live_version ? `live version (${model.live_version})` : "live version";
}
