/**
 * Masks as COCO's compressed run lengths.
 *
 * See `rleFrString` of https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c.
 */

/** Return the lengths of the runs, outside and inside of the object by turns, down the columns. */
export function decodeCounts(text) {
  const counts = [];
  let position = 0;
  while (position < text.length) {
    let value = 0;
    let shift = 0;
    let group;
    do {
      group = text.charCodeAt(position) - 48;
      position += 1;
      value += (group & 0x1f) * 2 ** shift;
      shift += 5;
    } while (group & 0x20 && position < text.length);
    if (group & 0x10) value -= 2 ** shift;
    // From the fourth on, a count is written as its difference from the one before the previous.
    counts.push(counts.length > 2 ? value + counts[counts.length - 2] : value);
  }
  return counts;
}

/**
 * Call `mark` for each cell of a grid over the photo whose centre lies in the object.
 *
 * @param {{size: number[], counts: string}} segmentation `size` is [height, width] of the photo.
 * @param {{width: number, height: number}} grid
 * @param {function(number): void} mark Gets the cell's index, row by row.
 */
export function eachCell({ size, counts }, grid, mark) {
  const [height, width] = size;
  const runs = decodeCounts(counts);
  let run = 0;
  let end = runs[0] ?? Infinity;
  for (let x = 0; x < grid.width; x += 1) {
    const column = Math.floor(((x + 0.5) * width) / grid.width) * height;
    for (let y = 0; y < grid.height; y += 1) {
      const pixel = column + Math.floor(((y + 0.5) * height) / grid.height);
      while (pixel >= end) {
        run += 1;
        end += runs[run] ?? Infinity;
      }
      if (run % 2) mark(y * grid.width + x);
    }
  }
}

/** Return a grid of the shape of a photo whose longer side has at most this number of cells. */
export function gridFor({ width, height }, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
