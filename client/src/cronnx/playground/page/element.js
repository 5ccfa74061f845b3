/**
 * Building the document. Text from outside becomes text nodes, never markup.
 */

/**
 * Make an element.
 *
 * @param {string} tag
 * @param {Object<string, *>} properties Attributes; `onclick` and the like are listeners. False, null and undefined
 *     leave an attribute out, true sets it empty.
 * @param {...(Node|string|number|null)} children
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined).map(asNode));
  return node;
}

/** Return the element of index.html with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Set a text only if it changes, so that screen readers and selections are not disturbed. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Say something to screen readers once they are done speaking. */
export function announce(text) {
  setText(byId("announcements"), text);
}

/**
 * Make a table whose caption only screen readers see.
 *
 * @param {string} caption
 * @param {string[]} headings Headings that begin with `#` are of numbers, which align right.
 * @param {HTMLTableRowElement[]} rows
 */
export function table(caption, headings, rows) {
  const cells = headings.map((heading) =>
    element("th", { scope: "col", class: heading.startsWith("#") && "number" }, heading.replace("#", "")),
  );
  return element(
    "table",
    {},
    element("caption", { class: "unseen" }, caption),
    element("thead", {}, element("tr", {}, cells)),
    element("tbody", {}, rows),
  );
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}
