// What a visitor drops or pastes: a file, a link into this page, or something that this page cannot take.
import { tokensOf } from "./tokens.js";

const ADDRESS =
  "That is a web address, and this page fetches nothing from elsewhere. Save the picture, and drop the file here.";
const NOTHING = "That holds no picture. A photo's file can be dropped here, or a picture pasted.";
const SHORTEST = 24; // characters of tokens: other pages have links with a "t", too
const TYPED = "input, textarea, select, [contenteditable]";

/**
 * What it is, in one of these.
 * @typedef {object} Brought
 * @property {File} [file]
 * @property {URLSearchParams} [link] the hash of a link, with its tokens or the name of its example
 * @property {string} [words] why it is of no use; "" where nobody meant it for this page
 */

/**
 * @param {Pick<DataTransfer, "getData"> & { files: ArrayLike<File> } | null} transfer
 * @param {boolean} meant for this page, as what is dropped is, and not each text that is pasted
 * @returns {Brought}
 */
export function brought(transfer, meant) {
  const file = transfer?.files[0];
  if (file) return { file };
  const text = (transfer?.getData("text/uri-list") || transfer?.getData("text/plain") || "").trim();
  const link = linkIn(text);
  if (link) return { link };
  if (/^[a-z]+:\/\/\S+$/i.test(text)) return { words: ADDRESS };
  return { words: meant ? NOTHING : "" };
}

/**
 * The state that a link into a page like this one names; none where it is no such link.
 * @param {string} text
 * @returns {URLSearchParams | undefined}
 */
export function linkIn(text) {
  const [, hash = ""] = text.split(/#(.*)/s);
  const said = new URLSearchParams(hash);
  const photo = /[?&]photo=([\w-]+)/.exec(text)?.[1];
  const tokens = said.has("t") ? tokensOf(text) : "";
  const known = tokens.length > SHORTEST;
  if (!known && !(photo && said.has("k"))) return undefined;
  if (known) said.set("t", tokens);
  else if (photo) said.set("photo", photo);
  return said;
}

/**
 * A round begins with the page.
 * @param {URLSearchParams} link
 */
function loadAnew(link) {
  const photo = link.get("photo");
  link.delete("photo");
  history.replaceState(null, "", `${location.pathname}${photo ? `?photo=${photo}` : ""}#${link}`);
  location.reload();
}

/**
 * Hear what is dropped, pasted, or written into the address bar.
 * @param {{ send(file: File): unknown, visit(hash: URLSearchParams): unknown, say(words: string): unknown }} to
 */
export function hear(to) {
  const take = (/** @type {Brought} */ { file, link, words }) => {
    if (file) to.send(file);
    else if (link?.has("name")) loadAnew(link);
    else if (link) to.visit(link);
    else if (words) to.say(words);
  };
  document.addEventListener("paste", (event) => {
    const typed = /** @type {Element} */ (event.target)?.closest?.(TYPED);
    const got = brought(event.clipboardData, false);
    if (got.file || !typed) take(got);
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    take(brought(event.dataTransfer, true));
  });
  addEventListener("hashchange", () => {
    const link = linkIn(location.href);
    if (link?.has("t")) take({ link });
  });
}
