/**
 * Answers drawn on a canvas that lies over the photo.
 *
 * Every function gets the canvas's context with the photo's upper left corner as its origin, the photo's size in its
 * own pixels, and `scale`, the pixels of the page for each of the photo's.
 */

import { classColor, css, inkOn } from "./colors.js";
import { classPicture, depthPicture, maskPicture } from "./maps.js";

const MOST_LABELS = 30; // more would cover the photo
const VISIBLE = 0.5;
const COCO_POINTS = 17;

// The lines between the keypoints of a person in COCO.
export const COCO_SKELETON = [
  ...[[15, 13], [13, 11], [16, 14], [14, 12], [11, 12], [5, 11], [6, 12], [5, 6], [5, 7], [6, 8], [7, 9], [8, 10]],
  ...[[1, 2], [0, 1], [0, 2], [1, 3], [2, 4], [3, 5], [4, 6]],
];

/** Draw masks, boxes or corners, keypoints and labels; the best objects are on top. */
export function drawObjects(context, detections, size, scale, highlighted) {
  const order = detections.map((_, index) => index).reverse();
  if (highlighted !== null) order.push(highlighted);
  const faint = (index) => highlighted !== null && index !== highlighted;
  for (const index of order) drawMask(context, detections[index], size, scale, faint(index));
  for (const index of order) {
    context.globalAlpha = faint(index) ? 0.25 : 1;
    drawOutline(context, detections[index], scale, index === highlighted ? 4 : 2);
    drawPose(context, detections[index], scale);
  }
  for (const index of order) {
    if (index >= MOST_LABELS && index !== highlighted) continue;
    context.globalAlpha = faint(index) ? 0.25 : 1;
    drawLabel(context, detections[index], size, scale);
  }
  context.globalAlpha = 1;
}

/** Return the smallest object at a point of the photo; null if there is none. */
export function objectAt(detections, x, y) {
  let found = null;
  let least = Infinity;
  detections.forEach(({ box: [x1, y1, x2, y2] }, index) => {
    const area = (x2 - x1) * (y2 - y1);
    if (x >= x1 && x <= x2 && y >= y1 && y <= y2 && area < least) {
      least = area;
      found = index;
    }
  });
  return found;
}

/** Draw a map of classes or of depth. `redraw` is called once a picture that is not there yet is. */
export function drawMap(context, answer, size, scale, highlighted, redraw) {
  const picture = answer.classes ? classPicture(answer, size, highlighted) : depthPicture(answer, redraw);
  if (picture) context.drawImage(picture, 0, 0, size.width * scale, size.height * scale);
}

function drawMask(context, detection, size, scale, isFaint) {
  const mask = detection.segmentation ? maskPicture(detection, size) : null;
  if (!mask) return;
  const [across, down] = [size.width * scale, size.height * scale];
  context.globalAlpha = isFaint ? 0.25 : 1;
  context.drawImage(mask.canvas, mask.x * across, mask.y * down, mask.width * across, mask.height * down);
}

function drawOutline(context, { class_id: classId, box, corners }, scale, width) {
  const [x1, y1, x2, y2] = box;
  const points = corners ?? [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x * scale, y * scale);
  context.closePath();
  context.lineJoin = "round";
  context.lineWidth = width + 2; // a dark edge keeps light colours visible on light photos
  context.strokeStyle = "rgb(0 0 0 / 0.35)";
  context.stroke();
  context.lineWidth = width;
  context.strokeStyle = css(classColor(classId));
  context.stroke();
}

function drawPose(context, { keypoints }, scale) {
  if (!keypoints) return;
  const lines = keypoints.length === COCO_POINTS ? COCO_SKELETON : [];
  context.lineWidth = 3;
  context.lineCap = "round";
  lines.forEach(([start, end], number) => {
    if (Math.min(keypoints[start][2], keypoints[end][2]) < VISIBLE) return;
    context.strokeStyle = css(classColor(number));
    context.beginPath();
    context.moveTo(keypoints[start][0] * scale, keypoints[start][1] * scale);
    context.lineTo(keypoints[end][0] * scale, keypoints[end][1] * scale);
    context.stroke();
  });
  context.lineWidth = 1;
  for (const [x, y, visibility] of keypoints) {
    if (visibility < VISIBLE) continue;
    context.beginPath();
    context.arc(x * scale, y * scale, 3.5, 0, 2 * Math.PI);
    context.fillStyle = "#fff";
    context.fill();
    context.strokeStyle = "#000";
    context.stroke();
  }
}

function drawLabel(context, { label, class_id: classId, score, box, corners }, size, scale) {
  const height = 18;
  const text = `${label} ${Math.round(score * 100)} %`;
  context.font = "500 12px system-ui, sans-serif";
  context.textBaseline = "middle";
  const width = Math.min(context.measureText(text).width + 10, size.width * scale);
  const [left, top] = corners ? corners.reduce((one, other) => (other[1] < one[1] ? other : one)) : box;
  const x = Math.max(0, Math.min(left * scale - 1, size.width * scale - width));
  const above = top * scale - height;
  const y = Math.max(0, Math.min(above < 0 ? top * scale : above, size.height * scale - height));
  const color = classColor(classId);
  context.fillStyle = css(color);
  context.beginPath();
  context.roundRect(x, y, width, height, 3);
  context.fill();
  context.fillStyle = inkOn(color);
  context.fillText(text, x + 5, y + height / 2 + 0.5, width - 10);
}
