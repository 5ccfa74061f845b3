/**
 * Two answers side by side: what differs, and both latencies.
 */

import { swatch } from "./answer_view.js";
import { agreement, answerKind, compareClasses, compareMany, compareObjects, compareShares } from "./difference.js";
import { byId, element, table } from "./element.js";
import { classCells, depthCells } from "./maps.js";
import { gridFor } from "./run_lengths.js";
import { correlation } from "./vectors.js";
import { counted, milliseconds, percent, signed } from "./words.js";

const MISSING = "–";
const CELLS = 256; // of the longer side of the grids that are compared

let shown = []; // the two results that the card is about

/**
 * Show what differs between two results, once both are there.
 *
 * @param {object[]} results Those about the selected photo.
 * @param {Choice[]} choices
 * @param {object[][]} pairs The two results for each photo that has both.
 */
export async function showDifference(results, choices, pairs) {
  byId("difference-overall").replaceChildren(...overall(pairs));
  if (results.every((result, side) => result === shown[side])) return;
  shown = results;
  const body = byId("difference-body");
  if (results.some((result) => !result)) {
    body.replaceChildren(element("p", { class: "hint" }, "Both answers are needed."));
    return;
  }
  const [verdict, details] = await differing(...results);
  if (shown !== results) return; // another photo was selected meanwhile
  body.replaceChildren(
    element("div", {}, element("p", { class: "verdict" }, verdict), latencies(results)),
    ...caution(choices),
    ...(details ? [scrolled(details)] : []),
  );
}

function overall(pairs) {
  if (pairs.length < 2) return [];
  const { photos, same, medians } = compareMany(pairs);
  const agreeing = same === null ? "" : `${same} of ${photos} photos have the same class; `;
  const text = `${agreeing}medians of ${photos}: ${milliseconds(medians[0])} (A), ${milliseconds(medians[1])} (B)`;
  return [text[0].toUpperCase() + text.slice(1)];
}

function scrolled(details) {
  return element("div", { class: "scroll", role: "group", tabindex: "0", "aria-label": "Differences" }, details);
}

async function differing(first, second) {
  const kind = answerKind(first.answer);
  if (kind !== answerKind(second.answer)) return ["Different tasks: only the times compare", null];
  const compare = { top: classes, detections: objects, classes: shares, depth, embedding }[kind];
  return compare ? compare(first, second) : ["This page cannot compare the answers of this task", null];
}

function classes({ answer: first }, { answer: second }) {
  const { isSameTop, rows } = compareClasses(first, second);
  const verdict = isSameTop
    ? `The same class: ${first.top[0].label}`
    : `Different classes: ${first.top[0].label} (A), ${second.top[0].label} (B)`;
  const cells = rows.map((row) => numbersRow([row.label], row.first, row.second, percent));
  return [verdict, table("Scores of both", ["Class", "#A", "#B", "#B − A"], cells)];
}

function objects({ answer: first }, { answer: second }) {
  const { matched, onlyFirst, onlySecond, rows } = compareObjects(first, second);
  const verdict = `${counted(matched, "object")} in both, ${onlyFirst} only in A, ${onlySecond} only in B`;
  const cells = rows.map((row) => {
    const names = [...new Set([row.first, row.second].filter(Boolean).map((each) => each.label))].join(" / ");
    const shown = [swatch((row.first ?? row.second).class_id), names];
    const overlap = element("td", { class: "number" }, row.overlap === null ? MISSING : row.overlap.toFixed(2));
    return numbersRow(shown, row.first?.score, row.second?.score, percent, overlap);
  });
  return [verdict, table("Objects of both, paired by overlap", ["Object", "#A", "#B", "#B − A", "#IoU"], cells)];
}

function shares({ answer: first, image }, { answer: second }) {
  const grid = gridFor(image, CELLS);
  const same = agreement(classCells(first, grid), first.classes, classCells(second, grid), second.classes);
  const cells = compareShares(first, second).map((row) => numbersRow([row.label], row.first, row.second, percent));
  const verdict = `The same class on ${percent(same)} of the photo`;
  return [verdict, table("Shares of the photo", ["Class", "#A", "#B", "#B − A"], cells)];
}

async function depth({ answer: first, image }, { answer: second }) {
  const grid = gridFor(image, CELLS);
  const alike = correlation(await depthCells(first, grid), await depthCells(second, grid));
  return [`Correlation of the depths: ${alike.toFixed(3)}`, null];
}

function embedding({ answer: first }, { answer: second }) {
  const sizes = [first, second].map((each) => each.embedding.length);
  return [`Two embeddings, of ${sizes[0]} and ${sizes[1]} numbers: compare their similarities below`, null];
}

function numbersRow(names, first, second, format, ...more) {
  const number = (value) => element("td", { class: "number" }, value ?? MISSING);
  const shown = (value) => number(value === null || value === undefined ? null : format(value));
  const hasBoth = first !== null && first !== undefined && second !== null && second !== undefined;
  const cells = [shown(first), shown(second), number(hasBoth ? signed(second - first, format) : null), ...more];
  return element("tr", { class: !hasBoth && "one-sided" }, element("th", { scope: "row" }, names), cells);
}

function latencies([first, second]) {
  const [a, b] = [first.latency_ms, second.latency_ms];
  const ratio = a > b ? `B is ${(a / b).toFixed(1)} times as fast` : `A is ${(b / a).toFixed(1)} times as fast`;
  const text = `${milliseconds(a)} (A), ${milliseconds(b)} (B): ${ratio} for this one call`;
  return element("p", { class: "facts" }, text);
}

/** A version of an ensemble is asked step by step, which takes longer than the ensemble itself. */
function caution(choices) {
  const named = choices.filter((choice) => choice.version).length;
  if (named !== 1) return [];
  const why = "The playground runs a named version step by step, which takes longer.";
  return [element("p", { class: "hint" }, `${why} To compare times, name a version on both sides.`)];
}
