/**
 * Answers as tables: what the photo shows drawn can be read here.
 */

import { classColor, css } from "./colors.js";
import { element, table } from "./element.js";
import { isUncoloured } from "./maps.js";
import { percent, threeDigits } from "./words.js";
import { cosine } from "./vectors.js";

const VISIBLE = 0.5;

/**
 * Return an answer as a table.
 *
 * @param {object} result
 * @param {object} context
 * @param {function(number|null): void} context.highlight Emphasizes an object or class on the photo.
 * @param {{name: string, url: string, embedding: number[]}[]} context.others The other photos' embeddings.
 */
export function answerView(result, { highlight, others }) {
  const { answer } = result;
  if (answer.top) return scoresTable("Classes, the best first", answer.top);
  if (answer.detections) return objectsTable(answer.detections, highlight);
  if (answer.classes) return sharesTable(answer.classes, highlight);
  if (answer.embedding) return similarities(answer.embedding, others);
  if (answer.depth) return depthScale(answer);
  return element("p", { class: "hint" }, "This page cannot draw the answers of this task. They are below as JSON.");
}

/** Return the answer as JSON, made when somebody opens it. */
export function jsonView(result) {
  const text = element("pre", { tabindex: "0", "aria-label": "The answer as JSON" });
  const details = element("details", {}, element("summary", {}, "JSON"), text);
  details.addEventListener("toggle", () => {
    if (!text.textContent) text.textContent = JSON.stringify(result, shortened, 2);
  });
  return details;
}

/** Return a bar of a share of 1; screen readers read the number beside it. */
export function bar(share, color = null) {
  const filled = element("span");
  filled.style.width = `${Math.min(1, Math.max(0, share)) * 100}%`;
  if (color) filled.style.background = css(color);
  return element("span", { class: "bar", "aria-hidden": "true" }, filled);
}

/** Return the mark of a class's colour. */
export function swatch(classId) {
  const mark = element("span", { class: "swatch", "aria-hidden": "true" });
  mark.style.background = css(classColor(classId));
  return mark;
}

function emptySwatch() {
  return element("span", { class: "swatch", "aria-hidden": "true" });
}

function scoresTable(caption, classes) {
  const rows = classes.map(({ label, score }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, label, bar(score)),
      element("td", { class: "number" }, percent(score)),
    ),
  );
  return element("div", { class: "scores" }, table(caption, ["Class", "#Score"], rows));
}

function objectsTable(detections, highlight) {
  if (!detections.length) return element("p", { class: "hint" }, "The model found nothing on this photo.");
  const hasPoints = detections.some((each) => each.keypoints);
  const rows = detections.map(({ label, class_id: classId, score, box, keypoints }, index) =>
    pointed(
      highlight,
      index,
      element("th", { scope: "row" }, element("button", { class: "plain" }, swatch(classId), label)),
      element("td", { class: "number" }, percent(score)),
      hasPoints && element("td", { class: "number" }, pointsText(keypoints ?? [])),
      element("td", { class: "number coordinates" }, box.map((value) => Math.round(value)).join(" ")),
    ),
  );
  const headings = ["Object", "#Score", ...(hasPoints ? ["#Points"] : []), "#Box x1 y1 x2 y2"];
  return scrollable("Objects", table("Objects, the best first; boxes in pixels of the photo", headings, rows));
}

function sharesTable(classes, highlight) {
  const rows = classes.map(({ label, class_id: classId, share }, index) =>
    pointed(
      highlight,
      index,
      element(
        "th",
        { scope: "row" },
        element("button", { class: "plain" }, isUncoloured(label) ? emptySwatch() : swatch(classId), label),
        bar(share, isUncoloured(label) ? null : classColor(classId)),
      ),
      element("td", { class: "number" }, percent(share)),
    ),
  );
  const caption = "Classes of pixels, the largest first";
  return scrollable("Classes", element("div", { class: "scores" }, table(caption, ["Class", "#Of the photo"], rows)));
}

function similarities(embedding, others) {
  if (!others.length) {
    return element("p", { class: "hint" }, `${embedding.length} numbers. Add another photo to see how alike they are.`);
  }
  const rows = others
    .filter((other) => other.embedding.length === embedding.length)
    .map((other) => ({ ...other, likeness: cosine(embedding, other.embedding) }))
    .sort((one, other) => other.likeness - one.likeness)
    .map(({ name, url, likeness }) =>
      element(
        "tr",
        {},
        element(
          "th",
          { scope: "row" },
          element("span", { class: "with-thumbnail" }, element("img", { src: url, alt: "" }), name),
          bar(likeness),
        ),
        element("td", { class: "number" }, likeness.toFixed(3)),
      ),
    );
  const similar = table("Cosine similarity to the other photos", ["Other photo", "#Cosine"], rows);
  return scrollable("Similarity", element("div", { class: "scores" }, similar));
}

function depthScale({ minimum, maximum }) {
  return element(
    "div",
    { class: "depth" },
    element("span", {}, threeDigits(minimum)),
    element("span", { class: "scale", "aria-hidden": "true" }),
    element("span", {}, threeDigits(maximum)),
    element("p", { class: "hint" }, "The unit is the model's: metres, or a relative depth."),
  );
}

/** Make a row that emphasizes its object on the photo while the pointer or the focus is on it. */
function pointed(highlight, index, ...cells) {
  const on = () => highlight(index);
  const off = () => highlight(null);
  const listeners = { onpointerenter: on, onpointerleave: off, onfocusin: on, onfocusout: off };
  return element("tr", { ...listeners, "data-index": index }, cells.filter(Boolean));
}

/** Wrap a long table so that it scrolls, with the keyboard too. */
function scrollable(label, content) {
  return element("div", { class: "scroll", role: "group", tabindex: "0", "aria-label": label }, content);
}

function pointsText(keypoints) {
  const seen = keypoints.filter(([, , visibility]) => visibility >= VISIBLE).length;
  return `${seen} of ${keypoints.length}`;
}

/** Keep the JSON of an answer readable: long texts and lists of numbers are cut. */
function shortened(_name, value) {
  if (typeof value === "string" && value.length > 200) return `${value.slice(0, 60)}… (${value.length} characters)`;
  if (Array.isArray(value) && value.length > 20 && value.every((each) => typeof each === "number")) {
    return [...value.slice(0, 8), `… (${value.length} numbers)`];
  }
  return value;
}
