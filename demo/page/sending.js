// A visitor's file goes to the server: one try, and what to say where it was not taken. No DOM.
import { Away } from "./patience.js";

export const MOST = 20 * 2 ** 20; // bytes, see `serve` in demo/app.py
const STALLED = 60_000; // ms without any progress
const PASSING = [0, 408, 425, 429, 502, 503, 504];
const SAYS_WHY = [429, 507]; // too much from one address, and a full disk: with a sentence of the server's

/**
 * A number of bytes for people.
 * @param {number} bytes
 */
export const size = (bytes) =>
  bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

export const UNREADABLE =
  "This file cannot be read: it is a folder, or it has moved. Please choose the photo once more.";
export const EMPTY = "This file is empty.";
const tooLarge = (/** @type {number} */ bytes) =>
  `This file has ${size(bytes)}, and ${size(MOST)} is the most that can be sent. ` +
  "Please save the photo smaller.";
const refusedAsLarge = (/** @type {number} */ bytes) =>
  `On its way to the server this file of ${size(bytes)} was refused as too large. ` +
  "Please save the photo smaller, or crop it.";
const refused = (/** @type {number} */ bytes, /** @type {number} */ status) =>
  `The server did not take this file of ${size(bytes)} (status ${status}). ` +
  "Please load the page anew and try once more.";
export const broke = (/** @type {number} */ bytes, /** @type {number} */ times) =>
  `Sending ${size(bytes)} broke off ${times} times, though the server is there. ` +
  "Please try a smaller photo, or another network.";

/**
 * Whether a file can be read and sent at all.
 * @param {Blob} file
 * @returns {Promise<string>} why not; "" if it can
 */
export async function unfit(file) {
  if (file.size > MOST) return tooLarge(file.size);
  try {
    const some = await file.slice(0, 1).arrayBuffer(); // a folder, or a file that has moved, fails here
    return some.byteLength ? "" : EMPTY;
  } catch {
    return UNREADABLE;
  }
}

/**
 * The sentence of a server that did not take a file, if it is our server's.
 * @param {string} text
 * @returns {string} "" if not
 */
function sentence(text) {
  try {
    const { detail } = JSON.parse(text);
    return typeof detail === "string" ? detail : "";
  } catch {
    return ""; // a page of a proxy's
  }
}

/**
 * What an answer to a file means: its path at the server.
 * @param {number} status
 * @param {string} text
 * @param {number} bytes that were sent
 * @returns {string}
 * @throws {Away} it passes; another Error: a sentence
 */
export function pathOf(status, text, bytes) {
  const why = SAYS_WHY.includes(status) ? sentence(text) : "";
  if (why) throw new Error(why);
  if (PASSING.includes(status)) throw new Away(`status ${status}`);
  if (status === 413) throw new Error(bytes > MOST ? tooLarge(bytes) : refusedAsLarge(bytes));
  if (status !== 200) throw new Error(refused(bytes, status));
  try {
    const [path] = JSON.parse(text);
    if (typeof path === "string") return path;
  } catch {
    // a page of the network's that wants a password, or the like
  }
  throw new Away("no server's answer");
}

/**
 * One try. It ends where nobody wants it any more, and where nothing moves for a minute.
 * @param {URL} to
 * @param {File} file
 * @param {(part: number) => void} progress
 * @param {() => boolean} wanted
 * @param {() => XMLHttpRequest} make
 * @returns {Promise<string>} its path at the server
 */
export async function send(to, file, progress, wanted, make = () => new XMLHttpRequest()) {
  const why = await unfit(file);
  if (why) throw new Error(why);
  const request = make();
  const form = new FormData();
  form.append("files", file);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let stalled;
  const moved = () => {
    clearTimeout(stalled);
    if (wanted()) stalled = setTimeout(() => request.abort(), STALLED);
    else request.abort();
  };
  try {
    const { status, text } = await new Promise((done) => {
      request.upload.onprogress = (event) => {
        if (wanted()) progress(event.loaded / event.total);
        moved();
      };
      for (const type of ["load", "error", "abort", "timeout"]) {
        request.addEventListener(type, () => done({ status: request.status, text: request.responseText }));
      }
      request.open("POST", to);
      request.send(form);
      moved();
    });
    return pathOf(status, text, file.size);
  } finally {
    clearTimeout(stalled);
  }
}
