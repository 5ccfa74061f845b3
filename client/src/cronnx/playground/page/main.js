/**
 * The playground's page: what happens when.
 */

import { readAddress, writeAddress } from "./address.js";
import { getModels, getServer } from "./api.js";
import { CallsView } from "./calls_view.js";
import { ChoiceForm } from "./choice_form.js";
import { showDifference } from "./difference_view.js";
import { byId } from "./element.js";
import { ModelsView } from "./models_view.js";
import { Panel } from "./panel.js";
import { acceptPhotos, bundled, showBundled } from "./photo_input.js";
import { PhotoList } from "./photo_list.js";
import { poll } from "./polling.js";
import { acceptKey, showKey, showServer } from "./server_view.js";
import { Workbench } from "./workbench.js";

const wanted = readAddress(location.hash);
const workbench = new Workbench();
const form = new ChoiceForm(wanted.choices);
const calls = new CallsView();
const models = new ModelsView((name) => {
  form.choose(name);
  byId("results").focus();
});
new PhotoList(workbench);
const panels = ["A", "B"].map((name) => new Panel(name, () => workbench.askAgain(workbench.selected)));
byId("panels").replaceChildren(...panels.map((panel) => panel.node));

let example = null; // the bundled photo that the page opens with; it goes once somebody brings one
let isOpened = false;

function add(photos) {
  if (!photos.length) return;
  const former = example;
  example = null;
  workbench.add(photos);
  if (former) workbench.remove([former]);
  remember();
}

async function addBundled(name) {
  const there = workbench.photos.find((photo) => photo.bundled === name);
  if (there) workbench.select(there);
  else add([Object.assign(await bundled(name), { bundled: name })]);
}

function remember() {
  const picture = workbench.selected?.bundled ?? "";
  history.replaceState(null, "", writeAddress({ choices: workbench.choices, picture }));
}

function showResults() {
  const { selected: photo, choices } = workbench;
  const results = choices.map((choice) => photo?.answer(choice)?.result ?? null);
  const isComparing = choices.length > 1;
  byId("results").classList.toggle("comparing", isComparing);
  byId("difference").hidden = !isComparing;
  if (isComparing) showDifference(results, choices, bothAnswered(choices));
  panels.forEach((panel, side) => {
    const choice = choices[side];
    panel.node.hidden = side > 0 && !choice;
    panel.name = isComparing ? panel.side : "";
    const longest = Math.max(...results.map((result) => result?.latency_ms ?? 0));
    panel.show({ photo, choice, others: choice ? embeddings(photo, choice) : [], longest });
  });
}

function bothAnswered(choices) {
  return workbench.photos
    .map((photo) => choices.map((choice) => photo.answer(choice)?.result))
    .filter((results) => results.every(Boolean));
}

function embeddings(photo, choice) {
  return workbench.photos
    .filter((other) => other !== photo)
    .map((other) => ({ name: other.name, url: other.url, embedding: other.answer(choice)?.result?.answer.embedding }))
    .filter(({ embedding }) => embedding);
}

/** Ask the server how it is. While it is away nothing else is asked. */
async function refresh() {
  const server = await getServer().catch(() => null);
  showServer(server);
  if (!server?.live) {
    workbench.pause();
    return;
  }
  try {
    const listed = await getModels();
    showKey(listed.needs_key);
    models.show(listed.models);
    form.offer(listed.models);
  } catch (error) {
    models.showError(error.message);
  }
  if (!isOpened) await open();
  calls.refresh();
  workbench.resume();
}

/** Begin with what the address names, or with the first bundled photo. */
async function open() {
  isOpened = true;
  const names = await showBundled((name) => addBundled(name)).catch(() => []);
  const name = names.includes(wanted.picture) ? wanted.picture : names[0];
  if (!name || workbench.photos.length) return;
  const photo = await bundled(name).catch(() => null);
  if (!photo || workbench.photos.length) return;
  photo.bundled = name;
  workbench.add([photo]);
  if (name !== wanted.picture) example = photo;
}

const refreshNow = poll(refresh);
acceptPhotos(add);
acceptKey(refreshNow);
form.addEventListener("change", () => {
  workbench.choose(form.choices);
  calls.show(form.choices);
  remember();
});
workbench.addEventListener("outage", refreshNow);
workbench.addEventListener("selection", remember);
for (const event of ["selection", "choices", "photos"]) workbench.addEventListener(event, showResults);
workbench.addEventListener("answer", ({ detail: photo }) => {
  const isRelated = workbench.choices.some((choice) => photo.answer(choice)?.result); // embeddings, medians
  if (photo === workbench.selected || isRelated) showResults();
});
showResults();
refreshNow();
