/**
 * Which objects of two answers are the same.
 */

/** Return the area that two boxes [x1, y1, x2, y2] share, divided by the area of both together. */
export function intersectionOverUnion(first, second) {
  const width = Math.min(first[2], second[2]) - Math.max(first[0], second[0]);
  const height = Math.min(first[3], second[3]) - Math.max(first[1], second[1]);
  const shared = Math.max(0, width) * Math.max(0, height);
  const union = area(first) + area(second) - shared;
  return union > 0 ? shared / union : 0;
}

/**
 * Pair the objects of two answers, those that overlap most first.
 *
 * Objects of one class are paired before objects of different classes, so that a rider stays apart from a horse.
 *
 * @param {{box: number[], label: string}[]} first
 * @param {{box: number[], label: string}[]} second
 * @param {number} least The least overlap of a pair.
 * @returns {{pairs: {first: number, second: number, overlap: number}[], onlyFirst: number[], onlySecond: number[]}}
 *     Positions in the two lists.
 */
export function matchObjects(first, second, least = 0.5) {
  const candidates = [];
  first.forEach((one, i) =>
    second.forEach((other, j) => {
      const overlap = intersectionOverUnion(one.box, other.box);
      if (overlap >= least) candidates.push({ first: i, second: j, overlap, sameClass: one.label === other.label });
    }),
  );
  candidates.sort((one, other) => other.sameClass - one.sameClass || other.overlap - one.overlap);
  const takenFirst = new Set();
  const takenSecond = new Set();
  const pairs = [];
  for (const { first: i, second: j, overlap } of candidates) {
    if (takenFirst.has(i) || takenSecond.has(j)) continue;
    takenFirst.add(i);
    takenSecond.add(j);
    pairs.push({ first: i, second: j, overlap });
  }
  pairs.sort((one, other) => one.first - other.first);
  return { pairs, onlyFirst: missing(first, takenFirst), onlySecond: missing(second, takenSecond) };
}

function area([x1, y1, x2, y2]) {
  return Math.max(0, x2 - x1) * Math.max(0, y2 - y1);
}

function missing(objects, taken) {
  return objects.map((_, index) => index).filter((index) => !taken.has(index));
}
