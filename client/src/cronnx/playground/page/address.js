/**
 * What the page's address says after `#`: the chosen models and the bundled photo, so that a page can be shared.
 */

/**
 * Read an address.
 *
 * @param {string} hash `#model=NAME&version=N&with=NAME&with_version=N&picture=NAME`; all are optional.
 * @returns {{choices: {model: string, version: string}[], picture: string}}
 */
export function readAddress(hash) {
  const fields = new URLSearchParams(hash.slice(1));
  const choice = (model, version) => ({ model: fields.get(model) ?? "", version: fields.get(version) ?? "" });
  const sides = [choice("model", "version"), choice("with", "with_version")];
  return { choices: sides.filter(({ model }) => model), picture: fields.get("picture") ?? "" };
}

/** Write an address, the reverse of `readAddress`. */
export function writeAddress({ choices, picture }) {
  const [first, second] = choices;
  const fields = {
    model: first?.model,
    version: first?.version,
    with: second?.model,
    with_version: second?.version,
    picture,
  };
  return `#${new URLSearchParams(Object.entries(fields).filter(([, value]) => value))}`;
}
