/**
 * Pictures made of answers: masks, classes of pixels and depth. Each is made once and kept with its answer.
 */

import { classColor, heat } from "./colors.js";
import { eachCell, gridFor } from "./run_lengths.js";

const LONGEST = 1024; // cells; a screen shows hardly more
const MASK_OPACITY = 0.45;
const CLASS_OPACITY = 0.55;
const FAINT_OPACITY = 0.12;
const NO_CLASS = -1;

const kept = new WeakMap();

/** Whether the photo stays visible where it shows this class. */
export function isUncoloured(label) {
  return label === "background";
}

/**
 * Return the picture of an object's mask, cut to the object.
 *
 * @returns {?{canvas: HTMLCanvasElement, x: number, y: number, width: number, height: number}} Where it lies, as shares
 *     of the photo; null for an empty mask.
 */
export function maskPicture(detection, size) {
  return once(detection, () => {
    const grid = gridFor(size, LONGEST);
    const cells = [];
    eachCell(detection.segmentation, grid, (cell) => cells.push(cell));
    if (!cells.length) return null;
    const { left, top, width, height } = bounds(cells, grid.width);
    const { canvas, context, pixels } = blank({ width, height });
    const color = [...classColor(detection.class_id), MASK_OPACITY * 255];
    for (const cell of cells) {
      pixels.data.set(color, ((Math.floor(cell / grid.width) - top) * width + (cell % grid.width) - left) * 4);
    }
    context.putImageData(pixels, 0, 0);
    const [x, y] = [left / grid.width, top / grid.height];
    return { canvas, x, y, width: width / grid.width, height: height / grid.height };
  });
}

/**
 * Return the picture of the classes of pixels.
 *
 * @param {?number} highlighted The position of the class whose colour stays; null for all.
 */
export function classPicture(answer, size, highlighted) {
  const grid = gridFor(size, LONGEST);
  const picture = once(answer, () => ({ ...blank(grid), cells: classCells(answer, grid), highlighted: undefined }));
  if (picture.highlighted !== highlighted) {
    const colors = answer.classes.map(({ label, class_id: classId }, index) => {
      const opacity = isUncoloured(label) ? 0 : CLASS_OPACITY;
      const isFaint = highlighted !== null && index !== highlighted;
      return [...classColor(classId), (isFaint ? Math.min(FAINT_OPACITY, opacity) : opacity) * 255];
    });
    picture.cells.forEach((index, cell) => {
      if (index !== NO_CLASS) picture.pixels.data.set(colors[index], cell * 4);
    });
    picture.context.putImageData(picture.pixels, 0, 0);
    picture.highlighted = highlighted;
  }
  return picture.canvas;
}

/** Return the position of the class of each cell of a grid over the photo, row by row; -1 for none. */
export function classCells({ classes }, grid) {
  const cells = new Int16Array(grid.width * grid.height).fill(NO_CLASS);
  classes.forEach(({ segmentation }, index) => eachCell(segmentation, grid, (cell) => (cells[cell] = index)));
  return cells;
}

/** Return the picture of a depth; null until it is decoded, after which `onceReady` is called. */
export function depthPicture(answer, onceReady) {
  const picture = once(answer, () => {
    const pending = { canvas: null };
    colored(answer.depth).then((canvas) => {
      pending.canvas = canvas;
      onceReady();
    });
    return pending;
  });
  return picture.canvas;
}

/** Return the depth of each cell of a grid over the photo, 0 to 255. */
export async function depthCells({ depth }, grid) {
  const { context } = await decoded(depth, grid);
  return context.getImageData(0, 0, grid.width, grid.height).data.filter((_, place) => place % 4 === 0);
}

async function colored(depth) {
  const { canvas, context } = await decoded(depth);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let place = 0; place < pixels.data.length; place += 4) {
    pixels.data.set(heat(pixels.data[place] / 255), place); // the fourth number, the opacity, stays
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

async function decoded(url, size = null) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const { width, height } = size ?? { width: image.naturalWidth, height: image.naturalHeight };
  const made = blank({ width, height });
  made.context.drawImage(image, 0, 0, width, height);
  return made;
}

function once(owner, make) {
  if (!kept.has(owner)) kept.set(owner, make());
  return kept.get(owner);
}

function bounds(cells, columns) {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  for (const cell of cells) {
    const [x, y] = [cell % columns, Math.floor(cell / columns)];
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function blank({ width, height }) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return { canvas, context, pixels: context.createImageData(width, height) };
}
