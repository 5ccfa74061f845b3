/**
 * What is on the page: photos, the models chosen for them, and the answers.
 */

import { ApiError, infer } from "./api.js";

const MOST_AT_ONCE = 4;
const MOST_TRIES = 3;

/**
 * A model, and one of its versions; empty for whatever callers get who name none.
 *
 * @typedef {{model: string, version: string}} Choice
 */

/** Return what tells a choice from others. */
export function choiceId({ model, version }) {
  return JSON.stringify([model, version]);
}

/**
 * A photo and what the chosen models say about it.
 *
 * Each answer is {state: "waiting" | "asking" | "answered" | "failed", result, error, tries}.
 */
export class Photo {
  static #count = 0;

  /** @param {File|Blob} file */
  constructor(name, file) {
    this.id = (Photo.#count += 1);
    this.name = name;
    this.file = file;
    this.url = URL.createObjectURL(file);
    this.answers = new Map();
  }

  /** Return the answer of a choice. */
  answer(choice) {
    return this.answers.get(choiceId(choice));
  }
}

/**
 * Photos, choices and answers. It asks about the selected photo first, and about at most four at once.
 *
 * Events: `photos`, `selection`, `choices`; `answer` with the photo as detail; `outage` if the server does not answer.
 */
export class Workbench extends EventTarget {
  photos = [];
  selected = null;
  /** @type {Choice[]} One, or two to compare. */
  choices = [];
  #isPaused = false;
  #asked = new Map(); // the photos being asked about, each with what aborts it

  /** Add photos at the end, and select the first of them. */
  add(photos) {
    if (!photos.length) return;
    this.photos.push(...photos);
    for (const photo of photos) this.#expectAnswers(photo);
    this.#tell("photos");
    this.select(photos[0]);
  }

  /** Remove these photos. */
  remove(photos) {
    for (const photo of photos) {
      this.#asked.get(photo)?.abort();
      URL.revokeObjectURL(photo.url);
    }
    this.photos = this.photos.filter((photo) => !photos.includes(photo));
    this.#tell("photos");
    if (!this.photos.includes(this.selected)) this.select(this.photos[0] ?? null);
  }

  /** Show this photo. */
  select(photo) {
    this.selected = photo;
    this.#tell("selection");
    this.#ask();
  }

  /** Ask these models from now on; answers of models that stay are kept. */
  choose(choices) {
    this.choices = choices;
    for (const abort of this.#asked.values()) abort.abort();
    for (const photo of this.photos) this.#expectAnswers(photo);
    this.#tell("choices");
    this.#ask();
  }

  /** Ask about a photo once more. */
  askAgain(photo) {
    photo.answers.clear();
    this.#expectAnswers(photo);
    this.#tell("answer", photo);
    this.#ask();
  }

  /** Ask nothing while the server is away. */
  pause() {
    this.#isPaused = true;
  }

  /** Ask what waits. */
  resume() {
    this.#isPaused = false;
    this.#ask();
  }

  #expectAnswers(photo) {
    const kept = new Map();
    for (const choice of this.choices) {
      const answer = photo.answer(choice);
      kept.set(choiceId(choice), answer && answer.state !== "asking" ? answer : { state: "waiting", tries: 0 });
    }
    photo.answers = kept;
  }

  #ask() {
    while (!this.#isPaused && this.#asked.size < MOST_AT_ONCE) {
      const photo = [this.selected, ...this.photos].find((each) => each && this.#waits(each));
      if (!photo) return;
      const abort = new AbortController();
      this.#asked.set(photo, abort);
      this.#askAbout(photo, abort.signal).finally(() => {
        this.#asked.delete(photo);
        this.#ask();
      });
    }
  }

  #waits(photo) {
    return !this.#asked.has(photo) && [...photo.answers.values()].some((answer) => answer.state === "waiting");
  }

  /** Ask the choices one after another: two at once would slow each other down. */
  async #askAbout(photo, signal) {
    for (const choice of this.choices) {
      const answer = photo.answer(choice);
      if (this.#isPaused || signal.aborted) return;
      if (answer?.state !== "waiting") continue;
      answer.state = "asking";
      this.#tell("answer", photo);
      try {
        answer.result = await infer(choice, await readable(photo), signal);
        answer.state = "answered";
      } catch (error) {
        if (error.name === "AbortError") return;
        this.#settle(answer, error);
      }
      this.#tell("answer", photo);
    }
  }

  #settle(answer, error) {
    answer.tries += 1;
    answer.error = error;
    if (!(error instanceof ApiError && error.isOutage)) {
      answer.state = "failed";
      return;
    }
    // A photo that ends the server each time must not be asked about forever.
    answer.state = answer.tries < MOST_TRIES ? "waiting" : "failed";
    this.pause();
    this.#tell("outage");
  }

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Read the beginning of a file before it is sent: a folder, or a file that is gone, is no server that is away. */
async function readable({ file }) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return file;
  } catch {
    throw new ApiError("UnreadableFile", "The browser cannot read this file. A folder is not a photo.");
  }
}
