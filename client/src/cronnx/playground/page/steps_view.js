/**
 * Where the time of an answer went.
 */

import { element } from "./element.js";
import { milliseconds } from "./words.js";

const COLORS = 4; // as many as the style sheet has

/**
 * Return the parts of an answer's time, in the order in which they happen.
 *
 * @returns {{name: string, kind: "queue" | "compute" | "rest", step: number, time: number}[]} Times in milliseconds;
 *     empty if the server does not tell its steps.
 */
export function timeParts({ latency_ms: latency, steps }) {
  if (!steps?.length) return [];
  const parts = steps.flatMap(({ name, queue_ms: queue, compute_ms: compute }, step) => [
    { name, kind: "queue", step, time: queue },
    { name, kind: "compute", step, time: compute },
  ]);
  const told = parts.reduce((sum, part) => sum + part.time, 0);
  return [...parts, { name: "network and rest", kind: "rest", step: steps.length, time: Math.max(0, latency - told) }];
}

/**
 * Return the time of an answer as one bar and a table.
 *
 * @param {object} result
 * @param {number} longest The milliseconds of a full bar, so that two bars compare.
 */
export function stepsView(result, longest) {
  const parts = timeParts(result);
  if (!parts.length) return element("p", { class: "hint" }, "The server does not tell the time of its steps.");
  return element("div", { class: "steps" }, stackedBar(parts, longest), element("dl", {}, legend(parts)));
}

function stackedBar(parts, longest) {
  const whole = Math.max(longest, parts.reduce((sum, part) => sum + part.time, 0));
  const segments = parts.map((part) => {
    const segment = element("span", { class: `${part.kind} ${color(part)}`, title: partText(part) });
    segment.style.width = `${(part.time / whole) * 100}%`;
    return segment;
  });
  return element("div", { class: "stacked", "aria-hidden": "true" }, segments);
}

function legend(parts) {
  const rows = [];
  for (let index = 0; index < parts.length - 1; index += 2) {
    const [queue, compute] = [parts[index], parts[index + 1]];
    rows.push(legendRow(compute, `${milliseconds(compute.time)} + ${milliseconds(queue.time)} in the queue`));
  }
  const rest = parts.at(-1);
  return [...rows, legendRow(rest, milliseconds(rest.time))];
}

function legendRow(part, text) {
  const mark = element("span", { class: `swatch ${part.kind} ${color(part)}`, "aria-hidden": "true" });
  return element("div", {}, element("dt", {}, mark, part.name), element("dd", {}, text));
}

function color({ kind, step }) {
  return kind === "rest" ? "" : `step-${step % COLORS}`;
}

function partText({ name, kind, time }) {
  return `${name}${kind === "queue" ? ", queue" : ""}: ${milliseconds(time)}`;
}
