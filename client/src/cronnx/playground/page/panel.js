/**
 * One model's answer about the selected photo: the photo with the answer drawn on it, the answer in words, the time.
 */

import { answerView, jsonView } from "./answer_view.js";
import { element, setText } from "./element.js";
import { Stage } from "./stage.js";
import { stepsView } from "./steps_view.js";
import { milliseconds, taskWords } from "./words.js";

const ABOUT_TIMES =
  "From Triton's statistics around this call: other calls at the same time are averaged in.";

export class Panel {
  #shown = {};

  /**
   * @param {string} side A or B.
   * @param {function(): void} onAskAgain
   */
  constructor(side, onAskAgain) {
    this.stage = new Stage((index) => this.#highlight(index));
    this.title = element("h2", {});
    this.facts = element("p", { class: "facts" });
    this.latency = element("p", { class: "latency" });
    this.again = element("button", { class: "small", onclick: onAskAgain }, "Ask again");
    this.answer = element("div", { class: "answer" });
    this.time = element("div", { class: "time" });
    this.side = side;
    this.name = "";
    const words = element("div", { class: "words" }, this.answer, this.time);
    const head = element("header", {}, this.title, this.facts, this.latency, this.again);
    const body = element("div", { class: "body" }, this.stage.node, words);
    this.node = element("article", { class: "card panel" }, head, body);
  }

  /**
   * Show what is known of a photo.
   *
   * @param {object} state
   * @param {?Photo} state.photo
   * @param {?Choice} state.choice
   * @param {object[]} state.others The other photos' embeddings.
   * @param {number} state.longest The longest latency beside which this one's is drawn.
   */
  show({ photo, choice, others, longest }) {
    const answer = photo && choice ? photo.answer(choice) : null;
    const result = answer?.state === "answered" ? answer.result : null;
    setText(this.title, [this.name, choice?.model].filter(Boolean).join(": ") || "Answer");
    setText(this.facts, factsText(answer, choice));
    setText(this.latency, result ? milliseconds(result.latency_ms) : "");
    this.again.hidden = !(answer?.state === "answered" || answer?.state === "failed");
    this.node.setAttribute("aria-busy", String(Boolean(answer && !result && answer.state !== "failed")));
    this.stage.show(photo, result);
    const key = JSON.stringify([photo?.id, answer?.state, others.length, longest]);
    if (this.#shown.answer === answer && this.#shown.key === key) return;
    this.#shown = { answer, key };
    hold([this.answer, this.time], !result && answer?.state !== "failed");
    this.answer.replaceChildren(...this.#answerNodes(answer, result, others));
    this.time.replaceChildren(...(result ? timeNodes(result, longest) : []));
  }

  #answerNodes(answer, result, others) {
    if (answer?.state === "failed") return [failure(answer.error)];
    if (!result) return [];
    return [answerView(result, { highlight: (index) => this.#highlight(index), others }), jsonView(result)];
  }

  #highlight(index) {
    this.stage.highlight(index);
    for (const row of this.answer.querySelectorAll("tr[data-index]")) {
      row.classList.toggle("highlighted", Number(row.dataset.index) === index);
    }
  }
}

/** Keep the heights of parts while they are empty, so that what is below stays where it is. */
function hold(parts, isHeld) {
  const heights = parts.map((part) => part.offsetHeight);
  parts.forEach((part, index) => (part.style.minHeight = isHeld ? `${heights[index]}px` : ""));
}

function factsText(answer, choice) {
  if (!choice) return "";
  if (!answer) return choice.version ? `version ${choice.version}` : "";
  if (answer.state === "answered") {
    const { task, served_by: servedBy } = answer.result;
    return `${taskWords(task)} · ${servedBy}`;
  }
  return { waiting: "waiting", asking: "asking …", failed: "no answer" }[answer.state];
}

function failure({ type, message }) {
  return element("div", { class: "failure" }, element("strong", {}, type ?? "Error"), element("p", {}, message));
}

function timeNodes(result, longest) {
  return [element("h3", {}, "Time by step"), stepsView(result, longest), element("p", { class: "hint" }, ABOUT_TIMES)];
}
