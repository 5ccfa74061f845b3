/**
 * The list of photos with what was answered about each.
 */

import { announce, byId, element, setText } from "./element.js";
import { counted, summary } from "./words.js";

/** Keep the list on the page like the workbench. */
export class PhotoList {
  #workbench;
  #rows = new Map();

  constructor(workbench) {
    this.#workbench = workbench;
    byId("clear").addEventListener("click", () => workbench.remove(workbench.photos));
    workbench.addEventListener("photos", () => this.#build());
    workbench.addEventListener("selection", () => {
      this.#mark();
      this.#tellSelected();
    });
    workbench.addEventListener("choices", () => this.#fillAll());
    workbench.addEventListener("answer", ({ detail: photo }) => {
      this.#fill(photo);
      this.#tellProgress();
    });
  }

  #build() {
    const { photos } = this.#workbench;
    for (const photo of photos) {
      if (!this.#rows.has(photo)) this.#rows.set(photo, this.#row(photo));
    }
    for (const photo of this.#rows.keys()) {
      if (!photos.includes(photo)) this.#rows.delete(photo);
    }
    byId("photos").replaceChildren(...photos.map((photo) => this.#rows.get(photo).node));
    byId("clear").hidden = !photos.length;
    this.#fillAll();
    this.#mark();
  }

  #row(photo) {
    const image = element("img", { src: photo.url, alt: "", loading: "lazy", decoding: "async" });
    image.addEventListener("error", () => image.classList.add("broken"));
    const answers = element("span", { class: "answers" });
    const button = element(
      "button",
      { class: "photo", onclick: () => this.#workbench.select(photo) },
      element("span", { class: "thumbnail" }, image),
      element("span", { class: "lines" }, element("span", { class: "name" }, photo.name), answers),
    );
    return { node: element("li", {}, button), button, answers };
  }

  #mark() {
    for (const [photo, { button }] of this.#rows) {
      if (photo === this.#workbench.selected) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  #fillAll() {
    for (const photo of this.#workbench.photos) this.#fill(photo);
    this.#tellProgress();
  }

  #fill(photo) {
    const row = this.#rows.get(photo);
    if (!row) return;
    const { choices } = this.#workbench;
    const lines = choices.map((choice, side) => line(photo.answer(choice), choices.length > 1 ? "AB"[side] : ""));
    row.answers.replaceChildren(...lines);
  }

  #tellSelected() {
    const { selected: photo, choices } = this.#workbench;
    const answers = photo ? choices.map((choice) => photo.answer(choice)) : [];
    const isDone = answers.length > 0 && answers.every(({ state }) => state === "answered" || state === "failed");
    if (isDone) announce(answers.map((answer) => spoken(photo, answer)).join(" "));
  }

  /** Say how far the photos are: each answer of a single photo, the end of many. */
  #tellProgress() {
    const { photos, choices } = this.#workbench;
    const states = photos.flatMap((photo) => choices.map((choice) => photo.answer(choice)?.state));
    const count = (state) => states.filter((each) => each === state).length;
    const [answered, failed] = [count("answered"), count("failed")];
    const isDone = answered + failed === states.length;
    const failures = failed ? `, ${failed} failed` : "";
    const progress = isDone ? "" : `, ${answered + failed} of ${counted(states.length, "answer")}`;
    setText(byId("progress"), photos.length ? `${counted(photos.length, "photo")}${progress}${failures}` : "");
    if (!isDone || !states.length) return;
    if (photos.length === 1) this.#tellSelected();
    else announce(`${counted(photos.length, "photo")}: ${counted(answered, "answer")}${failures}.`);
  }
}

function line(answer, side) {
  const { state, result, error } = answer ?? { state: "waiting" };
  const mark = side ? element("b", {}, `${side} `) : null;
  if (state === "answered") return element("span", { class: "line" }, mark, summary(result));
  if (state === "failed") return element("span", { class: "line failed", title: error.message }, mark, error.message);
  return element("span", { class: "line waiting" }, mark, state === "asking" ? "asking …" : "waiting");
}

function spoken(photo, { state, result, error }) {
  return `${photo.name}: ${state === "answered" ? summary(result) : error.message}.`;
}
