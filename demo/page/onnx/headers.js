// What a picture's file says of itself in its first bytes: how large it is, asked before a browser decodes it, and of a
// JPEG what else its pixels need. No DOM.
// Sources: PNG third edition, chunk IHDR; GIF89a, logical screen; ITU-T T.81, B.2.2; RFC 9649 (WebP); Exif 2.32, 4.6.4;
// ICC.1:2022, B.4.

/** @typedef {{ width: number, height: number }} Size */

/**
 * A JPEG, as its segments before the pixels tell it.
 * @typedef {object} Jpeg
 * @property {number} width as it is stored
 * @property {number} height
 * @property {number} colours a pixel has
 * @property {number} turn what sets it upright, 1 to 8, as Exif numbers it
 * @property {Uint8Array<ArrayBuffer> | null} profile what its colours mean
 */

/** @typedef {{ marker: number, from: number, to: number }} Segment where its content begins, and ends */

const [APP1, APP2, SCAN] = [0xe1, 0xe2, 0xda];
const EXIF = "Exif\0\0";
const ICC = "ICC_PROFILE\0";
const ORIENTATION = 0x0112;

const text = (/** @type {Uint8Array} */ bytes, /** @type {number} */ from, /** @type {number} */ to) =>
  String.fromCharCode(...bytes.subarray(from, to));

/** @param {Uint8Array} bytes the first ones of a file */
export const isJpeg = (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8;

/**
 * A JPEG's segments up to its pixels.
 * @param {DataView} view
 * @returns {Generator<Segment>}
 */
function* segments(view) {
  let at = 2;
  while (at + 4 <= view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    if (marker === SCAN) return;
    const to = at + 2 + view.getUint16(at + 2);
    yield { marker, from: at + 4, to };
    at = to;
  }
}

const isFrame = (/** @type {Segment} */ { marker }) =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** @param {DataView} view */
function frameOf(view) {
  for (const segment of segments(view)) {
    const { from } = segment;
    if (!isFrame(segment) || from + 6 > view.byteLength) continue;
    return {
      height: view.getUint16(from + 1),
      width: view.getUint16(from + 3),
      colours: view.getUint8(from + 5),
    };
  }
  return null;
}

/** @param {DataView} view @returns {Size | null} */
function ofJpeg(view) {
  const frame = frameOf(view);
  return frame && { width: frame.width, height: frame.height };
}

/**
 * The orientation that a block of Exif data names; 1 where it names none.
 * @param {DataView} view of the block, from its byte order on
 */
function turnOf(view) {
  try {
    const little = view.getUint16(0) === 0x4949;
    const directory = view.getUint32(4, little);
    const count = view.getUint16(directory, little);
    for (let i = 0; i < count; i++) {
      const entry = directory + 2 + 12 * i;
      if (view.getUint16(entry, little) === ORIENTATION) return view.getUint16(entry + 8, little);
    }
  } catch {} // it points beyond its end
  return 1;
}

/**
 * What a JPEG says of its pixels.
 * @param {Uint8Array<ArrayBuffer>} bytes all of the file
 * @returns {Jpeg | null} null: it says too little
 */
export function jpegIn(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frame = isJpeg(bytes) ? frameOf(view) : null;
  if (!frame) return null;
  let turn = 0;
  /** @type {Uint8Array[]} */
  const parts = [];
  for (const { marker, from, to } of segments(view)) {
    const begins = (/** @type {string} */ words) => text(bytes, from, from + words.length) === words;
    if (marker === APP1 && !turn && begins(EXIF)) {
      const start = Math.min(from + EXIF.length, bytes.length);
      turn = turnOf(new DataView(bytes.buffer, bytes.byteOffset + start, Math.min(to, bytes.length) - start));
    }
    if (marker === APP2 && begins(ICC)) {
      const number = bytes[from + ICC.length];
      parts[number] = bytes.subarray(from + ICC.length + 2, to);
    }
  }
  const all = parts.filter(Boolean).flatMap((part) => [...part]);
  return {
    ...frame,
    turn: turn >= 1 && turn <= 8 ? turn : 1,
    profile: all.length ? Uint8Array.from(all) : null,
  };
}

/** @param {DataView} view @param {string} kind of its first chunk @returns {Size | null} */
function ofWebp(view, kind) {
  const three = (/** @type {number} */ at) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  if (kind === "VP8X") return { width: 1 + three(24), height: 1 + three(27) };
  if (kind === "VP8 ") {
    return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  }
  if (kind !== "VP8L") return null;
  const bits = view.getUint32(21, true);
  return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >> 14) & 0x3fff) };
}

/**
 * @param {Uint8Array} bytes the first ones of a file
 * @returns {Size | null} null: another kind of file, or the size does not stand in them
 */
export function sizeIn(bytes) {
  if (bytes.length < 32) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (text(bytes, 1, 4) === "PNG") return { width: view.getUint32(16), height: view.getUint32(20) };
  if (text(bytes, 0, 3) === "GIF") return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  if (isJpeg(bytes)) return ofJpeg(view);
  if (text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 12) === "WEBP") return ofWebp(view, text(bytes, 12, 16));
  return null;
}
