/**
 * Numbers and answers in words.
 */

/** Return a share of 1 as a percentage with one decimal. */
export function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

/** Return milliseconds with a precision that fits their size. */
export function milliseconds(value) {
  return `${value >= 100 ? Math.round(value) : value.toFixed(1)} ms`;
}

/** Return a count with its noun: `1 photo`, `2 photos`. */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Return a number with three significant digits. */
export function threeDigits(value) {
  return String(Number(value.toPrecision(3)));
}

/** Return a difference with its sign, in this format; without a sign where it rounds to nothing. */
export function signed(value, format) {
  const size = format(Math.abs(value));
  if (size === format(0)) return size;
  return `${value < 0 ? "−" : "+"}${size}`;
}

/** Return a task's name as words. */
export function taskWords(task) {
  return task.replaceAll("_", " ");
}

/**
 * Return the shares of a split, `1: 90 %, 2: 10 %`. Its arms are `model/version`; the model is left out if all have the
 * same.
 */
export function splitText(split) {
  const arms = Object.entries(split).map(([arm, share]) => ({ arm, at: arm.lastIndexOf("/") + 1, share }));
  const isOneModel = new Set(arms.map(({ arm, at }) => arm.slice(0, at))).size === 1;
  return arms
    .map(({ arm, at, share }) => `${isOneModel ? arm.slice(at) : arm}: ${Number((share * 100).toFixed(1))} %`)
    .join(", ");
}

/** Return an answer in a few words, for a line of the list of photos. */
export function summary({ task, answer }) {
  if (answer.top) {
    const [best] = answer.top;
    return `${best.label}, ${percent(best.score)}`;
  }
  if (answer.detections) {
    const found = answer.detections.length;
    if (!found) return "nothing found";
    return `${counted(found, "object")}: ${listed(answer.detections.map((each) => each.label))}`;
  }
  if (answer.classes) return listed(answer.classes.map((each) => `${each.label} ${percent(each.share)}`));
  if (answer.embedding) return counted(answer.embedding.length, "number");
  if (answer.depth) return `${threeDigits(answer.minimum)} to ${threeDigits(answer.maximum)}`;
  return taskWords(task);
}

/** Return the distinct names, at most three of them, with how often each occurs. */
function listed(names) {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const parts = [...counts].map(([name, count]) => (count > 1 ? `${count} ${name}` : name));
  return parts.length > 3 ? `${parts.slice(0, 3).join(", ")} …` : parts.join(", ");
}
