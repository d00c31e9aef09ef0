// How large a picture is, as its file's first bytes say: asked before a browser decodes it. No DOM.
// Sources: PNG third edition, chunk IHDR; GIF89a, logical screen; ITU-T T.81, B.2.2; RFC 9649 (WebP).

/** @typedef {{ width: number, height: number }} Size */

const text = (/** @type {Uint8Array} */ bytes, /** @type {number} */ from, /** @type {number} */ to) =>
  String.fromCharCode(...bytes.subarray(from, to));

/** @param {Uint8Array} bytes the first ones of a file */
export const isJpeg = (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8;

/** @param {DataView} view @returns {Size | null} */
function ofJpeg(view) {
  let at = 2;
  while (at + 9 < view.byteLength) {
    if (view.getUint8(at) !== 0xff) return null;
    const marker = view.getUint8(at + 1);
    const frame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (frame) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    at += 2 + view.getUint16(at + 2);
  }
  return null;
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
