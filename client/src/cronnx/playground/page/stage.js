/**
 * A photo with the answer drawn on it, sharp on any screen.
 */

import { element, setText } from "./element.js";
import { drawMap, drawObjects, objectAt } from "./drawing.js";

const NOTE_HEIGHT = 36;

/** Where a photo of this size lies in a frame that shows all of it. */
function placed(photo, frame) {
  const scale = Math.min(frame.width / photo.width, frame.height / photo.height);
  return {
    scale,
    left: (frame.width - photo.width * scale) / 2,
    top: (frame.height - photo.height * scale) / 2,
  };
}

export class Stage {
  #photo = null;
  #result = null;
  #isShown = false; // whether the browser can show the photo, upright as the server sees it
  #highlighted = null;
  #onHighlight;

  /** @param {function(number|null): void} onHighlight Called with the object under the pointer. */
  constructor(onHighlight) {
    this.#onHighlight = onHighlight;
    this.image = element("img", { alt: "", draggable: "false" });
    this.canvas = element("canvas", { role: "img" });
    this.note = element("p", { class: "note" });
    this.node = element("div", { class: "stage" }, this.image, this.canvas, this.note);
    this.canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.canvas.addEventListener("pointerleave", () => this.#onHighlight(null));
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
  }

  /** Show a photo, and what was answered about it; null for nothing yet. */
  async show(photo, result) {
    const isNew = photo !== this.#photo;
    this.#photo = photo;
    this.#result = result;
    if (isNew) await this.#load();
    else this.#draw();
  }

  /** Emphasize one of the objects; null for none. */
  highlight(index) {
    if (this.#highlighted === index) return;
    this.#highlighted = index;
    this.#draw();
  }

  async #load() {
    const photo = this.#photo;
    this.#isShown = false;
    this.image.hidden = true;
    if (photo) {
      this.image.src = photo.url;
      try {
        await this.image.decode();
        if (photo !== this.#photo) return; // another photo was selected meanwhile
        this.#isShown = true;
        this.image.hidden = false;
      } catch {
        if (photo !== this.#photo) return;
      }
    }
    this.#draw();
  }

  /** The photo's upright size: the server's word where there is one. */
  #size() {
    if (this.#result) return this.#result.image;
    return { width: this.image.naturalWidth, height: this.image.naturalHeight };
  }

  #draw() {
    const size = this.#size();
    const fits = this.#isShown && this.#isUpright(size);
    this.image.hidden = !fits;
    const frame = this.#frame();
    const density = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * density);
    this.canvas.height = Math.round(this.canvas.clientHeight * density);
    this.canvas.setAttribute("aria-label", this.#label());
    setText(this.note, this.#noteText(fits));
    if (!this.#result || !frame.width || !size.width) return;
    const context = this.canvas.getContext("2d");
    const place = placed(size, frame);
    context.scale(density, density);
    context.translate(place.left, place.top);
    if (!fits) outlinePaper(context, size, place.scale);
    const { answer } = this.#result;
    const redraw = () => this.#draw();
    if (answer.detections) drawObjects(context, answer.detections, size, place.scale, this.#highlighted);
    else if (answer.classes || answer.depth) drawMap(context, answer, size, place.scale, this.#highlighted, redraw);
  }

  /** The part of the canvas that the answer is drawn in: a note takes its lower edge. */
  #frame() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    return { width, height: this.image.hidden ? height - NOTE_HEIGHT : height };
  }

  #label() {
    if (!this.#photo) return "No photo";
    return this.#result ? `${this.#photo.name} with the answer of ${this.#result.model}` : this.#photo.name;
  }

  /** Whether the browser turns the photo as the server does: not every browser reads the Exif of every format. */
  #isUpright(size) {
    const { naturalWidth, naturalHeight } = this.image;
    return naturalWidth > naturalHeight === size.width > size.height || naturalWidth === naturalHeight;
  }

  #noteText(fits) {
    if (!this.#photo) return "No photo yet";
    if (fits) return "";
    if (this.#isShown) return "The browser does not turn this photo upright: drawn without it.";
    return this.#result ? "The browser cannot show this format: drawn without the photo." : "";
  }

  #point(event) {
    const { detections } = this.#result?.answer ?? {};
    if (!detections) return;
    const place = placed(this.#size(), this.#frame());
    const x = (event.offsetX - place.left) / place.scale;
    const y = (event.offsetY - place.top) / place.scale;
    this.#onHighlight(objectAt(detections, x, y));
  }
}

function outlinePaper(context, size, scale) {
  context.strokeStyle = "#888";
  context.setLineDash([4, 4]);
  context.strokeRect(0.5, 0.5, size.width * scale - 1, size.height * scale - 1);
  context.setLineDash([]);
}
