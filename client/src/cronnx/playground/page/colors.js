/**
 * Colours of classes and of depth, the same as those of the client's `draw`.
 */

const GOLDEN_RATIO = 0.618034; // spreads any number of hues evenly
const SATURATIONS = [0.85, 0.65, 1.0];
const VALUES = [0.95, 0.8, 1.0];

// Nine colours of matplotlib's map `inferno`, evenly spaced; a map whose brightness rises evenly.
const INFERNO = [
  [0, 0, 4],
  [31, 12, 72],
  [85, 15, 109],
  [136, 34, 106],
  [186, 54, 85],
  [227, 89, 51],
  [249, 140, 10],
  [249, 201, 50],
  [252, 255, 164],
];

/** Return the colour of a class, [red, green, blue]: a class always has the same, and neighbours differ clearly. */
export function classColor(classId) {
  const hue = (0.02 + classId * GOLDEN_RATIO) % 1;
  return fromHsv(hue, SATURATIONS[Math.floor(classId / 7) % 3], VALUES[classId % 3]);
}

/** Return a colour for CSS. */
export function css([red, green, blue], opacity = 1) {
  return `rgb(${red} ${green} ${blue} / ${opacity})`;
}

/** Return the colour, black or white, that is readable on another. */
export function inkOn([red, green, blue]) {
  return red * 0.299 + green * 0.587 + blue * 0.114 > 128 ? "#000" : "#fff";
}

/** Return the colour of a value from 0 to 1, from dark to bright. */
export function heat(value) {
  const place = Math.min(Math.max(value, 0), 1) * (INFERNO.length - 1);
  const below = Math.min(Math.floor(place), INFERNO.length - 2);
  const share = place - below;
  return INFERNO[below].map((part, index) => Math.round(part + (INFERNO[below + 1][index] - part) * share));
}

function fromHsv(hue, saturation, value) {
  const part = (offset) => {
    const place = (offset + hue * 6) % 6;
    return Math.round(255 * (value - value * saturation * Math.max(0, Math.min(place, 4 - place, 1))));
  };
  return [part(5), part(3), part(1)];
}
