/**
 * How alike two lists of numbers are.
 */

/** Return the cosine of the angle between two vectors: 1 for the same direction; NaN for a vector of length 0. */
export function cosine(first, second) {
  if (first.length !== second.length) throw new RangeError(`expected ${first.length} numbers, got ${second.length}`);
  return dot(first, second) / Math.sqrt(dot(first, first) * dot(second, second));
}

/** Return the Pearson correlation of two lists: 1 if one is a rising line of the other; NaN for a constant list. */
export function correlation(first, second) {
  return cosine(centred(first), centred(second));
}

function dot(first, second) {
  let sum = 0;
  for (let index = 0; index < first.length; index += 1) sum += first[index] * second[index];
  return sum;
}

function centred(values) {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  return Array.from(values, (value) => value - mean);
}
