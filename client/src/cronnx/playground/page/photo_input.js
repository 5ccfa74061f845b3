/**
 * How photos come to the page: dropped anywhere on it, pasted, picked, or taken from the bundled ones.
 */

import { getPicture, getPictures, pictureUrl } from "./api.js";
import { byId, element } from "./element.js";
import { Photo } from "./workbench.js";

const PASTED = "pasted photo";

/**
 * Let photos in.
 *
 * @param {function(Photo[]): void} onPhotos
 */
export function acceptPhotos(onPhotos) {
  const accept = (files) => onPhotos([...files].map((file) => new Photo(file.name || PASTED, file)));
  const input = byId("files");
  byId("choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    accept(input.files);
    input.value = ""; // the same file can be picked again
  });
  addEventListener("paste", (event) => accept(event.clipboardData?.files ?? []));
  acceptDrops(accept);
}

/**
 * Show the bundled photos.
 *
 * @param {function(string): void} onPick Gets the name.
 * @returns {Promise<string[]>} Their names; none if the playground has none.
 */
export async function showBundled(onPick) {
  const pictures = await getPictures();
  const buttons = pictures.map(({ name, credit }) =>
    element(
      "button",
      { class: "sample", title: credit, "aria-label": `${name}, by ${credit}`, onclick: () => onPick(name) },
      element("img", { src: pictureUrl(name), alt: "" }),
    ),
  );
  byId("samples").replaceChildren(...buttons);
  byId("bundled").hidden = !buttons.length;
  return pictures.map(({ name }) => name);
}

/** Fetch a bundled photo. */
export async function bundled(name) {
  return new Photo(name, await getPicture(name));
}

function acceptDrops(accept) {
  const zone = byId("drop");
  let depth = 0; // how many elements the pointer is in; each tells of its own
  const mark = () => zone.classList.toggle("over", depth > 0);
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    mark();
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    mark();
  });
  addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    depth = 0;
    mark();
    if (!carriesFiles(event)) return;
    event.preventDefault(); // or the browser leaves the page for the file
    accept(event.dataTransfer.files);
  });
}
