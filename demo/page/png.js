// How a picture was made, as a text in its PNG: what `tokendial decode` writes and reads. No DOM.

const KEY = "tokendial"; // MADE_BY of demo/commands/files.py
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const HEAD = 33; // bytes of the signature and of IHDR, which comes first

/**
 * A picture's metadata: model, weights' id, length or lengths, steps (1: the mean), seed.
 * @param {Film} film
 * @param {Frame[]} frames
 * @param {{ steps: number, seed: number }} state
 */
export function madeOf(film, frames, state) {
  const { name, checkpoint_id } = film.info;
  const [{ mode, length }] = frames;
  const steps = mode === "mean" ? 1 : Math.max(2, state.steps || film.info.default_steps);
  const many = frames.length > 1 ? { lengths: frames.map((frame) => frame.length) } : { length };
  return { model: name, weights: checkpoint_id ?? "", ...many, steps, seed: state.seed };
}

/**
 * The checksum of a chunk (PNG, third edition, section 5.5: CRC-32 of ISO 3309).
 * @param {Uint8Array} data
 */
export function crc(data) {
  let sum = ~0;
  for (const byte of data) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

/**
 * A PNG with what it says of itself in a tEXt chunk, as ASCII; any other bytes stay as they are.
 * @param {Uint8Array<ArrayBuffer>} png
 * @param {Record<string, unknown>} about
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function described(png, about) {
  if (SIGNATURE.some((byte, i) => png[i] !== byte)) return png;
  const escaped = (/** @type {string} */ char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const text = JSON.stringify(about).replaceAll(/[^\x20-\x7e]/g, escaped);
  const body = new TextEncoder().encode(`tEXt${KEY}\0${text}`);
  const made = new Uint8Array(png.length + body.length + 8);
  const view = new DataView(made.buffer);
  made.set(png.subarray(0, HEAD));
  view.setUint32(HEAD, body.length - 4);
  made.set(body, HEAD + 4);
  view.setUint32(HEAD + 4 + body.length, crc(body));
  made.set(png.subarray(HEAD), HEAD + 8 + body.length);
  return made;
}
