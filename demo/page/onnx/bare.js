// A browser's WebP or JPEG file without the profile of sRGB that it adds: half a kilobyte, which no other encoder's
// files of a small picture have. The pixels stay. No DOM.
// Sources: RFC 9649, 2.3 to 2.7 (WebP); ITU-T T.81, B.1.1; ICC.1:2022, B.4.

const [APP2, SCAN] = [0xe2, 0xda];
const OF_PROFILES = ["VP8X", "ICCP"]; // a file of one frame without them is of the simple form
const HEAD = 12; // bytes of RIFF, its length, and WEBP

const name = (/** @type {Uint8Array} */ bytes, /** @type {number} */ at) =>
  String.fromCharCode(...bytes.subarray(at, at + 4));

/** @param {Uint8Array[]} parts @returns {Uint8Array<ArrayBuffer>} */
function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param {Uint8Array} bytes */
function webp(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const parts = [bytes.subarray(0, HEAD)];
  for (let at = HEAD; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    const next = at + 8 + length + (length % 2);
    if (!OF_PROFILES.includes(name(bytes, at))) parts.push(bytes.subarray(at, next));
    at = next;
  }
  const all = joined(parts);
  new DataView(all.buffer).setUint32(4, all.length - 8, true);
  return all;
}

/** @param {Uint8Array} bytes */
function jpeg(bytes) {
  const parts = [bytes.subarray(0, 2)];
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at + 1] !== SCAN) {
    const next = at + 2 + (bytes[at + 2] << 8) + bytes[at + 3];
    if (bytes[at + 1] !== APP2) parts.push(bytes.subarray(at, next));
    at = next;
  }
  return joined([...parts, bytes.subarray(at)]);
}

/**
 * @param {Uint8Array} bytes a file that this browser wrote
 * @returns {Uint8Array<ArrayBuffer>}
 */
export const bare = (bytes) => (name(bytes, 0) === "RIFF" ? webp(bytes) : jpeg(bytes));
