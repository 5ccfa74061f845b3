/**
 * Where the time of an answer went.
 */

import { element, table } from "./element.js";
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
  const numbers = table("Time by step", ["Step", "#Queue", "#Compute"], rows(parts));
  return element("div", { class: "steps" }, stackedBar(parts, longest), numbers);
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

function rows(parts) {
  const computing = parts.filter((part) => part.kind === "compute");
  const queues = parts.filter((part) => part.kind === "queue");
  return [...computing.map((part, step) => row(part, milliseconds(queues[step].time))), row(parts.at(-1), "")];
}

function row(part, queue) {
  const mark = element("span", { class: `swatch ${part.kind} ${color(part)}`, "aria-hidden": "true" });
  const numbers = [queue, milliseconds(part.time)].map((text) => element("td", { class: "number" }, text));
  const name = element("span", { class: "marked" }, mark, part.name);
  return element("tr", {}, element("th", { scope: "row" }, name), numbers);
}

function color({ kind, step }) {
  return kind === "rest" ? "" : `step-${step % COLORS}`;
}

function partText({ name, kind, time }) {
  return `${name}${kind === "queue" ? ", queue" : ""}: ${milliseconds(time)}`;
}
