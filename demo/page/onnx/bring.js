// The model's files: from this browser's cache, else from the host, with what came so far. Kept by their sums.

const CACHE = "tokendial-model";

/**
 * A file of the model.
 * @typedef {object} ModelFile
 * @property {string} path below the page's folder
 * @property {string} [url] where it is instead
 * @property {number} bytes
 * @property {string} sha256
 */

const BROKEN = "The model could not be fetched: the connection broke off. Please try once more.";
const DAMAGED = "A file of the model came damaged. Please try once more.";

/** The cache; null where a browser has none, or none for a private window. */
const kept = () => globalThis.caches?.open(CACHE).catch(() => null) ?? Promise.resolve(null);

/**
 * What a file is kept under: its sum, so that another version is another file.
 * @param {ModelFile} file
 * @param {URL} root
 */
const keyOf = ({ sha256 }, root) => new URL(`model/kept-${sha256}`, root).href;

/**
 * Which files would have to be fetched.
 * @param {ModelFile[]} files
 * @param {URL} root
 */
export async function missing(files, root) {
  const cache = await kept();
  if (!cache) return files;
  const there = await Promise.all(files.map((file) => cache.match(keyOf(file, root))));
  return files.filter((_, i) => !there[i]);
}

/**
 * Files that no model of this page has any more go.
 * @param {ModelFile[]} files all there are
 * @param {URL} root
 */
export async function tidy(files, root) {
  const cache = await kept();
  if (!cache) return;
  const wanted = new Set(files.map((file) => keyOf(file, root)));
  for (const request of await cache.keys()) if (!wanted.has(request.url)) await cache.delete(request);
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function sumOf(bytes) {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The bytes of a stream whose length is known.
 * @param {Response} reply
 * @param {number} length
 * @param {(bytes: number) => void} came
 */
async function read(reply, length, came) {
  const all = new Uint8Array(length);
  let at = 0;
  const reader = /** @type {ReadableStream<Uint8Array>} */ (reply.body).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > length) throw new Error(DAMAGED);
    all.set(value, at);
    at += value.length;
    came(value.length);
  }
  if (at !== length) throw new Error(DAMAGED);
  return all;
}

/**
 * A file's bytes.
 * @param {ModelFile} file
 * @param {URL} root
 * @param {(bytes: number) => void} came so many more
 * @returns {Promise<{ bytes: Uint8Array<ArrayBuffer>, kept: boolean }>} kept: it is there for the next visit, too
 * @throws {Error} a sentence
 */
export async function bring(file, root, came) {
  const cache = await kept();
  const key = keyOf(file, root);
  const found = await cache?.match(key);
  if (found) return { bytes: await read(found, file.bytes, came), kept: true };
  const reply = await fetch(new URL(file.url ?? file.path, root), { cache: "no-store" }).catch(() => null);
  if (!reply?.ok) throw new Error(BROKEN);
  const bytes = await read(reply, file.bytes, came).catch((why) => {
    throw new Error(why.message === DAMAGED ? DAMAGED : BROKEN);
  });
  if (globalThis.crypto?.subtle && (await sumOf(bytes)) !== file.sha256) throw new Error(DAMAGED);
  const put = cache?.put(key, new Response(bytes)).then(() => true);
  return { bytes, kept: (await put?.catch(() => false)) ?? false }; // no room, or a private window
}
