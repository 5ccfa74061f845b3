/**
 * What differs between two answers about one photo.
 */

import { matchObjects } from "./overlap.js";

/**
 * Compare the scores of two classifications.
 *
 * @returns {{isSameTop: boolean, rows: {label: string, first: ?number, second: ?number}[]}} Every class that one of
 *     them names; a score is null where the class is not among the named ones.
 */
export function compareClasses(first, second) {
  const rows = new Map();
  const add = (side) => ({ label, score }) => {
    if (!rows.has(label)) rows.set(label, { label, first: null, second: null });
    rows.get(label)[side] = score;
  };
  first.top.forEach(add("first"));
  second.top.forEach(add("second"));
  return { isSameTop: first.top[0].label === second.top[0].label, rows: [...rows.values()] };
}

/**
 * Compare the objects of two answers, paired by overlap.
 *
 * @returns {{matched: number, onlyFirst: number, onlySecond: number, rows: object[]}} A row has `first`, `second` (an
 *     object or null) and `overlap` (null where there is no pair).
 */
export function compareObjects(first, second) {
  const { pairs, onlyFirst, onlySecond } = matchObjects(first.detections, second.detections);
  const at = ({ detections }, index) => detections[index] ?? null;
  const row = (i, j, overlap) => ({ first: at(first, i), second: at(second, j), overlap });
  const rows = [
    ...pairs.map((pair) => row(pair.first, pair.second, pair.overlap)),
    ...onlyFirst.map((i) => row(i, null, null)),
    ...onlySecond.map((j) => row(null, j, null)),
  ];
  return { matched: pairs.length, onlyFirst: onlyFirst.length, onlySecond: onlySecond.length, rows };
}

/** Compare the shares of the classes of pixels. */
export function compareShares(first, second) {
  const rows = new Map();
  const add = (side) => ({ label, share }) => {
    if (!rows.has(label)) rows.set(label, { label, first: 0, second: 0 });
    rows.get(label)[side] = share;
  };
  first.classes.forEach(add("first"));
  second.classes.forEach(add("second"));
  return [...rows.values()].sort((one, other) => other.first - one.first);
}

/** Return the share of cells that have the same class in both; cells are positions in each answer's classes. */
export function agreement(firstCells, firstClasses, secondCells, secondClasses) {
  const name = (classes, index) => classes[index]?.label;
  let same = 0;
  firstCells.forEach((index, cell) => {
    if (name(firstClasses, index) === name(secondClasses, secondCells[cell])) same += 1;
  });
  return same / firstCells.length;
}

/** Return which kind of answer this is, by the field that holds it. */
export function answerKind(answer) {
  return ["top", "detections", "classes", "embedding", "depth"].find((field) => field in answer) ?? "other";
}

/**
 * Compare the answers about many photos.
 *
 * @param {object[][]} pairs Two results for each photo.
 * @returns {{photos: number, same: ?number, medians: number[]}} How many photos have the same best class, null for
 *     answers that are not classifications, and the median latencies in milliseconds.
 */
export function compareMany(pairs) {
  const isClassified = pairs.every((results) => results.every(({ answer }) => answer.top));
  const isSame = ([first, second]) => compareClasses(first.answer, second.answer).isSameTop;
  const medians = [0, 1].map((side) => median(pairs.map((results) => results[side].latency_ms)));
  return { photos: pairs.length, same: isClassified ? pairs.filter(isSame).length : null, medians };
}

/** Return the middle of some numbers, or the mean of the two in the middle. */
export function median(numbers) {
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}
