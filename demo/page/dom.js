// Small helpers over the DOM, for panels.
import { described } from "./png.js";

/**
 * The one node that a selector finds.
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 */
export function one(root, selector) {
  const found = root.querySelector(selector);
  if (!found) throw new Error(`The page has no ${selector}.`);
  return /** @type {T} */ (/** @type {unknown} */ (found));
}

/**
 * All nodes that a selector finds.
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 */
export const all = (root, selector) => /** @type {T[]} */ ([...root.querySelectorAll(selector)]);

/**
 * Change a node's words without a new node: nothing else is laid out in a drag.
 * @param {Node} node
 * @param {string} words
 */
export function put(node, words) {
  const text = /** @type {Text} */ (node.firstChild ?? node.appendChild(new Text()));
  if (text.data !== words) text.data = words;
}

/**
 * A button for the status line.
 * @param {string} words
 * @param {() => void} pressed
 */
export function inLine(words, pressed) {
  const button = Object.assign(document.createElement("button"), {
    type: "button",
    className: "plain retry",
    textContent: words,
  });
  button.addEventListener("click", pressed);
  return button;
}

/**
 * A canvas's pen.
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [options]
 */
export const pen = (canvas, options) =>
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", options));

/**
 * A canvas of a size, and its pen.
 * @param {number} width
 * @param {number} height
 * @param {CanvasRenderingContext2DSettings} [options]
 */
export function sheet(width, height, options) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  return { canvas, brush: pen(canvas, options) };
}

/**
 * Whether a node is on the screen, asked without laying anything out: what is not seen waits in a drag.
 * @param {Element} node
 */
export function sight(node) {
  const seen = { now: false };
  new IntersectionObserver((news) => {
    for (const entry of news) seen.now = entry.isIntersecting;
  }).observe(node);
  return seen;
}

/**
 * Give the visitor a file.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), {
    href: URL.createObjectURL(blob),
    download: name,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/**
 * Give the visitor what is drawn on a canvas, with a text that says how it was made.
 * @param {HTMLCanvasElement} canvas
 * @param {string} name
 * @param {Record<string, unknown>} about
 */
export function savePicture(canvas, name, about) {
  canvas.toBlob(async (blob) => {
    if (!blob) return;
    const png = described(new Uint8Array(await blob.arrayBuffer()), about);
    save(new Blob([png], { type: "image/png" }), name);
  });
}

/**
 * Give the visitor a table.
 * @param {string} name
 * @param {string} head
 * @param {unknown[][]} rows
 */
export function saveTable(name, head, rows) {
  const lines = [head, ...rows.map((row) => row.map((value) => value ?? "").join())];
  save(
    new Blob(
      lines.map((line) => `${line}\n`),
      { type: "text/csv" },
    ),
    name,
  );
}

/** @param {string} webp in base64 */
export const pictureAddress = (webp) => `data:image/webp;base64,${webp}`;

/**
 * Copy a text; whether it is copied. Where the clipboard is refused, as in a frame, it stands selected in a field, for
 * as long as the visitor is in it.
 * @param {string} text
 * @param {Element} button the field stands below it
 */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = Object.assign(document.createElement("input"), { readOnly: true, value: text });
    field.className = "by-hand";
    field.ariaLabel = "To be copied by hand";
    field.addEventListener("blur", () => field.remove());
    button.parentElement?.append(field);
    field.focus();
    field.select();
    return false;
  }
}

/**
 * Show that a visitor's own photo is on its way.
 * @param {HTMLElement} root
 * @param {boolean} on
 */
export function showArriving(root, on) {
  root.classList.toggle("arriving", on);
  one(root, ".sending").hidden = !on;
}
